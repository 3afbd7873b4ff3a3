import { assert } from "../../platform/assert.ts";
import { HASH_WORDS, KeyHash } from "./key-hash.ts";

/** The hash of a key, then the latest offset plus one as two halves; both halves 0: a free slot. */
const SLOT_WORDS: number = HASH_WORDS + 2;
const SLOT_BYTES: number = SLOT_WORDS * 4;
/** Beyond it, searches grow long. Kafka's log.cleaner.io.buffer.load.factor. */
const LOAD_FACTOR = 0.9;
const TWO_32 = 2 ** 32;

/** The latest offset of each key, by the keys' hashes: outside of JavaScript's heap, and never more than its budget. */
export class OffsetMap {
  readonly #hash: KeyHash;
  readonly #slots: Uint32Array;
  readonly #slotCount: number;
  readonly #capacity: number;
  #size = 0;

  /** `keys`: so many it will hold at most; `budgetBytes` may make it fewer, but one at least. `secret`: HASH_SECRET_BYTES. */
  constructor(keys: number, budgetBytes: number, secret: Uint8Array) {
    const wanted = Math.ceil(Math.max(keys, 1) / LOAD_FACTOR) + 1;
    this.#slotCount = Math.max(2, Math.min(wanted, Math.floor(budgetBytes / SLOT_BYTES)));
    this.#capacity = Math.max(1, Math.floor(this.#slotCount * LOAD_FACTOR));
    this.#slots = new Uint32Array(this.#slotCount * SLOT_WORDS);
    this.#hash = new KeyHash(secret);
  }

  get size(): number {
    return this.#size;
  }

  /** Notes that the key in `bytes` from `start` up to `end` stands at `offset`. False when there is no room for another key:
   * nothing has changed then. */
  put(bytes: Uint8Array, start: number, end: number, offset: number): boolean {
    const at = this.#find(bytes, start, end);
    if (this.#isFree(at)) {
      if (this.#size >= this.#capacity) return false;
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

  /** Where the key's slot begins, or the free one where it belongs. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    this.#hash.update(bytes, start, end);
    const { words } = this.#hash;
    const slots = this.#slots;
    let slot = (words[0] as number) % this.#slotCount;
    for (;;) {
      const at = slot * SLOT_WORDS;
      const isSame =
        slots[at] === words[0] &&
        slots[at + 1] === words[1] &&
        slots[at + 2] === words[2] &&
        slots[at + 3] === words[3];
      if (isSame || this.#isFree(at)) return at;
      slot = slot + 1 === this.#slotCount ? 0 : slot + 1;
    }
  }

  #isFree(at: number): boolean {
    return this.#slots[at + HASH_WORDS] === 0 && this.#slots[at + HASH_WORDS + 1] === 0;
  }
}
