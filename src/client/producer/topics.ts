/** The topics that a producer writes to: how many partitions they have, which one a record goes to. */
import { estimateRecordSize } from "../../protocol/records/builder.ts";
import { OncillaError } from "../errors.ts";
import type { Cluster } from "../network/cluster.ts";
import type { Accumulator } from "./accumulator.ts";
import { type DeliveryCallback, type EncodedRecord, tell } from "./batch.ts";
import { PartitionQueue } from "./partition-queue.ts";
import { type Partitioner, partitionOfKey, StickyChoice } from "./partitioner.ts";

interface PendingRecord {
  readonly partition: number | undefined;
  readonly record: EncodedRecord;
  readonly callback: DeliveryCallback | undefined;
  readonly sizeBytes: number;
}

interface Topic {
  readonly name: string;
  readonly queues: PartitionQueue[];
  readonly sticky: StickyChoice;
  /** 0 until the topic is known. */
  partitionCount: number;
  /** Records that wait for that. */
  pending: PendingRecord[];
  /** Settles, well or not, when that is over. */
  discovery: Promise<void> | undefined;
}

export interface TopicOptions {
  readonly batchSizeBytes: number;
  readonly maxBlockMs: number;
  readonly maxRequestBytes: number;
  readonly partitioner: Partitioner | undefined;
  /** A record cannot be taken. Gives the error to tell. */
  readonly onRefused: (error: OncillaError) => OncillaError;
  /** A record without a callback has failed. */
  readonly onSilentError: (error: OncillaError) => void;
}

export class ProducerTopics {
  readonly #cluster: Cluster;
  readonly #accumulator: Accumulator;
  readonly #signal: AbortSignal;
  readonly #options: TopicOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #stopListening: () => void;

  constructor(cluster: Cluster, accumulator: Accumulator, signal: AbortSignal, options: TopicOptions) {
    this.#cluster = cluster;
    this.#accumulator = accumulator;
    this.#signal = signal;
    this.#options = options;
    this.#stopListening = cluster.onMetadata(() => this.#updateCounts());
  }

  /** Takes a record: into a batch, or to wait until the topic is known. */
  add(
    name: string,
    partition: number | undefined,
    record: EncodedRecord,
    callback: DeliveryCallback | undefined,
  ): void {
    const topic = this.#topics.get(name) ?? this.#open(name);
    if (topic.partitionCount > 0) {
      this.#append(topic, partition, record, callback);
      return;
    }
    const sizeBytes = estimateRecordSize(record.key, record.value, record.headers);
    topic.pending.push({ partition, record: copyOf(record), callback, sizeBytes });
    this.#accumulator.reserve(sizeBytes);
  }

