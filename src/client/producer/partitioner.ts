/** Which partition a record goes to. Pure, randomness aside. */
import { type Random, randomInt } from "../../platform/random.ts";

/** Chooses a record's partition. */
export interface Partitioner {
  /** An integer in [0, partitionCount). `key` is as it will be stored. */
  partition(topic: string, key: Uint8Array | null, partitionCount: number): number;
}

/** The hash by which the Java client spreads keys: 32-bit MurmurHash2 with its seed. Signed. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  let hash = 0x9747b28c ^ length;
  const wholeWords = length & ~3;
  for (let i = 0; i < wholeWords; i += 4) {
    let k = at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    hash = Math.imul(hash, m) ^ Math.imul(k, m);
  }
  const rest = length - wholeWords;
  if (rest >= 3) hash ^= at(bytes, wholeWords + 2) << 16;
  if (rest >= 2) hash ^= at(bytes, wholeWords + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ at(bytes, wholeWords), m);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return hash ^ (hash >>> 15);
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** The Java client's choice for a key. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

/** For records without a key: stays with one partition until a batch's worth of bytes went there, then moves on to a random
 * other one. Fills batches, and spreads evenly all the same (KIP-794). */
export class StickyChoice {
  readonly #random: Random;
  readonly #switchAfterBytes: number;
  #partition = -1;
  #bytes = 0;

  constructor(random: Random, switchAfterBytes: number) {
    this.#random = random;
    this.#switchAfterBytes = switchAfterBytes;
  }

  /** The partition of the next record. `isAvailable`: has a leader; those without are avoided. */
  choose(partitionCount: number, isAvailable: (partition: number) => boolean): number {
    // A topic that was made anew may have fewer.
    if (this.#partition >= partitionCount) this.#partition = -1;
    if (this.#partition >= 0 && this.#bytes < this.#switchAfterBytes) return this.#partition;
    this.#bytes = 0;
    this.#partition = this.#another(partitionCount, isAvailable);
    return this.#partition;
  }

  /** Counts what was appended to the chosen partition. */
  appended(bytes: number): void {
    this.#bytes += bytes;
  }

  #another(partitionCount: number, isAvailable: (partition: number) => boolean): number {
    const others: number[] = [];
    for (let i = 0; i < partitionCount; i++) if (i !== this.#partition && isAvailable(i)) others.push(i);
    const other = others[randomInt(this.#random, others.length)];
    return other ?? Math.max(0, this.#partition);
  }
}
