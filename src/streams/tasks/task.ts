/**
 * The work of one subtopology on one partition: its input queues, its functions, its stores. Knows no broker.
 *
 * There is no way back in it: work that is rolled back is rolled back by dropping the task and making a new one over the same
 * engines, which hold nothing that is not committed.
 */
import type { TopicPartition, TopicPartitionOffset } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import type { Logger } from "../../platform/logger.ts";
import { asError, isInfrastructureError } from "../errors.ts";
import type { KeyValueStore } from "../stores/key-value-store.ts";
import type { Subtopology } from "../topology/topology.ts";
import { deserializationFailure, type ErrorHandlers, type ErrorSource, processingFailure } from "./error-handlers.ts";
import { PartitionQueues, type QueuedRecord } from "./partition-queues.ts";
import { instantiate, type RawRecord, type SourceInput } from "./subtopology-instance.ts";
import { type TaskId, taskName } from "./task-id.ts";
import type { ChangelogOutput, TaskStore } from "./task-store.ts";

/** Where a task's records go. Both throw when nothing more can be taken until the work is rolled back. */
export interface TaskOutput {
  /** To a topic, by its name on the cluster; the partition follows from the key. */
  readonly send: (topic: string, record: RawRecord) => void;
  readonly sendChangelog: ChangelogOutput;
}

export interface TaskOptions {
  readonly id: TaskId;
  readonly subtopology: Subtopology;
  /** The name on the cluster of a topic of the topology. */
  readonly topicName: (topic: string) => string;
  readonly stores: readonly TaskStore[];
  readonly output: TaskOutput;
  readonly handlers: ErrorHandlers;
  readonly logger: Logger;
}

export class Task {
  readonly id: TaskId;
  readonly name: string;
  readonly stores: readonly TaskStore[];
  readonly partitions: readonly TopicPartition[];
  readonly #inputs = new Map<string, SourceInput>();
  readonly #queues: PartitionQueues;
  /** By topic: behind the last record processed since the last commit. */
  readonly #processed = new Map<string, number>();
  readonly #output: TaskOutput;
  readonly #handlers: ErrorHandlers;
  readonly #logger: Logger;
  #recordsProcessed = 0;
  #recordsDropped = 0;

  constructor({ id, subtopology, topicName, stores, output, handlers, logger }: TaskOptions) {
    this.id = id;
    this.name = taskName(id);
    this.stores = stores;
    this.#output = output;
    this.#handlers = handlers;
    this.#logger = logger;
    const inputs = instantiate(subtopology, {
      store: (name) => this.#store(name),
      output: (topic) => {
        const name = topicName(topic);
        return (record) => output.send(name, record);
      },
    });
    for (const [topic, input] of inputs) this.#inputs.set(topicName(topic), input);
    const topics = [...this.#inputs.keys()];
    this.partitions = topics.map((topic) => ({ topic, partition: id.partition }));
    this.#queues = new PartitionQueues(topics);
    for (const { store } of stores) this.#guardListener(store);
  }

  get recordsProcessed(): number {
    return this.#recordsProcessed;
  }
  get recordsDropped(): number {
    return this.#recordsDropped;
  }
  /** Records that wait in the queues. */
  get pendingRecords(): number {
    return this.#queues.length;
  }
  /** Whether there is anything to commit. */
  get hasProgress(): boolean {
    return this.#processed.size > 0;
  }
  get uncommittedBytes(): number {
    return this.stores.reduce((sum, { store }) => sum + store.uncommittedBytes, 0);
  }

  push(record: QueuedRecord): void {
    this.#queues.push(record);
  }

  /** Processes up to `limit` of the waiting records; gives how many it did. */
  process(limit: number): number {
    let done = 0;
    for (; done < limit; done++) {
      const record = this.#queues.take();
      if (!record) break;
      this.#processOne(record);
      this.#processed.set(record.topic, record.offset + 1);
    }
    this.#recordsProcessed += done;
    return done;
  }

  /** Writes the stores' changes to the changelog, and sends on what follows from them. */
  flush(): void {
    // In the topology's order: what one store's changes lead to in a later one is flushed with it.
    for (const store of this.stores) store.flush(this.#output.sendChangelog);
  }

  /** The input positions that the output and the stores now stand for. */
  offsetsToCommit(): TopicPartitionOffset[] {
    const { partition } = this.id;
    return [...this.#processed].map(([topic, offset]) => ({ topic, partition, offset }));
  }

  /** To be called once output and offsets are committed: makes the stores' own changes durable. */
  commit(now: number): void {
    for (const store of this.stores) store.commit(now);
    this.#processed.clear();
  }

  #store(name: string): KeyValueStore<unknown, unknown> {
    return defined(this.stores.find((store) => store.name === name)).store;
  }

  #processOne(raw: QueuedRecord): void {
    const input = defined(this.#inputs.get(raw.topic));
    let record: ReturnType<SourceInput["deserialize"]>;
    try {
      record = input.deserialize(raw);
    } catch (thrown) {
      const error = asError(thrown);
      const decision = this.#handlers.onDeserializationError?.(error, raw) ?? "fail";
      const failure = deserializationFailure(error, raw);
      if (decision === "fail") throw failure;
      this.#drop(failure);
      return;
    }
    try {
      input.process(record);
    } catch (thrown) {
      this.#onProcessingError(thrown, { record: raw });
    }
  }

  #onProcessingError(thrown: unknown, source: ErrorSource): void {
    if (isInfrastructureError(thrown)) throw thrown;
    const error = asError(thrown);
    const decision = this.#handlers.onProcessingError?.(error, source) ?? "fail";
    const failure = processingFailure(error, source);
    if (decision === "fail") throw failure;
    this.#drop(failure);
  }

  #drop(failure: Error): void {
    this.#recordsDropped++;
    this.#logger.log("warn", `skipped: ${failure.message}`, { task: this.name });
  }

  #guardListener(store: KeyValueStore<unknown, unknown>): void {
    const listener = store.onChange;
    if (!listener) return;
    store.onChange = (key, change, timestamp) => {
      try {
        listener(key, change, timestamp);
      } catch (thrown) {
        this.#onProcessingError(thrown, { store: store.name });
      }
    };
  }
}
