import { beforeEach, describe, expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { batchesIn, type RecordBatch } from "../protocol/records/batch.ts";
import {
  append,
  appended,
  appendTransactional,
  baseOffsetsIn,
  batchOf,
  consume,
  durable,
  foundBy,
  LogFixture,
  mark,
  read,
  START_MS,
  valuesOf,
} from "./log.testing.ts";
import type { PartitionLog } from "./partition-log.ts";

let fixture: LogFixture;
let log: PartitionLog;
beforeEach(async () => {
  fixture = new LogFixture();
  log = await fixture.open();
});

/** A log of segments with about `batches` batches each. */
async function openSegmented(batches: number): Promise<void> {
  fixture = new LogFixture({ segmentBytes: batches * batchOf().sizeBytes, indexIntervalBytes: 100 });
  log = await fixture.open();
}

describe("append", () => {
  it("gives batches the offsets that follow, and the leader's epoch", async () => {
    fixture.leaderEpoch = 5;
    log = await new LogFixture().open({ leaderEpoch: 5 });
    expect(append(log, { values: ["a", "b"] })).toEqual({
      ok: true,
      baseOffset: 0,
      lastOffset: 1,
      logAppendTimeMs: -1,
      logStartOffset: 0,
      isDuplicate: false,
    });
    expect(append(log, { values: ["c"] })).toMatchObject({ baseOffset: 2, lastOffset: 2 });
    await durable(log);
    const batches = [...batchesIn(read(log).records)];
    expect(batches.map(({ baseOffset, lastOffset, leaderEpoch }) => [baseOffset, lastOffset, leaderEpoch])).toEqual([
      [0, 1, 5],
      [2, 2, 5],
    ]);
    for (const batch of batches) expect(batch.hasValidCrc()).toBe(true);
  });

  it("takes many batches in one write, wherever they lie", async () => {
    const [a, b, c] = ["a", "b", "c"].map((value) => batchOf({ values: [value] }));
    const together = Buffer.concat([a, b].map((batch) => batch?.bytes() ?? Buffer.alloc(0)));
    const [first, second] = batchesIn(together);
    const batches = [first, second, c] as RecordBatch[];
    expect(appended(log.append(batches, "coordinator"))).toMatchObject({ baseOffset: 0, lastOffset: 2 });
    await durable(log);
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c"]);
  });

  it("does not keep the caller's bytes", async () => {
    const batch = batchOf({ values: ["a"] });
    log.append([batch], "client");
    batch.buffer.fill(0);
    await durable(log);
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a"]);
  });

  it("gives records the time of the append where the topic asks for it, also to the duplicate", async () => {
    log.updateConfig({ ...fixture.config, messageTimestampType: "LogAppendTime" });
    fixture.clock.timeMs += 77;
    const spec = { producerId: 1, timestamp: 5 };
    expect(append(log, spec).logAppendTimeMs).toBe(START_MS + 77);
    fixture.clock.timeMs += 1000;
    expect(append(log, spec)).toMatchObject({ logAppendTimeMs: START_MS + 77, isDuplicate: true });
    await durable(log);
    const [batch] = batchesIn(read(log).records);
    expect(batch).toMatchObject({ hasLogAppendTime: true, maxTimestamp: START_MS + 77 });
  });

  it("answers a duplicate with the original's offsets, and writes nothing", async () => {
    append(log);
    append(log, { values: ["a", "b"], producerId: 1, sequence: 0 });
    append(log, { values: ["c"], producerId: 1, sequence: 2 });
    expect(append(log, { values: ["a", "b"], producerId: 1, sequence: 0 })).toMatchObject({
      baseOffset: 1,
      lastOffset: 2,
      isDuplicate: true,
    });
    expect(log.logEndOffset).toBe(4);
  });

  it("what is refused leaves no trace", () => {
    append(log, { producerId: 1, sequence: 0 });
    const outcome = log.append([batchOf({ producerId: 1, sequence: 5 })], "client");
    expect(outcome).toMatchObject({ ok: false, error: "OUT_OF_ORDER_SEQUENCE_NUMBER" });
    expect(log.logEndOffset).toBe(1);
    append(log, { producerId: 1, sequence: 1 });
  });
});

describe("durability", () => {
  it("fsync: nothing is acknowledged or read before it is durable", async () => {
    append(log);
    let isDurable = false;
    log.whenDurable(1, () => {
      isDurable = true;
    });
    expect(isDurable).toBe(false);
    expect(log.highWatermark).toBe(0);
    expect(read(log).records).toHaveLength(0);
    await durable(log);
    expect(isDurable).toBe(true);
    expect(log.highWatermark).toBe(1);
    expect(baseOffsetsIn(read(log))).toEqual([0]);
  });

  it("fsync: a duplicate's acknowledgement waits until the original is durable", async () => {
    append(log, { producerId: 1 });
    const duplicate = append(log, { producerId: 1 });
    let isDurable = false;
    log.whenDurable(duplicate.lastOffset + 1, () => {
      isDurable = true;
    });
    expect(isDurable).toBe(false);
    await durable(log);
    expect(isDurable).toBe(true);
  });

  it("os: what is written is acknowledged and read", async () => {
    log = await new LogFixture({ durability: "os" }).open();
    append(log);
    let isDurable = false;
    log.whenDurable(1, () => {
      isDurable = true;
    });
    expect(isDurable).toBe(true);
    expect(baseOffsetsIn(read(log))).toEqual([0]);
  });

  it("os: a log that goes on with fsync acknowledges only what is durable from then on", async () => {
    log = await new LogFixture({ durability: "os" }).open();
    append(log);
    log.updateConfig(fixture.config);
    append(log);
    expect(log.highWatermark).toBe(1);
    await durable(log);
    expect(log.highWatermark).toBe(2);
  });

  it("tells when it advances, and not otherwise", async () => {
    let calls = 0;
    log = await new LogFixture().open({ onAdvance: () => calls++ });
    calls = 0;
    append(log);
    append(log);
    expect(calls).toBe(0);
    await durable(log);
    expect(calls).toBe(1);
  });
});

describe("read", () => {
  it.each([
    [0, [0, 3, 4]],
    [1, [0, 3, 4]],
    [2, [0, 3, 4]],
    [3, [3, 4]],
    [4, [4]],
    [5, [4]],
    [6, []],
  ])("at %i begins with the whole batch that holds it (fault 15): %j", async (offset, expected) => {
    append(log, { values: ["a", "b", "c"] });
    append(log);
    append(log, { values: ["d", "e"] });
    await durable(log);
    expect(baseOffsetsIn(read(log, { offset }))).toEqual(expected);
  });

  it.each([-1, 3, 100])("at %i is out of range in a log of two records", async (offset) => {
    append(log, { values: ["a", "b"] });
    await durable(log);
    const options = { offset, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ ok: false, error: "OFFSET_OUT_OF_RANGE" });
  });

  it("ends with the last batch that fits; the first one comes in any case when that is asked for", async () => {
    for (let i = 0; i < 5; i++) append(log);
    await durable(log);
    const size = batchOf().sizeBytes;
    const countOf = (maxBytes: number, minOneBatch: boolean): number =>
      baseOffsetsIn(read(log, { maxBytes, minOneBatch })).length;
    expect([size * 2 - 1, size * 2, size * 3 - 1].map((maxBytes) => countOf(maxBytes, false))).toEqual([1, 2, 2]);
    expect([0, 1, size - 1].map((maxBytes) => countOf(maxBytes, false))).toEqual([0, 0, 0]);
    expect([0, 1, size - 1].map((maxBytes) => countOf(maxBytes, true))).toEqual([1, 1, 1]);
  });

  it("goes through all segments, with few bytes at a time", async () => {
    await openSegmented(4);
    for (let i = 0; i < 50; i++) append(log, { values: [`v${i}`] });
    await durable(log);
    expect(fixture.files("log").length).toBeGreaterThan(10);
    const expected = Array.from({ length: 50 }, (_, i) => `v${i}`);
    for (const maxBytes of [1, 150, 1000, 1e6]) {
      expect(valuesOf(consume(log, "read_uncommitted", { maxBytes }))).toEqual(expected);
    }
    for (const offset of [49, 0, 25, 3, 4, 40]) {
      expect(consume(log, "read_uncommitted", { offset })[0]).toEqual({ offset, value: `v${offset}` });
    }
  });

  it("gives the bytes away: what is appended later does not show in them", async () => {
    append(log, { values: ["a"] });
    await durable(log);
    const before = read(log);
    append(log, { values: ["b"] });
    await durable(log);
    expect(baseOffsetsIn(before)).toEqual([0]);
  });
});

