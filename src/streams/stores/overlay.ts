import type { StoreChange, StoreEntry } from "./engine.ts";
import { keyId } from "./key-id.ts";

export interface OverlayChange extends StoreChange {
  readonly id: string;
}

/** The entries of `base`, in key order, as they are with `changes` (sorted by id) on top. Pure. */
export function* overlay(base: Iterable<StoreEntry>, changes: readonly OverlayChange[]): Generator<StoreEntry> {
  let next = 0;
  for (const entry of base) {
    const id = keyId(entry.key);
    for (let change = changes[next]; change && change.id < id; change = changes[++next]) {
      if (change.value !== null) yield { key: change.key, value: change.value };
    }
    const change = changes[next];
    if (change?.id !== id) {
      yield entry;
      continue;
    }
    next++;
    if (change.value !== null) yield { key: change.key, value: change.value };
  }
  for (const change of changes.slice(next)) {
    if (change.value !== null) yield { key: change.key, value: change.value };
  }
}
