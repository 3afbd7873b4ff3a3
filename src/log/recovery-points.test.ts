// What a long segment leaves for the start after a crash, so that it need not be checked whole.

import { expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { WatchedDisk } from "./compaction/watched-disk.testing.ts";
import { FaultyDisk } from "./faulty-disk.testing.ts";
import {
  append,
  appendTransactional,
  batchOf,
  consume,
  durable,
  foundBy,
  LogFixture,
  mark,
  START_MS,
  valuesOf,
} from "./log.testing.ts";
import type { LogConfig } from "./log-config.ts";
import type { PartitionLog } from "./partition-log.ts";

const INTERVAL_BYTES = 1_000;
const BATCH_BYTES = batchOf({ values: ["000"], producerId: 1 }).sizeBytes;
const config: Partial<LogConfig> = { indexIntervalBytes: 150, recoveryPointIntervalBytes: INTERVAL_BYTES };

/** Appends batches of one record each, the numbers from `from` on, and gives each time to become durable. */
async function fill(log: PartitionLog, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) {
    append(log, { producerId: 1, sequence: number, timestamp: START_MS + number, values: [name(number)] });
    if (log.config.durability === "fsync") await durable(log);
    // What goes on behind the appends' back ends soon.
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

function name(number: number): string {
  return String(number).padStart(3, "0");
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, number) => name(number));
}

it.each(["fsync", "os"] as const)("a start after kill -9 checks no more than an interval (%s)", async (durability) => {
  const fixture = new LogFixture({ ...config, durability });
  const log = await fixture.open();
  await fill(log, 0, 100);
  expect(fixture.files("log")).toHaveLength(1);
  expect(fixture.files("snapshot"), "older ones go").toHaveLength(1);
  const reopened = await fixture.open();
  expect(reopened.scannedBytes).toBeLessThan(INTERVAL_BYTES + BATCH_BYTES);
  expect(valuesOf(consume(reopened, "read_committed"))).toEqual(names(100));
  expect(foundBy(reopened.offsetForTimestamp(START_MS + 55, "read_uncommitted"))?.offset).toBe(55);
  expect(append(reopened, { producerId: 1, sequence: 99, values: [name(99)] }).isDuplicate).toBe(true);
  await fill(reopened, 100, 140);
  const again = await fixture.open();
  expect(again.scannedBytes).toBeLessThan(INTERVAL_BYTES + BATCH_BYTES);
  expect(valuesOf(consume(again, "read_committed"))).toEqual(names(140));
});

it("a start that had much to check leaves it to none after it", async () => {
  const fixture = new LogFixture({ ...config, recoveryPointIntervalBytes: 1_000_000 });
  await fill(await fixture.open(), 0, 100);
  fixture.config = { ...fixture.config, recoveryPointIntervalBytes: INTERVAL_BYTES };
  const log = await fixture.open();
  expect(log.scannedBytes).toBe(100 * BATCH_BYTES);
  await log.flush();
  expect((await fixture.open()).scannedBytes).toBe(0);
});

it("come less often where many producers make them large", async () => {
  const fixture = new LogFixture(config);
  const log = await fixture.open();
  for (let producerId = 1; producerId <= 9_000; producerId++) append(log, { producerId });
  await durable(log);
  const written = log.sizeBytes;
  for (let producerId = 1; log.sizeBytes < written + 2 * INTERVAL_BYTES; producerId++) {
    append(log, { producerId, sequence: 1 });
    await durable(log);
  }
  expect((await fixture.open()).scannedBytes).toBeGreaterThanOrEqual(2 * INTERVAL_BYTES);
});

it("transactions that are open, committed and aborted around them are known after a crash", async () => {
  const fixture = new LogFixture(config);
  const log = await fixture.open();
  await fill(log, 0, 8);
  appendTransactional(log, { producerId: 2, values: ["aborted"] });
  appendTransactional(log, { producerId: 3, values: ["open"] });
  await fill(log, 8, 30);
  mark(log, "abort", 2);
  appendTransactional(log, { producerId: 2, sequence: 1, values: ["committed"] });
  mark(log, "commit", 2);
  await fill(log, 30, 60);
  const reopened = await fixture.open();
  expect(reopened.scannedBytes).toBeLessThan(2 * INTERVAL_BYTES);
  expect(reopened.openTransaction(3)).toBeDefined();
  expect(valuesOf(consume(reopened, "read_committed"))).toEqual(names(8));
  mark(reopened, "abort", 3);
  await durable(reopened);
  const seen = valuesOf(consume(await fixture.open(), "read_committed"));
  expect(seen.filter((value) => value !== "committed")).toEqual(names(60));
  expect(seen).toContain("committed");
});

it("a power loss at any time takes nothing that was acknowledged", async () => {
  for (let count = 1; count < 40; count++) {
    const fixture = new LogFixture({ ...config, segmentBytes: 3_000 });
    const log = await fixture.open();
    await fill(log, 0, count);
    // Written, and not synced.
    append(log, { producerId: 1, sequence: count, values: [name(count)] });
    for (let seed = 0; seed < 5; seed++) {
      const crashed = new LogFixture(fixture.config, (fixture.disk as FaultyDisk).afterCrash(seededRandom(seed)));
      const reopened = await crashed.open();
      expect(valuesOf(consume(reopened, "read_committed")).slice(0, count), `${count}, seed ${seed}`).toEqual(
        names(count),
      );
      await reopened.close();
    }
    await log.close();
  }
});

