// Kills and power losses at every operation on the disk during a compaction, and during the start that finishes it.

import { describe, expect, it } from "vitest";
import { MemoryDisk } from "../../platform/memory-disk.ts";
import type { Random } from "../../platform/random.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { consume, LogFixture, mark } from "../log.testing.ts";
import type { LogConfig } from "../log-config.ts";
import type { Finding } from "../offline/finding.ts";
import { verifyPartition } from "../offline/verify-partition.ts";
import type { PartitionLog } from "../partition-log.ts";
import { appendKeyed, compactionOptions, contents, keyedBatch, seal } from "./compaction.testing.ts";
import { WatchedDisk } from "./watched-disk.testing.ts";

const DELETE_RETENTION_MS = 1000;
const config: Partial<LogConfig> = {
  cleanupPolicy: ["compact"],
  deleteRetentionMs: DELETE_RETENTION_MS,
  segmentBytes: 8 * keyedBatch({ entries: ["a=1"] }).sizeBytes,
  indexIntervalBytes: 100,
};

/** What a kill leaves: as if every coin fell on the side of what was written. */
const keepAll: Random = { float: () => 0.2, bytes: (length) => new Uint8Array(length) };

/** Disks as crashes would leave them. */
interface Images {
  readonly disks: MemoryDisk[];
  readonly watched: WatchedDisk;
}

function imagesOf(disk: MemoryDisk, powerLosses: number): Images {
  const disks: MemoryDisk[] = [];
  let seed = 0;
  const watched = new WatchedDisk(disk, () => {
    disks.push(disk.afterCrash(keepAll));
    for (let i = 0; i < powerLosses; i++) disks.push(disk.afterCrash(seededRandom(++seed)));
  });
  return { disks, watched };
}

/** Three keys over and over, in transactions of every outcome and without. */
function fill(log: PartitionLog, from: number, to: number): void {
  const sequences = [0, 0, 0];
  for (const { producerId, lastSequence } of log.activeProducers()) sequences[producerId] = lastSequence + 1;
  for (let i = from; i < to; i++) {
    const entries = [`k${i % 3}${i % 11 === 7 ? "" : `=${i}`}`];
    if (i % 4 === 0) appendKeyed(log, { entries });
    const producerId = i % 3;
    const sequence = sequences[producerId] as number;
    appendKeyed(log, { entries, producerId, sequence, isTransactional: true });
    sequences[producerId] = sequence + 1;
    if (i % 5 === 0) mark(log, "commit", producerId);
    if (i % 7 === 0) mark(log, "abort", producerId);
  }
  for (const producerId of [0, 1, 2]) mark(log, "commit", producerId);
}

/** The latest of each key, as a consumer that takes tombstones for deletions sees it. */
function view(log: PartitionLog): Record<string, string> {
  const aborted = new Set(consume(log, "read_committed").map(({ offset }) => offset));
  const found: Record<string, string> = {};
  for (const line of contents(log)) {
    const [, offset, key, value] = /^(\d+):(k\d)(=\d+)?$/.exec(line) ?? [];
    if (key === undefined || !aborted.has(Number(offset))) continue;
    if (value === undefined) delete found[key];
    else found[key] = `${offset}${value}`;
  }
  return found;
}

interface Compacting {
  readonly images: Images;
  readonly fixture: LogFixture;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly view: Record<string, string>;
}

async function compactWatched(powerLosses: number): Promise<Compacting> {
  const disk = new MemoryDisk({ canCrash: true });
  const fixture = new LogFixture(config, disk);
  let log = await fixture.open();
  // In the end there are markers to go, with what the indexes say of them.
  for (let round = 0; round < 3; round++) {
    fill(log, 8 * round, 8 * (round + 1));
    await seal(fixture, log);
    if (round < 2) await log.compaction.run(0, compactionOptions(fixture));
    fixture.clock.timeMs += DELETE_RETENTION_MS;
  }
  const before = contents(log);
  const expected = view(log);
  await log.close();
  const images = imagesOf(disk, powerLosses);
  fixture.disk = images.watched;
  log = await fixture.open();
  images.disks.length = 0;
  await log.compaction.run(0, compactionOptions(fixture));
  images.disks.push(disk.afterCrash(keepAll), disk.afterCrash(seededRandom(0)));
  return { images, fixture, before, after: contents(log), view: expected };
}

/** What a look at the files finds, without the cleaner's checkpoint, which is written behind a compaction. */
function damageOn(disk: MemoryDisk): Finding[] {
  const findings: Finding[] = [];
  verifyPartition(disk, "topic-0", { onFinding: (finding) => findings.push(finding) });
  return findings.filter(({ isDamage }) => isDamage);
}

/** Opens a disk that a crash left, and checks that the log is what it has to be. */
async function check(disk: MemoryDisk, { fixture, before, after, view: expected }: Compacting): Promise<void> {
  const later = new LogFixture(fixture.config, disk);
  later.clock.timeMs = fixture.clock.timeMs;
  const log = await later.open();
  const found = contents(log);
  // Segment by segment, either what was there or what is to be.
  const old = new Set(before);
  const cleaned = new Set(after);
  expect(found.filter((line) => !old.has(line) && !cleaned.has(line))).toEqual([]);
  const offsets = found.map((line) => Number.parseInt(line.replace("[", ""), 10));
  expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
  expect(view(log)).toEqual(expected);
  expect(disk.list("topic-0").filter((name) => /\.(cleaned|swap|deleted)$/.test(name))).toEqual([]);
  expect(later.lines.filter(({ level }) => level === "error")).toEqual([]);
  await log.compaction.run(0, compactionOptions(later));
  expect(contents(log).length).toBeLessThanOrEqual(after.length);
  expect(view(log)).toEqual(expected);
  await log.close();
}

// Hundreds of disk images: 10 s on a machine with nothing else to do.
describe("a crash during a compaction", { timeout: 120_000 }, () => {
  it("at any point: each segment is as it was or as it is to be, and the next compaction ends it", async () => {
    const compacting = await compactWatched(1);
    expect(compacting.after.length).toBeLessThan(compacting.before.length);
    const { disks } = compacting.images;
    expect(disks.length).toBeGreaterThan(100);
    for (const disk of disks) await check(disk, compacting);
  });

  it("at any point: a look at the files finds no damage, before and after the start that finishes it", async () => {
    const compacting = await compactWatched(1);
    for (const [i, disk] of compacting.images.disks.entries()) {
      expect(damageOn(disk), `image ${i}`).toEqual([]);
      const log = await new LogFixture(config, disk).open();
      expect(damageOn(disk), `image ${i}, started`).toEqual([]);
      await log.close();
      expect(damageOn(disk), `image ${i}, stopped`).toEqual([]);
    }
  });

  it("and again during the start that finishes it", async () => {
    const compacting = await compactWatched(1);
    const unfinished = compacting.images.disks.filter((disk) =>
      disk.list("topic-0").some((name) => name.endsWith(".log.swap")),
    );
    expect(unfinished.length).toBeGreaterThan(5);
    for (const disk of unfinished.filter((_, i) => i % 12 === 0)) {
      const { disks, watched } = imagesOf(disk, 1);
      await new LogFixture(config, watched).open();
      for (const image of disks) await check(image, compacting);
    }
  });
});
