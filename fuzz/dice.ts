import { type Random, randomInt } from "../src/platform/random.ts";
import { seededRandom } from "../src/platform/seeded-random.ts";

/** Values that decoders and limits trip over. */
const EDGES = [0, 1, -1, 2, 127, 128, 255, 256, 32_767, -32_768, 65_536, 2 ** 31 - 1, -(2 ** 31)] as const;

/** What the choices of one frame are made with. */
export class Dice {
  readonly #random: Random;

  /** The same seed and index, the same choices. */
  constructor(seed: number, index: number) {
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  }

  /** In [0, limit). */
  int(limit: number): number {
    return randomInt(this.#random, limit);
  }

  chance(probability: number): boolean {
    return this.#random.float() < probability;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.int(values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  }

  edge(): number {
    return this.pick(EDGES);
  }

  bytes(length: number): Buffer {
    return Buffer.from(this.#random.bytes(length));
  }
}
