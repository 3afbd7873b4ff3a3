// Reads before anybody asks for them.

import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import type { DiskFile } from "../platform/disk.ts";
import { idleMemoryBytes } from "../platform/memory.ts";
import { FaultyDisk } from "./faulty-disk.testing.ts";
import { append, durable, LogFixture, read } from "./log.testing.ts";
import type { PartitionLog } from "./partition-log.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { ReadSuccess } from "./types.ts";

const PART_BYTES = 512 * 1024;
const MAX_PARTS = 32;

/** Notes where segments are read, but for look-ups. */
class CountingDisk extends FaultyDisk {
  readAt: number[] = [];
  readBytes = 0;

  override open(path: string, options?: { readonly create?: boolean }): DiskFile {
    const file = super.open(path, options);
    if (!path.endsWith(".log")) return file;
    return {
      ...file,
      read: (target, targetOffset, length, position) => {
        if (length > 10_000) {
          this.readAt.push(position);
          this.readBytes += length;
        }
        return file.read(target, targetOffset, length, position);
      },
    };
  }
}

interface Fixture {
  readonly disk: CountingDisk;
  readonly clock: SteppedClock;
  readonly log: PartitionLog;
  readonly readAhead: ReadAhead;
}

/** A log of `count` batches of some 50 KiB. */
async function filledLog(count: number, config = {}): Promise<Fixture> {
  const disk = new CountingDisk();
  const clock = new SteppedClock();
  const readAhead = new ReadAhead(clock);
  const log = await new LogFixture(config, disk).open({ readAhead });
  for (let i = 0; i < count; i++) append(log, { values: [`${i} `.repeat(50_000 / `${i} `.length)] });
  await durable(log);
  return { disk, clock, log, readAhead };
}

function readLate(log: PartitionLog, offset: number, maxBytes = 1_000_000): ReadSuccess {
  return read(log, { offset, maxBytes, mayBeLate: true });
}

/** What is sent of it, part by part. */
function sent({ records, late }: ReadSuccess, partBytes = PART_BYTES): Buffer {
  if (!late) return Buffer.from(records);
  const parts: Buffer[] = [];
  for (let at = 0; at < records.length; ) {
    const part = late.next(at, Math.min(partBytes, records.length - at));
    expect(part.length).toBeGreaterThan(0);
    parts.push(Buffer.from(part));
    at += part.length;
  }
  const bytes = Buffer.concat(parts);
  expect(bytes.length).toBe(records.length);
  return bytes;
}

/** Each has one record. */
function batchCount(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8)) count++;
  return count;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