it("also a power loss while one is saved leaves little to check", async () => {
  const disk = new FaultyDisk({ canCrash: true });
  const left: MemoryDisk[] = [];
  const fixture = new LogFixture(
    config,
    new WatchedDisk(disk, () => left.push(disk.afterCrash(seededRandom(left.length)))),
  );
  await fill(await fixture.open(), 0, 200);
  for (const [i, each] of left.entries()) {
    const log = await new LogFixture(config, each).open();
    // One is being saved, and the one before may be.
    expect(log.scannedBytes, `change ${i}`).toBeLessThan(3 * INTERVAL_BYTES);
    await log.close();
  }
});

it("keep no files open", async () => {
  const disk = new FaultyDisk({ canCrash: true });
  const fixture = new LogFixture(config, disk);
  const log = await fixture.open();
  await fill(log, 0, 100);
  expect(disk.openCount).toBe(1);
  await log.close();
  expect(disk.openCount).toBe(0);
});

it.each(["index", "timeindex", "txnindex", "indexcrc", "snapshot.tmp"])(
  "without room for the .%s there is none, and the log goes on",
  async (kind) => {
    const disk = new FaultyDisk({ canCrash: true });
    const fixture = new LogFixture(config, disk);
    const log = await fixture.open();
    await fill(log, 0, 20);
    disk.code = "ENOSPC";
    disk.fails = (operation, path) => operation === "write" && path.endsWith(`.${kind}`);
    await fill(log, 20, 60);
    expect(log.offlineReason).toBeUndefined();
    expect(fixture.lines.some(({ message }) => message.includes("the disk is full"))).toBe(kind !== "txnindex");
    disk.fails = () => false;
    const killed = new LogFixture(config, disk.afterCrash(seededRandom(1)));
    const reopened = await killed.open();
    expect(valuesOf(consume(reopened, "read_committed"))).toEqual(names(60));
    await reopened.close();
    await fill(log, 60, 100);
    const again = await fixture.open();
    expect(again.scannedBytes).toBeLessThan(INTERVAL_BYTES + BATCH_BYTES);
    expect(valuesOf(consume(again, "read_committed"))).toEqual(names(100));
  },
);

it("know the highest timestamp, also where the indexes were built anew since", async () => {
  const fixture = new LogFixture(config, new FaultyDisk({ canCrash: true }));
  const disk = fixture.disk as FaultyDisk;
  fixture.config = { ...fixture.config, indexIntervalBytes: 100_000, recoveryPointIntervalBytes: 1_000_000 };
  const log = await fixture.open();
  append(log, { timestamp: START_MS, values: ["first"] });
  append(log, { timestamp: START_MS + 100, values: ["highest"] });
  await log.close();
  disk.remove(fixture.path(fixture.files("timeindex")[0] as string));
  const rebuilt = await fixture.open();
  rebuilt.updateConfig({ ...fixture.config, recoveryPointIntervalBytes: 1 });
  disk.code = "ENOSPC";
  disk.fails = (operation, path) => operation === "write" && path.endsWith(".snapshot.tmp");
  append(rebuilt, { timestamp: START_MS + 50, values: ["lower"] });
  append(rebuilt, { timestamp: START_MS + 200, values: ["last"] });
  await rebuilt.flush();
  disk.fails = () => false;
  const killed = await new LogFixture({ ...fixture.config, indexIntervalBytes: 0 }, disk).open();
  expect(killed.scannedBytes).toBeLessThan(killed.sizeBytes);
  expect(foundBy(killed.offsetForTimestamp(START_MS + 75, "read_uncommitted"))?.offset).toBe(1);
});

it("wait for the one before them, however long the disk takes for that", async () => {
  const disk = new FaultyDisk({ canCrash: true });
  const fixture = new LogFixture(config, disk);
  const log = await fixture.open();
  await fill(log, 0, 20);
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  disk.syncFolder = async (path) => {
    await held;
    await MemoryDisk.prototype.syncFolder.call(disk, path);
  };
  let saved = 0;
  disk.fails = (operation, path) => {
    if (operation === "sync" && path.endsWith(".timeindex")) saved++;
    return false;
  };
  await fill(log, 20, 200);
  expect(saved).toBe(1);
  letGo();
  await log.flush();
  await fill(log, 200, 220);
  expect((await fixture.open()).scannedBytes).toBeLessThan(INTERVAL_BYTES + BATCH_BYTES);
});

it("hold where a power loss left part of what the next one writes", async () => {
  for (const kind of ["index", "timeindex", "txnindex"]) {
    const fixture = new LogFixture(config);
    const log = await fixture.open();
    await fill(log, 0, 100);
    const [name] = fixture.files(kind) as [string];
    for (const tail of [[0], [...Buffer.alloc(100)], [...Buffer.alloc(34 * 12 * 8, 0x7f)]]) {
      const bytes = fixture.bytesOf(name);
      fixture.save(name, Buffer.concat([bytes, Buffer.from(tail)]));
      const reopened = await new LogFixture(fixture.config, fixture.disk).open();
      expect(reopened.scannedBytes, `${kind} ${tail.length}`).toBeLessThan(INTERVAL_BYTES + BATCH_BYTES);
      fixture.save(name, bytes);
    }
  }
});

it.each(["index", "timeindex", "txnindex"])("a start goes without an .%s that cannot be read", async (kind) => {
  const disk = new FaultyDisk({ canCrash: true });
  const fixture = new LogFixture(config, disk);
  await fill(await fixture.open(), 0, 100);
  disk.fails = (operation, path) => operation === "read" && path.endsWith(`.${kind}`);
  const log = await fixture.open();
  expect(valuesOf(consume(log, "read_committed"))).toEqual(names(100));
  await fill(log, 100, 140);
  disk.fails = () => false;
  const reopened = await fixture.open();
  expect(reopened.scannedBytes).toBeLessThan(INTERVAL_BYTES + BATCH_BYTES);
  expect(valuesOf(consume(reopened, "read_committed"))).toEqual(names(140));
});
