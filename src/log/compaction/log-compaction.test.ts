// What compaction leaves of a log.

import { beforeEach, describe, expect, it } from "vitest";
import { DiskError } from "../../platform/disk.ts";
import { BATCH_HEADER_BYTES, batchesIn, CRC_AT, RecordBatch } from "../../protocol/records/batch.ts";
import { compressionCodes } from "../../protocol/records/compression.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import { FaultyDisk } from "../faulty-disk.testing.ts";
import {
  append,
  appended,
  baseOffsetsIn,
  consume,
  foundBy,
  LogFixture,
  mark,
  read,
  START_MS,
  valuesOf,
} from "../log.testing.ts";
import type { LogConfig } from "../log-config.ts";
import { LogCorruptionError } from "../log-corruption-error.ts";
import type { PartitionLog } from "../partition-log.ts";
import { CompactionStopped } from "./compactable-log.ts";
import { appendKeyed, compactionOptions, contents, keyedBatch, seal } from "./compaction.testing.ts";

const DELETE_RETENTION_MS = 1000;

let fixture: LogFixture;
let log: PartitionLog;
let cleanedOffset: number;

async function openLog(config: Partial<LogConfig> = {}, disk?: FaultyDisk): Promise<void> {
  const compacted = {
    cleanupPolicy: ["compact"],
    minCleanableDirtyRatio: 0,
    deleteRetentionMs: DELETE_RETENTION_MS,
  } as const;
  fixture = new LogFixture({ ...compacted, ...config }, disk);
  log = await fixture.open();
  cleanedOffset = 0;
}
beforeEach(() => openLog());

function add(...entries: string[]): void {
  appendKeyed(log, { entries });
}

function transact(producerId: number, sequence: number, ...entries: string[]): void {
  appendKeyed(log, { entries, producerId, sequence, isTransactional: true });
}

async function compact(dedupeBufferBytes?: number): Promise<string[]> {
  await seal(fixture, log);
  cleanedOffset = await log.compaction.run(cleanedOffset, compactionOptions(fixture, dedupeBufferBytes));
  return contents(log);
}

function batchAt(offset: number): RecordBatch {
  return new RecordBatch(Buffer.from(read(log, { offset, maxBytes: 1 }).records));
}

describe("records", () => {
  it("of each key the latest stays, where it was", async () => {
    add("a=1", "b=1");
    add("a=2", "c=1");
    add("b=2");
    expect(await compact()).toEqual(["2:a=2", "3:c=1", "4:b=2"]);
    expect(log.logEndOffset).toBe(5);
  });

  it("within a batch too, and batches keep their offsets", async () => {
    add("a=1", "b=1", "a=2", "c=1");
    add("c=2");
    expect(await compact()).toEqual(["1:b=1", "2:a=2", "4:c=2"]);
    const { records } = read(log, { offset: 3 });
    const batches = [...batchesIn(records)].map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset]);
    expect(batches).toEqual([
      [0, 3],
      [4, 4],
    ]);
  });

  it("of the active segment stay, and count for nothing", async () => {
    add("a=1", "b=1");
    await seal(fixture, log);
    add("a=2");
    cleanedOffset = await log.compaction.run(cleanedOffset, compactionOptions(fixture));
    expect(contents(log)).toEqual(["0:a=1", "1:b=1", "2:a=2"]);
    expect(cleanedOffset).toBe(2);
  });

  it("of what was compacted before go when a later one comes", async () => {
    add("a=1", "b=1");
    await compact();
    add("a=2");
    expect(await compact()).toEqual(["1:b=1", "2:a=2"]);
    add("b=2");
    expect(await compact()).toEqual(["2:a=2", "3:b=2"]);
    expect(cleanedOffset).toBe(4);
  });

  it.each(Object.entries(compressionCodes))("compressed by %s", async (_name, compression) => {
    appendKeyed(log, { entries: ["a=1", "b=1", "c=1"], compression });
    appendKeyed(log, { entries: ["b=2", "d"], compression });
    expect(await compact()).toEqual(["0:a=1", "2:c=1", "3:b=2", "4:d"]);
    const [first] = batchesIn(read(log).records);
    expect(first?.compression).toBe(compression);
    expect(first?.hasValidCrc()).toBe(true);
  });

  it("without key, of a time when the topic was not compacted, go", async () => {
    const config = { ...fixture.config, cleanupPolicy: ["delete" as const] };
    log.updateConfig(config);
    append(log, { values: ["no key"] });
    log.updateConfig(fixture.config);
    add("a=1");
    expect(await compact()).toEqual(["1:a=1"]);
  });

  it("that nobody can read stay as they are", async () => {
    const batch = keyedBatch({ entries: ["a=1"] });
    batch.buffer[BATCH_HEADER_BYTES] = 0x7f;
    batch.buffer.writeUInt32BE(batch.computeCrc(), CRC_AT);
    appended(log.append([batch], "client"));
    add("a=2");
    await seal(fixture, log);
    await log.compaction.run(0, compactionOptions(fixture));
    expect(baseOffsetsIn(read(log))).toEqual([0, 1]);
  });

  it("the last batch of a segment stays, if need be without them, so that readers get over its end (fault 15)", async () => {
    await openLog({ segmentBytes: keyedBatch({ entries: ["a=1"] }).sizeBytes });
    for (const entry of ["a=1", "b=1", "a=2", "b=2"]) add(entry);
    expect(await compact()).toEqual(["[0-0]", "[1-1]", "2:a=2", "3:b=2"]);
    expect(baseOffsetsIn(read(log, { offset: 1 }))[0]).toBe(1);
  });

  it("when all of them are gone, a reader comes to the end all the same (fault 15)", async () => {
    transact(1, 0, "a=1");
    mark(log, "abort", 1);
    await compact();
    fixture.clock.timeMs += 2 * fixture.config.producerIdExpirationMs;
    log.maintain();
    await log.compaction.run(0, compactionOptions(fixture));
    await log.compaction.run(0, compactionOptions(fixture));
    expect(contents(log)).toEqual(["1:abort"]);
    expect(log.logEndOffset).toBe(2);
  });
});

