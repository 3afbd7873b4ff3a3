// Disks that fail: a write or a sync that does not succeed, and one that is full (fault 17).

import { beforeEach, describe, expect, it } from "vitest";
import { until } from "../../test/support/until.ts";
import { DiskError, type DiskFile, type DiskVolume } from "../platform/disk.ts";
import { FaultyDisk, type Operation } from "./faulty-disk.testing.ts";
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
import { segmentFileName } from "./segment-files.ts";

let disk: FaultyDisk;
let fixture: LogFixture;
let log: PartitionLog;
let advances: number;

async function openLog(config: Partial<LogConfig> = {}): Promise<void> {
  disk = new FaultyDisk();
  fixture = new LogFixture(config, disk);
  advances = 0;
  log = await fixture.open({ onAdvance: () => advances++ });
}
beforeEach(() => openLog());

function tryAppend(): string {
  const outcome = log.append([batchOf({ values: ["refused"] })], "client");
  return outcome.ok ? "ok" : outcome.error;
}

function expectOffline(): void {
  const error = "KAFKA_STORAGE_ERROR";
  expect(log.offlineReason).toBeInstanceOf(DiskError);
  expect(tryAppend()).toBe(error);
  // Also what would be refused for its producer's sake: the batches before it may be those that were not taken.
  expect(log.append([batchOf({ producerId: 1, sequence: 99 })], "client")).toMatchObject({ error });
  expect(log.startVerification(1, 0, 0, false)).toMatchObject({ error });
  expect(log.read({ offset: 0, maxBytes: 1, isolation: "read_uncommitted", minOneBatch: true })).toMatchObject({
    error,
  });
  const marker = {
    type: "abort",
    producerId: 1,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    timestamp: 0,
    transactionVersion: 0,
  } as const;
  expect(log.appendMarker(marker)).toMatchObject({ error });
  expect(log.deleteRecordsBefore(0)).toMatchObject({ error });
  expect(fixture.lines.filter(({ message }) => message === "partition offline")).toHaveLength(1);
}

describe("a write that fails", () => {
  beforeEach(async () => {
    append(log, { values: ["a"] });
    await durable(log);
  });

  it("takes the log offline: nothing of the batch is acknowledged, nor of what was not durable", async () => {
    append(log, { values: ["b"] });
    const waiting = durable(log);
    advances = 0;
    disk.fails = (operation) => operation === "write";
    expect(tryAppend()).toBe("KAFKA_STORAGE_ERROR");
    await expect(waiting).rejects.toThrow("EIO");
    expect(advances).toBe(1);
    expectOffline();
    expect(log.highWatermark).toBe(1);
  });

  it("leaves a log that opens again without the batch", async () => {
    append(log, { values: ["b"] });
    disk.fails = (operation) => operation === "write";
    tryAppend();
    await log.close();
    disk.fails = () => false;
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b"]);
  });
});

