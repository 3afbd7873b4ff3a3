/** A worker's way out: one producer for all its tasks, and its one open transaction. */
import {
  type CloseOptions,
  type ConsumerGroupMetadata,
  OncillaError,
  type TopicPartition,
  type TopicPartitionOffset,
} from "../../client/index.ts";
import { assert } from "../../platform/assert.ts";
import { BATCH_HEADER_BYTES } from "../../protocol/records/batch.ts";
import { estimateRecordSize } from "../../protocol/records/builder.ts";
import { type ErrorHandlers, productionFailure, type RefusedRecord } from "../tasks/error-handlers.ts";
import type { RawRecord } from "../tasks/subtopology-instance.ts";
import type { TaskOutput } from "../tasks/task.ts";
import type { StreamsProducer } from "./ports.ts";

/** What one request may hold: the producer's and the broker's default. */
export const MAX_RECORD_BYTES: number = 1024 * 1024;

export interface OutputOptions {
  /** Called anew each time that a producer is of no more use. With a transactionalId, always the same, or without. */
  readonly createProducer: () => StreamsProducer;
  readonly isTransactional: boolean;
  readonly handlers: ErrorHandlers;
  readonly onDropped: (failure: Error) => void;
}

/** What must happen before the next record can be sent. */
type Repair = "none" | "abort" | "replace";

export class Output implements TaskOutput {
  readonly #options: OutputOptions;
  #producer: StreamsProducer | undefined;
  #repair: Repair = "replace";
  #inTransaction = false;
  /** The first record that was refused since the last repair. */
  #failure: Error | undefined;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** Whether `repair` has anything to do. */
  get needsRepair(): boolean {
    return this.#repair !== "none";
  }

  /** Makes ready for sending: after it, no earlier transaction of this worker is open, and each has its final outcome. */
  async repair(): Promise<void> {
    if (this.#repair === "none") return;
    if (this.#repair === "abort" && this.#inTransaction) {
      // Should the abort fail, only a new producer can settle what becomes of the transaction.
      this.#repair = "replace";
      await this.#open().abortTransaction();
    } else if (this.#repair === "replace") {
      await this.#replaceProducer();
    }
    this.#inTransaction = false;
    this.#failure = undefined;
    this.#repair = "none";
  }

  /** What was sent since the last commit must not become visible. An outcome that is unknown stays so until `repair`. */
  markFailed(error: unknown): void {
    const canAbort = this.#options.isTransactional && error instanceof OncillaError && error.abortable && !error.fatal;
    if (this.#repair !== "replace") this.#repair = canAbort ? "abort" : "replace";
  }

  readonly send = (topic: string, { key, value, timestamp, headers }: RawRecord): void => {
    const sizeBytes = BATCH_HEADER_BYTES + estimateRecordSize(key, value, headers);
    if (sizeBytes > MAX_RECORD_BYTES) {
      this.#refuse({ topic, key, value }, sizeBytes);
      return;
    }
    this.#begin();
    this.#open().enqueue({ topic, key, value, timestamp, headers });
  };

  readonly sendChangelog = (
    { topic, partition }: TopicPartition,
    record: RawRecord,
    onAcknowledged: (offset: number) => void,
  ): void => {
    const { key, value, timestamp } = record;
    this.#begin();
    this.#open().enqueue({ topic, partition, key, value, timestamp }, (error, metadata) => {
      if (error) this.#failure ??= error;
      else if (metadata) onAcknowledged(metadata.offset);
    });
  };

  /** A promise to wait for while the producer's buffer is full. */
  ready(): Promise<void> | undefined {
    return this.#open().ready();
  }

  /** Resolves when everything sent is acknowledged. */
  async flush(): Promise<void> {
    await this.#open().flush();
    if (this.#failure) throw this.#failure;
  }

  /** Ends the transaction with the input positions that its records stand for. */
  async commitTransaction(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void> {
    assert(this.#options.isTransactional);
    this.#begin();
    await this.#open().sendOffsetsToTransaction(offsets, group);
    await this.#open().commitTransaction();
    this.#inTransaction = false;
  }

  /** An open transaction is aborted. */
  async close(options: CloseOptions): Promise<void> {
    await this.#producer?.close(options);
  }

  /** Looked at before the producer sees the record: a record that it refuses costs the transaction. */
  #refuse(record: RefusedRecord, sizeBytes: number): void {
    const error = new OncillaError("MESSAGE_TOO_LARGE", `it takes ${sizeBytes} bytes, of ${MAX_RECORD_BYTES} at most`);
    const failure = productionFailure(error, record);
    const decision = this.#options.handlers.onProductionError?.(error, record) ?? "fail";
    if (decision === "fail") throw failure;
    this.#options.onDropped(failure);
  }

  #begin(): void {
    if (!this.#options.isTransactional || this.#inTransaction) return;
    this.#open().beginTransaction();
    this.#inTransaction = true;
  }

  async #replaceProducer(): Promise<void> {
    await this.#producer?.close({ timeoutMs: 0 });
    this.#producer = this.#options.createProducer();
    if (this.#options.isTransactional) await this.#producer.initTransactions();
  }

  #open(): StreamsProducer {
    assert(this.#producer, "the output is repaired before it is used");
    return this.#producer;
  }
}
