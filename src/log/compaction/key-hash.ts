/**
 * A 128-bit hash of record keys: HalfSipHash-2-4 twice, under two secret keys. Pure.
 *
 * Two keys with the same hash would be one to compaction, and one of them would lose its record. With a secret nobody can
 * search for such a pair, and 128 bits make chance negligible. Made of 32-bit operations, it costs a fifth of what a call
 * of a native digest does. Source: the SipHash paper (Aumasson, Bernstein) and its reference code.
 */
import { assert } from "../../platform/assert.ts";

export const HASH_SECRET_BYTES = 16;

/** So many 32-bit words are a hash. */
export const HASH_WORDS = 4;

export class KeyHash {
  /** The hash of the last `update`. */
  readonly words: Uint32Array = new Uint32Array(HASH_WORDS);
  readonly #secret: Uint32Array = new Uint32Array(HASH_WORDS);

  constructor(secret: Uint8Array) {
    assert(secret.length === HASH_SECRET_BYTES);
    for (let i = 0; i < HASH_WORDS; i++) this.#secret[i] = wordAt(secret, i * 4, HASH_SECRET_BYTES);
  }

  /** Hashes the bytes from `start` up to `end`. */
  update(bytes: Uint8Array, start: number, end: number): void {
    this.#half(bytes, start, end, 0);
    this.#half(bytes, start, end, 2);
  }

  #half(bytes: Uint8Array, start: number, end: number, lane: number): void {
    const k0 = this.#secret[lane] as number;
    const k1 = this.#secret[lane + 1] as number;
    let v0 = k0;
    let v1 = k1 ^ 0xee;
    let v2 = k0 ^ 0x6c796765;
    let v3 = k1 ^ 0x74656462;
    // Two rounds for each word, the last of which holds the rest and the length; then four for each half of the result.
    const restAt = end - ((end - start) & 3);
    for (let at = start; at <= restAt + 8; at += 4) {
      let word = 0;
      if (at < restAt) word = wordAt(bytes, at, end);
      else if (at === restAt) word = wordAt(bytes, at, end) | ((end - start) << 24);
      else if (at === restAt + 4) v2 ^= 0xee;
      else v1 ^= 0xdd;
      v3 ^= word;
      for (let rounds = at > restAt ? 4 : 2; rounds > 0; rounds--) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
      }
      v0 ^= word;
      if (at === restAt + 4) this.words[lane] = v1 ^ v3;
    }
    this.words[lane + 1] = v1 ^ v3;
  }
}

/** Up to four bytes as a little-endian number. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) {
    return (
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    );
  }
  let word = 0;
  for (let i = at; i < end; i++) word |= (bytes[i] as number) << ((i - at) * 8);
  return word;
}