describe("a sync that fails", () => {
  it("takes the log offline, and is never tried again: the kernel may have dropped the pages", async () => {
    append(log, { values: ["a"] });
    let syncs = 0;
    disk.fails = (operation, path) => operation === "sync" && path.endsWith(".log") && ++syncs > 0;
    await expect(durable(log)).rejects.toThrow("EIO");
    expectOffline();
    expect(log.highWatermark).toBe(0);
    await expect(durable(log)).rejects.toThrow("EIO");
    await expect(log.flush()).rejects.toThrow("EIO");
    await log.close();
    expect(syncs).toBe(1);
  });

  it("leaves word of it for the next start, or the log tells what to do without", async () => {
    const messages = (level: string): string[] =>
      fixture.lines.filter((line) => line.level === level).map(({ message }) => message);
    append(log);
    disk.fails = (operation, path) => operation === "sync" && path.endsWith(".log");
    await expect(durable(log)).rejects.toThrow("EIO");
    expect(messages("warn")).toEqual(["a sync failed: the next start writes anew what it was to cover"]);
    expect(messages("error")).toEqual(["partition offline"]);
    await openLog();
    append(log);
    disk.fails = (operation, path) => operation === "create" || (operation === "sync" && path.endsWith(".log"));
    await expect(durable(log)).rejects.toThrow("EIO");
    expect(messages("error")[0]).toMatch(/start the machine anew/);
    expectOffline();
  });

  it("keeps the log closed for as long as there is no room for what is to be written anew", async () => {
    append(log, { values: ["a"] });
    disk.fails = (operation, path) => operation === "sync" && path.endsWith(".log");
    await log.close();
    disk.code = "ENOSPC";
    for (const failing of ["write", "sync"]) {
      disk.fails = (operation, path) => operation === failing && path.endsWith(".log.tmp");
      await expect(fixture.open()).rejects.toThrow("ENOSPC");
      expect(fixture.files("tmp")).toEqual([]);
    }
    disk.fails = () => false;
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a"]);
    expect(disk.exists(fixture.path("failed-sync"))).toBe(false);
  });

  it("leaves that word at once, while another file's sync is under way, and once", async () => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    disk.sync = async ({ path }) => {
      if (!path.endsWith(segmentFileName(1, "log"))) await held;
      throw new DiskError("EIO", path, "EIO");
    };
    append(log);
    append(log);
    const failed = expect(durable(log)).rejects.toThrow("EIO");
    await until(() => disk.exists(fixture.path("failed-sync")));
    expect(log.offlineReason).toBeUndefined();
    release();
    await failed;
    expect(fixture.lines.filter(({ message }) => message.startsWith("a sync failed"))).toHaveLength(1);
  });

  describe("and has what it was to cover written anew", () => {
    class SmallDisk extends FaultyDisk {
      totalBytes = Number.POSITIVE_INFINITY;

      sizeOf(path: string): number {
        return this.readFile(path).length;
      }
      usedBytes(folder: string): number {
        return this.list(folder).reduce((sum, name) => sum + this.sizeOf(`${folder}/${name}`), 0);
      }
      volume(folder: string): DiskVolume {
        return { totalBytes: this.totalBytes, usableBytes: this.totalBytes - this.usedBytes(folder) };
      }
    }
    let small: SmallDisk;

    beforeEach(async () => {
      small = new SmallDisk();
      disk = small;
      fixture = new LogFixture({ segmentBytes: batchOf({ values: ["a"] }).sizeBytes }, disk);
      log = await fixture.open();
    });

    async function failSync(): Promise<void> {
      disk.fails = (operation, path) => operation === "sync" && path.endsWith(".log");
      await log.close();
      disk.fails = () => false;
    }

    it("takes no room where there is not enough", async () => {
      append(log, { values: ["a"] });
      await failSync();
      const sizeBytes = small.sizeOf(fixture.path(segmentFileName(0, "log")));
      const begun: string[] = [];
      disk.fails = (operation, path) => {
        if ((operation === "create" || operation === "write") && path.endsWith(".tmp")) begun.push(path);
        return false;
      };
      small.totalBytes = small.usedBytes(fixture.folder) + sizeBytes - 1;
      await expect(fixture.open()).rejects.toMatchObject({ code: "ENOSPC" });
      expect([begun, disk.openCount]).toEqual([[], 0]);
      small.totalBytes++;
      log = await fixture.open();
      expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a"]);
    });

    it("has the room of a copy that a crash left half-way, be it of a later segment", async () => {
      append(log, { values: ["a"] });
      append(log, { values: ["b"] });
      await failSync();
      const name = segmentFileName(1, "log");
      fixture.save(`${name}.tmp`, fixture.bytesOf(name));
      small.totalBytes = small.usedBytes(fixture.folder);
      log = await fixture.open();
      expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b"]);
    });

    it("leaves the processor to others between two parts of it", async () => {
      append(log, { values: ["v".repeat(4 * 1024 * 1024)] });
      await failSync();
      const steps: string[] = [];
      disk.fails = (operation, path) => {
        if (operation === "write" && path.endsWith(".log.tmp") && steps.at(-1) !== "write") steps.push("write");
        return false;
      };
      const { setImmediate } = fixture.clock;
      fixture.clock.setImmediate = (callback) => {
        steps.push("turn");
        setImmediate(callback);
      };
      log = await fixture.open();
      expect(steps.join(" ")).toMatch(/^(write turn ){5}/);
    });
  });

  it("of the folder counts as well: a segment without a name is no segment", async () => {
    await openLog({ segmentBytes: 100 });
    append(log);
    append(log);
    disk.fails = (operation) => operation === "syncFolder";
    await expect(durable(log)).rejects.toThrow("EIO");
    expectOffline();
  });

  it("of the folder leaves that word too, whatever it was for: the next start sees names that may be lost", async () => {
    for (const [what, config, act] of [
      ["a segment", { segmentBytes: 100 }, () => append(log)],
      ["a recovery point", { recoveryPointIntervalBytes: 1 }, () => append(log)],
      ["the log's start", {}, () => log.deleteRecordsBefore(1)],
    ] as const) {
      await openLog(config);
      append(log);
      await log.flush();
      disk.fails = (operation) => operation === "syncFolder";
      act();
      await expect(log.flush(), what).rejects.toThrow("EIO");
      await log.close();
      expect(disk.exists(fixture.path("failed-sync")), what).toBe(true);
    }
  });

  it("of a small file beside the segments counts as well", async () => {
    append(log);
    await durable(log);
    disk.fails = (operation, path) => operation === "sync" && path.includes("log-start");
    log.deleteRecordsBefore(1);
    await expect(log.flush()).rejects.toThrow("EIO");
    expectOffline();
  });

  it("during open keeps the log closed", async () => {
    append(log);
    await durable(log);
    disk.fails = (operation) => operation === "sync";
    await expect(fixture.open()).rejects.toThrow("EIO");
    disk.fails = () => false;
    await (await fixture.open()).close();
  });

  it("during close lets go of no file for as long as another is being synced", async () => {
    append(log);
    await durable(log);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    disk.sync = async ({ path }) => {
      if (path.endsWith(".timeindex")) throw new DiskError("EIO", path, "EIO");
      if (path.endsWith(".index")) await held;
    };
    const closed: string[] = [];
    disk.fails = (operation, path) => {
      if (operation === "close") closed.push(path);
      return false;
    };
    const closing = log.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toEqual([]);
    release();
    await closing;
    expect([closed.length > 0, disk.openCount]).toEqual([true, 0]);
  });

  it("during close leaves no snapshot that vouches for what may be lost", async () => {
    append(log);
    disk.fails = (operation, path) => operation === "sync" && path.endsWith(".log");
    await log.close();
    expect(fixture.files("snapshot")).toEqual([]);
  });
});

