// A log in a test's hands: its disk can crash, its clock stands still, and what a reader would see is one call away.

import { assert } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Disk } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { batchesIn, RecordBatch } from "../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../protocol/records/builder.ts";
import { type MarkerType, readMarker } from "../protocol/records/control.ts";
import { decodeRecords } from "../protocol/records/record.ts";
import { defaultLogConfig, type LogConfig } from "./log-config.ts";
import { PartitionLog } from "./partition-log.ts";
import type {
  AppendOutcome,
  AppendSuccess,
  PartitionLogOptions,
  ReadOptions,
  ReadSuccess,
  TimestampAndOffset,
  TimestampOutcome,
} from "./types.ts";

export const START_MS = 1_700_000_000_000;

/** Stands still until it is moved. */
export class TestClock implements Clock {
  timeMs: number = START_MS;
  /** All pauses that were asked for. They are over at once. */
  readonly pausesMs: number[] = [];

  now(): number {
    return this.timeMs;
  }
  monotonic(): number {
    return this.timeMs;
  }
  setTimer(delayMs: number, callback: () => void): Timer {
    this.pausesMs.push(delayMs);
    this.setImmediate(callback);
    return { cancel: () => {} };
  }
  setImmediate(callback: () => void): void {
    void Promise.resolve().then(callback);
  }
}

export interface BatchSpec {
  /** Default: one. */
  readonly values?: readonly string[];
  readonly key?: string;
  /** Of the first record; the others follow 1 ms apart. */
  readonly timestamp?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly sequence?: number;
  readonly isTransactional?: boolean;
  readonly compression?: number;
}

export function batchOf(spec: BatchSpec = {}): RecordBatch {
  const { values = ["value"], key, timestamp = START_MS, producerId, producerEpoch = 0, sequence = 0 } = spec;
  const builder = new RecordBatchBuilder();
  for (const [i, value] of values.entries()) {
    builder.append(timestamp + i, key === undefined ? null : Buffer.from(key), Buffer.from(value));
  }
  const { isTransactional = false, compression = 0 } = spec;
  const producer = producerId === undefined ? {} : { producerId, producerEpoch, baseSequence: sequence };
  return new RecordBatch(Buffer.from(builder.build({ ...producer, isTransactional, compression })));
}

export interface SeenRecord {
  readonly offset: number;
  readonly value: string;
}

/** One partition's folder, and the logs that are opened on it one after the other. */
export class LogFixture {
  readonly clock: TestClock = new TestClock();
  readonly folder: string = "topic-0";
  readonly lines: { readonly level: string; readonly message: string; readonly fields: unknown }[] = [];
  disk: Disk;
  config: LogConfig;
  leaderEpoch = 0;

  constructor(config: Partial<LogConfig> = {}, disk: Disk = new MemoryDisk({ canCrash: true })) {
    this.config = { ...defaultLogConfig, ...config };
    this.disk = disk;
  }

  open(options: Partial<PartitionLogOptions> = {}): Promise<PartitionLog> {
    const logger: Logger = { log: (level, message, fields) => this.lines.push({ level, message, fields }) };
    return PartitionLog.open({
      disk: this.disk,
      clock: this.clock,
      logger,
      folder: this.folder,
      topicPartition: { topic: "topic", partition: 0 },
      topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
      config: this.config,
      leaderEpoch: this.leaderEpoch,
      ...options,
    });
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }
  bytesOf(name: string): Buffer {
    return Buffer.from(this.disk.readFile(this.path(name)));
  }
  /** Replaces a file. */
  save(name: string, bytes: Uint8Array): void {
    this.disk.remove(this.path(name));
    const file = this.disk.open(this.path(name), { create: true });
    file.write([bytes], 0);
    file.close();
  }
  /** Names of the files that end in `.kind`. */
  files(kind: string): string[] {
    return this.disk.list(this.folder).filter((name) => name.endsWith(`.${kind}`));
  }
}

