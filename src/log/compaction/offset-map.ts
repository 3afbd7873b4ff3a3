import { assert } from "../../platform/assert.ts";
import { HASH_WORDS, KeyHash } from "./key-hash.ts";

/** The hash of a key, then the latest offset plus one as two halves; both halves 0: a free slot. */
const SLOT_WORDS: number = HASH_WORDS + 2;
const SLOT_BYTES: number = SLOT_WORDS * 4;
const FIRST_SLOTS = 4096;
/** Beyond it, searches grow long. */
const LOAD_FACTOR = 0.75;
/** So many slots are moved at a stretch: a millisecond or so. */
const MOVED_SLOTS = 16_384;
const TWO_32 = 2 ** 32;

/**
 * The latest offset of each key, by the keys' hashes: outside of JavaScript's heap, as large as its keys need, and never
 * more than its budget, the time included when it moves to a larger place.
 */
export class OffsetMap {
  readonly #hash: KeyHash;
  readonly #maxSlots: number;
  #slots: Uint32Array;
  #slotCount: number;
  #size = 0;

  /** Has room for one key, however small the budget. `secret`: HASH_SECRET_BYTES. */
  constructor(budgetBytes: number, secret: Uint8Array) {
    // Old and new place are there at the same time, one twice as large as the other.
    this.#maxSlots = Math.max(2, Math.floor((budgetBytes * 2) / 3 / SLOT_BYTES));
    this.#slotCount = Math.min(FIRST_SLOTS, this.#maxSlots);
    this.#slots = new Uint32Array(this.#slotCount * SLOT_WORDS);
    this.#hash = new KeyHash(secret);
  }

  get size(): number {
    return this.#size;
  }

  get canGrow(): boolean {
    return this.#slotCount < this.#maxSlots;
  }

  /** Notes that the key in `bytes` from `start` up to `end` stands at `offset`. False when there is no room for another key:
   * nothing has changed then. */
  put(bytes: Uint8Array, start: number, end: number, offset: number): boolean {
    const at = this.#find(bytes, start, end);
    if (isFree(this.#slots, at)) {
      if (this.#size >= Math.floor(this.#slotCount * LOAD_FACTOR)) return false;
      this.#slots.set(this.#hash.words, at);
      this.#size++;
    }
    const stored = offset + 1;
    assert(stored > 0);
    this.#slots[at + HASH_WORDS] = Math.floor(stored / TWO_32);
    this.#slots[at + HASH_WORDS + 1] = stored % TWO_32;
    return true;
  }

  /** The key's latest offset; -1 when it is not in the map. */
  get(bytes: Uint8Array, start: number, end: number): number {
    const at = this.#find(bytes, start, end);
    const high = this.#slots[at + HASH_WORDS] as number;
    const low = this.#slots[at + HASH_WORDS + 1] as number;
    return high * TWO_32 + low - 1;
  }

  /** Makes room for more keys. Neither `put` nor `get` may be called until it has resolved. `giveWay` is awaited now and
   * then. */
  async grow(giveWay: () => Promise<void>): Promise<void> {
    assert(this.canGrow);
    const slotCount = Math.min(this.#slotCount * 2, this.#maxSlots);
    const slots = new Uint32Array(slotCount * SLOT_WORDS);
    const old = this.#slots;
    for (let from = 0; from < old.length; from += MOVED_SLOTS * SLOT_WORDS) {
      const to = Math.min(from + MOVED_SLOTS * SLOT_WORDS, old.length);
      for (let at = from; at < to; at += SLOT_WORDS) if (!isFree(old, at)) move(old, at, slots, slotCount);
      await giveWay();
    }
    this.#slots = slots;
    this.#slotCount = slotCount;
  }

  /** Where the key's slot begins, or the free one where it belongs. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    this.#hash.update(bytes, start, end);
    const { words } = this.#hash;
    const slots = this.#slots;
    // Not by its iterator, which costs more than the search.
    const w0 = words[0] as number;
    const w1 = words[1];
    const w2 = words[2];
    const w3 = words[3];
    let slot = w0 % this.#slotCount;
    for (;;) {
      const at = slot * SLOT_WORDS;
      if (slots[at] === w0 && slots[at + 1] === w1 && slots[at + 2] === w2 && slots[at + 3] === w3) return at;
      if (isFree(slots, at)) return at;
      slot = slot + 1 === this.#slotCount ? 0 : slot + 1;
    }
  }
}

function isFree(slots: Uint32Array, at: number): boolean {
  return slots[at + HASH_WORDS] === 0 && slots[at + HASH_WORDS + 1] === 0;
}

function move(from: Uint32Array, at: number, slots: Uint32Array, slotCount: number): void {
  let slot = (from[at] as number) % slotCount;
  while (!isFree(slots, slot * SLOT_WORDS)) slot = slot + 1 === slotCount ? 0 : slot + 1;
  for (let i = 0; i < SLOT_WORDS; i++) slots[slot * SLOT_WORDS + i] = from[at + i] as number;
}
