// Opening a log after a clean stop, after a crash, and after damage. A crash here is a log that is not closed: what it
// wrote is there (kill -9), and tests cut or spoil it where a power loss could.

import { beforeEach, describe, expect, it } from "vitest";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { BASE_OFFSET_AT } from "../protocol/records/batch.ts";
import {
  append,
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
import type { LogConfig } from "./log-config.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import type { PartitionLog } from "./partition-log.ts";

let fixture: LogFixture;
let log: PartitionLog;

async function openLog(config: Partial<LogConfig> = {}): Promise<void> {
  fixture = new LogFixture({ indexIntervalBytes: 150, ...config });
  log = await fixture.open();
}
beforeEach(() => openLog());

function segments(): string[] {
  return fixture.files("log");
}

function warnings(): string[] {
  return fixture.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
}

async function expectCorruption(path: string): Promise<void> {
  await expect(fixture.open()).rejects.toSatisfy(
    (error) => error instanceof LogCorruptionError && error.path.endsWith(path),
  );
}

describe("a torn tail (fault 17)", () => {
  /** Two batches that are below a snapshot, then three that are not. Returns where the last three begin and end. */
  async function writeTail(): Promise<number[]> {
    append(log, { producerId: 1, values: ["a", "b"] });
    appendTransactional(log, { producerId: 2, values: ["c"] });
    await log.close();
    log = await fixture.open();
    const positions = [log.sizeBytes];
    append(log, { producerId: 1, sequence: 2, values: ["d", "e"] });
    positions.push(log.sizeBytes);
    mark(log, "abort", 2);
    positions.push(log.sizeBytes);
    append(log, { producerId: 1, sequence: 4, values: ["f", "g"] });
    positions.push(log.sizeBytes);
    await durable(log);
    return positions;
  }

  /** What must be left when the file's first `length` bytes hold. */
  function expectPrefix(positions: readonly number[], length: number, what: string): void {
    const whole = positions.filter((position) => position <= length).length - 1;
    expect(log.logEndOffset, what).toBe([3, 5, 6, 8][whole]);
    expect(log.highWatermark, what).toBe(log.logEndOffset);
    expect(log.sizeBytes, what).toBe(positions[whole]);
    const isAborted = whole >= 2;
    expect(log.openTransaction(2) === undefined, what).toBe(isAborted);
    const committed = [
      ["a", "b"],
      ["a", "b"],
      ["a", "b", "d", "e"],
      ["a", "b", "d", "e", "f", "g"],
    ][whole];
    expect(valuesOf(consume(log, "read_committed")), what).toEqual(committed);
    const sequence = [2, 4, 4, 6][whole] as number;
    expect(append(log, { producerId: 1, sequence, values: ["next"] }).isDuplicate, what).toBe(false);
  }

  it("cut at every byte, the log ends before the batch that is not whole", async () => {
    const positions = await writeTail();
    const [name] = segments() as [string];
    const bytes = fixture.bytesOf(name);
    for (let length = positions[0] as number; length <= bytes.length; length++) {
      fixture.save(name, bytes.subarray(0, length));
      log = await fixture.open();
      expectPrefix(positions, length, `cut at ${length}`);
      expect(fixture.bytesOf(name).length).toBeLessThanOrEqual(bytes.length + 100);
    }
  });

  it("with zeros from any byte on, the log ends before the batch that has them", async () => {
    const positions = await writeTail();
    const [name] = segments() as [string];
    const bytes = fixture.bytesOf(name);
    for (let length = positions[0] as number; length < bytes.length; length += 3) {
      // A batch may end in zeros of its own.
      if (bytes.subarray(length).every((byte) => byte === 0)) continue;
      const spoilt = Buffer.from(bytes).fill(0, length);
      const damage = bytes.findIndex((byte, at) => byte !== spoilt[at]);
      fixture.save(name, spoilt);
      log = await fixture.open();
      expectPrefix(positions, damage, `zeros from ${length}`);
    }
  });

  it("with a wrong bit anywhere, the leader epoch that no CRC covers too (simulator, seed 100609), the log ends before the batch that has it", async () => {
    const positions = await writeTail();
    const [name] = segments() as [string];
    const bytes = fixture.bytesOf(name);
    for (let at = positions[0] as number; at < bytes.length; at++) {
      const spoilt = Buffer.from(bytes);
      spoilt[at] = (bytes[at] as number) ^ (1 << (at % 8));
      fixture.save(name, spoilt);
      log = await fixture.open();
      expectPrefix(positions, at, `bit at ${at}`);
    }
  });

  it("says what was cut, and where", async () => {
    const positions = await writeTail();
    const [name] = segments() as [string];
    fixture.save(name, fixture.bytesOf(name).subarray(0, -1));
    fixture.lines.length = 0;
    await fixture.open();
    const cutBytes = (positions[3] as number) - (positions[2] as number) - 1;
    expect(fixture.lines).toEqual([
      {
        level: "warn",
        message:
          "log cut before a batch that does not hold, where a write may have been interrupted; what lies below is whole",
        fields: expect.objectContaining({ position: positions[2], offset: 6, cutBytes }),
      },
    ]);
  });

  it("with segments behind it: they go, for they were never acknowledged", async () => {
    await openLog({ segmentBytes: 3 * batchOf().sizeBytes });
    for (let i = 0; i < 2; i++) append(log);
    await log.close();
    log = await fixture.open();
    for (let i = 0; i < 7; i++) append(log);
    await durable(log);
    for (const name of fixture.files("snapshot").slice(1)) fixture.disk.remove(fixture.path(name));
    expect(segments().map(Number.parseFloat)).toEqual([0, 3, 6]);
    const name = segments()[1] as string;
    fixture.save(name, fixture.bytesOf(name).subarray(0, -1));
    log = await fixture.open();
    expect(log.logEndOffset).toBe(5);
    expect(segments().map(Number.parseFloat)).toEqual([0, 3]);
    expect(append(log).baseOffset).toBe(5);
  });
});

describe("damage below the recovery point is not cut: it had been acknowledged", () => {
  beforeEach(async () => {
    for (let i = 0; i < 5; i++) append(log, { values: [`v${i}`] });
    await log.close();
  });

  it("a file that is too short", async () => {
    const [name] = segments() as [string];
    for (const length of [0, 1, 60, 100, log.sizeBytes - 1]) {
      fixture.save(name, fixture.bytesOf(name).subarray(0, length));
      await expectCorruption(name);
    }
  });

  it("a file that is gone", async () => {
    for (const name of segments()) fixture.disk.remove(fixture.path(name));
    await expect(fixture.open()).rejects.toThrow(
      "topic-0 is lost: no segment is left of a log that was durable up to 5",
    );
  });

  it("a wrong bit, found when the snapshot is damaged too and all must be scanned", async () => {
    const [name] = segments() as [string];
    const bytes = fixture.bytesOf(name);
    bytes[80] = (bytes[80] as number) ^ 1;
    fixture.save(name, bytes);
    const [snapshot] = fixture.files("snapshot") as [string];
    fixture.save(snapshot, fixture.bytesOf(snapshot).subarray(0, 5));
    await expectCorruption(name);
    // A second try does not take it for sound.
    await expectCorruption(name);
  });

  it("a batch's header, found by who reads it", async () => {
    const [name] = segments() as [string];
    const bytes = fixture.bytesOf(name);
    bytes.fill(0, batchOf().sizeBytes, batchOf().sizeBytes + 20);
    fixture.save(name, bytes);
    log = await fixture.open();
    const options = { offset: 1, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ ok: false, error: "CORRUPT_MESSAGE" });
    expect(fixture.lines.at(-1)).toMatchObject({ level: "error", message: "read failed" });
    expect(log.offlineReason).toBeUndefined();
  });

  it("an offset out of place, found by who reads it", async () => {
    const [name] = segments() as [string];
    const bytes = fixture.bytesOf(name);
    bytes.writeBigInt64BE(99n, 2 * batchOf({ values: ["v0"] }).sizeBytes + BASE_OFFSET_AT);
    fixture.save(name, bytes);
    log = await fixture.open();
    const options = { offset: 2, maxBytes: 1000, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read(options)).toMatchObject({ ok: false, error: "CORRUPT_MESSAGE" });
  });
});