describe("a read that fails", () => {
  it("fails that read; the log stays", async () => {
    append(log, { values: ["a"] });
    await durable(log);
    disk.fails = (operation) => operation === "read";
    const options = { offset: 0, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ error: "KAFKA_STORAGE_ERROR" });
    disk.fails = () => false;
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a"]);
  });
});

describe("a page that cannot be read", () => {
  /** A read that runs into what is bad fails, or ends before it without a word (`isShort`). */
  class WornDisk extends FaultyDisk {
    badPosition = Number.POSITIVE_INFINITY;
    isShort = false;

    override open(path: string, options?: { readonly create?: boolean }): DiskFile {
      const file = super.open(path, options);
      if (!path.endsWith(".log")) return file;
      const read = (target: Uint8Array, targetOffset: number, length: number, position: number): number => {
        const left = this.badPosition - position;
        if (left >= length) return file.read(target, targetOffset, length, position);
        if (left > 0 && this.isShort) return file.read(target, targetOffset, left, position);
        throw new DiskError("EIO", path, `${path}: EIO`);
      };
      return { ...file, read };
    }
  }

  it.each([
    ["fails", false],
    ["comes short", true],
  ])("in a read that %s keeps the log closed, and nothing of it is cut", async (_what, isShort) => {
    const worn = new WornDisk();
    fixture = new LogFixture({}, worn);
    log = await fixture.open();
    for (let i = 0; i < 100; i++) append(log, { values: ["v".repeat(100)] });
    await durable(log);
    const size = (): number => worn.readFile(fixture.path(segmentFileName(0, "log"))).length;
    const sizeBytes = size();
    worn.isShort = isShort;
    for (const badPosition of [1, 0.45 * sizeBytes, sizeBytes - 1].map(Math.floor)) {
      worn.badPosition = badPosition;
      await expect(fixture.open()).rejects.toBeInstanceOf(DiskError);
      expect(size()).toBe(sizeBytes);
    }
    worn.badPosition = Number.POSITIVE_INFINITY;
    log = await fixture.open();
    expect(consume(log, "read_uncommitted")).toHaveLength(100);
  });
});

