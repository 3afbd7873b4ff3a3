// What leaves a log at its start: DeleteRecords and retention.

import { beforeEach, describe, expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import {
  append,
  appendTransactional,
  batchOf,
  consume,
  durable,
  LogFixture,
  mark,
  START_MS,
  valuesOf,
} from "./log.testing.ts";
import type { LogConfig } from "./log-config.ts";
import type { PartitionLog } from "./partition-log.ts";

const BATCH_BYTES = batchOf().sizeBytes;

let fixture: LogFixture;
let log: PartitionLog;

/** A log with three batches a segment. */
async function openLog(config: Partial<LogConfig> = {}): Promise<void> {
  fixture = new LogFixture({ segmentBytes: 3 * BATCH_BYTES, ...config });
  log = await fixture.open();
}
beforeEach(() => openLog());

async function fill(count: number, timestamp?: number): Promise<void> {
  for (let i = 0; i < count; i++) append(log, timestamp === undefined ? {} : { timestamp });
  await durable(log);
}

function segments(): number[] {
  return fixture.files("log").map(Number.parseFloat);
}

describe("DeleteRecords", () => {
  it("moves the log's start, within a batch too, and removes segments that lie below in full", async () => {
    for (let i = 0; i < 4; i++) append(log, { values: [`${i}a`, `${i}b`] });
    await durable(log);
    expect(log.deleteRecordsBefore(3)).toEqual({ ok: true, logStartOffset: 3 });
    expect(log.logStartOffset, "it is not durable yet").toBe(0);
    await log.flush();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["1b", "2a", "2b", "3a", "3b"]);
    const options = { offset: 2, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ error: "OFFSET_OUT_OF_RANGE" });
    await fill(6);
    log.deleteRecordsBefore(9);
    await log.flush();
    expect(segments()[0]).toBeLessThanOrEqual(9);
    expect(segments()[0]).toBeGreaterThan(3);
  });

  it("up to the high watermark and not above", async () => {
    await fill(2);
    append(log);
    expect(log.deleteRecordsBefore(3)).toMatchObject({ ok: false, error: "OFFSET_OUT_OF_RANGE" });
    expect(log.deleteRecordsBefore(2)).toEqual({ ok: true, logStartOffset: 2 });
  });

  it("never goes back", async () => {
    await fill(3);
    log.deleteRecordsBefore(2);
    expect(log.deleteRecordsBefore(1)).toEqual({ ok: true, logStartOffset: 2 });
  });

  it("survives a power loss once flush has resolved", async () => {
    await fill(7);
    log.deleteRecordsBefore(5);
    await log.flush();
    for (let seed = 0; seed < 50; seed++) {
      const after = new LogFixture(fixture.config, (fixture.disk as MemoryDisk).afterCrash(seededRandom(seed)));
      const reopened = await after.open();
      expect(reopened.logStartOffset, `seed ${seed}`).toBe(5);
      expect(reopened.logEndOffset).toBe(7);
    }
  });

  it("of everything keeps the offsets, and what is known of the producers (fault 16)", async () => {
    append(log, { producerId: 1, values: ["a", "b", "c"] });
    await durable(log);
    log.deleteRecordsBefore(3);
    await log.close();
    log = await fixture.open();
    expect([log.logStartOffset, log.logEndOffset, log.highWatermark]).toEqual([3, 3, 3]);
    expect(append(log, { producerId: 1, values: ["a", "b", "c"] })).toMatchObject({ isDuplicate: true, baseOffset: 0 });
    expect(append(log, { producerId: 1, sequence: 3 }).baseOffset).toBe(3);
  });
});

describe("retention.bytes", () => {
  it("removes the oldest segments while what is left is enough", async () => {
    await openLog({ retentionBytes: 5 * BATCH_BYTES });
    await fill(11);
    expect(segments()).toEqual([0, 3, 6, 9]);
    log.maintain();
    await log.flush();
    expect(segments()).toEqual([6, 9]);
    expect(log.logStartOffset).toBe(6);
    expect(log.sizeBytes).toBe(5 * BATCH_BYTES);
    expect(fixture.disk.list(fixture.folder).filter((name) => name.includes("00000."))).toEqual([]);
  });

  it("leaves the active segment be, unless nothing is to stay: then that is rolled first", async () => {
    await openLog({ retentionBytes: 1 });
    await fill(5);
    log.maintain();
    await log.flush();
    expect(segments()).toEqual([3]);
    log.updateConfig({ ...fixture.config, retentionBytes: 0 });
    log.maintain();
    expect(segments()).toEqual([3, 5]);
    log.maintain();
    expect(segments(), "an empty one is not rolled").toEqual([3, 5]);
    await fill(1);
    log.maintain();
    await log.flush();
    expect([segments(), log.logStartOffset, log.logEndOffset]).toEqual([[5, 6], 5, 6]);
  });
});

