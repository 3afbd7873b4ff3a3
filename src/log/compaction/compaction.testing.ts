// A log that is compacted, in a test's hands.

import { assert } from "../../platform/assert.ts";
import { batchesIn, RecordBatch } from "../../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../protocol/records/builder.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import { appended, type LogFixture, read, START_MS } from "../log.testing.ts";
import type { PartitionLog } from "../partition-log.ts";
import { segmentFileName } from "../segment-files.ts";
import type { AppendSuccess } from "../types.ts";
import type { CompactionOptions } from "./compactable-log.ts";
import { HASH_SECRET_BYTES } from "./key-hash.ts";
import { Pace } from "./pace.ts";

/** "k=v", or "k" for a tombstone. */
type Entry = string;

export interface KeyedBatch {
  readonly entries: readonly Entry[];
  readonly timestamp?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly sequence?: number;
  readonly isTransactional?: boolean;
  readonly compression?: number;
}

export function keyedBatch(spec: KeyedBatch): RecordBatch {
  const { producerId, producerEpoch = 0, sequence = 0, isTransactional = false, compression = 0 } = spec;
  const builder = new RecordBatchBuilder();
  for (const [i, entry] of spec.entries.entries()) {
    const [key, value] = entry.split("=");
    builder.append(
      (spec.timestamp ?? START_MS) + i,
      Buffer.from(key as string),
      value === undefined ? null : Buffer.from(value),
    );
  }
  const producer = producerId === undefined ? {} : { producerId, producerEpoch, baseSequence: sequence };
  return new RecordBatch(Buffer.from(builder.build({ ...producer, isTransactional, compression })));
}

export function appendKeyed(log: PartitionLog, spec: KeyedBatch): AppendSuccess {
  const { producerId = -1, producerEpoch = 0, sequence = 0, isTransactional = false } = spec;
  const started = log.startVerification(producerId, producerEpoch, sequence, false);
  const guard = isTransactional && started.ok ? started.guard : undefined;
  return appended(log.append([keyedBatch(spec)], "client", guard));
}

/** Ends the active segment, so that what is in it can be compacted, and waits until it can be. */
export async function seal(fixture: LogFixture, log: PartitionLog): Promise<void> {
  log.updateConfig({ ...fixture.config, cleanupPolicy: ["compact"], maxCompactionLagMs: -1_000_000 });
  log.maintain();
  log.updateConfig(fixture.config);
  const snapshot = segmentFileName(log.logEndOffset, "snapshot");
  for (let i = 0; i < 10_000 && !fixture.files("snapshot").includes(snapshot); i++) await Promise.resolve();
  await log.flush();
}

export function compactionOptions(fixture: LogFixture, dedupeBufferBytes: number = 1 << 20): CompactionOptions {
  const pace = new Pace(fixture.clock, () => Number.POSITIVE_INFINITY);
  return { dedupeBufferBytes, secret: Buffer.alloc(HASH_SECRET_BYTES, 7), pace };
}

/** What lies in the log up to the high watermark: "offset:k=v" a record, "[first-last]" for a batch without any, "commit"
 * and "abort" for markers. */
export function contents(log: PartitionLog): string[] {
  const found: string[] = [];
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const { records } = read(log, { offset, maxBytes: 1 });
    assert(records.length > 0, `a reader at offset ${offset} does not get on`);
    for (const batch of batchesIn(records)) {
      offset = batch.nextOffset;
      if (batch.recordCount === 0) found.push(`[${batch.baseOffset}-${batch.lastOffset}]`);
      for (const record of decodeRecords(batch)) {
        if (batch.isControl) found.push(`${record.offset}:${record.key?.[3] === 1 ? "commit" : "abort"}`);
        else found.push(`${record.offset}:${record.key}${record.value ? `=${record.value}` : ""}`);
      }
    }
  }
  return found;
}