describe("a clean stop", () => {
  /** A disk that counts what is read of segment files. */
  class CountingDisk extends MemoryDisk {
    readBytes = 0;

    override open(path: string, options?: { readonly create?: boolean }): DiskFile {
      const file = super.open(path, options);
      if (!path.endsWith(".log")) return file;
      return new Proxy(file, {
        get: (target, name: keyof DiskFile) => {
          if (name !== "read") return typeof target[name] === "function" ? target[name].bind(target) : target[name];
          return (...args: Parameters<DiskFile["read"]>) => {
            const count = target.read(...args);
            this.readBytes += count;
            return count;
          };
        },
      });
    }
  }

  it("leaves nothing to scan: not even one batch is read in full", async () => {
    const disk = new CountingDisk();
    const large = new LogFixture({ segmentBytes: 300_000 }, disk as Disk);
    log = await large.open();
    for (let i = 0; i < 100; i++) append(log, { values: ["x".repeat(10_000)], producerId: 1, sequence: i });
    await log.close();
    disk.readBytes = 0;
    log = await large.open();
    expect([log.logEndOffset, log.highWatermark, log.activeProducers()[0]?.lastSequence]).toEqual([100, 100, 99]);
    expect(disk.readBytes).toBeLessThan(64 * 1024);
  });

  it("is safe from a power loss: every file stays as it is", async () => {
    await openLog({ segmentBytes: 700 });
    for (let i = 0; i < 12; i++) {
      appendTransactional(log, { producerId: 1, sequence: i });
      mark(log, i % 2 ? "commit" : "abort", 1);
    }
    await log.close();
    const contents = (disk: Disk): [string, string][] =>
      disk.list(fixture.folder).map((name) => [name, Buffer.from(disk.readFile(fixture.path(name))).toString("hex")]);
    const before = contents(fixture.disk);
    for (let seed = 0; seed < 50; seed++) {
      expect(contents((fixture.disk as MemoryDisk).afterCrash(seededRandom(seed)))).toEqual(before);
    }
  });

  it("right after a segment was sealed waits for its files", async () => {
    await openLog({ retentionMs: 1000 });
    append(log, { timestamp: START_MS - 2000 });
    await durable(log);
    log.maintain();
    await log.close();
    expect(log.offlineReason).toBeUndefined();
    for (let seed = 0; seed < 50; seed++) {
      const left = (fixture.disk as MemoryDisk).afterCrash(seededRandom(seed));
      expect(left.readFile(fixture.path("00000000000000000000.timeindex"))).toHaveLength(12);
    }
  });

  it("right after another leaves the log as it was", async () => {
    append(log, { producerId: 1 });
    await log.close();
    const before = fixture.disk.list(fixture.folder);
    for (let i = 0; i < 3; i++) await (await fixture.open()).close();
    expect(fixture.disk.list(fixture.folder)).toEqual(before);
  });

  it("then a crash between a roll and its snapshot: entries behind the stop are taken in once", async () => {
    await openLog({ segmentBytes: 1000, indexIntervalBytes: 0 });
    appendTransactional(log, { producerId: 1, values: ["aborted"], timestamp: START_MS });
    append(log, { values: ["a"], timestamp: START_MS + 1 });
    await log.close();
    const [stop] = fixture.files("snapshot") as [string];
    const snapshot = fixture.bytesOf(stop);
    log = await fixture.open();
    mark(log, "abort", 1);
    for (let i = 2; segments().length < 2; i++) append(log, { values: [`v${i}`], timestamp: START_MS + i });
    await durable(log);
    await log.flush();
    const expected = consume(log, "read_uncommitted").map(({ offset }) => offset);
    for (const name of fixture.files("snapshot")) fixture.disk.remove(fixture.path(name));
    fixture.save(stop, snapshot);
    const indexes = ["index", "timeindex", "txnindex"].map((kind) => fixture.bytesOf(`${"0".repeat(20)}.${kind}`));
    log = await fixture.open();
    await log.flush();
    expect(consume(log, "read_uncommitted").map(({ offset }) => offset)).toEqual(expected);
    expect(read(log, { isolation: "read_committed" }).abortedTransactions).toEqual([{ producerId: 1, firstOffset: 0 }]);
    expect(["index", "timeindex", "txnindex"].map((kind) => fixture.bytesOf(`${"0".repeat(20)}.${kind}`))).toEqual(
      indexes,
    );
  });

  it("then a crash: only what came since is scanned, and the old snapshot goes with the next one", async () => {
    append(log, { producerId: 1 });
    await log.close();
    log = await fixture.open();
    append(log, { producerId: 1, sequence: 1 });
    await durable(log);
    log = await fixture.open();
    expect(log.activeProducers()[0]?.lastSequence).toBe(1);
    expect(fixture.files("snapshot").map(Number.parseFloat)).toEqual([1]);
    await log.close();
    expect(fixture.files("snapshot").map(Number.parseFloat)).toEqual([2]);
  });
});

