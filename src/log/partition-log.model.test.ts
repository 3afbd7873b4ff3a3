// PartitionLog against a dumb model: a list of batches, from which everything else is worked out anew each time. Random
// appends, transactions, deletions and reads; clean stops, kills and power losses at any moment, also within a sync.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import type { Random } from "../platform/random.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { batchOf, consume, foundBy, LogFixture, read, type SeenRecord, START_MS } from "./log.testing.ts";
import type { LogConfig } from "./log-config.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { AppendOutcome } from "./types.ts";

interface ModelBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly values: readonly string[];
  readonly timestamp: number;
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
  readonly isTransactional?: boolean;
  readonly marker?: "commit" | "abort";
}

/** What a producer's next batch has to be like, by the batches that are in the log. */
interface ModelProducer {
  epoch: number;
  nextSequence: number;
  /** Of this epoch, the last five. */
  recent: ModelBatch[];
  txnFirstOffset: number;
}

class Model {
  batches: ModelBatch[] = [];
  logStartOffset = 0;

  get endOffset(): number {
    return (this.batches.at(-1)?.lastOffset ?? -1) + 1;
  }

  producer(id: number): ModelProducer {
    const found: ModelProducer = { epoch: 0, nextSequence: 0, recent: [], txnFirstOffset: -1 };
    for (const batch of this.batches) {
      const { producer, marker } = batch;
      if (producer?.id !== id) continue;
      if (producer.epoch !== found.epoch) Object.assign(found, { epoch: producer.epoch, nextSequence: 0, recent: [] });
      if (marker) {
        found.txnFirstOffset = -1;
        continue;
      }
      found.nextSequence = producer.sequence + batch.values.length;
      found.recent = [...found.recent, batch].slice(-5);
      if (batch.isTransactional && found.txnFirstOffset < 0) found.txnFirstOffset = batch.baseOffset;
    }
    return found;
  }

  /** For each transaction: where it begins, where its marker is (Infinity while it is open), and how it ended. */
  transactions(): { id: number; first: number; last: number; isAborted: boolean }[] {
    const found: { id: number; first: number; last: number; isAborted: boolean }[] = [];
    for (const { producer, marker, isTransactional, baseOffset } of this.batches) {
      if (!producer) continue;
      const open = found.find((each) => each.id === producer.id && each.last === Number.POSITIVE_INFINITY);
      if (marker && open) Object.assign(open, { last: baseOffset, isAborted: marker === "abort" });
      else if (isTransactional && !open) {
        found.push({ id: producer.id, first: baseOffset, last: Number.POSITIVE_INFINITY, isAborted: false });
      }
    }
    return found;
  }

  lastStableOffset(highWatermark: number): number {
    const unstable = this.transactions().filter(({ last }) => last >= highWatermark);
    return Math.max(this.logStartOffset, Math.min(highWatermark, ...unstable.map(({ first }) => first)));
  }

  /** The records within [offset, limitOffset) that a reader sees. */
  visible(offset: number, limitOffset: number, isCommitted: boolean): SeenRecord[] {
    const aborted = this.transactions().filter((each) => each.isAborted);
    return this.batches.flatMap((batch) => {
      if (batch.marker || batch.lastOffset >= limitOffset) return [];
      const { producer, baseOffset } = batch;
      const isAborted =
        batch.isTransactional &&
        aborted.some(({ id, first, last }) => id === producer?.id && first <= baseOffset && baseOffset < last);
      if (isCommitted && isAborted) return [];
      return batch.values
        .map((value, i) => ({ offset: baseOffset + i, value }))
        .filter((record) => record.offset >= offset);
    });
  }

  offsetForTimestamp(timestamp: number, limitOffset: number): number | undefined {
    for (const batch of this.batches) {
      for (const [i] of batch.values.entries()) {
        const offset = batch.baseOffset + i;
        if (offset >= this.logStartOffset && offset < limitOffset && batch.timestamp + i >= timestamp) return offset;
      }
    }
    return undefined;
  }
}

const kinds = [
  "plain",
  "burst",
  "burst",
  "idempotent",
  "idempotent",
  "duplicate",
  "gap",
  "transactional",
  "transactional",
  "transactional",
  "commit",
  "abort",
  "bump",
  "release",
  "releaseOne",
  "releaseOne",
  "hold",
  "hold",
  "delete",
  "retain",
  "read",
  "read",
  "time",
  "flush",
  "close",
  "kill",
  "powerLoss",
  "powerLoss",
] as const;