describe("a close that fails", () => {
  it("leaves no other file open", async () => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    for (let i = 0; i < 4; i++) append(log);
    await durable(log);
    disk.fails = (operation, path) => operation === "close" && path.endsWith(".log");
    await expect(log.close()).rejects.toThrow("EIO, close");
    expect(disk.openCount).toBe(0);
  });

  it("is not what is told of a log that cannot be opened, and leaves nothing of it open", async () => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    for (let i = 0; i < 4; i++) append(log);
    await log.close();
    // So that everything is scanned.
    for (const name of fixture.files("snapshot")) disk.remove(fixture.path(name));
    let isUnreadable = false;
    disk.fails = (operation, path) => {
      isUnreadable ||= operation === "read" && path.endsWith(segmentFileName(3, "log"));
      return isUnreadable && (operation === "read" || operation === "close");
    };
    await expect(fixture.open()).rejects.toThrow("EIO, read");
    expect(disk.openCount).toBe(0);
  });

  it.each([".log", "index"])("of a *%s is not tried again, and the file can be opened anew", async (end) => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    const values = Array.from({ length: 8 }, (_, i) => `${i}`);
    for (const value of values) append(log, { values: [value] });
    await durable(log);
    const outcomes: (string | undefined)[] = [];
    disk.fails = (operation, path) => operation === "close" && path.endsWith(end);
    // Each takes the place of another one among the open ones.
    for (let offset = 0; offset < 8; offset++) {
      const outcome = log.read({ offset, maxBytes: 1, isolation: "read_uncommitted", minOneBatch: true });
      outcomes.push(outcome.ok ? undefined : outcome.error);
    }
    expect(outcomes).toContain("KAFKA_STORAGE_ERROR");
    disk.fails = () => false;
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(values);
    await log.close();
    expect(disk.openCount).toBe(0);
  });
});

describe("a read that fails in maintenance", () => {
  it("takes nothing down, and the next maintenance tries again (simulator, read error, seeds 100 to 400)", async () => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    for (let i = 0; i < 4; i++) append(log);
    await durable(log);
    await log.close();
    log = await fixture.open({ config: { ...fixture.config, retentionBytes: 0 } });
    disk.fails = (operation) => operation === "read";
    log.maintain();
    await log.flush();
    expect([log.logStartOffset, log.offlineReason]).toEqual([0, undefined]);
    disk.fails = () => false;
    log.maintain();
    await log.flush();
    expect(log.logStartOffset).toBe(3);
  });
});

