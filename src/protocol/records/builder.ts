/** Writing a batch, record by record, into one buffer. Pure. */
import { assert } from "../../platform/assert.ts";
import { writeInt64 } from "../writer.ts";
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_TRANSACTIONAL,
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_LENGTH_PREFIX_BYTES,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  RecordBatch,
} from "./batch.ts";
import { compress } from "./compression.ts";
import type { RecordHeader } from "./record.ts";

export interface BatchOptions {
  /** A code of `compression.ts`; default none. */
  readonly compression?: number;
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
}

/** Collects records; `build` gives the batch's bytes. Records keep the order in which they were appended. */
export class RecordBatchBuilder {
  #buffer: Buffer;
  #position = BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = NO_TIMESTAMP;

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.allocUnsafe(Math.max(initialBytes, BATCH_HEADER_BYTES));
  }

  get recordCount(): number {
    return this.#count;
  }

  /** Of the batch as it would be without compression. */
  get sizeBytes(): number {
    return this.#position;
  }

  append(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = [],
  ): void {
    if (this.#count === 0) this.#baseTimestamp = timestamp;
    const timestampDelta = timestamp - this.#baseTimestamp;
    const offsetDelta = this.#count;
    const bodyBytes = recordBodySize(timestampDelta, offsetDelta, key, value, headers);
    this.#reserve(bodyBytes + 5);
    this.#varint(bodyBytes);
    this.#buffer[this.#position++] = 0; // attributes, unused
    this.#varlong(timestampDelta);
    this.#varint(offsetDelta);
    this.#nullableBytes(key);
    this.#nullableBytes(value);
    this.#varint(headers.length);
    for (const header of headers) {
      const length = Buffer.byteLength(header.key);
      this.#varint(length);
      this.#position += this.#buffer.write(header.key, this.#position, length, "utf8");
      this.#nullableBytes(header.value);
    }
    this.#count++;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
  }

  /** The batch's bytes, which without compression are the builder's own: valid until the next append or build. */
  build(options: BatchOptions = {}): Buffer {
    assert(this.#count > 0, "a batch without records");
    const { compression = 0 } = options;
    const batch = compression === 0 ? this.#buffer.subarray(0, this.#position) : this.#compressed(compression);
    const attributes =
      compression |
      (options.isTransactional ? ATTRIBUTE_TRANSACTIONAL : 0) |
      (options.isControl ? ATTRIBUTE_CONTROL : 0);
    writeInt64(batch, options.baseOffset ?? 0, BASE_OFFSET_AT);
    batch.writeInt32BE(batch.length - BATCH_LENGTH_PREFIX_BYTES, BATCH_LENGTH_AT);
    batch.writeInt32BE(options.leaderEpoch ?? -1, LEADER_EPOCH_AT);
    batch.writeInt8(2, MAGIC_AT);
    batch.writeInt16BE(attributes, ATTRIBUTES_AT);
    batch.writeInt32BE(this.#count - 1, LAST_OFFSET_DELTA_AT);
    writeInt64(batch, this.#baseTimestamp, BASE_TIMESTAMP_AT);
    writeInt64(batch, this.#maxTimestamp, MAX_TIMESTAMP_AT);
    writeInt64(batch, options.producerId ?? NO_PRODUCER_ID, PRODUCER_ID_AT);
    batch.writeInt16BE(options.producerEpoch ?? NO_PRODUCER_EPOCH, PRODUCER_EPOCH_AT);
    batch.writeInt32BE(options.baseSequence ?? NO_SEQUENCE, BASE_SEQUENCE_AT);
    batch.writeInt32BE(this.#count, RECORD_COUNT_AT);
    batch.writeUInt32BE(new RecordBatch(batch).computeCrc(), CRC_AT);
    return batch;
  }

  #compressed(compression: number): Buffer {
    const payload = compress(compression, this.#buffer.subarray(BATCH_HEADER_BYTES, this.#position));
    const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payload.length);
    batch.set(payload, BATCH_HEADER_BYTES);
    return batch;
  }

  #reserve(length: number): void {
    if (this.#position + length <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#position + length));
    this.#buffer.copy(grown, 0, 0, this.#position);
    this.#buffer = grown;
  }

  #varint(value: number): void {
    let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    while (zigzag >= 0x80) {
      this.#buffer[this.#position++] = (zigzag & 0x7f) | 0x80;
      zigzag >>>= 7;
    }
    this.#buffer[this.#position++] = zigzag;
  }

  #varlong(value: number): void {
    if (value === (value | 0)) {
      this.#varint(value);
      return;
    }
    let zigzag = value >= 0 ? BigInt(value) << 1n : (-BigInt(value) << 1n) - 1n;
    while (zigzag >= 0x80n) {
      this.#buffer[this.#position++] = Number(zigzag & 0x7fn) | 0x80;
      zigzag >>= 7n;
    }
    this.#buffer[this.#position++] = Number(zigzag);
  }

  #nullableBytes(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#varint(-1);
      return;
    }
    this.#varint(bytes.length);
    this.#buffer.set(bytes, this.#position);
    this.#position += bytes.length;
  }
}

/** Upper bound of the bytes that a record adds to an uncompressed batch. */
export function estimateRecordSize(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly RecordHeader[] = [],
): number {
  // Length, attributes, timestamp and offset deltas, three more lengths.
  return 5 + 1 + 10 + 5 + bytesSize(key) + bytesSize(value) + headersSize(headers);
}

function recordBodySize(
  timestampDelta: number,
  offsetDelta: number,
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly RecordHeader[],
): number {
  return (
    1 + varlongSize(timestampDelta) + varintSize(offsetDelta) + bytesSize(key) + bytesSize(value) + headersSize(headers)
  );
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function headersSize(headers: readonly RecordHeader[]): number {
  let size = varintSize(headers.length);
  for (const header of headers) {
    const length = Buffer.byteLength(header.key);
    size += varintSize(length) + length + bytesSize(header.value);
  }
  return size;
}

function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  if (zigzag < 0x10000000) return 4;
  return 5;
}

function varlongSize(value: number): number {
  if (value === (value | 0)) return varintSize(value);
  let size = 1;
  // |value| doubled by the zigzag.
  for (let rest = Math.floor((Math.abs(value) * 2) / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