describe("memory", () => {
  it("too small for the keys: several passes, one result", async () => {
    for (let i = 0; i < 100; i++) add(`k${i % 40}=${i}`);
    const found = await compact(24 * 12);
    expect(found).toEqual(Array.from({ length: 40 }, (_, i) => `${60 + i}:k${(60 + i) % 40}=${60 + i}`));
    expect(cleanedOffset).toBe(100);
  });

  it("for one key will do", async () => {
    add("a=1", "b=1", "c=1");
    add("a=2", "b=2", "c=2");
    expect(await compact(1)).toEqual(["3:a=2", "4:b=2", "5:c=2"]);
  });
});

describe("tombstones", () => {
  it("stay for delete.retention.ms after what they delete is gone", async () => {
    add("a=1", "b=1");
    add("a");
    expect(await compact()).toEqual(["1:b=1", "2:a"]);
    fixture.clock.timeMs += DELETE_RETENTION_MS - 1;
    add("c=1");
    expect(await compact()).toEqual(["1:b=1", "2:a", "3:c=1"]);
    fixture.clock.timeMs += 1;
    add("d=1");
    expect(await compact()).toEqual(["1:b=1", "3:c=1", "4:d=1"]);
  });

  it("keep their time and everything else", async () => {
    add("a=1");
    appendKeyed(log, { entries: ["b=1", "a", "c=1"], timestamp: START_MS - 5 });
    await log.flush();
    const before = decodeRecords(batchAt(1));
    await compact();
    const batch = batchAt(1);
    expect(batch.deleteHorizonMs).toBe(START_MS + DELETE_RETENTION_MS);
    expect(decodeRecords(batch)).toEqual(before);
    expect(batch.maxTimestamp).toBe(START_MS - 3);
  });

  it("which the map did not come to get no date: what they delete is still there", async () => {
    add("x=1", "y=1", "z=1", "a=1");
    add("a");
    await seal(fixture, log);
    // Room for one key: the first pass ends at offset 1.
    const passes: string[][] = [];
    const spend = async (): Promise<void> => void passes.push(contents(log));
    const options = compactionOptions(fixture, 1);
    await log.compaction.run(0, { ...options, pace: Object.assign(options.pace, { spend }) });
    const withBoth = passes.filter((found) => found.includes("3:a=1"));
    expect(withBoth.length).toBeGreaterThan(1);
    expect(batchAt(4).deleteHorizonMs).toBe(START_MS + DELETE_RETENTION_MS);
  });
});

