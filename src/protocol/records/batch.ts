/**
 * Record batches, format 2 ("magic" 2): a header of 61 bytes, then the records, compressed together or not. Pure.
 *
 * The bytes stay as they are: a RecordBatch is a view that reads header fields where they lie. Source: the protocol's
 * record batch section and KIP-98.
 */
import { crc32c } from "@node-rs/crc32";
import { ProtocolError } from "../protocol-error.ts";
import { readInt64 } from "../reader.ts";
import { writeInt64 } from "../writer.ts";

/** Bytes of a batch before its records. */
export const BATCH_HEADER_BYTES = 61;
/** Base offset and length: what stands before the part that the length counts. */
export const BATCH_LENGTH_PREFIX_BYTES = 12;

export const BASE_OFFSET_AT = 0;
export const BATCH_LENGTH_AT = 8;
export const LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;

export const ATTRIBUTE_COMPRESSION_MASK = 0x07;
const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
export const ATTRIBUTE_TRANSACTIONAL = 0x10;
export const ATTRIBUTE_CONTROL = 0x20;
export const ATTRIBUTE_DELETE_HORIZON = 0x40;

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_TIMESTAMP = -1;

/** A view of one batch in `buffer`, from `start`. Valid as long as the bytes do not change. */
export class RecordBatch {
  readonly buffer: Buffer;
  readonly start: number;

  /** `bytes` must hold the whole header at least. */
  constructor(bytes: Uint8Array, start = 0) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = start;
    if (this.buffer.length - start < BATCH_HEADER_BYTES) {
      throw new ProtocolError(
        `a batch header takes ${BATCH_HEADER_BYTES} bytes, ${this.buffer.length - start} are left`,
      );
    }
  }

  get baseOffset(): number {
    return readInt64(this.buffer, this.start + BASE_OFFSET_AT);
  }
  /** The whole batch, prefix included. */
  get sizeBytes(): number {
    return this.buffer.readInt32BE(this.start + BATCH_LENGTH_AT) + BATCH_LENGTH_PREFIX_BYTES;
  }
  get leaderEpoch(): number {
    return this.buffer.readInt32BE(this.start + LEADER_EPOCH_AT);
  }
  get magic(): number {
    return this.buffer.readInt8(this.start + MAGIC_AT);
  }
  get crc(): number {
    return this.buffer.readUInt32BE(this.start + CRC_AT);
  }
  get attributes(): number {
    return this.buffer.readInt16BE(this.start + ATTRIBUTES_AT);
  }
  get lastOffsetDelta(): number {
    return this.buffer.readInt32BE(this.start + LAST_OFFSET_DELTA_AT);
  }
  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }
  get nextOffset(): number {
    return this.lastOffset + 1;
  }
  /** What the records' timestamps count from. */
  get baseTimestamp(): number {
    return readInt64(this.buffer, this.start + BASE_TIMESTAMP_AT);
  }
  get maxTimestamp(): number {
    return readInt64(this.buffer, this.start + MAX_TIMESTAMP_AT);
  }
  get producerId(): number {
    return readInt64(this.buffer, this.start + PRODUCER_ID_AT);
  }
  get producerEpoch(): number {
    return this.buffer.readInt16BE(this.start + PRODUCER_EPOCH_AT);
  }
  get baseSequence(): number {
    return this.buffer.readInt32BE(this.start + BASE_SEQUENCE_AT);
  }
  /** Wraps behind 2^31 - 1. */
  get lastSequence(): number {
    return this.baseSequence === NO_SEQUENCE ? NO_SEQUENCE : addSequence(this.baseSequence, this.lastOffsetDelta);
  }
  get recordCount(): number {
    return this.buffer.readInt32BE(this.start + RECORD_COUNT_AT);
  }

  get compression(): number {
    return this.attributes & ATTRIBUTE_COMPRESSION_MASK;
  }
  get isTransactional(): boolean {
    return (this.attributes & ATTRIBUTE_TRANSACTIONAL) !== 0;
  }
  get isControl(): boolean {
    return (this.attributes & ATTRIBUTE_CONTROL) !== 0;
  }
  get hasLogAppendTime(): boolean {
    return (this.attributes & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
  }
  /** From when on tombstones and markers in it may go; undefined while it is not set. It takes the place of the base
   * timestamp (KIP-534). */
  get deleteHorizonMs(): number | undefined {
    return (this.attributes & ATTRIBUTE_DELETE_HORIZON) === 0 ? undefined : this.baseTimestamp;
  }
  get hasProducerId(): boolean {
    return this.producerId >= 0;
  }

  /** The batch's bytes, header included; no copy. */
  bytes(): Buffer {
    return this.buffer.subarray(this.start, this.start + this.sizeBytes);
  }
  /** What stands behind the header, still compressed; no copy. */
  payload(): Buffer {
    return this.buffer.subarray(this.start + BATCH_HEADER_BYTES, this.start + this.sizeBytes);
  }

  computeCrc(): number {
    return crc32c(this.buffer.subarray(this.start + ATTRIBUTES_AT, this.start + this.sizeBytes)) >>> 0;
  }
  hasValidCrc(): boolean {
    return this.computeCrc() === this.crc;
  }

  /** Writes where the batch lies in the log, in place. Neither field is covered by the CRC. */
  assignOffset(baseOffset: number, leaderEpoch: number): void {
    writeInt64(this.buffer, baseOffset, this.start + BASE_OFFSET_AT);
    this.buffer.writeInt32BE(leaderEpoch, this.start + LEADER_EPOCH_AT);
  }

  /** Replaces the records' timestamps by the time of the append, in place (message.timestamp.type=LogAppendTime). */
  assignLogAppendTime(timestamp: number): void {
    this.buffer.writeInt16BE(this.attributes | ATTRIBUTE_LOG_APPEND_TIME, this.start + ATTRIBUTES_AT);
    this.assignMaxTimestamp(timestamp);
  }

  /** Writes the highest of its records' timestamps, in place. */
  assignMaxTimestamp(timestamp: number): void {
    writeInt64(this.buffer, timestamp, this.start + MAX_TIMESTAMP_AT);
    this.buffer.writeUInt32BE(this.computeCrc(), this.start + CRC_AT);
  }
}

/** The batches that lie one behind the other in `bytes`. A batch cut off at the end is left out, as a fetch's answer may
 * end in one. Throws ProtocolError on a length that cannot be one. */
export function* batchesIn(bytes: Uint8Array): Generator<RecordBatch> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (buffer.length - at >= BATCH_HEADER_BYTES) {
    const batch = new RecordBatch(buffer, at);
    const size = batch.sizeBytes;
    if (size < BATCH_HEADER_BYTES) throw new ProtocolError(`a batch of ${size} bytes at position ${at}`);
    if (size > buffer.length - at) return;
    yield batch;
    at += size;
  }
}

/** `sequence + increment`, wrapping behind 2^31 - 1 to 0. */
export function addSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > 0x7fffffff ? sum - 0x80000000 : sum;
}
