/**
 * A store as processors see it: typed, each value with its timestamp, over an engine. What was written since the last
 * commit waits in a cache: `flush` hands it out, once per key; `commit` gives it to the engine. Dropping the store forgets it.
 */
import type { Serde } from "../../client/index.ts";
import { assert } from "../../platform/assert.ts";
import { type Change, changed } from "../record.ts";
import type { ReadonlyKeyValueStore } from "./committed-view.ts";
import type { ChangelogPosition, StoreChange, StoreEngine } from "./engine.ts";
import { keyId } from "./key-id.ts";
import { type OverlayChange, overlay } from "./overlay.ts";
import { decodeStored, encodeStored, storedTimestamp, storedValue } from "./stored-value.ts";

/** Takes a key's change for the changelog. A null value: the key was deleted. */
export type ChangelogWriter = (key: Uint8Array, value: Uint8Array | null, timestamp: number) => void;

export type ChangeListener<K, V> = (key: K, change: Change<V>, timestamp: number) => void;

/** About what an entry takes beside its value: objects, and its key twice. */
const ENTRY_BYTES = 400;

interface CacheEntry {
  readonly id: string;
  readonly key: Uint8Array;
  /** As the engine holds it; null when it has no such key. */
  committed: Uint8Array | null;
  current: Uint8Array | null;
  /** Of the latest change. */
  changedAt: number;
}

export class KeyValueStore<K, V> implements ReadonlyKeyValueStore<K, V> {
  readonly name: string;
  readonly #engine: StoreEngine;
  readonly #keySerde: Serde<K>;
  readonly #valueSerde: Serde<V>;
  #cache = new Map<string, CacheEntry>();
  #cacheBytes = 0;
  /** What `#cache` held when it was last full: entries still in use move over, the others go when it is full again. */
  #olderCache = new Map<string, CacheEntry>();
  readonly #readCacheBytes: () => number;
  /** Written since the last flush; a subset of `#cache`, as `#flushed` is. */
  readonly #dirty = new Map<string, CacheEntry>();
  /** Handed out by `flush`, and not in the engine yet. */
  readonly #flushed = new Map<string, CacheEntry>();
  #uncommittedBytes = 0;
  /** Told of each key's change in `flush`. */
  onChange: ChangeListener<K, V> | undefined;

  /** `readCacheBytes`: what entries may take, asked at each commit, that stay cached behind it. */
  constructor(
    name: string,
    engine: StoreEngine,
    keySerde: Serde<K>,
    valueSerde: Serde<V>,
    readCacheBytes: () => number = () => 0,
  ) {
    this.name = name;
    this.#engine = engine;
    this.#keySerde = keySerde;
    this.#valueSerde = valueSerde;
    this.#readCacheBytes = readCacheBytes;
  }

