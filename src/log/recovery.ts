/**
 * Opening a log: finds out what is there after a clean stop or a crash, and rebuilds what is not on disk.
 *
 * A producer snapshot is written only once everything below its offset is durable, indexes included. So the newest one
 * is the recovery point: below it nothing is scanned, and nothing may be missing; behind it every batch is checked, and
 * the log ends before the first that does not hold. A clean stop leaves a snapshot at the log's end.
 */
import { defined } from "../platform/assert.ts";
import { type Disk, DiskError, type DiskFile } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { RecordBatch } from "../protocol/records/batch.ts";
import { BatchWindow } from "./batch-window.ts";
import { readEpochs } from "./checkpoints.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import { LogLostError } from "./log-lost-error.ts";
import { decodeProducerSnapshot, type PendingSnapshot, takeSnapshot } from "./producer-snapshot.ts";
import { type ProducerEntry, ProducerState } from "./producer-state.ts";
import { closeAll, Segment } from "./segment.ts";
import { EPOCHS_FILE, parseSegmentFileName, segmentFileName } from "./segment-files.ts";
import { lacksDescriptors } from "./write-file.ts";

const SCAN_WINDOW_BYTES = 1024 * 1024;
const PEEK_WINDOW_BYTES = 4 * 1024;

export interface RecoveryContext {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly folder: string;
  readonly now: number;
  readonly indexIntervalBytes: number;
  /** Of the leader that opens the log: no batch is of a later one. */
  readonly leaderEpoch: number;
  /** What lies below was deleted; it had been durable. */
  readonly logStartOffset: number;
  /** The first segment had a durable name. */
  readonly isKnown: boolean;
}

/** A segment that was sealed and whose files are not synced yet. */
export interface SealedSegment {
  readonly segment: Segment;
  readonly files: readonly DiskFile[];
}

export interface RecoveredLog {
  /** At least one; the last one is active. */
  readonly segments: Segment[];
  readonly producers: ProducerState;
  readonly epochs: LeaderEpochs;
  /** Whether the epochs' file was there. */
  readonly areEpochsSaved: boolean;
  /** Everything below is durable. */
  readonly durableOffset: number;
  /** Of the snapshot files that are there, ascending. */
  readonly snapshotOffsets: number[];
  /** Of the newest one that a start can go on from. */
  readonly soundSnapshotOffset: number | undefined;
  readonly sealed: SealedSegment[];
  readonly snapshots: PendingSnapshot[];
  /** So much of the segments was read to check it. */
  readonly scannedBytes: number;
}

export function recoverLog(context: RecoveryContext): RecoveredLog {
  const { disk, folder } = context;
  const { baseOffsets, snapshotOffsets } = readFolder(disk, folder);
  const [firstOffset] = baseOffsets;
  const durableOffset = Math.max(firstOffset ?? 0, context.logStartOffset, ...snapshotOffsets);
  if (firstOffset === undefined) return emptyLog(context, durableOffset);
  const segments = baseOffsets.map((baseOffset, i) =>
    Segment.open(disk, folder, baseOffset, baseOffsets[i + 1] ?? Number.POSITIVE_INFINITY),
  );
  try {
    const saved = readEpochs(disk, folder);
    const path = `${folder}/${EPOCHS_FILE}`;
    if (!saved) context.logger.log("warn", "leader epochs missing or damaged: read from all batches", { path });
    const epochs = saved ?? scanEpochs(context, segments, durableOffset);
    const { latest = 0 } = epochs;
    if (latest > context.leaderEpoch) {
      // What is to be written now could not be told from damage.
      throw new LogCorruptionError(path, 0, `leader epoch ${latest}, of a leader to come after ${context.leaderEpoch}`);
    }
    const recovery = new Recovery(context, segments, snapshotOffsets, epochs, durableOffset);
    return { ...recovery.run(), areEpochsSaved: saved !== undefined };
  } catch (error) {
    letGo(segments);
    throw error;
  }
}

function emptyLog({ disk, folder, isKnown }: RecoveryContext, durableOffset: number): RecoveredLog {
  if (durableOffset > 0) {
    throw new LogLostError(folder, `no segment is left of a log that was durable up to ${durableOffset}`);
  }
  if (isKnown) throw new LogLostError(folder, "there is no segment in it");
  return {
    segments: [Segment.create(disk, folder, 0)],
    producers: new ProducerState(),
    epochs: new LeaderEpochs(),
    areEpochsSaved: false,
    durableOffset,
    snapshotOffsets: [],
    soundSnapshotOffset: undefined,
    sealed: [],
    snapshots: [],
    scannedBytes: 0,
  };
}

