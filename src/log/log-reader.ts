import { ProtocolError } from "../protocol/protocol-error.ts";
import { BATCH_HEADER_BYTES, RecordBatch } from "../protocol/records/batch.ts";
import { recordsOf } from "../protocol/records/record.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import type { FoundBatch, SegmentList } from "./segment-list.ts";
import type { AbortedTransaction, TimestampAndOffset } from "./types.ts";

const NOTHING: Buffer = Buffer.alloc(0);

export interface BatchesRead {
  readonly records: Buffer;
  readonly abortedTransactions: readonly AbortedTransaction[];
}

/**
 * The whole batches from the one that holds `offset` on, as far as they end below `limitOffset` and fit into `maxBytes`,
 * from one segment, in one read into one buffer. `listsAborted`: with the aborted transactions that overlap them, taken
 * at the same moment.
 */
export function readBatches(
  segments: SegmentList,
  options: {
    readonly offset: number;
    readonly limitOffset: number;
    readonly maxBytes: number;
    readonly minOneBatch: boolean;
    readonly listsAborted: boolean;
  },
): BatchesRead {
  const { offset, limitOffset } = options;
  const found = segments.find(offset);
  const maxBytes = found && options.minOneBatch ? Math.max(options.maxBytes, found.sizeBytes) : options.maxBytes;
  if (!found || maxBytes < found.sizeBytes) return { records: NOTHING, abortedTransactions: [] };
  const { segment, position } = found;
  const bytes = segment.read(position, Math.min(maxBytes, segment.endPositionOf(limitOffset) - position));
  const { length, nextOffset } = wholeBatches(bytes, limitOffset, found);
  const records = bytes.subarray(0, length);
  if (!options.listsAborted || length === 0) return { records, abortedTransactions: [] };
  const aborted = segments.abortedIn(offset, nextOffset);
  const abortedTransactions = aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  return { records, abortedTransactions };
}

/** How much of `bytes` is batches that are there in full and end below `limitOffset`. */
function wholeBatches(
  bytes: Buffer,
  limitOffset: number,
  { segment, position }: FoundBatch,
): { readonly length: number; readonly nextOffset: number } {
  let length = 0;
  let nextOffset = 0;
  while (bytes.length - length >= BATCH_HEADER_BYTES) {
    const batch = new RecordBatch(bytes, length);
    const { sizeBytes } = batch;
    if (sizeBytes < BATCH_HEADER_BYTES) {
      throw new LogCorruptionError(segment.path("log"), position + length, `a batch of ${sizeBytes} bytes`);
    }
    const end = length + sizeBytes;
    if (end > bytes.length || batch.lastOffset >= limitOffset) break;
    nextOffset = batch.nextOffset;
    length = end;
  }
  return { length, nextOffset };
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
    const batch = readOne(found);
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
  return found && recordByTime(readOne(found), latest.timestamp, fromOffset);
}

function readOne({ segment, position, sizeBytes }: FoundBatch): RecordBatch {
  return new RecordBatch(segment.read(position, sizeBytes));
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
