/** Batches without the records that compaction took. Pure: bytes in, bytes out. */

import { assert } from "../../platform/assert.ts";
import {
  ATTRIBUTE_COMPRESSION_MASK,
  ATTRIBUTE_DELETE_HORIZON,
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_LENGTH_PREFIX_BYTES,
  CRC_AT,
  MAX_TIMESTAMP_AT,
  NO_TIMESTAMP,
  RECORD_COUNT_AT,
  RecordBatch,
} from "../../protocol/records/batch.ts";
import { compress } from "../../protocol/records/compression.ts";
import { writeInt64 } from "../../protocol/writer.ts";
import { RecordSpans } from "./record-spans.ts";

/** By how much a record may grow: its timestamp's delta from one byte to ten, and with it the length in front. */
const MAX_GROWTH_BYTES = 13;

/**
 * The batch with those of its records (`records`: decompressed) that `isRetained` names, one flag for each. Offsets,
 * sequence, producer, compression and leader epoch stay. `deleteHorizonMs` replaces the base timestamp, which the
 * records' deltas then count from (KIP-534).
 */
export function withRecords(
  batch: RecordBatch,
  records: Buffer,
  isRetained: readonly boolean[],
  deleteHorizonMs: number | undefined,
): RecordBatch {
  const { baseTimestamp, recordCount } = batch;
  const shift = deleteHorizonMs === undefined ? 0 : baseTimestamp - deleteHorizonMs;
  const spans = new RecordSpans(records, recordCount);
  const payload = Buffer.allocUnsafe(records.length + (shift === 0 ? 0 : recordCount * MAX_GROWTH_BYTES));
  let length = 0;
  let count = 0;
  let maxTimestamp = Number.NEGATIVE_INFINITY;
  for (let i = 0; spans.next(); i++) {
    if (!isRetained[i]) continue;
    count++;
    maxTimestamp = Math.max(maxTimestamp, baseTimestamp + spans.timestampDelta);
    if (shift === 0) length += records.copy(payload, length, spans.start, spans.end);
    else length = writeWithDelta(payload, length, spans, spans.timestampDelta + shift);
  }
  assert(count > 0);
  const rewritten = withPayload(batch, compress(batch.compression, payload.subarray(0, length)));
  writeInt64(rewritten, baseTimestamp - shift, BASE_TIMESTAMP_AT);
  if (!batch.hasLogAppendTime) writeInt64(rewritten, maxTimestamp, MAX_TIMESTAMP_AT);
  rewritten.writeInt32BE(count, RECORD_COUNT_AT);
  if (deleteHorizonMs !== undefined) {
    rewritten.writeInt16BE(batch.attributes | ATTRIBUTE_DELETE_HORIZON, ATTRIBUTES_AT);
  }
  return sealed(rewritten);
}

/** The batch without records: what is left of it is its offsets and its producer's sequence. */
export function emptied(batch: RecordBatch): RecordBatch {
  const rewritten = withPayload(batch, Buffer.alloc(0));
  const cleared = ATTRIBUTE_COMPRESSION_MASK | ATTRIBUTE_DELETE_HORIZON;
  rewritten.writeInt16BE(batch.attributes & ~cleared, ATTRIBUTES_AT);
  writeInt64(rewritten, NO_TIMESTAMP, BASE_TIMESTAMP_AT);
  rewritten.writeInt32BE(0, RECORD_COUNT_AT);
  return sealed(rewritten);
}

function withPayload(batch: RecordBatch, payload: Buffer): Buffer {
  const { buffer, start } = batch;
  const bytes = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payload.length);
  buffer.copy(bytes, 0, start, start + BATCH_HEADER_BYTES);
  payload.copy(bytes, BATCH_HEADER_BYTES);
  bytes.writeInt32BE(bytes.length - BATCH_LENGTH_PREFIX_BYTES, BATCH_LENGTH_AT);
  return bytes;
}

function sealed(bytes: Buffer): RecordBatch {
  const batch = new RecordBatch(bytes);
  bytes.writeUInt32BE(batch.computeCrc(), CRC_AT);
  return batch;
}

/** Writes the record that `spans` stands at with another timestamp delta; returns where it ends. */
function writeWithDelta(target: Buffer, at: number, spans: RecordSpans, timestampDelta: number): number {
  const { bytes, deltaStart, deltaEnd, end } = spans;
  const deltaBytes = varlongSize(timestampDelta);
  const bodyBytes = 1 + deltaBytes + end - deltaEnd;
  let position = writeVarlong(target, at, bodyBytes);
  target[position++] = bytes[deltaStart - 1] as number;
  position = writeVarlong(target, position, timestampDelta);
  return position + bytes.copy(target, position, deltaEnd, end);
}

function writeVarlong(target: Buffer, at: number, value: number): number {
  let position = at;
  let rest = zigzag(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[position++] = (rest % 0x80) | 0x80;
  target[position++] = rest;
  return position;
}

function varlongSize(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