describe("a removal that fails", () => {
  beforeEach(async () => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    for (let i = 0; i < 4; i++) append(log);
    await durable(log);
  });

  const removalsFail = (): void => {
    disk.fails = (operation, path) => operation === "remove" && path.endsWith(".log");
  };
  /** As a power loss leaves it between the log's new start and the removal of what lies below. */
  const openWithSegmentsBelowStart = async (): Promise<void> => {
    await log.close();
    fixture.save("log-start-offset-checkpoint", Buffer.from("0\n1\ntopic 0 2\n"));
    log = await fixture.open();
  };

  it("takes the log offline", async () => {
    removalsFail();
    log.deleteRecordsBefore(2);
    await expect(log.flush()).rejects.toThrow("EIO");
    expectOffline();
  });

  it.each<[string, () => void]>([
    ["maintenance", () => log.maintain()],
    ["DeleteRecords", () => void log.deleteRecordsBefore(1)],
  ])("takes nothing else down when %s makes up for what a crash kept from being removed", async (_what, begin) => {
    await openWithSegmentsBelowStart();
    removalsFail();
    begin();
    await expect(log.flush()).rejects.toThrow("EIO");
    expectOffline();
    disk.fails = () => false;
    log = await fixture.open();
    begin();
    await log.flush();
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([2, 3]);
  });
});

