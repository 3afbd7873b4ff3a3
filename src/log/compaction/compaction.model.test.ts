// A log that is compacted at random moments against a list of everything that was ever written to it: whatever happens,
// clean stops, kills and power losses among it, the latest record of each key is there, for both isolation levels, and
// producers, offsets and transactions are as if nothing had been compacted.

import fc from "fast-check";
import { expect, it } from "vitest";
import { assert, defined } from "../../platform/assert.ts";
import { MemoryDisk } from "../../platform/memory-disk.ts";
import type { Random } from "../../platform/random.ts";
import { randomInt } from "../../platform/random.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { batchesIn, RecordBatch } from "../../protocol/records/batch.ts";
import { compressionCodes } from "../../protocol/records/compression.ts";
import { readMarker } from "../../protocol/records/control.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import { LogFixture, mark, read } from "../log.testing.ts";
import type { PartitionLog } from "../partition-log.ts";
import { appendKeyed, compactionOptions, seal } from "./compaction.testing.ts";
import { WatchedDisk } from "./watched-disk.testing.ts";

const DELETE_RETENTION_MS = 100;

interface Written {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** "k=v", or "k" for a tombstone. */
  readonly entries: readonly string[];
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
  readonly isTransactional?: boolean;
  readonly marker?: "commit" | "abort";
}

type Fate = "none" | "open" | "commit" | "abort";

interface Found {
  readonly offset: number;
  readonly entry: string;
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      ...([
        "plain",
        "idempotent",
        "transactional",
        "transactional",
        "transactional",
        "commit",
        "abort",
        "bump",
      ] as const),
      ...(["compact", "compact", "compact", "compact", "restart", "scan", "crash", "delete", "retry"] as const),
    ),
    a: fc.nat(1000),
    b: fc.nat(1000),
  }),
  { minLength: 20, maxLength: 60 },
);

const keepAll: Random = { float: () => 0.2, bytes: (length) => new Uint8Array(length) };

class Run {
  #written: Written[] = [];
  /** Of each compaction, so that the next one goes on. */
  #cleanedOffset = 0;
  #value = 0;
  readonly #fixture: LogFixture;
  #log!: PartitionLog;
  /** Takes one picture of the disk, when so many changes have come. */
  #camera: { countdown: number; readonly random: Random; picture?: MemoryDisk } | undefined;
  #disk = new MemoryDisk({ canCrash: true });

  constructor() {
    const config = { segmentBytes: 500, indexIntervalBytes: 100, deleteRetentionMs: DELETE_RETENTION_MS };
    this.#fixture = new LogFixture({ ...config, cleanupPolicy: ["compact"], minCleanableDirtyRatio: 0 });
  }