describe("rolls to a new segment", () => {
  it("when the next batch would make the file too large", async () => {
    await openSegmented(3);
    for (let i = 0; i < 7; i++) append(log);
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 3, 6]);
  });

  it("when the records span too much time", async () => {
    fixture = new LogFixture({ segmentMs: 1000 });
    log = await fixture.open();
    for (const timestamp of [5000, 6000, 6001, 7001, 7002]) append(log, { timestamp });
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 2, 4]);
  });

  it("when an index is full", async () => {
    fixture = new LogFixture({ indexIntervalBytes: 0, segmentIndexBytes: 36 });
    log = await fixture.open();
    for (let i = 0; i < 8; i++) append(log, { timestamp: 5000 + i });
    // Time index entries take 12 bytes, and one is kept for the end; the first batch has none.
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 3, 6]);
  });
});

describe("a record is found by its time", () => {
  const find = (timestamp: number): number | undefined =>
    foundBy(log.offsetForTimestamp(timestamp, "read_uncommitted"))?.offset;

  it("the first one of that time or later, whatever its place in batch and segment", async () => {
    await openSegmented(3);
    const times = [10, 20, 20, 15, 30, 30, 5, 40, 35, 50];
    for (const timestamp of times) append(log, { timestamp, values: ["a"] });
    await durable(log);
    expect(fixture.files("log").length).toBeGreaterThan(2);
    for (let timestamp = 0; timestamp <= 51; timestamp++) {
      const expected = times.findIndex((time) => time >= timestamp);
      expect(find(timestamp), `time ${timestamp}`).toBe(expected < 0 ? undefined : expected);
    }
  });

  it("with the record's own time and its batch's leader epoch", async () => {
    log = await new LogFixture().open({ leaderEpoch: 4 });
    append(log, { timestamp: 100, values: ["a", "b", "c"] });
    await durable(log);
    expect(foundBy(log.offsetForTimestamp(101, "read_uncommitted"))).toEqual({
      timestamp: 101,
      offset: 1,
      leaderEpoch: 4,
    });
  });

  it("also inside a compressed batch, and when a batch's bytes are no records", async () => {
    append(log, { timestamp: 100, values: ["a", "b", "c"], compression: 2 });
    const garbage = batchOf({ timestamp: 200, compression: 2 });
    garbage.buffer.fill(0xee, 61);
    log.append([garbage], "client");
    await durable(log);
    expect(find(102)).toBe(2);
    expect(find(150)).toBe(3);
  });

  it("but not above what the reader may see", async () => {
    append(log, { timestamp: 100 });
    expect(find(100)).toBeUndefined();
    await durable(log);
    expect(find(100)).toBe(0);
    appendTransactional(log, { producerId: 1, timestamp: 200 });
    await durable(log);
    expect(find(200)).toBe(1);
    expect(foundBy(log.offsetForTimestamp(200, "read_committed"))).toBeUndefined();
  });

  it("nor below the log's start", async () => {
    append(log, { timestamp: 100, values: ["a", "b", "c"] });
    await durable(log);
    log.deleteRecordsBefore(2);
    await log.flush();
    expect(find(0)).toBe(2);
  });

  it("the latest time of all is the first record that has it", async () => {
    await openSegmented(3);
    for (const timestamp of [10, 50, 20, 50, 30, 10, 40]) append(log, { timestamp, values: ["a"] });
    await durable(log);
    expect(foundBy(log.offsetOfMaxTimestamp("read_uncommitted"))).toEqual({ timestamp: 50, offset: 1, leaderEpoch: 0 });
    expect(foundBy((await new LogFixture().open()).offsetOfMaxTimestamp("read_uncommitted"))).toBeUndefined();
  });

  it("the latest time of all leaves out what is not durable yet", async () => {
    await openSegmented(30);
    for (const timestamp of [10, 50, 20]) append(log, { timestamp, values: ["a"] });
    await durable(log);
    for (const timestamp of [60, 70]) append(log, { timestamp, values: ["a"] });
    expect(foundBy(log.offsetOfMaxTimestamp("read_uncommitted"))?.offset).toBe(1);
    await durable(log);
    expect(foundBy(log.offsetOfMaxTimestamp("read_uncommitted"))?.offset).toBe(4);
  });
});

