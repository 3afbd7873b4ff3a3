import { assert } from "../platform/assert.ts";
import { RecordBatch } from "../protocol/records/batch.ts";
import { buildMarker } from "../protocol/records/control.ts";
import { decodeRecords } from "../protocol/records/record.ts";
import type { LogConfig } from "./log-config.ts";
import type {
  ActiveProducer,
  AppendOrigin,
  AppendOutcome,
  EpochEndOffset,
  LogRefusal,
  MarkerOptions,
  OpenTransaction,
  PartitionLogOptions,
  ReadOptions,
  ReadOutcome,
  TimestampAndOffset,
  VerificationGuard,
  VerificationOutcome,
} from "./types.ts";

/**
 * The log of one partition. FIRST SHAPE: the final interface over an array in memory, so that the broker can be built on
 * it; no producer checks, no transactions, no files yet.
 */
export class PartitionLog {
  readonly leaderEpoch: number;
  #config: LogConfig;
  readonly #onAdvance: () => void;
  readonly #now: () => number;
  #batches: RecordBatch[] = [];
  #logStartOffset = 0;
  #logEndOffset = 0;

  /** Opens, or makes, the log in `folder`, repairs what a crash left behind, and resolves when everything in it is
   * durable (with durability "os": at once). Rejects with a DiskError, or a LogCorruptionError that says where. */
  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    return new PartitionLog(options);
  }

  private constructor(options: PartitionLogOptions) {
    this.leaderEpoch = options.leaderEpoch;
    this.#config = options.config;
    this.#onAdvance = options.onAdvance ?? (() => {});
    this.#now = () => options.clock.now();
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }
  get logEndOffset(): number {
    return this.#logEndOffset;
  }
  /** Everything below is durable (fsync) or written (os), and never changes. */
  get highWatermark(): number {
    return this.#logEndOffset;
  }
  /** Everything below is decided: committed, aborted, or outside any transaction. Never above the high watermark. */
  get lastStableOffset(): number {
    return this.#logEndOffset;
  }
  /** Why the log takes no more calls (all answer KAFKA_STORAGE_ERROR); undefined while it is healthy. */
  get offlineReason(): Error | undefined {
    return undefined;
  }
  /** Of all segments' records. */
  get sizeBytes(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.sizeBytes, 0);
  }
  get config(): LogConfig {
    return this.#config;
  }

  /**
   * Appends one producer's batches in one write. They must have passed `validateBatches`; they are changed in place (base
   * offset, leader epoch, time) and not kept. A transactional batch needs an open transaction of its producer here, or
   * the guard that `startVerification` gave before the coordinator said that the partition belongs to the transaction.
   */
  append(batches: readonly RecordBatch[], _origin: AppendOrigin, _guard?: VerificationGuard): AppendOutcome {
    const baseOffset = this.#logEndOffset;
    for (const batch of batches) {
      batch.assignOffset(this.#logEndOffset, this.leaderEpoch);
      if (this.#config.messageTimestampType === "LogAppendTime") batch.assignLogAppendTime(this.#now());
      this.#batches.push(new RecordBatch(Buffer.from(batch.bytes())));
      this.#logEndOffset = batch.nextOffset;
    }
    this.#onAdvance();
    return {
      ok: true,
      baseOffset,
      lastOffset: this.#logEndOffset - 1,
      logAppendTimeMs: -1,
      logStartOffset: this.#logStartOffset,
      isDuplicate: false,
    };
  }

  /** Ends a producer's transaction in this partition. */
  appendMarker(marker: MarkerOptions): AppendOutcome {
    return this.append([new RecordBatch(buildMarker(marker))], "coordinator");
  }

  /**
   * Begins the check that a producer may open its transaction here, before the coordinator is asked; hand the guard to
   * `append` once it agreed. A marker that arrives in between makes the guard worthless, so that a late batch cannot
   * open a transaction that nobody will end (KIP-890). `isVersion2`: the producer bumps its epoch with each transaction.
   */
  startVerification(
    producerId: number,
    _producerEpoch: number,
    _baseSequence: number,
    _isVersion2: boolean,
  ): VerificationOutcome {
    return { ok: true, guard: { producerId } };
  }

  /** Calls back once everything below `offset` is durable, or with the error that took the log offline. Calls back before
   * it returns when that is so already, and always with durability "os". */
  whenDurable(offset: number, callback: (error?: Error) => void): void {
    assert(offset <= this.#logEndOffset);
    callback();
  }

  /** Whole batches from the one that holds `offset` up to the high watermark, or the last stable offset. */
  read(options: ReadOptions): ReadOutcome {
    if (options.offset < this.#logStartOffset || options.offset > this.#logEndOffset) {
      return { ok: false, error: "OFFSET_OUT_OF_RANGE", message: `offset ${options.offset}` };
    }
    const chunks: Buffer[] = [];
    let size = 0;
    for (const batch of this.#batches) {
      if (batch.lastOffset < options.offset) continue;
      if (size + batch.sizeBytes > options.maxBytes && !(options.minOneBatch && size === 0)) break;
      chunks.push(batch.bytes());
      size += batch.sizeBytes;
    }
    return {
      ok: true,
      records: Buffer.concat(chunks),
      highWatermark: this.#logEndOffset,
      lastStableOffset: this.#logEndOffset,
      logStartOffset: this.#logStartOffset,
      abortedTransactions: [],
    };
  }

  /** The first record with this timestamp or a later one, among those that a reader of that isolation may see. */
  offsetForTimestamp(timestamp: number, _isolation: ReadOptions["isolation"]): TimestampAndOffset | undefined {
    for (const batch of this.#batches) {
      const record = decodeRecords(batch).find((each) => each.timestamp >= timestamp);
      if (record) return { timestamp: record.timestamp, offset: record.offset, leaderEpoch: batch.leaderEpoch };
    }
    return undefined;
  }

  /** The record with the highest timestamp (ListOffsets' -3). */
  offsetOfMaxTimestamp(): TimestampAndOffset | undefined {
    return this.offsetForTimestamp(Math.max(...this.#batches.map((batch) => batch.maxTimestamp)), "read_uncommitted");
  }

  /** Where the highest epoch up to `leaderEpoch` ended; undefined when the log holds none (KIP-101). */
  offsetForLeaderEpoch(leaderEpoch: number): EpochEndOffset | undefined {
    return leaderEpoch < this.leaderEpoch
      ? undefined
      : { leaderEpoch: this.leaderEpoch, endOffset: this.#logEndOffset };
  }

  activeProducers(): ActiveProducer[] {
    return [];
  }

  openTransaction(_producerId: number): OpenTransaction | undefined {
    return undefined;
  }

  /** Moves the log start offset; OFFSET_OUT_OF_RANGE above the high watermark. Going back does nothing. */
  deleteRecordsBefore(offset: number): { readonly ok: true; readonly logStartOffset: number } | LogRefusal {
    if (offset > this.highWatermark) return { ok: false, error: "OFFSET_OUT_OF_RANGE", message: `offset ${offset}` };
    this.#logStartOffset = Math.max(this.#logStartOffset, offset);
    return { ok: true, logStartOffset: this.#logStartOffset };
  }

  /** Deletes what retention allows and forgets expired producers. To be called every half minute or so. */
  maintain(): void {}

  updateConfig(config: LogConfig): void {
    this.#config = config;
  }

  /** Resolves when everything appended so far is durable, whatever the durability. */
  async flush(): Promise<void> {}

  /** Stops cleanly: what is written becomes durable, and opening again scans nothing. */
  async close(): Promise<void> {}

  /** Closes and removes the partition's folder. */
  async delete(): Promise<void> {}
}