describe("producer snapshots", () => {
  it("that are damaged are passed over for older ones, and written anew", async () => {
    await openLog({ segmentBytes: 3 * batchOf({ producerId: 1 }).sizeBytes });
    for (let i = 0; i < 8; i++) append(log, { producerId: 1, sequence: i });
    await log.close();
    const before = log.activeProducers();
    for (const name of fixture.files("snapshot").slice(-2)) fixture.save(name, Buffer.from("damaged"));
    log = await fixture.open();
    expect(log.activeProducers()).toEqual(before);
    expect(warnings()).toEqual(new Array(2).fill("damaged producer snapshot passed over"));
    await log.close();
    fixture.lines.length = 0;
    log = await fixture.open();
    expect(warnings()).toEqual([]);
    expect(log.activeProducers()).toEqual(before);
  });

  it("that are all gone: everything is scanned", async () => {
    await openLog({ segmentBytes: 3 * batchOf({ producerId: 1 }).sizeBytes });
    for (let i = 0; i < 8; i++) append(log, { producerId: 1, sequence: i });
    await log.close();
    const before = log.activeProducers();
    for (const name of fixture.files("snapshot")) fixture.disk.remove(fixture.path(name));
    log = await fixture.open();
    expect(log.activeProducers()).toEqual(before);
    await log.flush();
    expect(fixture.files("snapshot").map(Number.parseFloat)).toEqual([3, 6]);
  });
});

