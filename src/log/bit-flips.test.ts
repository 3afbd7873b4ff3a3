/** Damage of what was durable: whoever opens or reads the log is told, with file and position, and never given wrong bytes. */
import { beforeEach, describe, expect, it } from "vitest";
import { batchesIn } from "../protocol/records/batch.ts";
import { decodeRecords } from "../protocol/records/record.ts";
import { compactionOptions } from "./compaction/compaction.testing.ts";
import { FaultyDisk } from "./faulty-disk.testing.ts";
import { append, appendTransactional, batchOf, durable, LogFixture, mark, START_MS } from "./log.testing.ts";
import type { LogConfig } from "./log-config.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import type { Finding } from "./offline/finding.ts";
import { verifyPartition } from "./offline/verify-partition.ts";
import type { PartitionLog } from "./partition-log.ts";

let fixture: LogFixture;

beforeEach(async () => {
  fixture = new LogFixture({ segmentBytes: 500, indexIntervalBytes: 80 });
  const log = await fixture.open();
  for (let i = 0; i < 3; i++) {
    appendTransactional(log, { producerId: 1, sequence: i, values: [`transactional ${i}`] });
    append(log, { values: ["plain", `${i}`], compression: i });
    mark(log, i === 1 ? "abort" : "commit", 1);
  }
  await durable(log);
  await log.close();
});

interface Seen {
  readonly records: readonly string[];
  /** Of the read that ended it. */
  readonly error: string | undefined;
}

/** Reads from the log's start to its end, or to the first error; so many bytes at a time. */
function readAll(log: PartitionLog, maxBytes: number, fromOffset = log.logStartOffset): Seen {
  const records: string[] = [];
  for (let offset = fromOffset; offset < log.logEndOffset; ) {
    const outcome = log.read({ offset, maxBytes, isolation: "read_committed", minOneBatch: true });
    if (!outcome.ok) return { records, error: outcome.error };
    if (outcome.records.length === 0) return { records, error: "nothing" };
    for (const batch of batchesIn(outcome.records)) {
      for (const { offset: at, value } of decodeRecords(batch)) records.push(`${at} ${Buffer.from(value ?? "")}`);
      offset = batch.nextOffset;
    }
  }
  return { records, error: undefined };
}

async function opened(): Promise<PartitionLog | LogCorruptionError> {
  try {
    return await fixture.open();
  } catch (error) {
    if (error instanceof LogCorruptionError) return error;
    throw error;
  }
}

describe("a wrong bit in any byte of a log that was stopped cleanly", () => {
  it.each([
    ["log", 1],
    ["log", 10_000],
    ["index", 1],
    ["timeindex", 1],
    ["snapshot", 1],
  ])("of a .%s, read %i bytes at a time", async (kind, maxBytes) => {
    const log = (await opened()) as PartitionLog;
    const sound = readAll(log, maxBytes);
    await log.close();
    expect(sound).toMatchObject({ error: undefined });
    expect(sound.records).toHaveLength(12);
    const names = fixture.disk.list(fixture.folder).filter((name) => !name.endsWith("/"));
    const files = new Map(names.map((name) => [name, fixture.bytesOf(name)]));
    let found = 0;
    for (const name of fixture.files(kind)) {
      const bytes = fixture.bytesOf(name);
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
        fixture.save(name, damaged);
        fixture.lines.length = 0;
        const place = `${name}, byte ${at}`;
        const log = await opened();
        if (log instanceof LogCorruptionError) {
          expect(log.position, place).toBeLessThanOrEqual(at);
          found++;
        } else {
          const seen = readAll(log, maxBytes);
          // Never anything else than what was written, and nothing left out before the damage.
          expect(seen.records, place).toEqual(sound.records.slice(0, seen.records.length));
          if (seen.error === undefined) expect(seen.records, place).toHaveLength(12);
          else {
            expect(seen.error, place).toBe("CORRUPT_MESSAGE");
            const line = fixture.lines.find(({ message }) => message === "read failed");
            expect(JSON.stringify(line?.fields), place).toMatch(new RegExp(`${name} is damaged at position \\d+`));
            found++;
          }
          await log.close();
        }
        // As it was before: opening and closing may have repaired or added files.
        for (const other of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(other));
        for (const [other, content] of files) fixture.save(other, content);
      }
    }
    const total = fixture.files(kind).reduce((sum, name) => sum + fixture.bytesOf(name).length, 0);
    // Indexes and snapshots are made anew.
    if (kind === "log") expect(found).toBe(total);
  });
});

