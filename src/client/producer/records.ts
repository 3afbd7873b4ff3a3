/** From what a caller gives to what goes into a batch. Pure. */
import { OncillaError } from "../errors.ts";
import type { RecordSerdes, Serde } from "../serde.ts";
import type { BytesLike, ProducerRecord, RecordHeader } from "../types.ts";
import type { EncodedRecord } from "./batch.ts";

const NO_HEADERS: readonly RecordHeader[] = [];

/** Throws SERIALIZATION_FAILED, or INVALID_ARGUMENT for what is no bytes: it would be stored as something else. */
export function encodeRecord<K, V>(
  record: ProducerRecord<K, V>,
  serdes: RecordSerdes<K, V> | undefined,
  now: number,
): EncodedRecord {
  return {
    key: serdes?.key
      ? serialize(serdes.key, record.key, "key", record.topic)
      : toBytes(record.key as BytesLike, "key", record.topic),
    value: serdes?.value
      ? serialize(serdes.value, record.value, "value", record.topic)
      : toBytes(record.value as BytesLike, "value", record.topic),
    headers: toHeaders(record.headers, record.topic),
    timestamp: record.timestamp ?? now,
  };
}

function serialize<T>(
  serde: Serde<T>,
  value: T | null | undefined,
  part: "key" | "value",
  topic: string,
): Uint8Array | null {
  if (value === null || value === undefined) return null;
  let bytes: Uint8Array;
  try {
    bytes = serde.serialize(value);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OncillaError("SERIALIZATION_FAILED", `the ${part} of a record for ${topic}: ${reason}`, { cause });
  }
  if (isBytes(bytes)) return bytes;
  throw new OncillaError("SERIALIZATION_FAILED", `the ${part} of a record for ${topic}: its serde gave no Uint8Array`);
}

function toBytes(value: BytesLike | null | undefined, part: string, topic: string): Uint8Array | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return Buffer.from(value, "utf8");
  if (isBytes(value)) return value;
  throw invalid(`the ${part} of a record for ${topic}: give a string, a Uint8Array or null, or serdes for other types`);
}

function toHeaders(headers: ProducerRecord["headers"], topic: string): readonly RecordHeader[] {
  if (!headers) return NO_HEADERS;
  if (!isHeaderList(headers)) {
    return Object.entries(headers).map(([key, value]) => ({ key, value: toBytes(value, "header", topic) }));
  }
  if (headers.every(({ key, value }) => typeof key === "string" && (value === null || isBytes(value)))) return headers;
  return headers.map(({ key, value }) => {
    if (typeof key !== "string") throw invalid(`a header of a record for ${topic}: its key is no string`);
    return { key, value: toBytes(value, "header", topic) };
  });
}

/** Of whatever realm: a test runner has a Uint8Array of its own. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Partial<Uint8Array>).BYTES_PER_ELEMENT === 1;
}

function isHeaderList(headers: NonNullable<ProducerRecord["headers"]>): headers is readonly RecordHeader[] {
  return Array.isArray(headers);
}

/** Throws INVALID_ARGUMENT for records that no broker would take. */
export function checkRecord({
  topic,
  partition,
  timestamp,
}: Pick<ProducerRecord, "topic" | "partition" | "timestamp">): void {
  if (topic === "" || typeof topic !== "string") throw invalid("a record needs a topic");
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
    throw invalid(`partition ${partition} of a record for ${topic}: give a whole number from 0 on`);
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw invalid(`timestamp ${timestamp} of a record for ${topic}: give whole ms since 1970`);
  }
}

function invalid(message: string): OncillaError {
  return new OncillaError("INVALID_ARGUMENT", message);
}
