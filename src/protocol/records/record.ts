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

/**
 * All records of a batch, decompressed first when need be. `maxBytes` bounds what decompression may yield.
 * Throws ProtocolError on bytes that are no records.
 */
export function decodeRecords(batch: RecordBatch, maxBytes: number = 1 << 30): LogRecord[] {
  const payload = decompress(batch.compression, batch.payload(), maxBytes);
  const reader = new Reader(payload);
  const count = batch.recordCount;
  // A record takes 7 bytes at least.
  if (count < 0 || count * 7 > payload.length) throw new ProtocolError(`${count} records in ${payload.length} bytes`);
  const { baseOffset, baseTimestamp } = batch;
  const appendTime = batch.hasLogAppendTime ? batch.maxTimestamp : undefined;
  const records = new Array<LogRecord>(count);
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
    records[i] = { offset, timestamp: appendTime ?? timestamp, key, value, headers };
  }
  return records;
}

function nullableView(reader: Reader): Uint8Array | null {
  const length = reader.varint();
  return length < 0 ? null : reader.view(length);
}

function readHeaders(reader: Reader): readonly RecordHeader[] {
  const count = reader.varint();
  if (count === 0) return NO_HEADERS;
  if (count < 0 || count > reader.remaining) throw new ProtocolError(`${count} headers`);
  const headers = new Array<RecordHeader>(count);
  for (let i = 0; i < count; i++) {
    headers[i] = { key: reader.utf8(reader.varint()), value: nullableView(reader) };
  }
  return headers;
}