  /** About how much memory the uncommitted changes take. */
  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }

  get(key: K): V | undefined {
    return decodeStored(this.#valueSerde, this.#entry(key).current) ?? undefined;
  }

  /** When the key's value was last changed, by the records' time; undefined without a value. */
  timestampOf(key: K): number | undefined {
    const { current } = this.#entry(key);
    return current === null ? undefined : storedTimestamp(current);
  }

  /** Puts what `change` makes of the value, with one look-up. The value's time does not go back. */
  update(key: K, timestamp: number, change: (before: V | undefined) => V): void {
    const entry = this.#entry(key);
    const { current } = entry;
    const latest = current === null ? timestamp : Math.max(timestamp, storedTimestamp(current));
    const value = change(decodeStored(this.#valueSerde, current) ?? undefined);
    this.#change(entry, encodeStored(this.#valueSerde.serialize(value), latest), latest);
  }

  put(key: K, value: V, timestamp: number): void {
    this.#change(this.#entry(key), encodeStored(this.#valueSerde.serialize(value), timestamp), timestamp);
  }

  delete(key: K, timestamp: number): void {
    this.#change(this.#entry(key), null, timestamp);
  }

  range(from: K, to: K): Iterable<readonly [K, V]> {
    return this.#entries(this.#keySerde.serialize(from), this.#keySerde.serialize(to));
  }

  all(): Iterable<readonly [K, V]> {
    return this.#entries();
  }

  /** Hands out the last value of each key that was changed, and tells `onChange`, which may make further changes here. */
  flush(write: ChangelogWriter): void {
    // A Map's iteration also reaches what is added meanwhile.
    for (const [id, entry] of this.#dirty) {
      this.#dirty.delete(id);
      this.#flushed.set(id, entry);
      write(entry.key, entry.current && storedValue(entry.current), entry.changedAt);
      this.onChange?.(this.#keySerde.deserialize(entry.key), this.#changeOf(entry), entry.changedAt);
    }
  }

  /** Makes what was flushed durable, together with the changelog position that the contents then cover. */
  commit(position: ChangelogPosition): void {
    assert(this.#dirty.size === 0, "a store is flushed before it is committed");
    this.#engine.commit(changesOf(this.#flushed.values()), position);
    for (const entry of this.#flushed.values()) entry.committed = entry.current;
    this.#flushed.clear();
    this.#uncommittedBytes = 0;
    const mayTakeBytes = this.#readCacheBytes();
    // Half, for the older ones take as much.
    if (this.#cacheBytes <= mayTakeBytes / 2) return;
    this.#olderCache = this.#cacheBytes <= mayTakeBytes ? this.#cache : new Map();
    this.#cache = new Map();
    this.#cacheBytes = 0;
  }

  #entry(key: K): CacheEntry {
    const bytes = this.#keySerde.serialize(key);
    const id = keyId(bytes);
    const cached = this.#cache.get(id);
    if (cached) return cached;
    const entry = this.#olderCache.get(id) ?? this.#load(id, bytes);
    this.#cache.set(id, entry);
    this.#cacheBytes += sizeOf(entry);
    return entry;
  }

  #load(id: string, bytes: Uint8Array): CacheEntry {
    // Copied: the bytes may be a view that would keep a whole fetch in memory.
    const key = new Uint8Array(bytes);
    const committed = this.#engine.get(key);
    return { id, key, committed, current: committed, changedAt: -1 };
  }

  #change(entry: CacheEntry, stored: Uint8Array | null, timestamp: number): void {
    const sizeBefore = sizeOf(entry);
    entry.current = stored;
    entry.changedAt = timestamp;
    const size = sizeOf(entry);
    this.#cacheBytes += size - sizeBefore;
    if (this.#dirty.has(entry.id)) this.#uncommittedBytes += size - sizeBefore;
    else {
      this.#dirty.set(entry.id, entry);
      this.#uncommittedBytes += size;
    }
  }

  #changeOf({ current, committed }: CacheEntry): Change<V> {
    return changed(decodeStored(this.#valueSerde, current), () => decodeStored(this.#valueSerde, committed));
  }

  *#entries(from?: Uint8Array, to?: Uint8Array): Generator<readonly [K, V]> {
    for (const { key, value } of overlay(this.#engine.range(from, to), this.#uncommitted(from, to))) {
      yield [this.#keySerde.deserialize(key), decodeStored(this.#valueSerde, value) as V];
    }
  }

  #uncommitted(from?: Uint8Array, to?: Uint8Array): OverlayChange[] {
    const first = from ? keyId(from) : "";
    const end = to && keyId(to);
    return [...new Set([...this.#flushed.values(), ...this.#dirty.values()])]
      .filter(({ id }) => id >= first && (end === undefined || id < end))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, key, current }) => ({ id, key, value: current }));
  }
}

function sizeOf({ key, current }: CacheEntry): number {
  return ENTRY_BYTES + 2 * key.length + (current?.length ?? 0);
}

function* changesOf(entries: Iterable<CacheEntry>): Generator<StoreChange> {
  for (const { key, current } of entries) yield { key, value: current };
}
