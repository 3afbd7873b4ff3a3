import { allocate } from "../platform/memory.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { readInt64 } from "../protocol/reader.ts";
import { BATCH_HEADER_BYTES, RecordBatch } from "../protocol/records/batch.ts";
import { recordsOf } from "../protocol/records/record.ts";
import { headerProblem } from "./batch-window.ts";
import { LateBatches } from "./late-batches.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { FoundBatch, SegmentList } from "./segment-list.ts";
import type { AbortedTransaction, LateRead, TimestampAndOffset } from "./types.ts";

const NOTHING: Buffer = Buffer.alloc(0);
const BASE_OFFSET_BYTES = 8;

/** So much is read when it is sent. */
const MIN_LATE_BYTES = 128 * 1024;

export interface BatchesRead {
  readonly records: Buffer;
  readonly late?: LateRead;
  readonly availableBytes: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
}

export const NO_BATCHES: BatchesRead = { records: NOTHING, availableBytes: 0, abortedTransactions: [] };

/**
 * The whole batches from the one that holds `offset` on, as far as they end below `limitOffset` and fit into `maxBytes`,
 * from one segment, in one buffer. `listsAborted`: with the aborted transactions that overlap them, taken at the same moment.
 * `mayBeLate`: what was checked before need not be read yet.
 * `readAhead`: has a part of those, perhaps.
 */
export function readBatches(
  segments: SegmentList,
  options: {
    readonly offset: number;
    readonly limitOffset: number;
    readonly maxBytes: number;
    readonly minOneBatch: boolean;
    readonly listsAborted: boolean;
    readonly mayBeLate?: boolean;
    readonly readAhead?: ReadAhead | undefined;
  },
): BatchesRead {
  const { offset, limitOffset } = options;
  const found = segments.find(offset);
  const maxBytes = found && options.minOneBatch ? Math.max(options.maxBytes, found.sizeBytes) : options.maxBytes;
  if (!found || maxBytes < found.sizeBytes) return NO_BATCHES;
  const { segment, position } = found;
  const wanted = Math.min(maxBytes, segment.endPositionOf(limitOffset) - position);
  const late =
    options.mayBeLate && wanted >= MIN_LATE_BYTES
      ? batchesToRead(segments, found, wanted, limitOffset, options.readAhead)
      : undefined;
  const { nextOffset, ...batches } = late ?? batchesAt(segments.epochs, found, wanted, limitOffset);
  if (batches.records.length === 0) return NO_BATCHES;
  const availableBytes = segment.nextOffset < limitOffset ? Number.POSITIVE_INFINITY : wanted;
  if (!options.listsAborted) return { ...batches, availableBytes, abortedTransactions: [] };
  const aborted = segments.abortedIn(offset, nextOffset);
  const abortedTransactions = aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  return { ...batches, availableBytes, abortedTransactions };
}

interface Batches {
  readonly records: Buffer;
  readonly late?: LateRead;
  readonly nextOffset: number;
}

function batchesAt(epochs: LeaderEpochs, found: FoundBatch, wanted: number, limitOffset: number): Batches {
  const { segment, position } = found;
  // With the base offset of the batch behind, to check the last one's by.
  const bytes = segment.read(position, Math.min(wanted + BASE_OFFSET_BYTES, segment.sizeBytes - position));
  const { length, nextOffset } = soundBatches(epochs, bytes, wanted, limitOffset, found);
  return { records: bytes.subarray(0, length), nextOffset };
}

/** Undefined when they have to be read first, to be checked. */
function batchesToRead(
  segments: SegmentList,
  found: FoundBatch,
  wanted: number,
  limitOffset: number,
  readAhead: ReadAhead | undefined,
): Batches | undefined {
  const { segment, position } = found;
  const end = segment.endWithin(found, position + wanted, limitOffset);
  if (!end || !segment.checked.covers(position, end.position)) return undefined;
  const { nextOffset } = end;
  const length = end.position - position;
  // Much less than wanted, when the next batch is large. Of small pieces a response has copies, which nobody would fill.
  if (length < MIN_LATE_BYTES) return { records: segment.read(position, length), nextOffset };
  return {
    records: allocate(length),
    late: new LateBatches({ segments, segment, position, length, readAhead }),
    nextOffset,
  };
}

/** How much of the first `wanted` of `bytes` is batches that are there in full, hold what was written and end below
 * `limitOffset`. Throws a LogCorruptionError when the first does not hold; in front of another one it ends, so that what is
 * sound can be read. */
