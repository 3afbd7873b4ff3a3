/** Choices that follow from one seed, with a stream of its own for everyone who draws, so that nobody's draws move another's. */
import type { Random } from "./random.ts";
import { randomInt } from "./random.ts";
import { seededRandom } from "./seeded-random.ts";

export class Dice {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  /** The stream of `name` under `seed`. */
  static of(seed: number, name: string): Dice {
    return new Dice(seededRandom(mix(seed, name)));
  }

  /** In [0, 1). */
  float(): number {
    return this.random.float();
  }

  chance(probability: number): boolean {
    return this.random.float() < probability;
  }

  /** A whole number in [from, to]. */
  int(from: number, to: number): number {
    return from + randomInt(this.random, to - from + 1);
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.random.float() * (to - from);
  }

  pick<T>(items: readonly T[]): T {
    return items[randomInt(this.random, items.length)] as T;
  }
}

/** FNV-1a over the name, on top of the seed. */
function mix(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)) >>> 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