/** What readers at read_committed, and those that ask for times, are told. */
function answers(log: PartitionLog): unknown {
  const aborted: unknown[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const outcome = log.read({ offset, maxBytes: 1, isolation: "read_committed", minOneBatch: true });
    if (!outcome.ok) return outcome.error;
    aborted.push(outcome.abortedTransactions);
    for (const batch of batchesIn(outcome.records)) offset = batch.nextOffset;
  }
  const times = Array.from({ length: 40 }, (_, i) =>
    log.offsetForTimestamp(START_MS - 100 + 50 * i, "read_uncommitted"),
  );
  return { aborted, times };
}

describe("a wrong bit in an index, whose format has no CRC", () => {
  const kinds = ["txnindex", "timeindex", "index", "indexcrc"];

  it.each(kinds)(
    "of any .%s: aborted transactions and times are told as they are, and it is reported",
    async (kind) => {
      fixture = new LogFixture({ segmentBytes: 500, indexIntervalBytes: 80 });
      let log = await fixture.open();
      for (let i = 0; i < 4; i++) {
        const timestamp = START_MS + 500 * i;
        appendTransactional(log, { producerId: 1, sequence: 2 * i, values: [`t ${i}`], timestamp });
        appendTransactional(log, {
          producerId: 1,
          sequence: 2 * i + 1,
          values: [`u ${i}`],
          timestamp: timestamp + 100,
        });
        append(log, { values: ["plain", `${i}`], timestamp: timestamp + 300 });
        mark(log, i % 2 === 1 ? "abort" : "commit", 1);
      }
      await durable(log);
      await log.close();
      log = await fixture.open();
      const sound = answers(log);
      await log.close();
      expect(JSON.stringify(sound)).toContain('"firstOffset":5');
      expect(fixture.lines.filter(({ level }) => level !== "info")).toEqual([]);
      const names = fixture.disk.list(fixture.folder);
      const files = new Map(names.map((name) => [name, fixture.bytesOf(name)]));
      for (const name of fixture.files(kind)) {
        const bytes = fixture.bytesOf(name);
        for (let bit = 0; bit < 8 * bytes.length; bit++) {
          const damaged = Buffer.from(bytes);
          damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
          fixture.save(name, damaged);
          fixture.lines.length = 0;
          const opened = await fixture.open();
          expect(answers(opened), `${name}, bit ${bit}`).toEqual(sound);
          expect(fixture.lines.find(({ level }) => level === "warn")?.message, `${name}, bit ${bit}`).toMatch(
            /^indexes /,
          );
          await opened.close();
          for (const other of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(other));
          for (const [other, content] of files) fixture.save(other, content);
        }
      }
    },
  );
});

it.each([
  ["with producer snapshots", true],
  ["without", false],
])(
  "a wrong bit in a .txnindex without CRCs, as Apache Kafka's are, also of a transaction over segments: it is built anew, once (%s)",
  async (_, hasSnapshots) => {
    fixture = new LogFixture({ segmentBytes: 300 });
    let log = await fixture.open();
    let sequence = 0;
    for (let i = 0; i < 3; i++) {
      // Two that overlap, and go on where the one before left off.
      for (const value of ["a", "b", "c", "d"]) {
        appendTransactional(log, { producerId: 1, sequence, values: [`${value} ${i}`] });
        appendTransactional(log, { producerId: 2, sequence: sequence++, values: [`${value} of 2, ${i}`] });
      }
      mark(log, i === 1 ? "commit" : "abort", 1);
      append(log, { values: [`plain ${i}`] });
      mark(log, i === 0 ? "commit" : "abort", 2);
    }
    await durable(log);
    const sound = answers(log);
    await log.close();
    const last = fixture.files("snapshot").at(-1);
    for (const kind of hasSnapshots ? ["indexcrc"] : ["indexcrc", "snapshot"])
      for (const name of fixture.files(kind)) if (name !== last) fixture.disk.remove(fixture.path(name));
    const files = new Map(fixture.disk.list(fixture.folder).map((name) => [name, fixture.bytesOf(name)]));
    let flips = 0;
    for (const name of fixture.files("txnindex")) {
      const bytes = fixture.bytesOf(name);
      for (let at = 0; at < bytes.length; at++, flips++) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
        fixture.save(name, damaged);
        for (const rebuilds of [true, false]) {
          fixture.lines.length = 0;
          log = await fixture.open();
          expect(answers(log), `${name}, byte ${at}`).toEqual(sound);
          expect(fixture.lines.length > 0, `${name}, byte ${at}`).toBe(rebuilds);
          await log.close();
        }
        expect(fixture.files("indexcrc")).toHaveLength(fixture.files("log").length);
        expect(fixture.bytesOf(name)).toEqual(bytes);
        for (const each of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(each));
        for (const [each, content] of files) fixture.save(each, content);
      }
    }
    expect(flips).toBe(4 * 34);
  },
);