/** What is done, two numbers that say how, and how much of what goes on behind it gets its turn before the next step. */
interface Step {
  readonly kind: (typeof kinds)[number];
  readonly a: number;
  readonly b: number;
  readonly turns: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    a: fc.nat(1000),
    b: fc.nat(1000),
    turns: fc.constantFrom(0, 0, 0, 1, 3),
  }),
  { maxLength: 80 },
);

/** As if every coin fell on the side of what was written: what a kill leaves. */
const keepAll: Random = { float: () => 0.2, bytes: (length) => new Uint8Array(length) };

class Run {
  readonly #model = new Model();
  readonly #fixture: LogFixture;
  readonly #held: (() => void)[] = [];
  #isHolding = false;
  #log!: PartitionLog;
  /** Below it everything was acknowledged or could be read: it must survive. */
  #promisedOffset = 0;
  /** By DeleteRecords: where it starts after the next flush, at least. */
  #askedStart = 0;
  /** By retention too: where it starts at most. */
  #allowedStart = 0;
  #value = 0;

  constructor(config: Partial<LogConfig>) {
    const whileSyncing = (): Promise<void> =>
      this.#isHolding ? new Promise((resolve) => this.#held.push(resolve)) : Promise.resolve();
    this.#fixture = new LogFixture(config, new MemoryDisk({ canCrash: true, whileSyncing }));
  }

  async run(all: readonly Step[]): Promise<void> {
    this.#log = await this.#fixture.open();
    for (const step of all) {
      await this.#do(step);
      this.#checkState();
      await settle(step.turns);
      // Syncs have ended meanwhile, and the log's start has moved.
      this.#checkState();
    }
    await this.#reopen(async () => this.#log.close());
    this.#checkAll();
    expect(this.#fixture.lines.filter(({ level }) => level === "error")).toEqual([]);
  }

  get #isDurable(): boolean {
    return this.#fixture.config.durability === "fsync";
  }

  async #do({ kind, a, b }: Step): Promise<void> {
    const id = 1 + (a % 3);
    const count = 1 + (b % 4);
    switch (kind) {
      case "plain":
        return this.#append({ count, timestamp: START_MS + a });
      case "burst":
        for (let i = 0; i < a % 12; i++) this.#append({ count, timestamp: START_MS + b + i });
        return;
      case "idempotent":
        if (this.#model.producer(id).txnFirstOffset >= 0) return;
        return this.#append({ count, timestamp: START_MS + b, id });
      case "transactional":
        return this.#append({ count, timestamp: START_MS + b, id, isTransactional: true });
      case "duplicate":
        return this.#sendAgain(id, b);
      case "gap":
        return this.#sendWithGap(id);
      case "commit":
      case "abort":
        return this.#mark(kind, id, false);
      case "bump":
        return this.#mark(b % 2 ? "commit" : "abort", id, true);
      case "release":
        return this.#release();
      case "releaseOne":
        return this.#held.shift()?.();
      case "hold":
        this.#isHolding = true;
        return;
      case "delete":
        return this.#deleteRecords(a);
      case "retain":
        return this.#retain(a);
      case "read":
        return this.#checkRead(a, b);
      case "time":
        return this.#checkTime(START_MS + a);
      case "flush":
        return this.#flush();
      case "close":
        return this.#reopen(() => this.#log.close());
      case "kill":
        return this.#crash(keepAll, this.#log.logEndOffset);
      case "powerLoss":
        return this.#crash(seededRandom(a * 1001 + b), this.#promisedOffset);
    }
  }