describe("transactions", () => {
  it("aborted records go, committed ones are like any other", async () => {
    transact(1, 0, "a=1");
    transact(2, 0, "a=2", "b=2");
    mark(log, "abort", 2);
    mark(log, "commit", 1);
    add("c=1");
    expect(await compact()).toEqual(["0:a=1", "[1-2]", "3:abort", "4:commit", "5:c=1"]);
  });

  it("nothing of an open one, or behind its first record, is touched", async () => {
    add("a=1");
    add("a=2");
    await seal(fixture, log);
    transact(1, 0, "a=3");
    add("b=1");
    await seal(fixture, log);
    add("b=2");
    expect(await compact()).toEqual(["1:a=2", "2:a=3", "3:b=1", "4:b=2"]);
    expect(cleanedOffset).toBe(2);
    mark(log, "commit", 1);
    expect(await compact()).toEqual(["2:a=3", "4:b=2", "5:commit"]);
  });

  it("a marker stays as long as any batch of its transaction, and delete.retention.ms more", async () => {
    transact(1, 0, "a=1");
    mark(log, "commit", 1);
    add("b=1");
    expect(await compact()).toEqual(["0:a=1", "1:commit", "2:b=1"]);
    // The producer goes on, or its last batch would stay.
    transact(1, 1, "a=2");
    mark(log, "commit", 1);
    fixture.clock.timeMs += 10 * DELETE_RETENTION_MS;
    expect(await compact()).toEqual(["1:commit", "2:b=1", "3:a=2", "4:commit"]);
    add("c=1");
    expect(await compact()).toContain("1:commit");
    fixture.clock.timeMs += DELETE_RETENTION_MS;
    add("d=1");
    expect(await compact()).toEqual(["2:b=1", "3:a=2", "4:commit", "5:c=1", "6:d=1"]);
  });

  it("nothing in the aborted index outlives its marker, or later transactions of the producer would look aborted", async () => {
    transact(1, 0, "a=1");
    mark(log, "abort", 1);
    transact(1, 1, "b=1");
    mark(log, "commit", 1);
    add("c=1");
    await compact();
    fixture.clock.timeMs += DELETE_RETENTION_MS;
    add("d=1");
    await compact();
    fixture.clock.timeMs += DELETE_RETENTION_MS;
    add("e=1");
    expect(await compact()).toEqual(["2:b=1", "3:commit", "4:c=1", "5:d=1", "6:e=1"]);
    expect(read(log, { isolation: "read_committed" }).abortedTransactions).toEqual([]);
    expect(valuesOf(consume(log, "read_committed"))).toEqual(["1", "1", "1", "1"]);
  });

  it("one of which only an emptied batch is left keeps its marker: it would be open after a start (fault 16)", async () => {
    transact(1, 0, "a=1");
    mark(log, "abort", 1);
    for (const entry of ["b=1", "c=1", "d=1"]) {
      add(entry);
      await compact();
      fixture.clock.timeMs += 2 * DELETE_RETENTION_MS;
    }
    expect(contents(log).slice(0, 2)).toEqual(["[0-0]", "1:abort"]);
    await log.close();
    for (const name of fixture.files("snapshot")) fixture.save(name, Buffer.from("damaged"));
    log = await fixture.open();
    expect(log.lastStableOffset).toBe(log.logEndOffset);
    expect(log.openTransaction(1)).toBeUndefined();
  });

  it("one whose marker stands behind what is compacted", async () => {
    transact(1, 0, "a=1");
    add("b=1");
    await seal(fixture, log);
    mark(log, "abort", 1);
    await log.flush();
    cleanedOffset = await log.compaction.run(cleanedOffset, compactionOptions(fixture));
    expect(contents(log)).toEqual(["[0-0]", "1:b=1", "2:abort"]);
    expect(valuesOf(consume(log, "read_committed"))).toEqual(["1"]);
  });
});

