import type { Serde } from "../../client/index.ts";
import type { StoreEngine } from "./engine.ts";
import { decodeStored } from "./stored-value.ts";

/** A store for reading. */
export interface ReadonlyKeyValueStore<K, V> {
  get(key: K): V | undefined;
  /** From `from` (included) to `to` (excluded), in byte order of the serialized keys. */
  range(from: K, to: K): Iterable<readonly [K, V]>;
  all(): Iterable<readonly [K, V]>;
}

/** A store's contents as of its last commit: nothing that may yet be rolled back. */
export class CommittedView<K, V> implements ReadonlyKeyValueStore<K, V> {
  readonly #engine: StoreEngine;
  readonly #key: Serde<K>;
  readonly #value: Serde<V>;

  constructor(engine: StoreEngine, key: Serde<K>, value: Serde<V>) {
    this.#engine = engine;
    this.#key = key;
    this.#value = value;
  }

  get(key: K): V | undefined {
    return decodeStored(this.#value, this.#engine.get(this.#key.serialize(key))) ?? undefined;
  }

  range(from: K, to: K): Iterable<readonly [K, V]> {
    return this.#entries(this.#key.serialize(from), this.#key.serialize(to));
  }

  all(): Iterable<readonly [K, V]> {
    return this.#entries();
  }

  *#entries(from?: Uint8Array, to?: Uint8Array): Generator<readonly [K, V]> {
    for (const { key, value } of this.#engine.range(from, to)) {
      yield [this.#key.deserialize(key), decodeStored(this.#value, value) as V];
    }
  }
}