describe("indexes", () => {
  /** Aborted and committed transactions over several segments, stopped cleanly. */
  async function writeTransactions(): Promise<void> {
    await openLog({ segmentBytes: 700 });
    for (let i = 0; i < 12; i++) {
      appendTransactional(log, { producerId: 1, sequence: i, values: [`aborted ${i}`], timestamp: START_MS + i });
      appendTransactional(log, { producerId: 2, sequence: i, values: [`committed ${i}`], timestamp: START_MS + i });
      if (i % 3 !== 2) continue;
      mark(log, "abort", 1);
      mark(log, "commit", 2);
    }
    await log.close();
    expect(segments().length).toBeGreaterThan(3);
  }

  const committed = Array.from({ length: 12 }, (_, i) => `committed ${i}`);

  function expectAllFound(): void {
    expect(valuesOf(consume(log, "read_committed", { maxBytes: 300 }))).toEqual(committed);
    for (let i = 0; i < 12; i++) {
      expect(foundBy(log.offsetForTimestamp(START_MS + i, "read_uncommitted"))?.timestamp).toBe(START_MS + i);
    }
    for (let offset = 0; offset < log.logEndOffset; offset++) {
      expect(baseOffsetsIn(read(log, { offset }))[0]).toBe(offset);
    }
  }

  const kinds = ["index", "timeindex", "txnindex"];

  it.each(kinds)("a missing .%s is built anew, in the active segment too", async (kind) => {
    await writeTransactions();
    for (const name of fixture.files(kind)) fixture.disk.remove(fixture.path(name));
    log = await fixture.open();
    expectAllFound();
    await log.close();
    expect(fixture.files(kind)).toHaveLength(segments().length);
    fixture.lines.length = 0;
    log = await fixture.open();
    expectAllFound();
    expect(warnings()).toEqual([]);
  });

  it.each(kinds)("a .%s that is no whole number of entries is built anew", async (kind) => {
    await writeTransactions();
    for (const name of fixture.files(kind)) fixture.save(name, Buffer.concat([fixture.bytesOf(name), Buffer.alloc(3)]));
    log = await fixture.open();
    expectAllFound();
  });

  it.each(kinds)("a sealed segment's .%s whose entries are out of range is built anew", async (kind) => {
    await writeTransactions();
    for (const name of fixture.files(kind).slice(0, -1)) fixture.save(name, fixture.bytesOf(name).fill(0x7f));
    log = await fixture.open();
    expectAllFound();
  });

  it("an .index that points into the middle of a batch, since it was compared with its CRC, is built anew when that shows", async () => {
    await writeTransactions();
    log = await fixture.open();
    expectAllFound();
    expect(warnings()).toEqual([]);
    for (const name of fixture.files("index").slice(0, -1)) {
      const bytes = fixture.bytesOf(name);
      for (let at = 4; at < bytes.length; at += 8) bytes.writeInt32BE(bytes.readInt32BE(at) - 7, at);
      fixture.save(name, bytes);
    }
    expectAllFound();
    expect(warnings()).toContainEqual(expect.stringMatching(/^indexes .* rebuilt from the batches/));
  });

  it("an index that was built anew is synced, and the next power loss does not ask for it again", async () => {
    await writeTransactions();
    const [name] = fixture.files("txnindex") as [string];
    const before = fixture.bytesOf(name);
    fixture.disk.remove(fixture.path(name));
    log = await fixture.open();
    consume(log, "read_committed");
    await log.close();
    expect(fixture.bytesOf(name).equals(before)).toBe(true);
    expect(log.offlineReason).toBeUndefined();
  });

  it("of a segment whose batches are damaged too: the damage is told, once and again", async () => {
    await writeTransactions();
    const name = segments()[1] as string;
    const bytes = fixture.bytesOf(name);
    bytes[100] = (bytes[100] as number) ^ 1;
    fixture.save(name, bytes);
    fixture.disk.remove(fixture.path(name.replace(".log", ".txnindex")));
    log = await fixture.open();
    const offset = Number.parseFloat(name);
    const options = { offset, maxBytes: 1000, isolation: "read_committed", minOneBatch: true } as const;
    for (let i = 0; i < 2; i++) {
      const outcome = log.read(options);
      expect(outcome).toMatchObject({ ok: false, error: "CORRUPT_MESSAGE" });
      expect(!outcome.ok && outcome.message).toContain(name);
    }
    expect(read(log, { offset: Number.parseFloat(segments()[2] as string) }).records.length).toBeGreaterThan(0);
  });
});

