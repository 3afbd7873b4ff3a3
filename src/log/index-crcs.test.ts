/** Kills and power losses while a segment's indexes and their CRCs are saved. */
import { expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import type { Random } from "../platform/random.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { WatchedDisk } from "./compaction/watched-disk.testing.ts";
import { append, appendTransactional, consume, durable, LogFixture, mark, valuesOf } from "./log.testing.ts";
import { verifyPartition } from "./offline/verify-partition.ts";
import type { PartitionLog } from "./partition-log.ts";

const config = { segmentBytes: 900, indexIntervalBytes: 80 };
/** What a kill leaves: as if every coin fell on the side of what was written. */
const keepAll: Random = { float: () => 0.2, bytes: (length) => new Uint8Array(length) };

interface Image {
  readonly disk: MemoryDisk;
  readonly isKill: boolean;
  /** Everything below was acknowledged. */
  readonly highWatermark: number;
}

function fill(log: PartitionLog, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    appendTransactional(log, { producerId: 1, sequence: i, values: [`transactional ${i}`] });
    append(log, { values: [`plain ${i}`] });
    mark(log, i % 2 === 1 ? "abort" : "commit", 1);
  }
}

/** A log that was stopped in the middle of a segment goes on, rolls, and is stopped; crashes at every change of the disk. */
async function crashed(): Promise<{ readonly images: readonly Image[]; readonly fixture: LogFixture }> {
  const disk = new MemoryDisk({ canCrash: true });
  const fixture = new LogFixture(config, disk);
  let log = await fixture.open();
  fill(log, 0, 1);
  await log.close();
  const images: Image[] = [];
  let isOpen = false;
  let seed = 0;
  fixture.disk = new WatchedDisk(disk, () => {
    const highWatermark = isOpen ? log.highWatermark : 3;
    images.push({ disk: disk.afterCrash(keepAll), isKill: true, highWatermark });
    for (let i = 0; i < 3; i++) {
      images.push({ disk: disk.afterCrash(seededRandom(++seed)), isKill: false, highWatermark });
    }
  });
  log = await fixture.open();
  isOpen = true;
  for (let i = 1; i < 9; i++) {
    fill(log, i, i + 1);
    if (i % 3 === 0) await durable(log);
  }
  await log.close();
  fixture.disk = disk;
  expect(fixture.files("indexcrc").length).toBeGreaterThan(2);
  return { images, fixture };
}

const linesOf = ({ lines }: LogFixture): string[] => lines.map(({ message }) => message);

it("every start finds what was acknowledged and what was aborted; a kill makes none build indexes anew", async () => {
  const { images, fixture } = await crashed();
  expect(images.length).toBeGreaterThan(100);
  let log = await fixture.open();
  const committed = valuesOf(consume(log, "read_committed"));
  const all = consume(log, "read_uncommitted");
  await log.close();
  for (const [i, { disk, isKill, highWatermark }] of images.entries()) {
    const later = new LogFixture(config, disk);
    log = await later.open();
    expect(log.logEndOffset, `image ${i}`).toBeGreaterThanOrEqual(highWatermark);
    const found = consume(log, "read_uncommitted");
    expect(found, `image ${i}`).toEqual(all.slice(0, found.length));
    const decided = valuesOf(consume(log, "read_committed"));
    expect(decided, `image ${i}`).toEqual(committed.slice(0, decided.length));
    if (isKill) expect(linesOf(later).filter((line) => line.startsWith("indexes"))).toEqual([]);
    await log.close();
    // Once it was stopped, all that it saved holds.
    later.lines.length = 0;
    const findings: unknown[] = [];
    verifyPartition(disk, later.folder, { onFinding: (finding) => findings.push(finding) });
    expect(findings, `image ${i}`).toEqual([]);
    log = await later.open();
    expect(valuesOf(consume(log, "read_committed")), `image ${i}`).toEqual(decided);
    expect(
      linesOf(later).filter((line) => line.startsWith("indexes")),
      `image ${i}`,
    ).toEqual([]);
    await log.close();
  }
});

it("what looks like an entry behind those that were saved is none", async () => {
  const fixture = new LogFixture(config);
  let log = await fixture.open();
  fill(log, 0, 1);
  await log.close();
  const [name = ""] = fixture.files("txnindex");
  expect(fixture.bytesOf(name)).toHaveLength(0);
  const entry = Buffer.alloc(34);
  // Producer 1's transaction from offset 0, aborted at 2.
  for (const [i, value] of [1, 0, 2, 3].entries()) entry.writeBigInt64BE(BigInt(value), 2 + 8 * i);
  fixture.save(name, entry);
  log = await fixture.open();
  append(log, { values: ["later"] });
  await durable(log);
  expect(valuesOf(consume(log, "read_committed"))).toEqual(["transactional 0", "plain 0", "later"]);
  await log.close();
  expect(fixture.bytesOf(name)).toHaveLength(0);
});

it("a version without CRCs ran on, and saved longer indexes: those of before are not taken for all of them", async () => {
  const fixture = new LogFixture();
  let log = await fixture.open();
  fill(log, 0, 2);
  await log.close();
  const [name = ""] = fixture.files("indexcrc");
  const crcs = fixture.bytesOf(name);
  log = await fixture.open();
  fill(log, 2, 4);
  await durable(log);
  const sound = valuesOf(consume(log, "read_committed"));
  expect(sound).not.toContain("transactional 3");
  await log.close();
  fixture.save(name, crcs);
  log = await fixture.open();
  expect(valuesOf(consume(log, "read_committed"))).toEqual(sound);
  await log.close();
  expect(linesOf(fixture)).toContainEqual(expect.stringMatching(/^indexes .* built anew from the batches/));
});