describe("leader epochs", () => {
  it("tell where each one ended, through restarts", async () => {
    append(log);
    append(log);
    for (const leaderEpoch of [3, 5]) {
      await log.close();
      log = await fixture.open({ leaderEpoch });
      append(log);
    }
    expect([0, 1, 3, 4, 5, 6].map((epoch) => log.offsetForLeaderEpoch(epoch))).toEqual([
      { leaderEpoch: 0, endOffset: 2 },
      { leaderEpoch: 0, endOffset: 2 },
      { leaderEpoch: 3, endOffset: 3 },
      { leaderEpoch: 3, endOffset: 3 },
      { leaderEpoch: 5, endOffset: 4 },
      undefined,
    ]);
  });

  it("are read from the batches when their file is lost", async () => {
    append(log);
    await log.close();
    log = await fixture.open({ leaderEpoch: 2 });
    append(log);
    await log.close();
    fixture.disk.remove(fixture.path("leader-epoch-checkpoint"));
    log = await fixture.open({ leaderEpoch: 3 });
    expect(log.offsetForLeaderEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 1 });
    expect(log.offsetForLeaderEpoch(2)).toEqual({ leaderEpoch: 2, endOffset: 2 });
  });

  it("below the log's start are forgotten", async () => {
    append(log);
    await log.close();
    log = await fixture.open({ leaderEpoch: 2 });
    append(log);
    await durable(log);
    log.deleteRecordsBefore(2);
    await log.close();
    log = await fixture.open({ leaderEpoch: 3 });
    expect(log.offsetForLeaderEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 2 });
  });
});

