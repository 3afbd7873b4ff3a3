import { assert } from "../../platform/assert.ts";
import { RecordBatch } from "../../protocol/records/batch.ts";
import { type BatchOptions, estimateRecordSize, RecordBatchBuilder } from "../../protocol/records/builder.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import type { OncillaError } from "../errors.ts";
import type { RecordHeader, RecordMetadata } from "../types.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { ProducerIdentity, Sequenced } from "./sequences.ts";

/** Called once per record, when it is acknowledged or has failed for good. What it throws becomes an unhandled rejection. */
export type DeliveryCallback = (error: OncillaError | undefined, metadata?: RecordMetadata) => void;

/** A record that is ready to be written into a batch. */
export interface EncodedRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly timestamp: number;
}

interface Delivery {
  /** Of the record in its batch. */
  readonly index: number;
  readonly timestamp: number;
  readonly callback: DeliveryCallback;
}

/** Whoever calls is in the middle of something that must come to its end, whatever a callback throws. */
export function tell(callback: DeliveryCallback, error: OncillaError | undefined, metadata?: RecordMetadata): void {
  try {
    callback(error, metadata);
  } catch (bug) {
    void Promise.reject(bug);
  }
}

const NO_HEADERS: readonly RecordHeader[] = [];

/** Records of one partition that are sent together: open for more at first, then sent, as often as it takes. Ends with
 * either `succeed` or `fail`. */
export class ProducerBatch implements Sequenced {
  readonly queue: PartitionQueue;
  /** In the time of `clock.monotonic()`, as all times here. */
  readonly createdAt: number;
  identity: ProducerIdentity | undefined;
  baseSequence: number = -1;
  /** How often it was sent. */
  attempts: number = 0;
  /** Not to be sent (again) before. */
  sendAt: number = Number.NEGATIVE_INFINITY;
  isInFlight: boolean = false;
  /** Of the topic that it was last sent to. */
  topicId: string = "";
  isInDoubt: boolean = false;
  /** Why the last attempt did not succeed. */
  lastError: OncillaError | undefined;
  readonly #builder: RecordBatchBuilder;
  readonly #limitBytes: number;
  #isClosed = false;
  readonly #deliveries: Delivery[] = [];
  #bytes: Buffer | undefined;

  constructor(queue: PartitionQueue, createdAt: number, limitBytes: number) {
    this.queue = queue;
    this.createdAt = createdAt;
    this.#limitBytes = limitBytes;
    this.#builder = new RecordBatchBuilder(INITIAL_BYTES);
  }

  get recordCount(): number {
    return this.#builder.recordCount;
  }

  /** As they would be without compression. */
  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }

  get isNumbered(): boolean {
    return this.identity !== undefined;
  }

  /** No more records can be added. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Records whose failure nobody is called back for. */
  get hasSilentRecords(): boolean {
    return this.#deliveries.length < this.recordCount;
  }

  /** False when the batch has no room for the record. A batch takes one record whatever its size. */
  tryAppend(record: EncodedRecord, callback: DeliveryCallback | undefined): boolean {
    if (this.#isClosed) return false;
    const { key, value, headers, timestamp } = record;
    const size = this.sizeBytes;
    if (this.recordCount > 0 && size + estimateRecordSize(key, value, headers) > this.#limitBytes) {
      this.#isClosed = true;
      return false;
    }
    if (callback) this.#deliveries.push({ index: this.recordCount, timestamp, callback });
    this.#builder.append(timestamp, key, value, headers.length === 0 ? NO_HEADERS : headers);
    if (this.sizeBytes >= this.#limitBytes) this.#isClosed = true;
    return true;
  }

  /** The bytes to send. They are kept: what is sent again is the same, unless the numbers changed. */
  encode(options: BatchOptions): Buffer {
    this.#isClosed = true;
    this.#bytes ??= this.#builder.build(options);
    return this.#bytes;
  }

  /** The numbers changed: `encode` starts afresh. */
  renumbered(): void {
    this.#bytes = undefined;
  }

  /** Two batches with a half of the records each. */
  split(): [ProducerBatch, ProducerBatch] {
    const count = this.recordCount;
    assert(count > 1);
    const first = new ProducerBatch(this.queue, this.createdAt, Number.POSITIVE_INFINITY);
    const second = new ProducerBatch(this.queue, this.createdAt, Number.POSITIVE_INFINITY);
    const half = Math.ceil(count / 2);
    const callbacks = new Map(this.#deliveries.map((delivery) => [delivery.index, delivery.callback]));
    const records = decodeRecords(new RecordBatch(this.#builder.build()));
    for (const [index, record] of records.entries()) {
      (index < half ? first : second).tryAppend(record, callbacks.get(index));
    }
    for (const part of [first, second]) {
      part.#isClosed = true;
      part.attempts = this.attempts;
    }
    return [first, second];
  }

  /** Tells that the records are in the log, from `baseOffset` (-1: unknown) on. */
  succeed(baseOffset: number, logAppendTimeMs: number): void {
    const { topic, partition } = this.queue;
    for (const { index, timestamp, callback } of this.#deliveries) {
      const offset = baseOffset < 0 ? -1 : baseOffset + index;
      const storedAt = logAppendTimeMs < 0 ? timestamp : logAppendTimeMs;
      tell(callback, undefined, { topic, partition, offset, timestamp: storedAt });
    }
  }

  /** Tells that the records failed. `errorOf`: for the record at an index, where some are to blame and others not. */
  fail(errorOf: (index: number) => OncillaError): void {
    for (const { index, callback } of this.#deliveries) tell(callback, errorOf(index));
  }
}

const INITIAL_BYTES = 2048;
