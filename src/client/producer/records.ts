/** From what a caller gives to what goes into a batch. Pure. */
import { OncillaError } from "../errors.ts";
import type { BytesLike, ProducerRecord, RecordHeader } from "../types.ts";
import type { EncodedRecord } from "./batch.ts";

const NO_HEADERS: readonly RecordHeader[] = [];

export function encodeRecord(record: ProducerRecord, now: number): EncodedRecord {
  return {
    key: toBytes(record.key),
    value: toBytes(record.value),
    headers: toHeaders(record.headers),
    timestamp: record.timestamp ?? now,
  };
}

function toBytes(value: BytesLike | null | undefined): Uint8Array | null {
  if (value === null || value === undefined) return null;
  return typeof value === "string" ? Buffer.from(value, "utf8") : value;
}

function toHeaders(headers: ProducerRecord["headers"]): readonly RecordHeader[] {
  if (!headers) return NO_HEADERS;
  if (isHeaderList(headers)) return headers;
  return Object.entries(headers).map(([key, value]) => ({ key, value: toBytes(value) }));
}

function isHeaderList(headers: NonNullable<ProducerRecord["headers"]>): headers is readonly RecordHeader[] {
  return Array.isArray(headers);
}

/** Throws INVALID_ARGUMENT for records that no broker would take. */
export function checkRecord(record: ProducerRecord): void {
  if (record.topic === "" || typeof record.topic !== "string") throw invalid("a record needs a topic");
  const { partition, timestamp } = record;
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
    throw invalid(`partition ${partition} of a record for ${record.topic}: give a whole number from 0 on`);
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw invalid(`timestamp ${timestamp} of a record for ${record.topic}: give whole ms since 1970`);
  }
}

function invalid(message: string): OncillaError {
  return new OncillaError("INVALID_ARGUMENT", message);
}