function soundBatches(
  epochs: LeaderEpochs,
  bytes: Buffer,
  wanted: number,
  limitOffset: number,
  { segment, position }: FoundBatch,
): { readonly length: number; readonly nextOffset: number } {
  const isChecked = segment.checked.covers(position, position + wanted);
  let previous = NOTHING_SOUND;
  let sound = NOTHING_SOUND;
  while (wanted - sound.length >= BATCH_HEADER_BYTES) {
    const batch = new RecordBatch(bytes, sound.length);
    const end = sound.length + Math.max(batch.sizeBytes, BATCH_HEADER_BYTES);
    if (end > wanted || batch.lastOffset >= limitOffset) break;
    const problem = isChecked ? undefined : problemOf(batch, epochs);
    if (problem !== undefined) {
      if (sound.length > 0) break;
      throw new LogCorruptionError(segment.path("log"), position, problem);
    }
    previous = sound;
    sound = { length: end, nextOffset: batch.nextOffset };
    // The CRC does not cover where a batch lies in the log; but the offset of the one behind it tells, or where the segment ends.
    const offsetBehind = position + end < segment.sizeBytes ? baseOffsetAt(bytes, end) : segment.nextOffset;
    if (!isChecked && offsetBehind < sound.nextOffset) {
      sound = previous;
      if (sound.length > 0) break;
      const problem = `a batch up to offset ${batch.lastOffset} in front of offset ${offsetBehind}`;
      throw new LogCorruptionError(segment.path("log"), position, problem);
    }
  }
  if (!isChecked) segment.checked.add(position, position + sound.length);
  return sound;
}

const NOTHING_SOUND = { length: 0, nextOffset: 0 };

function problemOf(batch: RecordBatch, epochs: LeaderEpochs): string | undefined {
  const problem = headerProblem(batch, batch.sizeBytes);
  return problem ?? (batch.hasValidCrc() ? epochs.problemOf(batch) : "the CRC does not match");
}

/** Of the batch that begins there, whether it is there in full or not; Infinity at the end. */
function baseOffsetAt(bytes: Buffer, at: number): number {
  return bytes.length - at < BASE_OFFSET_BYTES ? Number.POSITIVE_INFINITY : readInt64(bytes, at);
}

/** The first record of `timestamp` or later within [fromOffset, limitOffset). */
export function findRecordByTime(
  segments: SegmentList,
  timestamp: number,
  fromOffset: number,
  limitOffset: number,
): TimestampAndOffset | undefined {
  let from = fromOffset;
  while (from < limitOffset) {
    const found = segments.findTimestamp(timestamp, from);
    if (!found || found.baseOffset >= limitOffset) return undefined;
    const batch = readOne(found, segments.epochs);
    const record = recordByTime(batch, timestamp, from);
    if (record) return record.offset < limitOffset ? record : undefined;
    // The header promised a time that no record has.
    from = batch.nextOffset;
  }
  return undefined;
}

/** The first record with the highest timestamp of all below `limitOffset`; undefined when it is below `fromOffset`. */
export function findLatestRecord(
  segments: SegmentList,
  fromOffset: number,
  limitOffset: number,
): TimestampAndOffset | undefined {
  const latest = segments.latestBelow(limitOffset);
  const found = latest && segments.find(latest.offset);
  return found && recordByTime(readOne(found, segments.epochs), latest.timestamp, fromOffset);
}

function readOne({ segment, position, sizeBytes }: FoundBatch, epochs: LeaderEpochs): RecordBatch {
  const batch = new RecordBatch(segment.read(position, sizeBytes));
  const problem = segment.checked.covers(position, position + sizeBytes) ? undefined : problemOf(batch, epochs);
  if (problem !== undefined) throw new LogCorruptionError(segment.path("log"), position, problem);
  return batch;
}

function recordByTime(batch: RecordBatch, timestamp: number, fromOffset: number): TimestampAndOffset | undefined {
  const { leaderEpoch } = batch;
  try {
    for (const record of recordsOf(batch)) {
      if (record.timestamp < timestamp || record.offset < fromOffset) continue;
      return { timestamp: record.timestamp, offset: record.offset, leaderEpoch };
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // What the producer sent can be read by nobody; its place in time is known all the same.
    return { timestamp: batch.maxTimestamp, offset: Math.max(batch.baseOffset, fromOffset), leaderEpoch };
  }
}