  async run(all: readonly { readonly kind: string; readonly a: number; readonly b: number }[]): Promise<void> {
    await this.#open(this.#disk);
    for (const { kind, a, b } of all) {
      await this.#do(kind, a, b);
      await this.#log.flush();
      if (["compact", "restart", "scan", "crash"].includes(kind)) this.#check();
    }
    this.#check();
    expect(this.#fixture.lines.filter(({ level }) => level === "error")).toEqual([]);
  }

  async #do(kind: string, a: number, b: number): Promise<void> {
    const id = 1 + (a % 3);
    const known = this.#producer(id);
    switch (kind) {
      case "plain":
        return this.#append(a, b);
      case "idempotent":
        if (known.txnFirstOffset < 0) this.#append(a, b, { id, epoch: known.epoch, sequence: known.lastSequence + 1 });
        return;
      case "transactional":
        return this.#append(a, b, { id, epoch: known.epoch, sequence: known.lastSequence + 1 }, true);
      case "commit":
      case "abort":
        return this.#mark(kind, id, known.epoch);
      case "bump":
        return this.#mark(b % 2 === 0 ? "commit" : "abort", id, known.epoch + 1);
      case "compact":
        this.#append(b, a);
        if (a % 3 !== 0) await seal(this.#fixture, this.#log);
        this.#fixture.clock.timeMs += b % 200;
        return this.#compact(a, b);
      case "delete":
        return this.#delete(a);
      case "restart":
        await this.#log.close();
        return this.#open(this.#disk);
      case "scan":
        return this.#scan();
      case "crash":
        return this.#crash(a % 2 === 0 ? keepAll : seededRandom(a * 1001 + b));
      case "retry":
        return this.#retry(id);
    }
  }

  async #open(disk: MemoryDisk): Promise<void> {
    this.#disk = disk;
    this.#fixture.disk = new WatchedDisk(disk, () => {
      if (this.#camera && this.#camera.countdown-- === 0) this.#camera.picture = disk.afterCrash(this.#camera.random);
    });
    this.#log = await this.#fixture.open();
  }

  #append(a: number, b: number, producer?: Written["producer"], isTransactional = false): void {
    const compression = b % 3 === 0 ? compressionCodes.lz4 : 0;
    const entries = Array.from({ length: 1 + (a % 4) }, (_, i) => {
      const key = `k${(a + b * i) % 5}`;
      return (a + i) % 7 === 0 ? key : `${key}=${this.#value++}`;
    });
    const spec = producer && { producerId: producer.id, producerEpoch: producer.epoch, sequence: producer.sequence };
    const timestamp = this.#fixture.clock.timeMs;
    const outcome = appendKeyed(this.#log, { entries, timestamp, compression, isTransactional, ...spec });
    const { baseOffset, lastOffset } = outcome;
    expect(outcome.isDuplicate).toBe(false);
    this.#written.push({ baseOffset, lastOffset, entries, isTransactional, ...(producer && { producer }) });
  }

  #mark(marker: "commit" | "abort", id: number, epoch: number): void {
    const { baseOffset } = mark(this.#log, marker, id, epoch);
    const producer = { id, epoch, sequence: -1 };
    this.#written.push({ baseOffset, lastOffset: baseOffset, entries: [], producer, marker });
  }

  /** Compacts, and then goes on from what a crash at some moment of it would have left, or not. */
  async #compact(a: number, b: number): Promise<void> {
    await this.#log.flush();
    const random = b % 3 === 0 ? keepAll : seededRandom(a + b * 1001);
    if (a % 2 === 0) this.#camera = { countdown: randomInt(seededRandom(a), 90), random };
    const options = compactionOptions(this.#fixture, b % 4 === 0 ? 24 * 4 : 1 << 16);
    this.#cleanedOffset = await this.#log.compaction.run(Math.min(this.#cleanedOffset, a * 10), options);
    expect(this.#log.compaction.status(this.#cleanedOffset)).toMatchObject({ dirtyBytes: 0 });
    const picture = this.#camera?.picture;
    this.#camera = undefined;
    if (!picture) return;
    this.#check();
    await this.#open(picture);
    this.#cleanedOffset = 0;
  }

  async #crash(random: Random): Promise<void> {
    const acknowledged = this.#log.highWatermark;
    await this.#open(this.#disk.afterCrash(random));
    expect(this.#log.logEndOffset).toBeGreaterThanOrEqual(acknowledged);
    this.#written = this.#written.filter(({ lastOffset }) => lastOffset < this.#log.logEndOffset);
  }

  /** A start that has only the batches to go by. */
  async #scan(): Promise<void> {
    await this.#log.close();
    for (const name of this.#fixture.files("snapshot")) this.#fixture.save(name, Buffer.from("damaged"));
    await this.#open(this.#disk);
  }

  /** A producer's last batch, sent again. */
  #retry(id: number): void {
    const batch = this.#written.findLast(({ producer, marker }) => producer?.id === id && !marker);
    const { epoch } = this.#producer(id);
    if (!batch?.producer || batch.producer.epoch !== epoch || batch.baseOffset < this.#log.logStartOffset) return;
    const { entries, isTransactional = false, producer } = batch;
    const spec = { producerId: id, producerEpoch: epoch, sequence: producer.sequence, isTransactional };
    const { isDuplicate, baseOffset } = appendKeyed(this.#log, { entries, ...spec });
    expect({ isDuplicate, baseOffset }).toEqual({ isDuplicate: true, baseOffset: batch.baseOffset });
  }

  #delete(a: number): void {
    const { logStartOffset, lastStableOffset } = this.#log;
    // A tenth at most, or nothing would be left to look at.
    this.#log.deleteRecordsBefore(logStartOffset + (a % (1 + Math.floor((lastStableOffset - logStartOffset) / 10))));
  }

  #producer(id: number): { epoch: number; lastSequence: number; txnFirstOffset: number } {
    const found = { epoch: 0, lastSequence: -1, txnFirstOffset: -1 };
    for (const { producer, marker, entries, isTransactional, baseOffset } of this.#written) {
      if (producer?.id !== id) continue;
      if (producer.epoch !== found.epoch) Object.assign(found, { epoch: producer.epoch, lastSequence: -1 });
      if (marker) found.txnFirstOffset = -1;
      else found.lastSequence = producer.sequence + entries.length - 1;
      if (isTransactional && found.txnFirstOffset < 0) found.txnFirstOffset = baseOffset;
    }
    return found;
  }

  /** What came of the transaction that each batch belongs to. */
  #fates(): Map<Written, Fate> {
    const fates = new Map<Written, Fate>();
    const next = new Map<number, "commit" | "abort">();
    for (const batch of this.#written.toReversed()) {
      if (batch.producer && batch.marker) next.set(batch.producer.id, batch.marker);
      const isTransactional = batch.producer && batch.isTransactional;
      fates.set(batch, isTransactional ? (next.get(batch.producer.id) ?? "open") : "none");
    }
    return fates;
  }

  #check(): void {
    const log = this.#log;
    expect(log.logEndOffset).toBe((this.#written.at(-1)?.lastOffset ?? -1) + 1);
    expect(log.highWatermark).toBe(log.logEndOffset);
    const fates = this.#fates();
    const open = this.#written.filter((batch) => fates.get(batch) === "open").map(({ baseOffset }) => baseOffset);
    expect(log.lastStableOffset).toBe(Math.max(log.logStartOffset, Math.min(log.logEndOffset, ...open)));
    for (const id of [1, 2, 3]) {
      const seen = log.activeProducers().find(({ producerId }) => producerId === id);
      if (!seen) continue;
      const { epoch, lastSequence, txnFirstOffset } = this.#producer(id);
      expect([seen.producerEpoch, seen.currentTxnStartOffset]).toEqual([epoch, txnFirstOffset]);
      // Deleted records may have been all there was of it, when a start had only the batches.
      if (seen.lastSequence !== -1) expect(seen.lastSequence).toBe(lastSequence);
    }
    this.#checkBatches();
    for (const isCommitted of [false, true]) this.#checkView(isCommitted, fates);
  }

  /** Every batch is one that was written, with fewer records, and they stand in their order. */
  #checkBatches(): void {
    let previous = -1;
    const originals = new Map(this.#written.map((batch) => [batch.baseOffset, batch]));
    for (const batch of this.#batches("read_uncommitted").batches) {
      expect(batch.baseOffset).toBeGreaterThan(previous);
      previous = batch.lastOffset;
      const original = defined(originals.get(batch.baseOffset));
      expect(batch.lastOffset).toBe(original.lastOffset);
      expect(batch.hasValidCrc()).toBe(true);
      const { id = -1, epoch = -1, sequence = -1 } = original.producer ?? {};
      expect([batch.producerId, batch.producerEpoch, batch.baseSequence]).toEqual([id, epoch, sequence]);
      expect(batch.isTransactional).toBe(original.isTransactional === true || original.marker !== undefined);
      if (batch.isControl) expect(readMarker(batch)?.type).toBe(original.marker);
      else
        for (const { offset, entry } of recordsIn(batch))
          expect(entry).toBe(original.entries[offset - batch.baseOffset]);
    }
  }

  #checkView(isCommitted: boolean, fates: ReadonlyMap<Written, Fate>): void {
    const limit = isCommitted ? this.#log.lastStableOffset : this.#log.highWatermark;
    const seen = this.#consume(isCommitted);
    const all = this.#written.flatMap((batch) => {
      const isAborted = fates.get(batch) === "abort";
      if (batch.lastOffset >= limit || (isCommitted && isAborted)) return [];
      return batch.entries.map((entry, i) => ({ offset: batch.baseOffset + i, entry, isAborted }));
    });
    const { logStartOffset } = this.#log;
    const visible = all.filter(({ offset }) => offset >= logStartOffset);
    const aborted = new Set(visible.filter(({ isAborted }) => isAborted).map(({ offset }) => offset));
    const offsets = new Set(visible.map(({ offset }) => offset));
    expect(seen.filter(({ offset }) => !offsets.has(offset))).toEqual([]);
    const latest = latestOf(seen.filter(({ offset }) => !aborted.has(offset)));
    for (const [key, { offset, entry }] of latestOf(visible.filter(({ isAborted }) => !isAborted))) {
      const found = latest.get(key);
      // A tombstone may be gone, with all that it deletes.
      if (entry.includes("=")) expect(found).toEqual({ offset, entry });
      else expect([undefined, offset]).toContain(found?.offset);
    }
  }

  #consume(isCommitted: boolean): Found[] {
    const { batches, aborted } = this.#batches(isCommitted ? "read_committed" : "read_uncommitted");
    const upcoming = [...aborted];
    const aborting = new Set<number>();
    const seen: Found[] = [];
    for (const batch of batches) {
      while (upcoming[0] && upcoming[0].firstOffset <= batch.lastOffset) {
        aborting.add(defined(upcoming.shift()).producerId);
      }
      if (batch.isControl) {
        if (readMarker(batch)?.type === "abort") aborting.delete(batch.producerId);
      } else if (!(batch.isTransactional && aborting.has(batch.producerId))) {
        seen.push(...recordsIn(batch).filter(({ offset }) => offset >= this.#log.logStartOffset));
      }
    }
    return seen;
  }

  #batches(isolation: "read_committed" | "read_uncommitted"): {
    readonly batches: RecordBatch[];
    readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
  } {
    const batches: RecordBatch[] = [];
    const aborted = new Map<string, { readonly producerId: number; readonly firstOffset: number }>();
    const limit = isolation === "read_committed" ? this.#log.lastStableOffset : this.#log.highWatermark;
    for (let offset = this.#log.logStartOffset; offset < limit; ) {
      const { records, abortedTransactions } = read(this.#log, { offset, isolation });
      for (const each of abortedTransactions) aborted.set(`${each.producerId} ${each.firstOffset}`, each);
      const found = [...batchesIn(records)];
      // A reader always gets on, up to the end.
      assert(found.length > 0);
      for (const batch of found) batches.push(new RecordBatch(Buffer.from(batch.bytes())));
      offset = defined(found.at(-1)).nextOffset;
    }
    return { batches, aborted: [...aborted.values()].sort((x, y) => x.firstOffset - y.firstOffset) };
  }
}

function recordsIn(batch: RecordBatch): Found[] {
  return decodeRecords(batch).map(({ offset, key, value }) => {
    return { offset, entry: value === null ? `${key}` : `${key}=${value}` };
  });
}

function latestOf(records: readonly Found[]): Map<string, Found> {
  return new Map(records.map(({ offset, entry }) => [defined(entry.split("=")[0]), { offset, entry }]));
}

it("whatever is compacted, and when: the latest of each key, all producers and transactions are there", async () => {
  await fc.assert(
    fc.asyncProperty(steps, (all) => new Run().run(all)),
    { numRuns: Number(process.env.LOG_MODEL_RUNS ?? 60) },
  );
});
