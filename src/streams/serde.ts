/** Null at the border between bytes and values. Pure. */
import { type Serde, serdes } from "../client/index.ts";

class NullableSerde<T> implements Serde<T | null> {
  readonly #inner: Serde<T>;

  constructor(inner: Serde<T>) {
    this.#inner = inner;
  }

  serialize(value: T | null): Uint8Array {
    if (value === null) throw new TypeError("null has no bytes");
    return this.#inner.serialize(value);
  }

  deserialize(bytes: Uint8Array): T | null {
    return this.#inner.deserialize(bytes);
  }
}

/** `serde`, with null for an absent key or value. To any other serde a null off the wire is an error. */
export function nullable<T>(serde: Serde<T>): Serde<T | null> {
  return new NullableSerde(serde);
}

/** What a stream carries whose serdes are not given. */
export const nullableBytes: Serde<Uint8Array | null> = nullable(serdes.bytes);

export function readNullable<T>(serde: Serde<T>, bytes: Uint8Array | null): T {
  if (bytes !== null) return serde.deserialize(bytes);
  if (serde instanceof NullableSerde) return null as T;
  throw new TypeError("null, where the serde needs bytes (wrap it with nullable() to take null for a value)");
}

export function writeNullable<T>(serde: Serde<T>, value: T | null): Uint8Array | null {
  return value === null ? null : serde.serialize(value);
}