describe("producers", () => {
  it("the last batch of each stays, without records when need be, and with its sequence", async () => {
    appendKeyed(log, { entries: ["a=1", "b=1"], producerId: 1, sequence: 5 });
    add("a=2", "b=2");
    expect(await compact()).toEqual(["[0-1]", "2:a=2", "3:b=2"]);
    expect(batchAt(0)).toMatchObject({
      producerId: 1,
      baseSequence: 5,
      lastSequence: 6,
      lastOffset: 1,
      recordCount: 0,
    });
  });

  it("are known after a start that has to read the whole log", async () => {
    appendKeyed(log, { entries: ["a=1", "b=1"], producerId: 1, sequence: 0 });
    appendKeyed(log, { entries: ["a=2"], producerId: 1, sequence: 2 });
    transact(2, 0, "b=2");
    mark(log, "commit", 2, 1);
    add("a=3", "b=3");
    await compact();
    await log.close();
    for (const name of fixture.files("snapshot")) fixture.save(name, Buffer.from("damaged"));
    log = await fixture.open();
    const producers = log.activeProducers().map(({ producerId, producerEpoch, lastSequence }) => {
      return [producerId, producerEpoch, lastSequence];
    });
    expect(producers).toEqual([
      [1, 0, 2],
      [2, 1, -1],
    ]);
    const retry = appendKeyed(log, { entries: ["a=2"], producerId: 1, sequence: 2 });
    expect(retry).toMatchObject({ isDuplicate: true, baseOffset: 2 });
    appendKeyed(log, { entries: ["a=4"], producerId: 1, sequence: 3 });
  });

  it("no snapshot of before is taken up: it may show a transaction open whose marker is gone (fault 16)", async () => {
    // Segments do not grow together.
    await openLog({ segmentBytes: 500 });
    const large = "1".repeat(300);
    transact(1, 0, "x=1");
    add(`a=${large}`);
    await seal(fixture, log);
    mark(log, "abort", 1);
    add(`b=${large}`);
    fixture.clock.timeMs += 2 * fixture.config.producerIdExpirationMs;
    log.maintain();
    for (const key of ["c", "d", "e"]) {
      await compact();
      fixture.clock.timeMs += DELETE_RETENTION_MS;
      add(`${key}=${large}`);
    }
    await compact();
    expect(contents(log).map((each) => each.slice(0, 3))).toEqual(["1:a", "3:b", "4:c", "5:d", "6:e"]);
    await log.close();
    // All but one are damaged, the oldest of those that were left.
    for (const name of fixture.files("snapshot").slice(1)) fixture.save(name, Buffer.from("damaged"));
    log = await fixture.open();
    expect(log.openTransaction(1)).toBeUndefined();
    expect(log.lastStableOffset).toBe(7);
  });

  it("that have expired leave nothing behind", async () => {
    appendKeyed(log, { entries: ["a=1"], producerId: 1, sequence: 0 });
    add("a=2");
    fixture.clock.timeMs += 2 * fixture.config.producerIdExpirationMs;
    expect(await compact()).toEqual(["1:a=2"]);
  });
});