describe("producers", () => {
  it("are shown as DescribeProducers shows them (KIP-664)", async () => {
    append(log, { producerId: 1, producerEpoch: 2, values: ["a", "b"], timestamp: 100 });
    appendTransactional(log, { producerId: 3, timestamp: 200 });
    mark(log, "commit", 5, 7);
    expect(log.activeProducers()).toEqual([
      {
        producerId: 1,
        producerEpoch: 2,
        lastSequence: 1,
        lastTimestamp: 101,
        coordinatorEpoch: -1,
        currentTxnStartOffset: -1,
      },
      {
        producerId: 3,
        producerEpoch: 0,
        lastSequence: 0,
        lastTimestamp: 200,
        coordinatorEpoch: -1,
        currentTxnStartOffset: 2,
      },
      {
        producerId: 5,
        producerEpoch: 7,
        lastSequence: -1,
        lastTimestamp: START_MS,
        coordinatorEpoch: 0,
        currentTxnStartOffset: -1,
      },
    ]);
    expect(log.openTransaction(3)).toEqual({ producerId: 3, producerEpoch: 0, firstOffset: 2, lastTimestamp: 200 });
    expect(log.openTransaction(1)).toBeUndefined();
  });

  it("outlive a restart, clean or not", async () => {
    append(log, { producerId: 1, values: ["a", "b"] });
    appendTransactional(log, { producerId: 3 });
    await durable(log);
    const before = log.activeProducers();
    log = await fixture.open();
    expect(log.activeProducers()).toEqual(before);
    await log.close();
    log = await fixture.open();
    expect(log.activeProducers()).toEqual(before);
    expect(append(log, { producerId: 1, values: ["a", "b"] }).isDuplicate).toBe(true);
  });

  it("that are silent are forgotten", async () => {
    log.updateConfig({ ...fixture.config, producerIdExpirationMs: 1000 });
    append(log, { producerId: 1 });
    fixture.clock.timeMs += 1000;
    log.maintain();
    expect(log.activeProducers()).toEqual([]);
  });
});

describe("close", () => {
  it("makes everything durable, and resolves twice", async () => {
    append(log);
    await log.close();
    await log.close();
    log = await fixture.open();
    expect(log.highWatermark).toBe(1);
  });

  it("ends all calls", async () => {
    append(log);
    await log.close();
    expect(log.append([batchOf()], "client")).toMatchObject({ error: "NOT_LEADER_OR_FOLLOWER" });
    const options = { offset: 0, maxBytes: 1, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ error: "NOT_LEADER_OR_FOLLOWER" });
    expect(log.deleteRecordsBefore(0)).toMatchObject({ error: "NOT_LEADER_OR_FOLLOWER" });
    log.maintain();
  });
});

describe("delete", () => {
  it("removes the folder, and lets the topic be made anew", async () => {
    append(log);
    await durable(log);
    await log.delete();
    expect(fixture.disk.list("")).toEqual([]);
    expect(log.append([batchOf()], "client")).toMatchObject({ error: "KAFKA_STORAGE_ERROR" });
    // Nothing that looks like a fault.
    expect(fixture.lines.filter(({ level }) => level !== "warn")).toEqual([
      { level: "info", message: "partition deleted", fields: { topicPartition: "topic-0" } },
    ]);
    log = await fixture.open();
    expect(log.logEndOffset).toBe(0);
  });

  it("waits for what is under way, so that it writes nothing into a folder made anew", async () => {
    await openSegmented(2);
    for (let i = 0; i < 9; i++) append(log);
    await log.delete();
    expect(fixture.disk.list("")).toEqual([]);
  });

  it("fails those who wait for durability", async () => {
    append(log);
    const waiting = durable(log);
    await Promise.all([expect(waiting).rejects.toThrow("deleted"), log.delete()]);
  });
});

it("a folder of another topic is not opened", async () => {
  await log.close();
  await expect(fixture.open({ topicId: "BBBBBBBBBBBBBBBBBBBBBQ" })).rejects.toThrow("AAAAAAAAAAAAAAAAAAAAAQ");
});

it("works in a folder with parents, on a disk that never crashes", async () => {
  const disk = new MemoryDisk();
  log = await new LogFixture({}, disk).open({ folder: "some/where/topic-0" });
  append(log);
  await log.close();
  expect(disk.list("some/where")).toEqual(["topic-0/"]);
});