describe.each(["ENOSPC", "SHORT_WRITE", "EDQUOT", "EFBIG"])("a full disk (%s)", (code) => {
  const isFull = (operation: Operation): boolean => operation === "write" || operation === "create";

  beforeEach(async () => {
    await openLog({ segmentBytes: 3 * batchOf().sizeBytes });
    disk.code = code;
  });

  it("refuses appends, and takes them again once there is room", async () => {
    append(log, { values: ["a"], producerId: 1 });
    disk.fails = isFull;
    for (let i = 0; i < 3; i++) {
      expect(log.append([batchOf({ values: ["b"], producerId: 1, sequence: 1 })], "client")).toMatchObject({
        error: "KAFKA_STORAGE_ERROR",
      });
    }
    expect([log.logEndOffset, log.offlineReason]).toEqual([1, undefined]);
    disk.fails = () => false;
    append(log, { values: ["b"], producerId: 1, sequence: 1 });
    await durable(log);
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b"]);
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b"]);
  });

  it("keeps the log's start from moving at first, and then it moves: no later request is told of less", async () => {
    for (let i = 0; i < 4; i++) append(log);
    await durable(log);
    // Both attempts at the first.
    let refusals = 2;
    disk.fails = (operation, path) => operation === "create" && path.includes("log-start-offset") && refusals-- > 0;
    log.deleteRecordsBefore(1);
    log.deleteRecordsBefore(2);
    await log.flush();
    expect(log.logStartOffset).toBe(2);
    expect(log.deleteRecordsBefore(1)).toEqual({ ok: true, logStartOffset: 2 });
  });

  it("is said once, not for each batch that is refused", () => {
    disk.fails = isFull;
    for (let i = 0; i < 3; i++) tryAppend();
    disk.fails = () => false;
    append(log);
    disk.fails = isFull;
    for (let i = 0; i < 3; i++) tryAppend();
    expect(fixture.lines.filter(({ message }) => message.startsWith("appends refused: "))).toHaveLength(2);
  });

  it.each<[string, (operation: Operation, path: string) => boolean]>([
    ["making the new file", (operation, path) => operation === "create" && path.endsWith("3.log")],
    ["making an index's file", (operation, path) => operation === "create" && path.endsWith(".txnindex")],
    ["writing the offset index", (operation, path) => operation === "write" && path.endsWith(".index")],
    ["writing the time index", (operation, path) => operation === "write" && path.endsWith(".timeindex")],
    ["writing the aborted index", (operation, path) => operation === "write" && path.endsWith(".txnindex")],
    ["writing the batch", (operation, path) => operation === "write" && path.endsWith("3.log")],
  ])("refuses a roll when there is no room for %s, and goes on when there is", async (_what, fails) => {
    await openLog({ segmentBytes: 250, indexIntervalBytes: 0 });
    disk.code = code;
    appendTransactional(log, { producerId: 1, values: ["aborted"] });
    mark(log, "abort", 1);
    append(log, { values: ["kept"] });
    await durable(log);
    disk.fails = fails;
    for (let i = 0; i < 2; i++) expect(tryAppend()).toBe("KAFKA_STORAGE_ERROR");
    disk.fails = () => false;
    expect([log.logEndOffset, log.offlineReason]).toEqual([3, undefined]);
    expect(valuesOf(consume(log, "read_committed"))).toEqual(["kept"]);
    expect(append(log, { values: ["next"] }).baseOffset).toBe(3);
    await durable(log);
    for (let round = 0; round < 3; round++) {
      expect(valuesOf(consume(log, "read_committed"))).toEqual(["kept", "next"]);
      expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 3]);
      if (round === 0) await log.close();
      log = await fixture.open();
    }
  });

  it("acknowledges what is written in place of an undone roll once nothing of that can come back", async () => {
    await openLog({ segmentBytes: 250 });
    disk.code = code;
    append(log, { values: ["a"] });
    await durable(log);
    disk.fails = (operation, path) => operation === "create" && path.endsWith(".txnindex");
    expect(log.append([batchOf({ values: ["x".repeat(200)] })], "client")).toMatchObject({
      error: "KAFKA_STORAGE_ERROR",
    });
    const operations: Operation[] = [];
    disk.fails = (operation) => {
      operations.push(operation);
      return false;
    };
    append(log, { values: ["b"] });
    await durable(log);
    expect(operations).toContain("syncFolder");
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0]);
  });

  it("refuses a marker, which can be written later", async () => {
    appendTransactional(log, { producerId: 1 });
    disk.fails = isFull;
    const marker = {
      type: "commit",
      producerId: 1,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: START_MS,
      transactionVersion: 0,
    } as const;
    expect(log.appendMarker(marker)).toMatchObject({ error: "KAFKA_STORAGE_ERROR" });
    expect(log.openTransaction(1)).toBeDefined();
    disk.fails = () => false;
    mark(log, "commit", 1);
    await durable(log);
    expect(log.lastStableOffset).toBe(2);
  });

  it("leaves snapshots out: a later start scans more", async () => {
    disk.fails = (operation, path) => isFull(operation) && path.includes("snapshot");
    for (let i = 0; i < 7; i++) append(log, { producerId: 1, sequence: i });
    await durable(log);
    await log.close();
    expect(log.offlineReason).toBeUndefined();
    expect(fixture.files("snapshot")).toEqual([]);
    disk.fails = () => false;
    log = await fixture.open();
    expect(log.activeProducers()[0]?.lastSequence).toBe(6);
  });

  it("leaves a log that is closed to the next start, which scans it", async () => {
    append(log, { values: ["a"] });
    disk.fails = isFull;
    await log.close();
    expect(fixture.lines.map(({ level }) => level)).not.toContain("error");
    expect(fixture.lines.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^the next start will scan/),
    );
    disk.fails = () => false;
    log = await fixture.open();
    expect(log.scannedBytes).toBeGreaterThan(0);
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a"]);
  });

  it("does not keep retention from making room, and the log's start is saved then", async () => {
    for (let i = 0; i < 7; i++) append(log);
    await durable(log);
    log.updateConfig({ ...fixture.config, retentionBytes: 0 });
    disk.fails = (operation) => isFull(operation) && fixture.files("log").length > 1;
    log.maintain();
    await log.flush();
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([6]);
    expect(fixture.bytesOf("log-start-offset-checkpoint").toString()).toMatch(/^0\n1\ntopic 0 6\n/);
    expect(log.offlineReason).toBeUndefined();
  });

  it("does not keep retention from what is older when the segment that is written to is due as well", async () => {
    for (let i = 0; i < 7; i++) append(log);
    await durable(log);
    fixture.clock.timeMs += 2000;
    log.updateConfig({ ...fixture.config, retentionMs: 1000 });
    disk.fails = (operation, path) => isFull(operation) && path.endsWith("7.log");
    log.maintain();
    await log.flush();
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([6]);
    expect([log.logStartOffset, log.offlineReason]).toEqual([6, undefined]);
  });

  it("saves the leader epochs at the end when there is room again", async () => {
    const disk = new FaultyDisk();
    disk.code = "ENOSPC";
    const fixture = new LogFixture({}, disk);
    disk.fails = (operation, path) => operation === "write" && path.includes("leader-epoch");
    const log = await fixture.open();
    append(log);
    await log.flush();
    disk.fails = () => false;
    await log.close();
    fixture.lines.length = 0;
    await (await fixture.open()).close();
    expect(fixture.lines).toEqual([]);
  });

  it("saves them in the next maintenance, too; of the want of room it has spoken once", async () => {
    await log.close();
    fixture.leaderEpoch = 1;
    disk.fails = (operation, path) => isFull(operation) && path.includes("leader-epoch");
    log = await fixture.open();
    for (let i = 0; i < 3; i++) {
      log.maintain();
      await log.flush();
    }
    expect(fixture.lines.map(({ message }) => message)).toEqual([expect.stringMatching(/^leader epochs not saved/)]);
    disk.fails = () => false;
    append(log);
    log.maintain();
    await log.flush();
    expect(fixture.bytesOf("leader-epoch-checkpoint").toString()).toBe("0\n1\n1 0\n");
  });

  it("leaves the leader epochs out: the next start reads them from the batches", async () => {
    append(log);
    await durable(log);
    await log.close();
    fixture.leaderEpoch = 1;
    disk.fails = (operation, path) => isFull(operation) && path.includes("leader-epoch");
    log = await fixture.open();
    expect(fixture.lines.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^leader epochs not saved/),
    );
    disk.fails = () => false;
    append(log);
    await log.close();
    fixture.leaderEpoch = 2;
    log = await fixture.open();
    expect([0, 1].map((epoch) => log.offsetForLeaderEpoch(epoch)?.endOffset)).toEqual([1, 2]);
  });

  it("keeps DeleteRecords from moving the log's start, which would come back after a crash (simulator, seed 11019)", async () => {
    append(log);
    append(log);
    await durable(log);
    disk.fails = isFull;
    log.deleteRecordsBefore(1);
    await log.flush();
    expect([log.logStartOffset, log.offlineReason]).toEqual([0, undefined]);
    disk.fails = () => false;
    log.deleteRecordsBefore(2);
    await log.flush();
    expect(log.logStartOffset).toBe(2);
    expect(fixture.bytesOf("log-start-offset-checkpoint").toString()).toMatch(/^0\n1\ntopic 0 2\n/);
  });
});

