// Reads that leave the bytes in the file until they are sent, against those that take them at once.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiskFile } from "../platform/disk.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { batchesIn } from "../protocol/records/batch.ts";
import { append, appendTransactional, durable, LogFixture, mark, read } from "./log.testing.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { AbortedTransaction, ReadOptions, ReadSuccess } from "./types.ts";

/** From which on a read may be late. */
const LATE_BYTES = 128 * 1024;

/** What is sent of a late read whose parts are read one by one, out of order. */
function filled({ records, late }: ReadSuccess, partBytes: number): Buffer {
  const target = Buffer.alloc(records.length, 0xa5);
  if (!late) return Buffer.from(records);
  const starts = Array.from({ length: Math.ceil(target.length / partBytes) }, (_, i) => i * partBytes);
  for (const start of starts.reverse()) late.fill(target.subarray(start, start + partBytes), start);
  return target;
}

function readLate(log: PartitionLog, options: Partial<ReadOptions>): ReadSuccess {
  return read(log, { ...options, mayBeLate: true });
}

/** Appends batches of those sizes: every third in a transaction that is aborted some batches later. */
async function filledLog(fixture: LogFixture, sizes: readonly number[]): Promise<PartitionLog> {
  const log = await fixture.open();
  let openSince = -1;
  let sequence = 0;
  for (const [i, size] of sizes.entries()) {
    const values = ["v".repeat(size)];
    if (i % 3 === 0) {
      appendTransactional(log, { values, producerId: 7, sequence: sequence++ });
      if (openSince < 0) openSince = i;
    } else append(log, { values });
    if (openSince < 0 || i - openSince < 5) continue;
    mark(log, "abort", 7);
    openSince = -1;
  }
  await durable(log);
  return log;
}