describe("segments", () => {
  it("grow together up to segment.bytes", async () => {
    const batch = keyedBatch({ entries: ["k0=0"] }).sizeBytes;
    await openLog({ segmentBytes: 4 * batch });
    for (let i = 0; i < 40; i++) add(`k${i % 4}=${i % 10}`);
    await compact();
    expect(fixture.files("log").length).toBeGreaterThan(8);
    for (const key of ["x", "y", "z"]) {
      add(`${key}=1`);
      await compact();
    }
    // The last 4 of the 40 fill one, and what was before them is nothing but the log's start.
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 36, 40, 43]);
    expect(contents(log).slice(-7)).toEqual(["36:k0=6", "37:k1=7", "38:k2=8", "39:k3=9", "40:x=1", "41:y=1", "42:z=1"]);
  });

  it("what is read does not change by it, and files that are open can be read on", async () => {
    add("a=1");
    await seal(fixture, log);
    const open = fixture.disk.open(fixture.path("00000000000000000000.log"));
    const size = open.size();
    add("a=2");
    await compact();
    const bytes = Buffer.alloc(size);
    expect(open.read(bytes, 0, size, 0)).toBe(size);
    expect(decodeRecords(new RecordBatch(bytes))[0]?.value?.toString()).toBe("1");
  });

  it("become none that is larger than a file may be: the next run puts less into one", async () => {
    const disk = new FaultyDisk();
    await openLog({}, disk);
    for (const entry of ["a=1", "b=1", "a=2"]) {
      add(entry);
      await seal(fixture, log);
    }
    const { sizeBytes } = keyedBatch({ entries: ["a=1"] });
    disk.code = "EFBIG";
    disk.fails = (operation, path) => operation === "write" && disk.readFile(path).length >= sizeBytes;
    await expect(compact()).rejects.toThrow("EFBIG");
    expect(await compact()).toEqual(["[0-0]", "1:b=1", "2:a=2"]);
  });

  it("are the same after a start", async () => {
    for (let i = 0; i < 10; i++) add(`k${i % 3}=${i}`);
    const found = await compact();
    const { sizeBytes } = log;
    await log.close();
    log = await fixture.open();
    expect(contents(log)).toEqual(found);
    expect(log.sizeBytes).toBe(sizeBytes);
    expect(fixture.lines.filter(({ level }) => level !== "info")).toEqual([]);
  });

  it("are looked into for aborted transactions once, however many follow the one that is read", async () => {
    await openLog({ segmentBytes: keyedBatch({ entries: ["k0=1"] }).sizeBytes });
    for (let i = 0; i < 8; i++) add(`k${i}=1`, `x=${i}`);
    await compact();
    await log.close();
    log = await fixture.open();
    let opened: string[] = [];
    const open = fixture.disk.open.bind(fixture.disk);
    fixture.disk.open = (path, options) => {
      opened.push(path);
      return open(path, options);
    };
    const fetch = (): void => void read(log, { offset: 0, maxBytes: 1, isolation: "read_committed" });
    fetch();
    const indexes = (): number => opened.filter((path) => path.endsWith(".txnindex")).length;
    expect(indexes()).toBeGreaterThan(5);
    opened = [];
    fetch();
    expect(indexes()).toBeLessThanOrEqual(1);
  });

  it("one in which nothing is to be done is left alone", async () => {
    add("a=1");
    await compact();
    const bytes = fixture.bytesOf("00000000000000000000.log");
    fixture.disk.syncFolder = () => Promise.reject(new Error("no file changes its name"));
    await log.compaction.run(0, compactionOptions(fixture));
    expect(fixture.bytesOf("00000000000000000000.log")).toEqual(bytes);
  });

  it("a swap waits while too many files are open, and takes no log offline", async () => {
    add("a=1");
    add("a=2");
    await seal(fixture, log);
    const sync = fixture.disk.syncFolder.bind(fixture.disk);
    let attempts = 0;
    fixture.disk.syncFolder = (path) => {
      return ++attempts % 4 === 0 ? sync(path) : Promise.reject(new DiskError("EMFILE", path, `${path}: EMFILE`));
    };
    await log.compaction.run(0, compactionOptions(fixture));
    expect(attempts).toBeGreaterThanOrEqual(12);
    expect(log.offlineReason).toBeUndefined();
    expect(fixture.disk.list(fixture.folder).filter((name) => /\.(cleaned|swap)$/.test(name))).toEqual([]);
  });

  it("a damaged batch stops it, and everything stays", async () => {
    add("a=1");
    add("a=2");
    await seal(fixture, log);
    const bytes = fixture.bytesOf("00000000000000000000.log");
    bytes[bytes.length - 1] = 0xff;
    fixture.save("00000000000000000000.log", bytes);
    await expect(log.compaction.run(0, compactionOptions(fixture))).rejects.toThrow(LogCorruptionError);
    expect(fixture.bytesOf("00000000000000000000.log")).toEqual(bytes);
    expect(fixture.disk.list(fixture.folder).filter((name) => name.endsWith(".cleaned"))).toEqual([]);
  });
});

describe("what is due", () => {
  it("by min.cleanable.dirty.ratio", async () => {
    await openLog({ minCleanableDirtyRatio: 0.5 });
    add("a=1", "b=1");
    await compact();
    expect(log.compaction.status(cleanedOffset)).toMatchObject({ isDue: false, dirtyBytes: 0 });
    add("c=1");
    await seal(fixture, log);
    expect(log.compaction.status(cleanedOffset).isDue).toBe(false);
    add("d=1");
    await seal(fixture, log);
    expect(log.compaction.status(cleanedOffset).isDue).toBe(true);
  });

  it("not what is younger than min.compaction.lag.ms", async () => {
    await openLog({ minCompactionLagMs: 100 });
    add("a=1");
    await seal(fixture, log);
    appendKeyed(log, { entries: ["a=2"], timestamp: START_MS + 50 });
    await seal(fixture, log);
    fixture.clock.timeMs += 120;
    expect(log.compaction.status(0)).toMatchObject({ isDue: true, endOffset: 1 });
    fixture.clock.timeMs += 50;
    expect(log.compaction.status(0)).toMatchObject({ isDue: true, endOffset: 2 });
  });

  it("whatever is older than max.compaction.lag.ms, for which the active segment ends", async () => {
    await openLog({ minCleanableDirtyRatio: 1, maxCompactionLagMs: 100 });
    add("a=1");
    add("a=2");
    fixture.clock.timeMs += 101;
    log.maintain();
    await compact();
    expect(contents(log)).toEqual(["1:a=2"]);
  });

  it("a checkpoint beyond the log's end is of another log", () => {
    add("a=1");
    expect(log.compaction.status(17).firstDirtyOffset).toBe(0);
  });

  it("nothing below the log's start", async () => {
    add("a=1");
    await seal(fixture, log);
    add("a=2", "b=1");
    await seal(fixture, log);
    log.deleteRecordsBefore(2);
    await log.flush();
    expect(log.compaction.status(0).firstDirtyOffset).toBe(2);
  });
});