describe("what a reader is about to ask for", () => {
  it("is there when it asks, and was read once", async () => {
    const { disk, log } = await filledLog(100);
    let offset = batchCount(sent(readLate(log, 0)));
    while (offset < log.logEndOffset - 3) {
      const expected = Buffer.from(read(log, { offset, maxBytes: 1_000_000 }).records);
      disk.readAt = [];
      await turns(2);
      expect(disk.readAt.length).toBe(1);
      const [ahead] = disk.readAt as [number];
      const bytes = sent(readLate(log, offset));
      expect(bytes.equals(expected.subarray(0, bytes.length))).toBe(true);
      expect(disk.readAt).toEqual([ahead, ahead + PART_BYTES].slice(0, bytes.length > PART_BYTES ? 2 : 1));
      offset += batchCount(bytes);
    }
    await log.close();
  });

  it("is what is in the file, for any readers, also where reads fail", async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            reader: fc.nat(2),
            // Goes back to the start.
            isAnew: fc.boolean(),
            maxBytes: fc.constantFrom(200_000, 700_000, 1_048_576, 3_000_000),
            partBytes: fc.constantFrom(100_000, PART_BYTES, 600_000),
            appended: fc.nat(4),
            turns: fc.nat(3),
            fails: fc.boolean(),
            waitMs: fc.constantFrom(0, 0, 600),
          }),
          { minLength: 10, maxLength: 40 },
        ),
        async (steps) => {
          const { disk, clock, log, readAhead } = await filledLog(60, { segmentBytes: 1_500_000 });
          const at = [0, 0, 0];
          for (const { reader, isAnew, maxBytes, partBytes, appended, turns: count, fails, waitMs } of steps) {
            for (let i = 0; i < appended; i++) append(log, { values: ["a".repeat(40_000)] });
            if (appended > 0) await durable(log);
            const offset = isAnew || at[reader] === log.logEndOffset ? 0 : (at[reader] as number);
            const expected = Buffer.from(read(log, { offset, maxBytes }).records);
            const late = readLate(log, offset, maxBytes);
            disk.readAt = [];
            const bytes = sent(late, partBytes);
            if (late.late && disk.readAt.length < Math.ceil(bytes.length / partBytes)) taken++;
            expect(bytes.equals(expected.subarray(0, bytes.length))).toBe(true);
            at[reader] = offset + batchCount(bytes);
            disk.fails = (operation, path) => fails && operation === "read" && path.endsWith(".log");
            await turns(count);
            disk.fails = () => false;
            clock.advance(waitMs);
          }
          readAhead.close();
          await log.close();
        },
      ),
      { numRuns: 40 },
    );
    expect(taken).toBeGreaterThan(20);
  });

  it("is no more than it reads at a time", async () => {
    const { disk, log } = await filledLog(100);
    let sentBytes = 0;
    disk.readBytes = 0;
    for (let offset = 0; offset < 95; ) {
      const bytes = sent(readLate(log, offset, 210_000));
      sentBytes += bytes.length;
      offset += batchCount(bytes);
      await turns(2);
    }
    // The last part was not asked for.
    expect(disk.readBytes).toBeLessThan(sentBytes + 220_000);
    await log.close();
  });

  it("is there for each of several who read side by side", async () => {
    const { disk, log } = await filledLog(100);
    const count = batchCount(sent(readLate(log, 0)));
    sent(readLate(log, 0));
    await turns(1);
    disk.readAt = [];
    sent(readLate(log, count, 400_000));
    await turns(1);
    disk.readAt = [];
    sent(readLate(log, count, 400_000));
    expect(disk.readAt).toEqual([]);
    await log.close();
  });

  it("is given up when nobody comes back for it, and when the broker stops", async () => {
    const { disk, clock, log, readAhead } = await filledLog(100);
    const offset = batchCount(sent(readLate(log, 0)));
    await turns(2);
    const idle = idleMemoryBytes();
    clock.advance(1_000);
    expect(idleMemoryBytes() - idle).toBeGreaterThanOrEqual(PART_BYTES);
    disk.readAt = [];
    sent(readLate(log, offset));
    expect(disk.readAt.length).toBe(2);
    await turns(2);
    const before = idleMemoryBytes();
    readAhead.close();
    expect(idleMemoryBytes() - before).toBeGreaterThanOrEqual(PART_BYTES);
    await log.close();
  });

  it("is one read in a turn of the event loop, and no more than 16 MiB, for any number of readers", async () => {
    const { disk, log } = await filledLog(1_000);
    for (let offset = 0; offset < 980; offset += 5) sent(readLate(log, offset, 200_000));
    disk.readAt = [];
    await nextTurn();
    expect(disk.readAt.length).toBeLessThanOrEqual(1);
    await turns(100);
    expect(disk.readAt.length).toBe(MAX_PARTS);
    await log.close();
  });

  it("is not read from a file that was closed meanwhile", async () => {
    const { disk, log } = await filledLog(100);
    sent(readLate(log, 0));
    await log.close();
    disk.readAt = [];
    const { openCount } = disk;
    await turns(3);
    expect(disk.readAt).toEqual([]);
    expect(disk.openCount).toBe(openCount);
  });
});