describe("leftovers of interrupted work", () => {
  it("are removed", async () => {
    append(log);
    await log.close();
    for (const name of ["leader-epoch-checkpoint.tmp", "00000000000000000007.index", "00000000000000000009.txnindex"]) {
      fixture.save(name, Buffer.from("left"));
    }
    await fixture.open();
    expect(fixture.disk.list(fixture.folder).filter((name) => /tmp|07|09/.test(name))).toEqual([]);
  });

  it("a metadata file that a crash left empty is written anew", async () => {
    append(log);
    await durable(log);
    fixture.save("partition.metadata", Buffer.alloc(0));
    log = await fixture.open();
    await log.flush();
    expect(fixture.bytesOf("partition.metadata").toString()).toBe("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
  });

  it("other files are left alone", async () => {
    fixture.save("notes.txt", Buffer.from("mine"));
    await fixture.open();
    expect(fixture.bytesOf("notes.txt").toString()).toBe("mine");
  });
});

it("gaps that compaction left below the recovery point are no damage (fault 14)", async () => {
  await openLog({ segmentBytes: 3 * batchOf().sizeBytes });
  for (let i = 0; i < 8; i++) append(log, { values: [`v${i}`] });
  await log.close();
  const size = batchOf({ values: ["v0"] }).sizeBytes;
  for (const name of segments().slice(0, 2)) {
    const bytes = fixture.bytesOf(name);
    fixture.save(name, Buffer.concat([bytes.subarray(0, size), bytes.subarray(2 * size)]));
    for (const kind of ["index", "timeindex"]) fixture.disk.remove(fixture.path(name.replace("log", kind)));
  }
  for (const scansAll of [false, true]) {
    if (scansAll) for (const name of fixture.files("snapshot")) fixture.save(name, Buffer.from("damaged"));
    log = await fixture.open();
    expect(log.logEndOffset).toBe(8);
    const offsets = consume(log, "read_uncommitted").map(({ offset }) => offset);
    expect(offsets).not.toContain(1);
    expect([...offsets].sort((a, b) => a - b)).toEqual(offsets);
    expect(consume(log, "read_uncommitted", { offset: 1 })[0]?.offset).toBe(offsets.find((offset) => offset >= 1));
    await log.close();
  }
});