describe("a file that may not grow", () => {
  const isSegment = (path: string, baseOffset: number): boolean =>
    path.endsWith(`/${segmentFileName(baseOffset, "log")}`);

  beforeEach(() => {
    disk.code = "EFBIG";
  });

  it("is a full segment, and the next one begins", async () => {
    append(log, { values: ["a"], producerId: 1 });
    disk.fails = (operation, path) => operation === "write" && isSegment(path, 0);
    append(log, { values: ["b"], producerId: 1, sequence: 1 });
    append(log, { values: ["c"], producerId: 1, sequence: 2 });
    await durable(log);
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 1]);
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c"]);
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c"]);
  });

  it("refuses a batch that no other one takes either, and that makes no more than one segment", async () => {
    append(log, { values: ["a"] });
    disk.fails = (operation, path) => operation === "write" && path.endsWith(".log");
    for (let i = 0; i < 3; i++) expect(tryAppend()).toBe("KAFKA_STORAGE_ERROR");
    expect(fixture.files("log").map(Number.parseFloat)).toEqual([0, 1]);
    disk.fails = () => false;
    append(log, { values: ["b"] });
    await durable(log);
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b"]);
    expect(log.offlineReason).toBeUndefined();
  });
});

describe.each(["EMFILE", "ENFILE"])("too many open files (%s)", (code) => {
  beforeEach(async () => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    disk.code = code;
    for (const value of ["a", "b", "c", "d"]) append(log, { values: [value] });
    await durable(log);
  });

  it.each<[string, (operation: Operation, path: string) => boolean]>([
    ["a new segment", (operation, path) => operation === "create" && path.endsWith(".log")],
    ["an index", (operation, path) => operation === "create" && path.endsWith(".timeindex")],
  ])("refuse an append that needs %s, and take it once files can be opened", async (_what, fails) => {
    disk.fails = fails;
    for (let i = 0; i < 2; i++) expect(tryAppend()).toBe("KAFKA_STORAGE_ERROR");
    expect([log.logEndOffset, log.offlineReason]).toEqual([4, undefined]);
    expect(fixture.lines.filter(({ message }) => message.includes("too many files open"))).toHaveLength(1);
    disk.fails = () => false;
    append(log, { values: ["e"] });
    await durable(log);
    await log.close();
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c", "d", "e"]);
  });

  /** For so many attempts at a folder's sync; `onRefused` is called for each. */
  function refuseFolderSyncs(count: number, onRefused: () => void = () => {}): void {
    disk.fails = (operation) => {
      if (operation !== "syncFolder" || count-- <= 0) return false;
      onRefused();
      return true;
    };
  }

  it.each<[string, () => void, string[]]>([
    ["a new segment", () => void append(log, { values: ["e"] }), ["a", "b", "c", "d", "e"]],
    ["a new start", () => void log.deleteRecordsBefore(2), ["c", "d"]],
  ])("hold up %s whose name cannot be synced, and do not take the log offline", async (_what, change, expected) => {
    const seen: number[][] = [];
    refuseFolderSyncs(1000, () => seen.push([log.highWatermark, log.logStartOffset]));
    change();
    await log.flush();
    expect(seen).toEqual(Array.from({ length: 1000 }, () => [4, 0]));
    // The attempts leave the processor to others.
    expect(fixture.clock.pausesMs).toEqual(Array.from({ length: 1000 }, () => 10));
    expect(log.offlineReason).toBeUndefined();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(expected);
    await log.close();
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(expected);
  });

  it("do not hold up whoever closes or opens a log", async () => {
    append(log, { values: ["e"] });
    let refused = 0;
    refuseFolderSyncs(1000, () => refused++);
    await log.close();
    expect(refused).toBeLessThan(10);
    await expect(fixture.open()).rejects.toThrow(code);
    disk.fails = () => false;
    log = await fixture.open();
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("do not excuse a file whose sync has failed at the same time", async () => {
    disk.sync = async ({ path }) => {
      for (let i = 0; i < 100; i++) await Promise.resolve();
      throw new DiskError("EIO", path, "EIO");
    };
    disk.fails = (operation) => operation === "syncFolder";
    append(log, { values: ["e"] });
    await expect(fixture.open()).rejects.toMatchObject({ code: "SYNC_FAILED" });
  });

  it("refuse a read for whose sake indexes are to be built anew, and keep none of the files that there were", () => {
    disk.remove(fixture.path("00000000000000000000.timeindex"));
    disk.fails = (operation, path) => operation === "create" && path.endsWith(".timeindex");
    const options = { offset: 0, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    const openCounts = [0, 1, 2].map(() => {
      expect(log.read(options)).toMatchObject({ error: "KAFKA_STORAGE_ERROR" });
      return disk.openCount;
    });
    expect(new Set(openCounts).size).toBe(1);
    disk.fails = () => false;
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c", "d"]);
  });

  it("refuse a read that needs a file", () => {
    disk.fails = (operation) => operation === "open";
    const options = { offset: 0, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ error: "KAFKA_STORAGE_ERROR" });
    disk.fails = () => false;
    expect(valuesOf(consume(log, "read_uncommitted"))).toEqual(["a", "b", "c", "d"]);
  });
});

describe.each(["EIO", "EROFS", "EACCES", "ENODEV"])("any other failure (%s)", (code) => {
  it.each<Operation>(["create", "write"])("to %s takes the log offline", async (failing) => {
    await openLog({ segmentBytes: batchOf().sizeBytes });
    append(log);
    disk.code = code;
    disk.fails = (operation) => operation === failing;
    expect(tryAppend()).toBe("KAFKA_STORAGE_ERROR");
    expectOffline();
  });
});
