/** What of a log is to be compacted, and how urgently. Pure. Source: LogCleanerManager of Apache Kafka. */
import type { LogConfig } from "../log-config.ts";

export interface CleanableSegment {
  readonly baseOffset: number;
  /** The first offset behind it. */
  readonly nextOffset: number;
  readonly sizeBytes: number;
}

export interface CleanableLog<S extends CleanableSegment> {
  /** Sealed, oldest first. */
  readonly segments: readonly S[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Nothing at it or above may be touched. */
  readonly limitOffset: number;
  /** Of a segment's first batch, and the highest. */
  readonly timestampsOf: (segment: S) => { readonly first: number; readonly latest: number };
}

export interface CleaningStatus {
  /** Below it keys are compacted already. */
  readonly firstDirtyOffset: number;
  /** Compaction may go so far: a segment's end. */
  readonly endOffset: number;
  readonly cleanBytes: number;
  /** Of what lies between the two offsets. */
  readonly dirtyBytes: number;
  /** Whether min.cleanable.dirty.ratio or max.compaction.lag.ms asks for it. */
  readonly isDue: boolean;
}

/** `checkpointOffset`: where the last compaction ended. */
export function cleaningStatus<S extends CleanableSegment>(
  log: CleanableLog<S>,
  checkpointOffset: number,
  config: LogConfig,
  now: number,
): CleaningStatus {
  // A checkpoint beyond the end is of another log.
  const firstDirtyOffset = Math.max(log.logStartOffset, checkpointOffset > log.logEndOffset ? 0 : checkpointOffset);
  const isYoung = (segment: S): boolean =>
    config.minCompactionLagMs > 0 && log.timestampsOf(segment).latest > now - config.minCompactionLagMs;
  let endOffset = firstDirtyOffset;
  let cleanBytes = 0;
  let dirtyBytes = 0;
  let isOverdue = false;
  for (const segment of log.segments) {
    if (segment.nextOffset <= firstDirtyOffset) {
      cleanBytes += segment.sizeBytes;
      continue;
    }
    if (segment.nextOffset > log.limitOffset || isYoung(segment)) break;
    endOffset = segment.nextOffset;
    dirtyBytes += segment.sizeBytes;
    isOverdue ||= isOlderThan(log.timestampsOf, segment, now - config.maxCompactionLagMs);
  }
  const isDirty = dirtyBytes > (cleanBytes + dirtyBytes) * config.minCleanableDirtyRatio;
  return { firstDirtyOffset, endOffset, cleanBytes, dirtyBytes, isDue: dirtyBytes > 0 && (isDirty || isOverdue) };
}

function isOlderThan<S extends CleanableSegment>(
  timestampsOf: CleanableLog<S>["timestampsOf"],
  segment: S,
  timeMs: number,
): boolean {
  // Without a limit no segment need be looked into.
  if (timeMs <= 0) return false;
  const { first } = timestampsOf(segment);
  return first > 0 && first < timeMs;
}

/** An index entry is a batch at least. */
const MIN_BATCH_BYTES = 61;
/** Of the time index, whose entries are the largest. */
const INDEX_ENTRY_BYTES = 12;
const MAX_RELATIVE_OFFSET = 0x7fffffff;

/** Neighbours that become one segment each: no larger, with no larger index, and over no more offsets than one may be. */
export function groupSegments<S extends CleanableSegment>(segments: readonly S[], config: LogConfig): S[][] {
  const maxEntries = Math.floor(config.segmentIndexBytes / INDEX_ENTRY_BYTES) - 2;
  const maxIndexedBytes = maxEntries * Math.max(config.indexIntervalBytes, MIN_BATCH_BYTES);
  const maxBytes = Math.min(config.segmentBytes, maxIndexedBytes);
  const groups: S[][] = [];
  let sizeBytes = 0;
  for (const segment of segments) {
    const group = groups.at(-1);
    const first = group?.[0];
    sizeBytes += segment.sizeBytes;
    if (group && first && sizeBytes <= maxBytes && segment.nextOffset - 1 - first.baseOffset <= MAX_RELATIVE_OFFSET) {
      group.push(segment);
    } else {
      groups.push([segment]);
      sizeBytes = segment.sizeBytes;
    }
  }
  return groups;
}