export function appended(outcome: AppendOutcome): AppendSuccess {
  assert(outcome.ok, outcome.ok ? "" : `${outcome.error}: ${outcome.message}`);
  return outcome;
}

export function append(log: PartitionLog, spec: BatchSpec = {}): AppendSuccess {
  return appended(log.append([batchOf(spec)], "client"));
}

/** Appends to a producer's transaction, which begins here if none is open. */
export function appendTransactional(
  log: PartitionLog,
  spec: BatchSpec & { readonly producerId: number },
): AppendSuccess {
  return appended(tryAppendTransactional(log, spec));
}

export function tryAppendTransactional(
  log: PartitionLog,
  spec: BatchSpec & { readonly producerId: number },
): AppendOutcome {
  const { producerId, producerEpoch = 0, sequence = 0 } = spec;
  const started = log.startVerification(producerId, producerEpoch, sequence, false);
  if (!started.ok) return started;
  return log.append([batchOf({ ...spec, isTransactional: true })], "client", started.guard);
}

export function mark(log: PartitionLog, type: MarkerType, producerId: number, producerEpoch = 0): AppendSuccess {
  const marker = { type, producerId, producerEpoch, coordinatorEpoch: 0, timestamp: START_MS, transactionVersion: 0 };
  return appended(log.appendMarker(marker));
}

/** Resolves when all that was appended is durable. */
export function durable(log: PartitionLog): Promise<void> {
  return new Promise((resolve, reject) => {
    log.whenDurable(log.logEndOffset, (error) => (error ? reject(error) : resolve()));
  });
}

export function read(log: PartitionLog, options: Partial<ReadOptions> = {}): ReadSuccess {
  const defaults = {
    offset: log.logStartOffset,
    maxBytes: 1e9,
    isolation: "read_uncommitted",
    minOneBatch: true,
  } as const;
  const outcome = log.read({ ...defaults, ...options });
  assert(outcome.ok, outcome.ok ? "" : `${outcome.error}: ${outcome.message}`);
  return outcome;
}

export function baseOffsetsIn({ records }: ReadSuccess): number[] {
  return [...batchesIn(records)].map((batch) => batch.baseOffset);
}

/** Everything from `offset` on that a consumer would hand out, read in fetches of `maxBytes`, the aborted transactions left
 * out as Apache Kafka's consumer does it: by the list that each fetch brings. */
export function consume(
  log: PartitionLog,
  isolation: ReadOptions["isolation"],
  options: { readonly offset?: number; readonly maxBytes?: number } = {},
): SeenRecord[] {
  const { maxBytes = 1e9 } = options;
  const seen: SeenRecord[] = [];
  let offset = options.offset ?? log.logStartOffset;
  for (;;) {
    const outcome = read(log, { offset, maxBytes, isolation });
    if (outcome.records.length === 0) return seen;
    const upcoming = [...outcome.abortedTransactions];
    const aborting = new Set<number>();
    for (const batch of batchesIn(outcome.records)) {
      while (upcoming[0] && upcoming[0].firstOffset <= batch.lastOffset)
        aborting.add(upcoming.shift()?.producerId ?? -1);
      if (batch.isControl) {
        if (readMarker(batch)?.type === "abort") aborting.delete(batch.producerId);
      } else if (!(batch.isTransactional && aborting.has(batch.producerId))) {
        seen.push(...recordsIn(batch).filter((record) => record.offset >= offset));
      }
      offset = Math.max(offset, batch.nextOffset);
    }
  }
}

export function valuesOf(records: readonly SeenRecord[]): string[] {
  return records.map(({ value }) => value);
}

function recordsIn(batch: RecordBatch): SeenRecord[] {
  return decodeRecords(batch).map(({ offset, value }) => ({ offset, value: Buffer.from(value ?? "").toString() }));
}

/** What a look-up by time found. */
export function foundBy(outcome: TimestampOutcome): TimestampAndOffset | undefined {
  assert(outcome.ok, outcome.ok ? "" : `${outcome.error}: ${outcome.message}`);
  return outcome.found;
}
