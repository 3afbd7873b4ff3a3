/** The coordinators of one kind: one shard for each partition of their internal topic. */
import type { CoordinatorMachine } from "../coordinator/coordinator.ts";
import { coordinatorPartitionFor } from "../coordinator/partition-for.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { CoordinatorShard, type RefusableStep, type ShardHooks } from "./coordinator-shard.ts";
import type { MetadataImage, Topic } from "./metadata/image.ts";
import type { Partition } from "./partition.ts";
import type { Partitions } from "./partitions.ts";

/** Between a record that the log refused and the next attempt, which replays all of the log: twice as long each time, as long as
 * the log takes nothing. */
const RESTART_MS_MIN = 1000;
const RESTART_MS_MAX = 30_000;

export interface CoordinatorKind<M extends CoordinatorMachine<S>, S extends RefusableStep> {
  /** The internal topic. */
  readonly topic: string;
  readonly hooks: ShardHooks<M, S>;
  /** Loads the machine's code, and resolves with what makes one: without the internal topic nothing needs it. */
  load(): Promise<() => M>;
}

/** The latest one of a shard. */
interface Restart {
  readonly timer: Timer;
  readonly pauseMs: number;
  /** When the shard was refused. */
  readonly logEndOffset: number;
}

export class CoordinatorRuntime<M extends CoordinatorMachine<S>, S extends RefusableStep> {
  readonly topic: string;
  readonly #kind: CoordinatorKind<M, S>;
  readonly #image: MetadataImage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #shards: (CoordinatorShard<M, S> | undefined)[] = [];
  readonly #restarts = new Map<number, Restart>();
  #isStopped = false;

  constructor(
    kind: CoordinatorKind<M, S>,
    options: { readonly image: MetadataImage; readonly clock: Clock; readonly logger: Logger },
  ) {
    this.topic = kind.topic;
    this.#kind = kind;
    this.#image = options.image;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Starts a coordinator on each of the internal topic's partitions that is open and has none. */
  async start(topic: Topic, partitions: Partitions): Promise<void> {
    const createMachine = await this.#kind.load();
    if (this.#isStopped) return;
    for (let index = 0; index < topic.partitionCount; index++) {
      const partition = partitions.findById(topic.id, index);
      if (typeof partition === "string" || this.#shards[index]) continue;
      this.#shards[index] = this.#newShard(index, partition, createMachine);
    }
  }

  #newShard(index: number, partition: Partition, createMachine: () => M): CoordinatorShard<M, S> {
    return new CoordinatorShard({
      machine: createMachine(),
      partition,
      hooks: this.#kind.hooks,
      clock: this.#clock,
      logger: this.#logger,
      onRefused: () => {
        const { logEndOffset } = partition.log;
        this.#restartLater(index, logEndOffset, () => this.#newShard(index, partition, createMachine));
      },
    });
  }

  /** As after a restart of the broker: another shard learns from the log what there is. */
  #restartLater(index: number, logEndOffset: number, newShard: () => CoordinatorShard<M, S>): void {
    const last = this.#restarts.get(index);
    const isStuck = last?.logEndOffset === logEndOffset;
    const pauseMs = isStuck ? Math.min(2 * last.pauseMs, RESTART_MS_MAX) : RESTART_MS_MIN;
    const timer = this.#clock.setTimer(pauseMs, () => {
      this.#shards[index] = newShard();
    });
    this.#restarts.set(index, { timer, pauseMs, logEndOffset });
  }

  /** False of a shard that another one has taken the place of. */
  isCurrent(shard: CoordinatorShard<M, S>): boolean {
    return this.#shards.includes(shard);
  }

  /** The partition of the internal topic that looks after `key`; undefined while there is no such topic. */
  partitionFor(key: string): number | undefined {
    const count = this.#image.topic(this.topic)?.partitionCount;
    return count === undefined ? undefined : coordinatorPartitionFor(key, count);
  }

  /** The coordinator of a group or transactional id, or why there is none that could answer. */
  shardFor(key: string): CoordinatorShard<M, S> | ErrorName {
    const shard = this.shard(this.partitionFor(key) ?? -1);
    return shard ?? "COORDINATOR_NOT_AVAILABLE";
  }

  shard(index: number): CoordinatorShard<M, S> | undefined {
    return this.#shards[index];
  }

  shards(): CoordinatorShard<M, S>[] {
    return this.#shards.filter((shard) => shard !== undefined);
  }

  /** Sends a request to the coordinator of `key`; see `CoordinatorShard.request`. */
  request<T>(
    key: string,
    decide: (machine: M, now: number, answer: (response: T) => void) => S,
    respond: (response: T) => void,
    unavailable: (error: ErrorName) => T,
  ): void {
    const shard = this.shardFor(key);
    if (typeof shard === "string") respond(unavailable(shard));
    else shard.request(decide, respond, unavailable);
  }

  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#restarts.values()) timer.cancel();
    for (const shard of this.shards()) shard.stop();
  }
}