describe("a late read", () => {
  it("gives what a read at once gives, of any log, but for a small part at its end", async () => {
    let lateReads = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 20, maxLength: 60 }),
        fc.constantFrom(200_000, 1_000_000, 100_000_000),
        fc.array(
          fc.record({
            from: fc.double({ min: 0, max: 1, noNaN: true }),
            maxBytes: fc.integer({ min: 1, max: 2_000_000 }),
            isolation: fc.constantFrom("read_committed" as const, "read_uncommitted" as const),
          }),
          { minLength: 5, maxLength: 10 },
        ),
        fc.boolean(),
        async (sizes, segmentBytes, reads, reopens) => {
          const fixture = new LogFixture({ segmentBytes });
          let log = await filledLog(fixture, sizes);
          if (reopens) {
            await log.close();
            log = await fixture.open();
          }
          for (const { from, maxBytes, isolation } of reads) {
            const options = { offset: Math.floor(from * log.logEndOffset), maxBytes, isolation };
            // The first one checks what was there before the log was opened.
            const expected = read(log, options);
            const late = readLate(log, options);
            if (late.late) {
              lateReads++;
              // Of less a response has copies, which nobody fills.
              expect(late.records.length).toBeGreaterThanOrEqual(LATE_BYTES);
            }
            const sent = filled(late, 50_000);
            expect(sent.equals(expected.records.subarray(0, sent.length))).toBe(true);
            // The last batches may be left out, as long as they are few.
            const leftOut = expected.records.length - sent.length;
            expect(leftOut === 0 || leftOut < maxBytes / 16).toBe(true);
            const batches = [...batchesIn(sent)];
            expect(batches.reduce((sum, batch) => sum + batch.sizeBytes, 0)).toBe(sent.length);
            const end = batches.at(-1)?.nextOffset ?? options.offset;
            const isSent = ({ firstOffset }: AbortedTransaction): boolean => firstOffset < end;
            expect(late.abortedTransactions.filter(isSent)).toEqual(expected.abortedTransactions.filter(isSent));
          }
          await log.close();
        },
      ),
      { numRuns: 60 },
    );
    expect(lateReads).toBeGreaterThan(50);
  });

  it("is for large ones that were checked already", async () => {
    const fixture = new LogFixture();
    let log = await filledLog(fixture, [1_000, ...Array<number>(20).fill(50_000)]);
    expect(readLate(log, { maxBytes: LATE_BYTES - 1 }).late).toBeUndefined();
    expect(readLate(log, { maxBytes: LATE_BYTES + 50_000 }).late).toBeDefined();
    await log.close();
    log = await fixture.open();
    expect(readLate(log, {}).late).toBeUndefined();
    expect(readLate(log, {}).late).toBeDefined();
    await log.close();
  });

  it("of a file that lost its end throws, and the next read says so", async () => {
    const fixture = new LogFixture();
    const log = await filledLog(fixture, Array<number>(10).fill(50_000));
    const late = readLate(log, {});
    const [name = ""] = fixture.files("log");
    const file = fixture.disk.open(fixture.path(name));
    file.truncate(300_000);
    expect(() => filled(late, 100_000)).toThrow("the file is shorter than it was");
    const options = { offset: 0, maxBytes: 1e9, isolation: "read_uncommitted", minOneBatch: true } as const;
    expect(log.read({ ...options, mayBeLate: true })).toMatchObject({ ok: false, error: "CORRUPT_MESSAGE" });
    file.close();
    await log.close();
  });

  it.each([
    ["in the middle", 1_000_000],
    ["up to the end", 100_000_000],
  ])("%s looks at nothing far ahead in the file, which may have to come from the disk", async (_where, maxBytes) => {
    const disk = new CountingDisk();
    const fixture = new LogFixture({}, disk);
    const log = await filledLog(fixture, Array<number>(200).fill(16_000));
    disk.readAt.length = 0;
    const late = readLate(log, { offset: 50, maxBytes });
    expect(late.late).toBeDefined();
    expect(late.records.length).toBeGreaterThan(900_000);
    expect(disk.readAt.length).toBeLessThanOrEqual(2);
    expect(Math.max(...disk.readAt)).toBeLessThan(60 * 16_000);
    await log.close();
  });

  it("of one large batch looks at nothing behind it for the little room that is left", async () => {
    const disk = new CountingDisk();
    const log = await filledLog(new LogFixture({}, disk), Array<number>(20).fill(1_000_000));
    const { records } = readLate(log, { offset: 4, maxBytes: 1_000_100, isolation: "read_uncommitted" });
    disk.readAt.length = 0;
    const late = readLate(log, { offset: 4, maxBytes: 1_048_576, isolation: "read_uncommitted" });
    expect(late.late).toBeDefined();
    expect(late.records).toHaveLength(records.length);
    // The batch itself is looked up.
    expect(new Set(disk.readAt).size).toBe(1);
    await log.close();
  });

  it("of many at once leaves no more files open than others do", async () => {
    const disk = new CountingDisk();
    const fixture = new LogFixture({ segmentBytes: 400_000 }, disk);
    const log = await filledLog(fixture, Array<number>(70).fill(190_000));
    const offsets = Array.from({ length: 30 }, (_, i) => i * 2);
    const reads = offsets.map((offset) => readLate(log, { offset, maxBytes: 250_000 }));
    expect(reads.filter(({ late }) => late).length).toBeGreaterThan(20);
    for (const each of reads) filled(each, 100_000);
    expect(disk.openLogs).toBeLessThanOrEqual(4);
    await log.close();
  });
});

/** Counts the segments' files that are open, and notes where they are read. */
class CountingDisk extends MemoryDisk {
  openLogs = 0;
  readonly readAt: number[] = [];

  override open(path: string, options?: { readonly create?: boolean; readonly readOnly?: boolean }): DiskFile {
    const file = super.open(path, options);
    if (!path.endsWith(".log")) return file;
    this.openLogs++;
    const read = file.read.bind(file);
    file.read = (target, targetOffset, length, position) => {
      this.readAt.push(position);
      return read(target, targetOffset, length, position);
    };
    const close = file.close.bind(file);
    file.close = () => {
      this.openLogs--;
      close();
    };
    return file;
  }
}
