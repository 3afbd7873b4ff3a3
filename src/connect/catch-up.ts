import { type Admin, TimeoutError, type TopicPartitionOffset } from "../client/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { partitionsOf } from "./partitions.ts";
import type { Sink, SinkPartition } from "./sink.ts";

export type SinkAdmin = Pick<Admin, "describeTopics" | "listConsumerGroupOffsets" | "isAtEnd">;

export interface CatchUpOptions {
  readonly sink: Sink;
  readonly topics: readonly string[];
  readonly groupId: string;
  readonly startAt: "earliest" | "latest";
  readonly clock: Clock;
  /** Where this worker stands, if the partition is its own. */
  readonly positionOf: (partition: SinkPartition) => number | undefined;
}

interface Waiter {
  readonly timer: Timer;
  resolve(): void;
  reject(error: Error): void;
}

/** Those who wait until nothing is left to bring to the sink, and how one finds out. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #waiters = new Set<Waiter>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Rejects with a TimeoutError. */
  wait(timeoutMs: number): Promise<void> {
    const { clock, topics } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(timeoutMs, () => {
        this.#waiters.delete(waiter);
        reject(new TimeoutError(`not caught up with ${topics.join()} within ${timeoutMs} ms`));
      });
      const waiter: Waiter = { timer, resolve, reject };
      this.#waiters.add(waiter);
    });
  }

  /** While the sink is not at work: it is asked for its positions. */
  async look(admin: SinkAdmin): Promise<void> {
    if (!(await admin.isAtEnd(await this.#positions(admin)))) return;
    for (const waiter of this.#takeAll()) waiter.resolve();
  }

  /** There is nobody any more to catch up. */
  end(error: Error): void {
    for (const waiter of this.#takeAll()) waiter.reject(error);
  }

  /** Where the group's workers stand in all partitions, as far as one can know. */
  async #positions(admin: SinkAdmin): Promise<TopicPartitionOffset[]> {
    const { sink, topics, groupId, startAt, positionOf } = this.#options;
    const partitions = partitionsOf(await admin.describeTopics(topics));
    const ofSink = await sink.positions(partitions);
    const ofGroup = sink.guarantee === "at_least_once" ? await admin.listConsumerGroupOffsets(groupId) : [];
    return partitions.flatMap((each, index) => {
      const { topic, partition } = each;
      const stored = ofGroup.find((other) => other.topic === topic && other.partition === partition);
      const offset = positionOf(each) ?? ofSink[index] ?? stored?.offset;
      // What nobody has begun with yet will be read from the first record on, or from the next.
      if (offset === undefined && startAt === "latest") return [];
      return [{ topic, partition, offset: offset ?? 0 }];
    });
  }

  #takeAll(): Waiter[] {
    const all = [...this.#waiters];
    this.#waiters.clear();
    for (const { timer } of all) timer.cancel();
    return all;
  }
}
