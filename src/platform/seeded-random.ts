import type { Random } from "./random.ts";

/** Numbers that look random and follow from `seed` alone (mulberry32): the same seed, the same run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextUint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    float: () => nextUint32() / 4294967296,
    bytes(length: number): Uint8Array<ArrayBuffer> {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = nextUint32() & 0xff;
      return bytes;
    },
  };
}