/** What lies in the folder; leftovers of interrupted work are removed. */
function readFolder(disk: Disk, folder: string): { baseOffsets: number[]; snapshotOffsets: number[] } {
  const names = disk.list(folder);
  const parsed = names.map(parseSegmentFileName);
  const offsetsOf = (kind: string): number[] =>
    parsed.flatMap((name) => (name?.kind === kind ? [name.offset] : [])).sort((a, b) => a - b);
  const baseOffsets = offsetsOf("log");
  names.forEach((name, i) => {
    const file = parsed[i];
    const isIndex = file !== undefined && file.kind !== "log" && file.kind !== "snapshot";
    const isOrphan = isIndex && !baseOffsets.includes(file.offset);
    if (isOrphan || name.endsWith(".tmp")) disk.remove(`${folder}/${name}`);
  });
  return { baseOffsets, snapshotOffsets: offsetsOf("snapshot") };
}

class Recovery {
  readonly #context: RecoveryContext;
  readonly #segments: Segment[];
  readonly #snapshotOffsets: number[];
  readonly #epochs: LeaderEpochs;
  #producers = new ProducerState();
  readonly #sealed: SealedSegment[] = [];
  readonly #snapshots: PendingSnapshot[] = [];
  #soundSnapshotOffset: number | undefined;
  #scannedBytes = 0;
  /** The newest snapshot's offset, be it readable or not, or the log's start: below it everything was durable. */
  readonly #recoveryPoint: number;

  constructor(
    context: RecoveryContext,
    segments: Segment[],
    snapshotOffsets: number[],
    epochs: LeaderEpochs,
    durableOffset: number,
  ) {
    this.#context = context;
    this.#segments = segments;
    this.#snapshotOffsets = snapshotOffsets;
    this.#epochs = epochs;
    this.#recoveryPoint = durableOffset;
  }