describe("retention.ms", () => {
  it("removes segments whose latest record is too old", async () => {
    await openLog({ retentionMs: 1000 });
    await fill(3, START_MS - 1001);
    await fill(3, START_MS - 1000);
    await fill(1);
    log.maintain();
    await log.flush();
    expect(segments()).toEqual([3, 6]);
  });

  it("rolls an idle segment first, and removes it once the roll is durable", async () => {
    await openLog({ retentionMs: 1000 });
    await fill(2, START_MS - 2000);
    log.maintain();
    await durable(log);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([0, 2]);
    await fill(1);
    log.maintain();
    await log.flush();
    expect(segments()).toEqual([2]);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([2, 3]);
    expect(log.offlineReason).toBeUndefined();
  });

  it("counts for records without timestamps from the last write to their segment, as in Apache Kafka", async () => {
    let now = START_MS;
    fixture = new LogFixture(
      { segmentBytes: 3 * BATCH_BYTES, retentionMs: 1000 },
      new MemoryDisk({ canCrash: true, now: () => now }),
    );
    log = await fixture.open();
    await fill(3, -1);
    now += 500;
    await fill(4, -1);
    fixture.clock.timeMs += 1000;
    log.maintain();
    await log.flush();
    expect(segments()).toEqual([0, 3, 6]);
    await log.close();
    log = await fixture.open();
    fixture.clock.timeMs += 1;
    log.maintain();
    await log.flush();
    expect(segments()).toEqual([3, 6]);
    fixture.clock.timeMs += 500;
    log.maintain();
    await log.flush();
    expect(segments(), "the one that is written to ends").toEqual([6, 7]);
  });

  it("lets segments without timestamps be where the disk does not tell when it was written to", async () => {
    await openLog({ retentionMs: 1000 });
    await fill(7, -1);
    fixture.clock.timeMs += 1_000_000;
    log.maintain();
    expect(segments()).toEqual([0, 3, 6]);
  });
});

it("a compacted log loses nothing by age or size", async () => {
  await openLog({ cleanupPolicy: ["compact"], retentionMs: 1000, retentionBytes: 0 });
  await fill(7, START_MS - 2000);
  log.maintain();
  expect(segments()).toEqual([0, 3, 6]);
  expect(log.logStartOffset).toBe(0);
});

it("nothing is removed that is not durable", async () => {
  await openLog({ retentionBytes: 1, durability: "os" });
  for (let i = 0; i < 7; i++) append(log);
  log.maintain();
  expect(segments()).toEqual([0, 3, 6]);
  await log.flush();
  log.maintain();
  await log.flush();
  expect(segments()).toEqual([6]);
});

it("retention moves the log's start past an open transaction, and its abort is still listed (fault 18)", async () => {
  await openLog({ retentionBytes: 3 * BATCH_BYTES });
  appendTransactional(log, { producerId: 1, values: ["abort"] });
  await fill(3);
  appendTransactional(log, { producerId: 1, sequence: 1, values: ["abort"] });
  await fill(3);
  log.maintain();
  await log.flush();
  expect([log.logStartOffset, log.lastStableOffset]).toEqual([3, 3]);
  expect(log.openTransaction(1)?.firstOffset).toBe(0);
  for (let round = 0; round < 2; round++) {
    await log.close();
    log = await fixture.open();
    expect([log.logStartOffset, log.lastStableOffset, log.openTransaction(1)?.firstOffset]).toEqual([3, 3, 0]);
  }
  mark(log, "abort", 1);
  await durable(log);
  expect(log.lastStableOffset).toBe(9);
  expect(valuesOf(consume(log, "read_committed"))).toEqual(["value", "value", "value", "value"]);
});

it("what retention removed does not come back after a power loss, not in part either", async () => {
  await openLog({ retentionBytes: 3 * BATCH_BYTES });
  append(log, { producerId: 1 });
  await fill(11);
  log.maintain();
  await fill(1);
  await log.flush();
  expect(log.logStartOffset).toBe(9);
  for (let seed = 0; seed < 100; seed++) {
    const after = new LogFixture(fixture.config, (fixture.disk as MemoryDisk).afterCrash(seededRandom(seed)));
    const reopened = await after.open();
    expect(reopened.logStartOffset, `seed ${seed}`).toBe(9);
    expect(consume(reopened, "read_uncommitted").map(({ offset }) => offset)).toEqual([9, 10, 11, 12]);
    expect(reopened.activeProducers().map(({ producerId }) => producerId)).toEqual([1]);
    reopened.maintain();
    await reopened.close();
  }
});

it("snapshots go with their segments, but for the newest one", async () => {
  await openLog({ retentionBytes: 1 });
  await fill(10);
  await log.flush();
  expect(fixture.files("snapshot").map(Number.parseFloat)).toEqual([3, 6, 9]);
  log.maintain();
  await log.flush();
  expect(fixture.files("snapshot").map(Number.parseFloat)).toEqual([9]);
});
