/** Single records inside a batch: reading them. Pure. */
import { ProtocolError } from "../protocol-error.ts";
import { Reader } from "../reader.ts";
import type { RecordBatch } from "./batch.ts";
import { decompress } from "./compression.ts";

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** One record. Key and value are views into the (decompressed) batch. */
export interface LogRecord {
  readonly offset: number;
  /** ms since 1970. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const NO_HEADERS: readonly RecordHeader[] = [];

/** Length, attributes, two deltas, key, value, headers: a byte each at least. */
export const MIN_RECORD_BYTES = 7;

/** All records of a batch, as by `recordsOf`. */
export function decodeRecords(batch: RecordBatch): LogRecord[] {
  return [...recordsOf(batch)];
}

/**
 * The records of a batch one by one, decompressed first when need be. For batches of strangers: a few KB may hold millions
 * of records, which must not be in memory all at once.
 * Throws ProtocolError on bytes that are no records, and when there are more or less of them than the header says.
 */
export function* recordsOf(batch: RecordBatch): Generator<LogRecord, void, undefined> {
  if (batch.magic !== 2) throw new ProtocolError(`record format ${batch.magic}`);
  const payload = decompress(batch.compression, batch.payload());
  const reader = new Reader(payload);
  const count = batch.recordCount;
  if (count < 0 || count * MIN_RECORD_BYTES > payload.length) {
    throw new ProtocolError(`${count} records in ${payload.length} bytes`);
  }
  const { baseOffset, baseTimestamp } = batch;
  const appendTime = batch.hasLogAppendTime ? batch.maxTimestamp : undefined;
  for (let i = 0; i < count; i++) {
    const length = reader.varint();
    const end = reader.position + length;
    reader.int8(); // attributes, unused
    const timestamp = baseTimestamp + reader.varlong();
    const offset = baseOffset + reader.varint();
    const key = nullableView(reader);
    const value = nullableView(reader);
    const headers = readHeaders(reader);
    if (reader.position !== end) throw new ProtocolError(`record ${i} is not ${length} bytes long`);
    yield { offset, timestamp: appendTime ?? timestamp, key, value, headers };
  }
  if (reader.remaining > 0) throw new ProtocolError(`${reader.remaining} bytes behind the last of ${count} records`);
}

function nullableView(reader: Reader): Uint8Array | null {
  const length = reader.varint();
  return length < 0 ? null : reader.view(length);
}

function readHeaders(reader: Reader): readonly RecordHeader[] {
  const count = reader.varint();
  if (count === 0) return NO_HEADERS;
  if (count < 0 || count > reader.remaining) throw new ProtocolError(`${count} headers`);
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) headers.push({ key: reader.utf8(reader.varint()), value: nullableView(reader) });
  return headers;
}
