import type { OncillaError } from "../errors.ts";
import type {
  ConsumerGroupMetadata,
  PartitionInfo,
  ProducerRecord,
  RecordMetadata,
  TopicPartitionOffset,
} from "../types.ts";

/** Called once per record, when it is acknowledged or has failed for good. Must not throw. */
export type DeliveryCallback = (error: OncillaError | undefined, metadata?: RecordMetadata) => void;

/**
 * Produces records. Records of one partition are stored in the order in which they were given.
 *
 * Made by `client.producer()`. With a transactionalId: `initTransactions()` once, then `transaction(work)`, or
 * `beginTransaction()` … `commitTransaction()` or `abortTransaction()`.
 */
export declare class Producer {
  /** Resolves when the record is acknowledged; waits first while the buffer is full. Rejects with an OncillaError. */
  send(record: ProducerRecord): Promise<RecordMetadata>;
  /** All of them, in order; resolves when each is acknowledged, rejects with the first error. */
  sendAll(records: readonly ProducerRecord[]): Promise<RecordMetadata[]>;
  /**
   * The fast path: takes the record without a promise. Failures reach `callback`, or else the next `flush` or
   * `commitTransaction`, which throws the first of them. Does not wait when the buffer is full: ask `ready` now and then.
   * Throws at once when no record can be taken: outside of a transaction, after an error that needs an abort, when closed.
   */
  enqueue(record: ProducerRecord, callback?: DeliveryCallback): void;
  /** Undefined while there is room in the buffer, else a promise to wait for before the next `enqueue`. */
  ready(): Promise<void> | undefined;
  /** Sends what waits without lingering; resolves when everything given so far is acknowledged. Throws the first error of
   * the records enqueued without a callback since the last `flush`. */
  flush(): Promise<void>;
  partitionsFor(topic: string): Promise<PartitionInfo[]>;

  /** Once, before the first transaction: fences older producers of the transactionalId and ends their transaction. */
  initTransactions(): Promise<void>;
  beginTransaction(): void;
  /** Makes the consumed offsets part of the transaction: they are committed with the records or not at all. */
  sendOffsetsToTransaction(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void>;
  /**
   * Flushes, then commits. An error with `abortable`: nothing is committed, call `abortTransaction` and go on. With `fatal`:
   * close the producer. A TimeoutError: the outcome is unknown; call it again, or close the producer and let the next one's
   * `initTransactions` settle it.
   */
  commitTransaction(): Promise<void>;
  /** Drops what is not sent and aborts. After it the producer can begin the next transaction. */
  abortTransaction(): Promise<void>;
  /** Begins, runs `work`, commits and gives its result; aborts and throws when `work` or the commit throws. */
  transaction<T>(work: (tx: Producer) => Promise<T>): Promise<T>;

  /** Waits up to `timeoutMs` (default 30,000) for what was given to be acknowledged, then lets go of everything. An open
   * transaction is aborted. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