  #append(spec: { count: number; timestamp: number; id?: number; isTransactional?: boolean }): void {
    const { count, timestamp, id, isTransactional = false } = spec;
    const values = Array.from({ length: count }, () => `v${this.#value++}`);
    const known = id === undefined ? undefined : this.#model.producer(id);
    const producer = known && { id: id ?? 0, epoch: known.epoch, sequence: known.nextSequence };
    const outcome = this.#send({ values, timestamp, isTransactional, ...(producer && { producer }) });
    const baseOffset = this.#model.endOffset;
    expect(outcome).toMatchObject({ ok: true, baseOffset, lastOffset: baseOffset + count - 1, isDuplicate: false });
    const lastOffset = baseOffset + count - 1;
    const batch = { baseOffset, lastOffset, values, timestamp, isTransactional };
    this.#model.batches.push(producer ? { ...batch, producer } : batch);
    this.#awaitDurable(lastOffset + 1);
  }

  #send(batch: Pick<ModelBatch, "values" | "timestamp" | "producer" | "isTransactional">): AppendOutcome {
    const { values, timestamp, producer, isTransactional = false } = batch;
    const spec = producer && { producerId: producer.id, producerEpoch: producer.epoch, sequence: producer.sequence };
    const bytes = batchOf({ values, timestamp, isTransactional, ...spec });
    if (!producer || !isTransactional) return this.#log.append([bytes], "client");
    const started = this.#log.startVerification(producer.id, producer.epoch, producer.sequence, false);
    return started.ok ? this.#log.append([bytes], "client", started.guard) : started;
  }

  /** One of the last five batches of a producer is a duplicate; what is older is refused. */
  #sendAgain(id: number, which: number): void {
    const { recent, epoch } = this.#model.producer(id);
    const all = this.#model.batches.filter(({ producer, marker }) => producer?.id === id && !marker);
    const ofEpoch = all.filter(({ producer }) => producer?.epoch === epoch);
    const batch = ofEpoch[which % Math.max(1, ofEpoch.length)];
    if (!batch) return;
    const outcome = this.#send(batch);
    const { baseOffset, lastOffset } = batch;
    if (recent.includes(batch)) expect(outcome).toMatchObject({ ok: true, baseOffset, lastOffset, isDuplicate: true });
    else expect(outcome.ok).toBe(false);
  }

  #sendWithGap(id: number): void {
    const { epoch, nextSequence, recent, txnFirstOffset } = this.#model.producer(id);
    if (recent.length === 0 || txnFirstOffset >= 0) return;
    const producer = { id, epoch, sequence: nextSequence + 1 };
    expect(this.#send({ values: ["gap"], timestamp: START_MS, producer })).toMatchObject({
      ok: false,
      error: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    });
  }

  #mark(marker: "commit" | "abort", id: number, isBump: boolean): void {
    const producer = { id, epoch: this.#model.producer(id).epoch + (isBump ? 1 : 0), sequence: -1 };
    const outcome = this.#log.appendMarker({
      type: marker,
      producerId: id,
      producerEpoch: producer.epoch,
      coordinatorEpoch: 0,
      timestamp: START_MS,
      transactionVersion: isBump ? 2 : 1,
    });
    const baseOffset = this.#model.endOffset;
    expect(outcome).toMatchObject({ ok: true, baseOffset });
    const batch = { baseOffset, lastOffset: baseOffset, values: [], timestamp: START_MS, producer, marker };
    this.#model.batches.push(batch);
    this.#awaitDurable(baseOffset + 1);
  }

  #awaitDurable(offset: number): void {
    const log = this.#log;
    log.whenDurable(offset, (error) => {
      if (error || !this.#isDurable || log !== this.#log) return;
      this.#promisedOffset = Math.max(this.#promisedOffset, offset);
    });
  }

  #deleteRecords(a: number): void {
    const { highWatermark, logStartOffset } = this.#log;
    const offset = logStartOffset + (a % (highWatermark - logStartOffset + 2));
    const outcome = this.#log.deleteRecordsBefore(offset);
    if (offset > highWatermark) expect(outcome).toMatchObject({ ok: false, error: "OFFSET_OUT_OF_RANGE" });
    else expect(outcome).toMatchObject({ ok: true });
    if (!outcome.ok) return;
    this.#askedStart = Math.max(this.#askedStart, offset);
    this.#allowedStart = Math.max(this.#allowedStart, outcome.logStartOffset);
  }

  #retain(a: number): void {
    this.#log.updateConfig({ ...this.#fixture.config, retentionBytes: a });
    this.#log.maintain();
    this.#log.updateConfig(this.#fixture.config);
    this.#allowedStart = Math.max(this.#allowedStart, this.#log.highWatermark);
  }

  async #flush(): Promise<void> {
    const { logEndOffset } = this.#log;
    const flushed = this.#log.flush();
    await this.#release();
    await flushed;
    this.#promisedOffset = Math.max(this.#promisedOffset, logEndOffset);
    expect(this.#log.logStartOffset).toBeGreaterThanOrEqual(this.#askedStart);
  }

  /** Lets all syncs end, and waits for what follows from that. */
  async #release(): Promise<void> {
    this.#isHolding = false;
    for (const resolve of this.#held.splice(0)) resolve();
    await settle(2);
  }

  async #reopen(stop: () => Promise<void>): Promise<void> {
    const { logEndOffset, highWatermark } = this.#log;
    expect(highWatermark).toBeLessThanOrEqual(logEndOffset);
    const stopped = stop();
    await this.#release();
    await stopped;
    this.#fixture.lines.length = 0;
    this.#log = await this.#fixture.open();
    expect(this.#fixture.lines.filter(({ level }) => level !== "info")).toEqual([]);
    expect(this.#log.logEndOffset).toBe(logEndOffset);
    expect(this.#log.logStartOffset).toBeGreaterThanOrEqual(this.#askedStart);
    this.#promisedOffset = logEndOffset;
    this.#checkAll();
  }

  async #crash(random: Random, atLeast: number): Promise<void> {
    const { highWatermark } = this.#log;
    const survivesTo = Math.max(atLeast, this.#isDurable ? highWatermark : 0);
    this.#fixture.disk = (this.#fixture.disk as MemoryDisk).afterCrash(random);
    this.#isHolding = false;
    this.#held.length = 0;
    this.#log = await this.#fixture.open();
    const { logEndOffset } = this.#log;
    expect(logEndOffset).toBeGreaterThanOrEqual(survivesTo);
    this.#model.batches = this.#model.batches.filter(({ lastOffset }) => lastOffset < logEndOffset);
    expect(this.#model.endOffset).toBe(logEndOffset);
    this.#askedStart = 0;
    this.#promisedOffset = this.#isDurable ? logEndOffset : Math.min(this.#promisedOffset, logEndOffset);
    this.#checkAll();
  }

  #checkState(): void {
    const { logStartOffset, lastStableOffset, highWatermark, logEndOffset } = this.#log;
    expect(this.#log.offlineReason).toBeUndefined();
    expect(logEndOffset).toBe(this.#model.endOffset);
    // Behind what was shown before, whatever happened since.
    expect(logStartOffset).toBeGreaterThanOrEqual(this.#model.logStartOffset);
    expect(logStartOffset).toBeLessThanOrEqual(this.#allowedStart);
    this.#model.logStartOffset = logStartOffset;
    if (!this.#isDurable) expect(highWatermark).toBe(logEndOffset);
    expect(highWatermark).toBeGreaterThanOrEqual(this.#isDurable ? this.#promisedOffset : 0);
    expect(lastStableOffset).toBe(this.#model.lastStableOffset(highWatermark));
  }

  #checkAll(): void {
    this.#checkState();
    this.#checkRead(0, 999);
    for (const id of [1, 2, 3]) {
      const expected = this.#model.producer(id);
      const found = this.#log.activeProducers().find(({ producerId }) => producerId === id);
      expect(found !== undefined).toBe(this.#model.batches.some(({ producer }) => producer?.id === id));
      if (!found) continue;
      expect([found.producerEpoch, found.currentTxnStartOffset]).toEqual([expected.epoch, expected.txnFirstOffset]);
      expect(found.lastSequence).toBe(expected.recent.length === 0 ? -1 : expected.nextSequence - 1);
    }
  }

  #checkRead(a: number, b: number): void {
    const { logStartOffset, highWatermark } = this.#log;
    const offset = logStartOffset + (a % (highWatermark - logStartOffset + 1));
    const maxBytes = 1 + b * 3;
    for (const isolation of ["read_uncommitted", "read_committed"] as const) {
      const isCommitted = isolation === "read_committed";
      const limit = isCommitted ? this.#log.lastStableOffset : highWatermark;
      expect(consume(this.#log, isolation, { offset, maxBytes })).toEqual(
        this.#model.visible(offset, limit, isCommitted),
      );
    }
    expect(read(this.#log, { offset })).toMatchObject({ highWatermark, logStartOffset });
  }

  #checkTime(timestamp: number): void {
    // Markers are records too, and have times.
    const expected = this.#model.offsetForTimestamp(timestamp, this.#log.highWatermark);
    const found = foundBy(this.#log.offsetForTimestamp(timestamp, "read_uncommitted"))?.offset;
    if (timestamp > START_MS) expect(found).toBe(expected);
  }
}

async function settle(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

const SMALL: Partial<LogConfig> = { segmentBytes: 600, indexIntervalBytes: 150 };
const RECOVERY_POINTS: Partial<LogConfig> = { indexIntervalBytes: 100, recoveryPointIntervalBytes: 250 };

describe("whatever is done to it, the log is what the model says", () => {
  it.each<[string, Partial<LogConfig>]>([
    ["durability fsync: what was acknowledged or read survives", SMALL],
    ["durability os: what was flushed survives", { ...SMALL, durability: "os" }],
    ["one segment", { indexIntervalBytes: 0 }],
    ["recovery points within segments", { ...RECOVERY_POINTS, segmentBytes: 2_000 }],
    ["recovery points, durability os", { ...RECOVERY_POINTS, durability: "os" }],
  ])("%s", async (_what, config) => {
    await fc.assert(
      fc.asyncProperty(steps, (all) => new Run(config).run(all)),
      { numRuns: Number(process.env.LOG_MODEL_RUNS ?? 300) },
    );
  });
});
