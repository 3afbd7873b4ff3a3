import { describe, expect, it } from "vitest";
import { seededRandom } from "../../platform/seeded-random.ts";
import { murmur2, partitionOfKey, StickyChoice } from "./partitioner.ts";

describe("murmur2", () => {
  // Given by org.apache.kafka.common.utils.Utils.murmur2 of kafka-clients 4.3.1; the first six stand in its tests too.
  it.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
    ["", 275646681],
    ["a", -1563381124],
    ["ab", 316155434],
    ["abcd", -1323649548],
    ["kéy", 1747934899],
    ["kafka", -798503068],
  ])("of %j is what Java computes", (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it("of every byte there is, is what Java computes", () => {
    expect(murmur2(Uint8Array.from({ length: 256 }, (_, i) => i))).toBe(-1948347274);
  });
});

it("a key's partition is the positive hash modulo the number of partitions", () => {
  const partitions = ["a", "b", "kafka", "oncilla", "", "ab", "abc", "abcd", "kéy", "21", "foobar"].map((key) =>
    partitionOfKey(Buffer.from(key), 3),
  );
  expect(partitions).toEqual([1, 2, 1, 2, 0, 2, 0, 2, 1, 0, 0]);
});

describe("the sticky choice", () => {
  const all = (): boolean => true;

  it("stays until a batch's worth of bytes went there, and then goes elsewhere", () => {
    const sticky = new StickyChoice(seededRandom(1), 100);
    const first = sticky.choose(3, all);
    sticky.appended(99);
    expect(sticky.choose(3, all)).toBe(first);
    sticky.appended(1);
    expect(sticky.choose(3, all)).not.toBe(first);
  });

  it("spreads evenly over what is available", () => {
    const sticky = new StickyChoice(seededRandom(2), 1);
    const counts = new Map<number, number>();
    for (let i = 0; i < 3_000; i++) {
      const chosen = sticky.choose(4, (partition) => partition !== 2);
      sticky.appended(1);
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([0, 1, 3]);
    for (const count of counts.values()) expect(count).toBeGreaterThan(900);
  });

  it("leaves a partition that there is no more", () => {
    for (const isAvailable of [all, () => false]) {
      const sticky = new StickyChoice(seededRandom(5), 100);
      while (sticky.choose(4, all) !== 3) sticky.appended(100);
      expect(sticky.choose(2, isAvailable)).toBeLessThan(2);
    }
  });

  it("chooses something even when nothing is available, or there is only one", () => {
    expect(new StickyChoice(seededRandom(3), 1).choose(3, () => false)).toBe(0);
    const sticky = new StickyChoice(seededRandom(4), 1);
    for (let i = 0; i < 3; i++) {
      expect(sticky.choose(1, all)).toBe(0);
      sticky.appended(1);
    }
  });
});
