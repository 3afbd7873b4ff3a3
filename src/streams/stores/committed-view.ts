import type { Serde } from "../../client/index.ts";
import type { StoreEngine, StoreEntry } from "./engine.ts";
import { keyId } from "./key-id.ts";
import { decodeStored } from "./stored-value.ts";

/** A store for reading. */
export interface ReadonlyKeyValueStore<K, V> {
  get(key: K): V | undefined;
  /** From `from` (included) to `to` (excluded), in byte order of the serialized keys. */
  range(from: K, to: K): Iterable<readonly [K, V]>;
  all(): Iterable<readonly [K, V]>;
}

/** A store's contents as of its last commit: nothing that may yet be rolled back. The engines of several partitions are one store. */
export class CommittedView<K, V> implements ReadonlyKeyValueStore<K, V> {
  readonly #engines: () => readonly StoreEngine[];
  readonly #key: Serde<K>;
  readonly #value: Serde<V>;

  /** `engines` is asked at each call. */
  constructor(engines: () => readonly StoreEngine[], key: Serde<K>, value: Serde<V>) {
    this.#engines = engines;
    this.#key = key;
    this.#value = value;
  }

  get(key: K): V | undefined {
    const bytes = this.#key.serialize(key);
    for (const engine of this.#engines()) {
      // A key is in one partition, and so in one engine.
      const stored = engine.get(bytes);
      if (stored !== null) return decodeStored(this.#value, stored) ?? undefined;
    }
    return undefined;
  }

  range(from: K, to: K): Iterable<readonly [K, V]> {
    return this.#entries(this.#key.serialize(from), this.#key.serialize(to));
  }

  all(): Iterable<readonly [K, V]> {
    return this.#entries();
  }

  *#entries(from?: Uint8Array, to?: Uint8Array): Generator<readonly [K, V]> {
    for (const { key, value } of inOrder(this.#engines().map((engine) => engine.range(from, to)))) {
      yield [this.#key.deserialize(key), decodeStored(this.#value, value) as V];
    }
  }
}

/** The entries of all `parts`, each of which is in key order, in key order. */
function* inOrder(parts: readonly Iterable<StoreEntry>[]): Generator<StoreEntry> {
  const heads = parts.map((part) => new Head(part[Symbol.iterator]())).filter(({ entry }) => entry !== undefined);
  while (heads.length > 0) {
    const first = heads.reduce((lowest, head) => (head.id < lowest.id ? head : lowest));
    if (first.entry) yield first.entry;
    first.advance();
    if (!first.entry) heads.splice(heads.indexOf(first), 1);
  }
}

/** The next entry of a part. */
class Head {
  readonly #rest: Iterator<StoreEntry>;
  entry: StoreEntry | undefined;
  id = "";

  constructor(rest: Iterator<StoreEntry>) {
    this.#rest = rest;
    this.advance();
  }

  advance(): void {
    const next = this.#rest.next();
    this.entry = next.done ? undefined : next.value;
    this.id = this.entry ? keyId(this.entry.key) : "";
  }
}
