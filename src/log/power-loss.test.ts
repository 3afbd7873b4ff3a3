// What a power loss may take and what not, where the moment matters.

import { beforeEach, describe, expect, it } from "vitest";
import { DiskError } from "../platform/disk.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { append, batchOf, consume, durable, LogFixture, valuesOf } from "./log.testing.ts";
import type { PartitionLog } from "./partition-log.ts";

it("does not take what was appended to a segment that is sealed while a sync is under way (simulator, seed 3)", async () => {
  const held: (() => void)[] = [];
  let isHolding = false;
  const whileSyncing = (): Promise<void> =>
    isHolding ? new Promise((resolve) => held.push(resolve)) : Promise.resolve();
  const disk = new MemoryDisk({ canCrash: true, whileSyncing });
  const config = { segmentBytes: 2 * batchOf({ values: ["a"] }).sizeBytes };
  const fixture = new LogFixture(config, disk);
  const log = await fixture.open();
  isHolding = true;
  append(log, { values: ["a"] });
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  // While that is being synced, its segment gets another batch and is sealed.
  append(log, { values: ["b"] });
  append(log, { values: ["c"] });
  expect(fixture.files("log")).toHaveLength(2);
  isHolding = false;
  for (const release of held) release();
  await durable(log);
  for (let seed = 0; seed < 30; seed++) {
    const reopened = await new LogFixture(config, disk.afterCrash(seededRandom(seed))).open();
    expect(valuesOf(consume(reopened, "read_uncommitted")), `seed ${seed}`).toEqual(["a", "b", "c"]);
    await reopened.close();
  }
});

describe.each([
  ["in one segment", 1_000_000],
  ["in several segments", 2 * batchOf({ values: ["a"] }).sizeBytes],
])(
  "does not take what is acknowledged after a sync that failed and a start without a reboot, %s",
  (_where, segmentBytes) => {
    let isFailing: boolean;
    let onSync: () => void;
    let fixture: LogFixture;
    let log: PartitionLog;
    const values = ["a", "b", "c", "d", "e", "f", "g"];
    const whileSyncing = async (): Promise<void> => {
      onSync();
      if (isFailing) throw new DiskError("EIO", "", "EIO");
    };
    const produce = (from: number, to: number): boolean[] =>
      values
        .slice(from, to)
        .map((value, i) => append(log, { values: [value], producerId: 1, sequence: from + i }).isDuplicate);
    const failSync = async (): Promise<void> => {
      isFailing = true;
      await expect(durable(log)).rejects.toThrow("EIO");
      await log.close();
      isFailing = false;
    };
    const expectSafe = async (expected: readonly string[]): Promise<void> => {
      for (let seed = 0; seed < 50; seed++) {
        const disk = (fixture.disk as MemoryDisk).afterCrash(seededRandom(seed));
        const left = await new LogFixture(fixture.config, disk).open();
        expect(valuesOf(consume(left, "read_uncommitted")), `seed ${seed}`).toEqual(expected);
        await left.close();
      }
    };
    beforeEach(async () => {
      isFailing = false;
      onSync = () => {};
      fixture = new LogFixture(
        { segmentBytes, indexIntervalBytes: 0 },
        new MemoryDisk({ canCrash: true, whileSyncing }),
      );
      log = await fixture.open();
      produce(0, 2);
      await durable(log);
      await log.close();
      log = await fixture.open();
      produce(2, 6);
      await failSync();
    });

    it("as duplicates of what is in the page cache alone", async () => {
      log = await fixture.open();
      expect(produce(2, 6)).toEqual([true, true, true, true]);
      await durable(log);
      await expectSafe(values.slice(0, 6));
      expect(fixture.disk.exists(fixture.path("failed-sync"))).toBe(false);
      produce(6, 7);
      await log.close();
      await expectSafe(values);
    });

    it("when the sync of the start fails as well", async () => {
      isFailing = true;
      await expect(fixture.open()).rejects.toThrow("EIO");
      isFailing = false;
      log = await fixture.open();
      await expectSafe(values.slice(0, 6));
      await log.close();
    });

    it("nor what was before, in the start that writes it anew (simulator, seed 70000115)", async () => {
      // Acknowledged, and no snapshot tells that it was.
      log = await fixture.open();
      isFailing = true;
      await expect(fixture.open()).rejects.toThrow("EIO");
      isFailing = false;
      let syncs = 0;
      const crashes: MemoryDisk[] = [];
      onSync = () => {
        for (let i = 0; i < 10; i++) crashes.push((fixture.disk as MemoryDisk).afterCrash(seededRandom(syncs++)));
      };
      log = await fixture.open();
      onSync = () => {};
      expect(crashes.length).toBeGreaterThan(0);
      for (const disk of crashes) {
        const left = await new LogFixture(fixture.config, disk).open();
        expect(valuesOf(consume(left, "read_uncommitted"))).toEqual(values.slice(0, 6));
        await left.close();
      }
    });

    it("in the page cache alone with durability os, once it is synced", async () => {
      fixture.config = { ...fixture.config, durability: "os" };
      log = await fixture.open();
      await log.flush();
      await expectSafe(values.slice(0, 6));
      await log.close();
    });
  },
);