it("a wrong bit in a .txnindex that cannot be built anew: no aborted transaction is left out", async () => {
  const disk = new FaultyDisk();
  fixture = new LogFixture({ segmentBytes: 300 }, disk);
  let log = await fixture.open();
  for (let sequence = 0; sequence < 8; sequence++) appendTransactional(log, { producerId: 1, sequence });
  mark(log, "abort", 1);
  for (let i = 0; i < 8; i++) append(log);
  await durable(log);
  await log.close();
  const [name = ""] = fixture.files("txnindex").filter((each) => fixture.bytesOf(each).length > 0);
  const damaged = fixture.bytesOf(name);
  const FIRST_OFFSET_AT = 10;
  expect(damaged.readBigInt64BE(FIRST_OFFSET_AT)).toBe(0n);
  damaged.writeBigInt64BE(4n, FIRST_OFFSET_AT);
  fixture.save(name, damaged);
  log = await fixture.open();
  disk.code = "EMFILE";
  disk.fails = (operation, path) => operation === "write" && path.includes("index");
  for (let i = 0; i < 2; i++) {
    log.offsetForTimestamp(START_MS + 1_000_000, "read_uncommitted");
    const outcome = log.read({ offset: 0, maxBytes: 1, isolation: "read_committed", minOneBatch: true });
    expect(outcome).toMatchObject({ ok: false });
  }
  disk.fails = () => false;
  const outcome = log.read({ offset: 0, maxBytes: 1, isolation: "read_committed", minOneBatch: true });
  expect(outcome).toMatchObject({ ok: true, abortedTransactions: [{ producerId: 1, firstOffset: 0 }] });
  await log.close();
});