  /** Resolves when no record waits for its topic to become known. */
  async discovered(): Promise<void> {
    const waiting = [...this.#topics.values()].filter(({ pending }) => pending.length > 0);
    await Promise.all(waiting.map(({ discovery }) => discovery));
  }

  /** Fails the records that wait for their topics. */
  dropPending(error: OncillaError): void {
    for (const topic of this.#topics.values()) {
      this.#takePending(topic, ({ callback }) => this.#fail(error, callback));
    }
  }

  close(): void {
    this.#stopListening();
  }

  #open(name: string): Topic {
    const sticky = new StickyChoice(this.#cluster.platform.random, this.#options.batchSizeBytes);
    const known = this.#cluster.metadata.topic(name);
    const partitionCount = known?.partitions.length ?? 0;
    const topic: Topic = { name, queues: [], sticky, partitionCount, pending: [], discovery: undefined };
    this.#topics.set(name, topic);
    if (!known) topic.discovery = this.#discover(topic);
    return topic;
  }

  #discover(topic: Topic): Promise<void> {
    const { maxBlockMs: timeoutMs } = this.#options;
    return this.#cluster.topic(topic.name, { timeoutMs, signal: this.#signal, mayCreate: true }).then(
      ({ partitions }) => {
        topic.partitionCount = partitions.length;
        this.#takePending(topic, (pending) => this.#appendLate(topic, pending));
      },
      (error: unknown) => {
        if (!(error instanceof OncillaError)) throw error;
        // Asked for again by the next record.
        this.#topics.delete(topic.name);
        this.#takePending(topic, ({ callback }) => this.#refuse(error, callback));
      },
    );
  }

  #takePending(topic: Topic, action: (pending: PendingRecord) => void): void {
    const pending = topic.pending;
    topic.pending = [];
    let sizeBytes = 0;
    for (const each of pending) {
      action(each);
      sizeBytes += each.sizeBytes;
    }
    // Not before: who waits for room comes behind all of them.
    this.#accumulator.reserve(-sizeBytes);
  }

  /** Whom the partitioner's error would have been thrown at is not there any more. */
  #appendLate(topic: Topic, { partition, record, callback }: PendingRecord): void {
    try {
      this.#append(topic, partition, record, callback);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const error = new OncillaError("INVALID_ARGUMENT", `a record for ${topic.name}: ${message}`, { cause });
      this.#refuse(error, callback);
    }
  }

  #append(
    topic: Topic,
    wanted: number | undefined,
    record: EncodedRecord,
    callback: DeliveryCallback | undefined,
  ): void {
    const { key, value, headers } = record;
    const sizeBytes = estimateRecordSize(key, value, headers);
    if (sizeBytes > this.#options.maxRequestBytes) {
      const message = `a record of ${sizeBytes} bytes for ${topic.name}: maxRequestBytes is ${this.#options.maxRequestBytes}`;
      this.#refuse(new OncillaError("MESSAGE_TOO_LARGE", message), callback);
      return;
    }
    const isSticky = wanted === undefined && key === null && !this.#options.partitioner;
    const partition = wanted ?? this.#choose(topic, key);
    if (!(partition >= 0 && partition < topic.partitionCount)) {
      const message = `there is no partition ${partition} of topic ${topic.name}, which has ${topic.partitionCount}`;
      // It may be new.
      this.#cluster.requestRefresh([topic.name]);
      this.#refuse(new OncillaError("INVALID_ARGUMENT", message), callback);
      return;
    }
    const now = this.#cluster.platform.clock.monotonic();
    const bytes = this.#accumulator.append(this.#queue(topic, partition), record, callback, now);
    if (isSticky) topic.sticky.appended(bytes);
  }

  #choose(topic: Topic, key: Uint8Array | null): number {
    const { partitioner } = this.#options;
    if (partitioner) return partitioner.partition(topic.name, key, topic.partitionCount);
    if (key) return partitionOfKey(key, topic.partitionCount);
    const { metadata } = this.#cluster;
    return topic.sticky.choose(
      topic.partitionCount,
      (candidate) => metadata.leaderOf(topic.name, candidate) !== undefined,
    );
  }

  #queue(topic: Topic, partition: number): PartitionQueue {
    const known = topic.queues[partition];
    if (known) return known;
    const queue = new PartitionQueue(topic.name, partition);
    topic.queues[partition] = queue;
    return queue;
  }

  #refuse(error: OncillaError, callback: DeliveryCallback | undefined): void {
    this.#fail(this.#options.onRefused(error), callback);
  }

  #fail(error: OncillaError, callback: DeliveryCallback | undefined): void {
    if (callback) tell(callback, error);
    else this.#options.onSilentError(error);
  }

  #updateCounts(): void {
    for (const topic of this.#topics.values()) {
      const known = this.#cluster.metadata.topic(topic.name);
      if (known && topic.partitionCount > 0) topic.partitionCount = known.partitions.length;
    }
  }
}

/** Callers may use their buffers again after `enqueue`. */
function copyOf(record: EncodedRecord): EncodedRecord {
  const { key, value, headers } = record;
  const copied = headers.map((header) => ({ key: header.key, value: header.value && Buffer.from(header.value) }));
  return { ...record, key: key && Buffer.from(key), value: value && Buffer.from(value), headers: copied };
}