describe("a timestamp", () => {
  it("that the time index names is of a record, not of a batch that was emptied", async () => {
    await openLog({ indexIntervalBytes: 0 });
    appendKeyed(log, { entries: ["a=1"], producerId: 1, timestamp: START_MS + 500 });
    appendKeyed(log, { entries: ["a=2", "b=1"], timestamp: START_MS });
    expect(await compact()).toEqual(["[0-0]", "1:a=2", "2:b=1"]);
    expect(foundBy(log.offsetOfMaxTimestamp("read_uncommitted"))).toMatchObject({ offset: 2, timestamp: START_MS + 1 });
    expect(foundBy(log.offsetForTimestamp(START_MS + 2, "read_uncommitted"))).toBeUndefined();
  });

  it("of an emptied batch counts for retention: a segment with nothing else goes by its age", async () => {
    await openLog({ cleanupPolicy: ["compact", "delete"], segmentBytes: keyedBatch({ entries: ["a=1"] }).sizeBytes });
    add("a=1");
    add("a=2");
    expect(await compact()).toEqual(["[0-0]", "1:a=2"]);
    fixture.clock.timeMs += fixture.config.retentionMs + 1;
    log.maintain();
    await log.flush();
    expect(log.logStartOffset).toBe(2);
  });
});

describe("meanwhile", () => {
  it("retention deletes segments: it ends, and begins anew next time", async () => {
    const batch = keyedBatch({ entries: ["a=1"] }).sizeBytes;
    await openLog({ cleanupPolicy: ["compact", "delete"], segmentBytes: 2 * batch });
    for (let i = 0; i < 10; i++) add(`k=${i}`);
    await seal(fixture, log);
    const options = compactionOptions(fixture);
    let isFirst = true;
    const spend = async (): Promise<void> => {
      if (isFirst) log.deleteRecordsBefore(4);
      isFirst = false;
      await log.flush();
    };
    const run = log.compaction.run(0, { ...options, pace: Object.assign(options.pace, { spend }) });
    await expect(run).rejects.toThrow(CompactionStopped);
    expect(log.logStartOffset).toBe(4);
    expect(await log.compaction.run(0, compactionOptions(fixture))).toBe(10);
    expect(contents(log).filter((each) => !each.startsWith("["))).toEqual(["9:k=9"]);
  });

  it("a file of the new segment cannot be synced: none is let go of for as long as another is being synced", async () => {
    const disk = new FaultyDisk();
    await openLog({}, disk);
    for (let i = 0; i < 10; i++) add(`k=${i}`);
    await seal(fixture, log);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let hasFailed = false;
    disk.sync = async ({ path }) => {
      if (path.endsWith(".log.cleaned")) await held;
      if (!path.endsWith(".timeindex.cleaned")) return;
      hasFailed = true;
      throw new DiskError("EIO", path, "EIO");
    };
    const closed: string[] = [];
    disk.fails = (operation, path) => {
      if (operation === "close" && path.endsWith(".cleaned")) closed.push(path);
      return false;
    };
    const run = expect(log.compaction.run(0, compactionOptions(fixture))).rejects.toThrow("EIO");
    await new Promise((resolve) => setImmediate(resolve));
    expect([hasFailed, closed]).toEqual([true, []]);
    release();
    await run;
    expect(closed).not.toEqual([]);
    expect(disk.list(fixture.folder).filter((name) => name.includes("cleaned"))).toEqual([]);
  });

  it("the log closes: it stops, and nothing is left of it", async () => {
    for (let i = 0; i < 10; i++) add(`k=${i}`);
    await seal(fixture, log);
    const run = log.compaction.run(0, compactionOptions(fixture));
    await log.close();
    await expect(run).rejects.toThrow(CompactionStopped);
    expect(fixture.disk.list(fixture.folder).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
  });
});