describe("a wrong bit in the leader epoch of a batch, which no CRC covers", () => {
  interface Flip {
    readonly name: string;
    readonly position: number;
    readonly baseOffset: number;
    readonly place: string;
  }

  /** Ten batches of the epochs 1, 2, 5 and 6, in segments of three. */
  async function write(config: Partial<LogConfig> = {}): Promise<void> {
    fixture = new LogFixture({ segmentBytes: 3 * batchOf().sizeBytes, ...config });
    for (const [epoch, count] of [
      [1, 2],
      [2, 3],
      [5, 4],
      [6, 1],
    ] as const) {
      fixture.leaderEpoch = epoch;
      const log = await fixture.open();
      for (let i = 0; i < count; i++) append(log, { key: "k" });
      await durable(log);
      await log.close();
    }
    // What comes may be of any epoch.
    fixture.leaderEpoch = 0x7fffffff;
  }

  /** Calls back once for each of those bits, that one wrong. */
  async function withEachFlip(look: (flip: Flip) => Promise<void>): Promise<void> {
    const files = new Map(fixture.disk.list(fixture.folder).map((each) => [each, fixture.bytesOf(each)]));
    for (const name of fixture.files("log")) {
      let position = 0;
      for (const { baseOffset, sizeBytes } of batchesIn(fixture.bytesOf(name))) {
        for (let bit = 0; bit < 32; bit++) {
          const damaged = Buffer.from(files.get(name) as Buffer);
          const at = position + 12;
          damaged.writeInt32BE(damaged.readInt32BE(at) ^ (1 << bit), at);
          fixture.save(name, damaged);
          fixture.lines.length = 0;
          await look({ name, position, baseOffset, place: `${name}, position ${position}, bit ${bit}` });
          for (const each of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(each));
          for (const [each, content] of files) fixture.save(each, content);
        }
        position += sizeBytes;
      }
    }
  }

  it.each([1, 10_000])(
    "is found by whoever reads it first, %i bytes at a time, and by a look-up by time",
    async (maxBytes) => {
      await write();
      await withEachFlip(async ({ name, position, baseOffset, place }) => {
        const log = (await opened()) as PartitionLog;
        const seen = readAll(log, maxBytes);
        expect(seen.records, place).toHaveLength(baseOffset);
        expect(seen.error, place).toBe("CORRUPT_MESSAGE");
        const problem = `${name} is damaged at position ${position}: a batch of leader epoch `;
        expect(JSON.stringify(fixture.lines), place).toContain(problem);
        expect(log.offsetForTimestamp(START_MS, "read_uncommitted").ok, place).toBe(baseOffset > 0);
        await log.close();
      });
    },
  );

  describe("where no checkpoint tells the epochs", () => {
    beforeEach(async () => {
      await write();
      for (const name of ["leader-epoch-checkpoint", "leader-epoch-checkpoint.crc32c"])
        fixture.disk.remove(fixture.path(name));
      fixture.leaderEpoch = 6;
    });

    const isDoubted = (): boolean =>
      fixture.lines.some(({ message }) => message.startsWith("leader epochs not certain"));

    it("is told by each start, but for one that fits, and makes no sound batch unreadable", async () => {
      const unnoticed = new Set<number>();
      await withEachFlip(async ({ baseOffset, place }) => {
        for (const start of ["first", "second"]) {
          fixture.lines.length = 0;
          const log = (await opened()) as PartitionLog;
          const seen = readAll(log, 1);
          expect(seen.records, `${place}, ${start} start`).toHaveLength(seen.error === undefined ? 10 : baseOffset);
          if (place.endsWith("bit 31")) expect(seen.error, place).toBe("CORRUPT_MESSAGE");
          expect(readAll(log, 1, baseOffset + 1), `${place}, ${start} start`).toMatchObject({ error: undefined });
          if (seen.error === undefined && !isDoubted()) unnoticed.add(baseOffset);
          await log.close();
        }
      });
      // The first or last of an epoch.
      expect([...unnoticed].filter((offset) => [3, 6, 7].includes(offset))).toEqual([]);
    });

    it("leaves no file that a later start would believe, and tells of no epoch's end too early", async () => {
      fixture.save("leader-epoch-checkpoint", Buffer.from("0\n1\n1 0\n"));
      fixture.save("leader-epoch-checkpoint.crc32c", Buffer.from("damaged"));
      await withEachFlip(async ({ baseOffset, place }) => {
        if (baseOffset > 0) return;
        const log = (await opened()) as PartitionLog;
        if (isDoubted()) {
          expect(
            fixture.disk.list(fixture.folder).filter((name) => name.includes("epoch")),
            place,
          ).toEqual([]);
          for (const [epoch, endOffset] of [
            [1, 2],
            [2, 5],
            [5, 9],
          ] as const)
            expect(log.offsetForLeaderEpoch(epoch)?.endOffset, place).toBeGreaterThanOrEqual(endOffset);
        }
        await log.close();
      });
    });

    it("cuts nothing behind the recovery point, nor does one in an offset or a length; no later start does", async () => {
      for (const name of fixture.files("snapshot").filter((each) => Number.parseInt(each, 10) > 6))
        fixture.disk.remove(fixture.path(name));
      const names = fixture.disk.list(fixture.folder);
      const files = new Map(names.map((name) => [name, fixture.bytesOf(name)]));
      let flips = 0;
      for (const name of fixture.files("log")) {
        const bytes = fixture.bytesOf(name);
        let position = 0;
        for (const { sizeBytes, baseOffset } of batchesIn(bytes)) {
          if (baseOffset >= 6) break;
          // Offset, length, epoch and format: no CRC covers them.
          for (let bit = 0; bit < 17 * 8; bit++, flips++) {
            const place = `${name}, position ${position}, bit ${bit}`;
            const damaged = Buffer.from(bytes);
            const at = position + (bit >> 3);
            damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
            fixture.save(name, damaged);
            for (fixture.leaderEpoch = 7; fixture.leaderEpoch < 9; fixture.leaderEpoch++) {
              const log = (await opened()) as PartitionLog;
              expect(log.logEndOffset, place).toBe(10);
              expect(readAll(log, 1, 6), place).toMatchObject({ error: undefined });
              await log.close();
            }
            for (const each of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(each));
            for (const [each, content] of files) fixture.save(each, content);
          }
          position += sizeBytes;
        }
      }
      expect(flips).toBe(6 * 17 * 8);
    });
  });

  it("is found by a start that scans, by a look at the folder, and before compaction keeps it", async () => {
    await write({ cleanupPolicy: ["compact"] });
    const snapshots = fixture.files("snapshot").map((each) => [each, fixture.bytesOf(each)] as const);
    await withEachFlip(async ({ name, position, baseOffset, place }) => {
      const findings: Finding[] = [];
      verifyPartition(fixture.disk, fixture.folder, { onFinding: (finding) => findings.push(finding) });
      expect(findings, place).toMatchObject([{ path: fixture.path(name), position, isDamage: true }]);
      if (name !== fixture.files("log").at(-1)) {
        const log = (await opened()) as PartitionLog;
        await expect(log.compaction.run(0, compactionOptions(fixture)), place).rejects.toMatchObject({ position });
        await log.close();
      }
      for (const [each] of snapshots) fixture.save(each, Buffer.from("damaged"));
      expect(await opened(), `${place}, offset ${baseOffset}`).toMatchObject({ name: "LogCorruptionError", position });
    });
  });

  it("behind the recovery point ends the log before it", async () => {
    await write();
    for (const name of fixture.files("snapshot")) fixture.disk.remove(fixture.path(name));
    await withEachFlip(async ({ baseOffset, place }) => {
      const log = (await opened()) as PartitionLog;
      expect(log.logEndOffset, place).toBe(baseOffset);
      await log.close();
    });
  });
});

