import type { ChangelogPosition, StoreChange, StoreEngine, StoreEngines, StoreEntry } from "./engine.ts";
import { keyId } from "./key-id.ts";

/** Contents in memory; the changelog is what makes them last. */
class MemoryEngine implements StoreEngine {
  readonly #entries = new Map<string, StoreEntry>();
  /** The keys' ids in order, as of the last `range`; undefined once keys came or went. */
  #sortedIds: string[] | undefined;
  #position: ChangelogPosition | undefined;

  position(): ChangelogPosition | undefined {
    return this.#position;
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.#entries.get(keyId(key))?.value ?? null;
  }

  *range(from?: Uint8Array, to?: Uint8Array): Generator<StoreEntry> {
    this.#sortedIds ??= [...this.#entries.keys()].sort();
    const ids = this.#sortedIds;
    const end = to && keyId(to);
    for (let i = from ? lowerBound(ids, keyId(from)) : 0; i < ids.length; i++) {
      const id = ids[i] as string;
      if (end !== undefined && id >= end) return;
      const entry = this.#entries.get(id);
      if (entry) yield entry;
    }
  }

  commit(changes: Iterable<StoreChange>, position: ChangelogPosition): void {
    const sizeBefore = this.#entries.size;
    let removed = 0;
    for (const { key, value } of changes) {
      const id = keyId(key);
      // Copied: a small view would keep the whole block that it lies in alive.
      if (value !== null) this.#entries.set(id, { key, value: new Uint8Array(value) });
      else if (this.#entries.delete(id)) removed++;
    }
    if (removed > 0 || this.#entries.size !== sizeBefore) this.#sortedIds = undefined;
    this.#position = position;
  }

  close(): void {
    this.#entries.clear();
    this.#sortedIds = undefined;
    this.#position = undefined;
  }
}

/** The first index whose id is not below `id`. */
function lowerBound(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] as string) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const memoryEngines: StoreEngines = {
  persistent: false,
  open: () => new MemoryEngine(),
  remove: () => {},
};