  run(): Omit<RecoveredLog, "areEpochsSaved"> {
    const endOffset = this.#scanFrom(this.#start());
    if (endOffset < this.#recoveryPoint) this.#failAt(endOffset);
    this.#epochs.truncateFromEnd(endOffset + 1);
    return {
      segments: this.#segments,
      producers: this.#producers,
      epochs: this.#epochs,
      durableOffset: this.#recoveryPoint,
      snapshotOffsets: this.#snapshotOffsets,
      soundSnapshotOffset: this.#soundSnapshotOffset,
      sealed: this.#sealed,
      snapshots: this.#snapshots,
      scannedBytes: this.#scannedBytes,
    };
  }

  /** The newest snapshot that can be read, and whose segment can be gone on with. */
  #start(): number {
    for (const offset of this.#snapshotOffsets.toReversed()) {
      const index = this.#segments.findLastIndex((segment) => segment.baseOffset <= offset);
      const segment = this.#segments[index];
      const entries = segment && readSnapshot(this.#context, offset);
      if (!entries) continue;
      if (segment.baseOffset === offset) segment.resetIndexes();
      else if (!this.#resumes(segment, offset)) continue;
      this.#producers.load(entries);
      this.#soundSnapshotOffset = offset;
      return index;
    }
    item(this.#segments, 0).resetIndexes();
    return 0;
  }

  /** Also indexes that the disk cannot read are no reason not to start. Without descriptors nobody knows how they are. */
  #resumes(segment: Segment, offset: number): boolean {
    let error: string | undefined;
    try {
      if (segment.resume(offset)) return true;
    } catch (thrown) {
      if (!(thrown instanceof DiskError) || lacksDescriptors(thrown)) throw thrown;
      error = thrown.message;
    }
    const message =
      "indexes missing, unfinished, damaged or without CRCs: built anew from the batches, as Apache Kafka's are";
    this.#context.logger.log("warn", message, { path: segment.path("log"), offset, error });
    return false;
  }

  /** Checks everything from a segment on; returns the log's end. */
  #scanFrom(start: number): number {
    for (let i = start; ; i++) {
      const segment = item(this.#segments, i);
      const problem = this.#scan(segment, this.#segments[i + 1]?.baseOffset);
      if (problem) this.#cut(segment, problem);
      const next = this.#segments[i + 1];
      const endOffset = segment.nextOffset;
      // Compaction keeps each segment's last batch: what lacks in front of the next one, behind the recovery point, got lost.
      if (next && !problem && (next.baseOffset === endOffset || endOffset < this.#recoveryPoint)) {
        this.#seal(segment, next);
      } else {
        this.#removeFrom(i + 1);
        return endOffset;
      }
    }
  }

  /** Leaves what a roll would have left. */
  #seal(segment: Segment, next: Segment): void {
    const offset = next.baseOffset;
    segment.nextOffset = offset;
    this.#sealed.push({ segment, files: segment.seal(this.#producers.firstUndecidedOffset ?? offset) });
    this.#snapshots.push(takeSnapshot(this.#producers, offset));
    next.resetIndexes();
  }

  #scan(segment: Segment, nextBaseOffset: number | undefined): Problem | undefined {
    const { indexIntervalBytes, now } = this.#context;
    const endOffset = nextBaseOffset ?? segment.endOffsetMax;
    const gaplessFrom = nextBaseOffset === undefined ? this.#recoveryPoint : Number.POSITIVE_INFINITY;
    const limits = { gaplessFrom, endOffset, epochs: this.#epochs };
    this.#scannedBytes += segment.log.size() - segment.sizeBytes;
    return scanBatches(segment, segment.sizeBytes, segment.nextOffset, limits, (batch) => {
      if (!this.#epochs.learn(batch)) doubt(this.#epochs, this.#context.logger, segment, segment.sizeBytes);
      segment.admit(batch, indexIntervalBytes);
      const completed = this.#producers.replay(batch, now);
      if (completed?.isAborted) segment.abortedIndex.append(completed);
    });
  }

  /** Ends the log before the first batch that does not hold. */
  #cut(segment: Segment, problem: Problem): void {
    const path = segment.path("log");
    const offset = segment.nextOffset;
    if (offset < this.#recoveryPoint) throw new LogCorruptionError(path, problem.position, problem.text);
    const cutBytes = segment.log.size() - problem.position;
    segment.log.truncate(problem.position);
    const { position, text } = problem;
    const message =
      "log cut before a batch that does not hold, where a write may have been interrupted; what lies below is whole";
    this.#context.logger.log("warn", message, { path, position, offset, cutBytes, problem: text });
  }

  #removeFrom(index: number): void {
    for (const segment of this.#segments.splice(index)) {
      const fields = { path: segment.path("log"), sizeBytes: segment.log.size() };
      this.#context.logger.log("warn", "segment removed: the log was cut before it", fields);
      segment.remove();
    }
  }

  #failAt(endOffset: number): never {
    const last = item(this.#segments, this.#segments.length - 1);
    const problem = `the log ends at offset ${endOffset}, but was durable up to ${this.#recoveryPoint}`;
    throw new LogCorruptionError(last.path("log"), last.sizeBytes, problem);
  }
}

interface Problem {
  readonly position: number;
  readonly text: string;
}

interface ScanLimits {
  /** Offsets follow one another without gaps from here on; below, compaction may have left some, and batches behind them that end
   * there at the latest. Infinity in a segment whose end is known: a wrong offset shows by what comes behind it. */
  readonly gaplessFrom: number;
  /** No batch goes beyond it. The CRC does not cover where a batch lies in the log. */
  readonly endOffset: number;
  readonly epochs: LeaderEpochs;
}

/** Visits every batch from `start` on, each checked, up to the first that does not hold. */
function scanBatches(
  segment: Segment,
  start: number,
  expectedOffset: number,
  { gaplessFrom, endOffset, epochs }: ScanLimits,
  visit: (batch: RecordBatch) => void,
): Problem | undefined {
  const sizeBytes = segment.log.size();
  const window = new BatchWindow(segment.log, sizeBytes, SCAN_WINDOW_BYTES);
  let expected = expectedOffset;
  const behind = new BatchWindow(segment.log, sizeBytes, PEEK_WINDOW_BYTES);
  for (let position = start; position < sizeBytes; ) {
    const batch = window.batchAt(position);
    if (!batch) return { position, text: window.problemAt(position) };
    if (!batch.hasValidCrc()) return { position, text: "the CRC does not match" };
    const { baseOffset } = batch;
    const isGap = baseOffset > expected;
    if (baseOffset < expected || (isGap && batch.nextOffset > gaplessFrom)) {
      return { position, text: `a batch of offset ${baseOffset} in the place of ${expected}` };
    }
    // No CRC covers the base offset: behind a gap it may be the wrong one.
    const offsetBehind = isGap ? behind.headerAt(position + batch.sizeBytes)?.baseOffset : undefined;
    if (offsetBehind !== undefined && offsetBehind < batch.nextOffset) {
      const text = `a batch up to offset ${batch.lastOffset}, where the next one begins at ${offsetBehind}`;
      return { position, text };
    }
    if (batch.nextOffset > endOffset) {
      return { position, text: `a batch up to offset ${batch.lastOffset}, beyond the segment's end at ${endOffset}` };
    }
    const epochProblem = epochs.problemOf(batch);
    if (epochProblem !== undefined) return { position, text: epochProblem };
    position += batch.sizeBytes;
    expected = batch.nextOffset;
    visit(batch);
  }
  return undefined;
}

/** The producers when the log ended at `offset`; undefined when the snapshot is damaged or gone. */
export function readSnapshot(
  { disk, folder, logger, now }: RecoveryContext,
  offset: number,
): ProducerEntry[] | undefined {
  const path = `${folder}/${segmentFileName(offset, "snapshot")}`;
  if (!disk.exists(path)) return undefined;
  try {
    return decodeProducerSnapshot(disk.readFile(path), now);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    logger.log("warn", "damaged producer snapshot passed over", { path, problem: error.message });
    return undefined;
  }
}

/** Says so once. */
function doubt(epochs: LeaderEpochs, logger: Logger, segment: Segment, position: number): void {
  if (!epochs.areSure) return;
  epochs.doubt();
  const message = "leader epochs not certain: at or before a position is a batch that cannot be right";
  logger.log("warn", message, { path: segment.path("log"), position });
}

/** From the headers of what was durable: what lies behind is scanned in any case, and tells its own. */
function scanEpochs(
  { leaderEpoch, logger }: RecoveryContext,
  segments: readonly Segment[],
  durableOffset: number,
): LeaderEpochs {
  const epochs = LeaderEpochs.ofBatches(leaderEpoch);
  for (const segment of segments) {
    const window = new BatchWindow(segment.log, segment.sizeBytes);
    const endOffset = Math.min(segment.nextOffset, durableOffset);
    let expected = segment.baseOffset;
    for (let position = 0; position < segment.sizeBytes; ) {
      const batch = window.headerAt(position);
      const isWhole = expected >= endOffset;
      // One that is not in its place may as well be the one in front of it.
      const isInPlace = batch && batch.baseOffset >= expected && batch.nextOffset <= segment.nextOffset;
      if (!isInPlace && (batch || !isWhole)) doubt(epochs, logger, segment, position);
      if (!isInPlace || isWhole) break;
      if (!epochs.learn(batch)) doubt(epochs, logger, segment, position);
      expected = batch.nextOffset;
      position += batch.sizeBytes;
    }
    segment.closeFiles();
  }
  return epochs;
}

/**
 * Builds the indexes of a sealed segment anew from its batches, and returns it in a new shape; the old one is closed.
 * Those before it may be left open. Throws a LogCorruptionError when the batches themselves do not hold.
 */
export function rebuildIndexes(
  context: RecoveryContext,
  epochs: LeaderEpochs,
  segments: readonly Segment[],
  index: number,
): SealedSegment {
  const damaged = item(segments, index);
  const { baseOffset, nextOffset } = damaged;
  const message = "indexes missing, damaged or without CRCs: rebuilt from the batches, as Apache Kafka's are";
  context.logger.log("warn", message, { path: damaged.path("log") });
  const { producers, from } = producersBefore(context, segments, index);
  for (const segment of segments.slice(from, index)) {
    verified(segment, segment.nextOffset, epochs, (batch) => void producers.replay(batch, context.now));
  }
  damaged.closeFiles();
  const rebuilt = Segment.open(context.disk, context.folder, baseOffset, nextOffset);
  try {
    rebuilt.resetIndexes();
    verified(rebuilt, nextOffset, epochs, (batch) => {
      rebuilt.admit(batch, context.indexIntervalBytes);
      const completed = producers.replay(batch, context.now);
      if (completed?.isAborted) rebuilt.abortedIndex.append(completed);
    });
    rebuilt.nextOffset = nextOffset;
    return { segment: rebuilt, files: rebuilt.seal(producers.firstUndecidedOffset ?? nextOffset) };
  } catch (error) {
    letGo([rebuilt]);
    throw error;
  }
}

/** Why they are let go of is what there is to tell. */
function letGo(segments: readonly Segment[]): void {
  try {
    closeAll(segments);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** Below which offset everything was decided when the log ended at `offset`; 0 when no snapshot tells. */
export function decidedOffsetAt(context: RecoveryContext, offset: number): number {
  const entries = readSnapshot(context, offset);
  if (!entries) return 0;
  return Math.min(offset, ...entries.map((entry) => entry.txnFirstOffset).filter((first) => first >= 0));
}

/** The producers at the start of the newest segment up to `index` that has a snapshot there. */
function producersBefore(
  context: RecoveryContext,
  segments: readonly Segment[],
  index: number,
): { readonly producers: ProducerState; readonly from: number } {
  const producers = new ProducerState();
  for (let from = index; from > 0; from--) {
    const entries = readSnapshot(context, item(segments, from).baseOffset);
    if (!entries) continue;
    producers.load(entries);
    return { producers, from };
  }
  return { producers, from: 0 };
}

function verified(
  segment: Segment,
  endOffset: number,
  epochs: LeaderEpochs,
  visit: (batch: RecordBatch) => void,
): void {
  const limits = { gaplessFrom: Number.POSITIVE_INFINITY, endOffset, epochs };
  const problem = scanBatches(segment, 0, segment.baseOffset, limits, visit);
  if (problem) throw new LogCorruptionError(segment.path("log"), problem.position, problem.text);
}

function item<T>(items: readonly T[], index: number): T {
  return defined(items[index]);
}
