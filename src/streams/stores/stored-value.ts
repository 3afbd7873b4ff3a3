/** How a store keeps a value: its timestamp (float64, so that every ms fits) in front of the serialized bytes. Pure. The
 * changelog has the bytes alone, and the timestamp as the record's. */
import type { Serde } from "../../client/index.ts";

const TIMESTAMP_BYTES = 8;

export function encodeStored(value: Uint8Array, timestamp: number): Uint8Array {
  const stored = Buffer.allocUnsafe(TIMESTAMP_BYTES + value.length);
  stored.writeDoubleBE(timestamp);
  stored.set(value, TIMESTAMP_BYTES);
  return stored;
}

export function storedTimestamp(stored: Uint8Array): number {
  const buffer = Buffer.isBuffer(stored) ? stored : Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  return buffer.readDoubleBE();
}

/** The serialized value; no copy. */
export function storedValue(stored: Uint8Array): Uint8Array {
  return stored.subarray(TIMESTAMP_BYTES);
}

export function decodeStored<V>(serde: Serde<V>, stored: Uint8Array | null): V | null {
  return stored === null ? null : serde.deserialize(storedValue(stored));
}
