import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HASH_SECRET_BYTES, KeyHash } from "./key-hash.ts";
import { OffsetMap } from "./offset-map.ts";

describe("the hash of keys", () => {
  // The reference code's first vectors for a result of 64 bits: key 00 01 … 07, input of n bytes 00 01 …
  it.each([
    [0, "218d1f59b9b83cc8"],
    [1, "be552412f8387315"],
    [2, "064f39ef7c50eb57"],
    [3, "ce0f1a45f7060679"],
    [4, "d5e78a175be52ea1"],
  ])("is HalfSipHash-2-4: %d bytes", (length, expected) => {
    const secret = Buffer.from("00010203040506070001020304050607", "hex");
    const hash = new KeyHash(secret);
    hash.update(Buffer.from(Array.from({ length }, (_, i) => i)), 0, length);
    const bytes = Buffer.from(hash.words.buffer);
    expect(bytes.subarray(0, 8).toString("hex")).toBe(expected);
    expect(bytes.subarray(8).toString("hex")).toBe(expected);
  });

  it("depends on every byte, the length and both halves of the secret", () => {
    const hashOf = (key: string, secret: number): string => {
      const hash = new KeyHash(Buffer.alloc(HASH_SECRET_BYTES, secret));
      const bytes = Buffer.from(key, "hex");
      hash.update(bytes, 0, bytes.length);
      return hash.words.join();
    };
    const keys = ["", "00", "0000", "000000", "00000000", "0000000000", "0000000001", "0100000000", "0001000000"];
    const hashes = keys.flatMap((key) => [hashOf(key, 1), hashOf(key, 2)]);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("the map of offsets", () => {
  const secret = Buffer.alloc(HASH_SECRET_BYTES, 3);
  const put = (map: OffsetMap, key: string, offset: number): boolean => {
    const bytes = Buffer.from(`<${key}>`);
    return map.put(bytes, 1, bytes.length - 1, offset);
  };
  const get = (map: OffsetMap, key: string): number => map.get(Buffer.from(key), 0, Buffer.byteLength(key));

  it("is a map, up to 2^53 and as far as it has room", () => {
    const entries = fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat(2 ** 31 - 1), fc.boolean()));
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 2000 }), (all, budgetBytes) => {
        const map = new OffsetMap(budgetBytes, secret);
        const expected = new Map<string, number>();
        let isFull = false;
        for (const [key, low, isHigh] of all) {
          const offset = isHigh ? low * 2 ** 21 : low;
          if (put(map, key, offset)) expected.set(key, offset);
          else isFull = true;
          expect(map.size).toBe(expected.size);
          if (isFull) expect(map.size).toBeGreaterThan(0);
        }
        if (budgetBytes > 50 * (all.length + 2)) expect(isFull).toBe(false);
        for (const [key] of all) expect(get(map, key)).toBe(expected.get(key) ?? -1);
      }),
    );
  });

  it("grows with its keys, up to its budget", async () => {
    const map = new OffsetMap(1_000_000, secret);
    let count = 0;
    let rests = 0;
    for (; ; count++) {
      while (!put(map, `${count}`, count) && map.canGrow) await map.grow(async () => void rests++);
      if (map.size === count) break;
    }
    expect(count).toBeGreaterThan(1_000_000 / 50);
    expect(count).toBeLessThan(1_000_000 / 40);
    expect(rests).toBeGreaterThan(2);
    for (let i = 0; i < count; i++) expect(get(map, `${i}`)).toBe(i);
    expect(get(map, `${count}`)).toBe(-1);
  });

  it("that is full takes what it knows", () => {
    const map = new OffsetMap(1, secret);
    expect(put(map, "a", 1)).toBe(true);
    expect(put(map, "b", 2)).toBe(false);
    expect(put(map, "a", 3)).toBe(true);
    expect([get(map, "a"), get(map, "b")]).toEqual([3, -1]);
  });
});