it.each([1, 3])(
  "a wrong bit in the base offset of a batch of %i, which its CRC does not cover: no record is read at another offset, none is passed over",
  async (count) => {
    fixture = new LogFixture({ segmentBytes: 500, indexIntervalBytes: 80 });
    const values = Array.from({ length: count }, (_, i) => `v${i}`);
    const written = await fixture.open();
    for (let i = 0; i < 4; i++) {
      appendTransactional(written, { producerId: 1, sequence: i * count, values });
      append(written, { values });
      mark(written, "commit", 1);
    }
    await written.close();
    const log = (await opened()) as PartitionLog;
    const { logEndOffset } = log;
    const sound = Array.from({ length: logEndOffset }, (_, offset) => readAll(log, 1, offset).records);
    await log.close();
    const files = new Map(fixture.disk.list(fixture.folder).map((each) => [each, fixture.bytesOf(each)]));
    for (const name of fixture.files("log")) {
      const bytes = fixture.bytesOf(name);
      let position = 0;
      for (const batch of [...batchesIn(bytes)]) {
        for (let bit = 0; bit < 64; bit++) {
          const at = position + (bit >> 3);
          const damaged = Buffer.from(bytes);
          damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
          fixture.save(name, damaged);
          const place = `${name}, position ${position}, bit ${bit}`;
          const log = await opened();
          if (log instanceof LogCorruptionError) expect(log.position, place).toBeLessThanOrEqual(position);
          else {
            expect(log.logEndOffset, place).toBe(logEndOffset);
            let found = 0;
            for (const maxBytes of [1, 200, 10_000]) {
              for (const [offset, records] of sound.entries()) {
                const seen = readAll(log, maxBytes, offset);
                expect(seen.records, `${place}, from ${offset}`).toEqual(records.slice(0, seen.records.length));
                if (seen.error === undefined) expect(seen.records, `${place}, from ${offset}`).toEqual(records);
                else expect(seen.error, `${place}, from ${offset}`).toBe("CORRUPT_MESSAGE");
                if (seen.error !== undefined) found++;
              }
            }
            expect(found, place).toBeGreaterThan(0);
            await log.close();
          }
          for (const each of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(each));
          for (const [each, content] of files) fixture.save(each, content);
        }
        position += batch.sizeBytes;
      }
    }
  },
);
