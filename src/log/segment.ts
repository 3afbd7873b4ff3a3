import { assert } from "../platform/assert.ts";
import { closeEach } from "../platform/closing.ts";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { allocate } from "../platform/memory.ts";
import type { RecordBatch } from "../protocol/records/batch.ts";
import { AbortedIndex } from "./aborted-index.ts";
import { BatchWindow } from "./batch-window.ts";
import { CheckedRange } from "./checked-range.ts";
import { IndexCrcs } from "./index-crcs.ts";
import type { LogConfig } from "./log-config.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import { type OffsetEntry, OffsetIndex } from "./offset-index.ts";
import { SEGMENT_FILE_KINDS, type SegmentFileKind, segmentFileName } from "./segment-files.ts";
import { type TimeEntry, TimeIndex } from "./time-index.ts";

/** Offsets in a segment's indexes are relative to its base, in 31 bits. */
const MAX_RELATIVE_OFFSET = 0x7fffffff;
/** What is read at once where the index ends and headers go on: one interval of the index, by default. Look-ups are synchronous, so one
 * window does for all. */
const lookupWindow = Buffer.allocUnsafeSlow(4 * 1024);
/** So much of what is wanted may be left out, so that nothing has to be looked up in the file. */
const LEFT_OUT_PART = 1 / 16;
const NO_TIME: TimeEntry = { timestamp: -1, offset: -1 };

/** Where a batch lies. */
export interface BatchPlace {
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly nextOffset: number;
}

/**
 * One segment: a file of batches from `baseOffset` on, and its indexes. The last segment of a log is active: it is
 * written to, and its indexes are in memory. The others are sealed: their files never change, and are opened when needed.
 */
export class Segment {
  readonly baseOffset: number;
  readonly abortedIndex: AbortedIndex;
  /** What need not be checked again when it is read. */
  readonly checked: CheckedRange = new CheckedRange();
  /** The first offset behind it. */
  nextOffset: number;
  /** Of a sealed segment: everything below was decided at its end, so that no later marker ends a transaction with records
   * below. Undefined while unknown. */
  decidedOffset: number | undefined;
  readonly #disk: Disk;
  readonly #folder: string;
  /** Behind the names of its files, while it is not in the log yet. */
  #suffix: string;
  readonly #offsetIndex: OffsetIndex;
  readonly #timeIndex: TimeIndex;
  readonly #crcs: IndexCrcs;
  #log: DiskFile | undefined;
  #sizeBytes = 0;
  #isSealed: boolean;
  #hasOpenIndexes = false;
  /** What their files hold was compared with the CRCs, once. */
  #areIndexesChecked = false;
  #bytesSinceIndexEntry = 0;
  /** The one that was admitted last: whoever follows the log's end asks for it. */
  #lastBatch: BatchPlace | undefined;
  /** Undefined in a sealed segment until somebody asks. */
  #latest: TimeEntry | undefined;
  #firstTimestamp: number | undefined;

  private constructor(disk: Disk, folder: string, baseOffset: number, isSealed: boolean, suffix: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#suffix = suffix;
    this.baseOffset = baseOffset;
    this.nextOffset = baseOffset;
    this.#isSealed = isSealed;
    this.#offsetIndex = new OffsetIndex(disk, this.path("index"), baseOffset);
    this.#timeIndex = new TimeIndex(disk, this.path("timeindex"), baseOffset);
    this.abortedIndex = new AbortedIndex(disk, this.path("txnindex"), baseOffset);
    const entries = this.#indexes().map((index) => index.entries);
    this.#crcs = new IndexCrcs(disk, this.path("indexcrc"), entries);
  }

  /** Makes a new, active segment. What lies under its names goes. `suffix`: of its files' names. */
  static create(disk: Disk, folder: string, baseOffset: number, suffix = ""): Segment {
    const segment = new Segment(disk, folder, baseOffset, false, suffix);
    disk.remove(segment.path("log"));
    segment.#log = disk.open(segment.path("log"), { create: true });
    segment.resetIndexes();
    return segment;
  }

  /** A segment that is there, as a sealed one that ends at `nextOffset`. */
  static open(disk: Disk, folder: string, baseOffset: number, nextOffset: number): Segment {
    const segment = new Segment(disk, folder, baseOffset, true, "");
    segment.nextOffset = nextOffset;
    segment.#sizeBytes = segment.log.size();
    segment.closeFiles();
    return segment;
  }

  path(kind: SegmentFileKind): string {
    return `${this.#folder}/${segmentFileName(this.baseOffset, kind)}${this.#suffix}`;
  }

  get log(): DiskFile {
    this.#log ??= this.#disk.open(this.path("log"));
    return this.#log;
  }
  /** While it is open. */
  get openLog(): DiskFile | undefined {
    return this.#log;
  }
  get sizeBytes(): number {
    return this.#sizeBytes;
  }
  /** No batch of it can have offsets from there on: the indexes have 31 bits for them. */
  get endOffsetMax(): number {
    return this.baseOffset + MAX_RELATIVE_OFFSET + 1;
  }
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /** The highest timestamp of its records and the last offset of that batch; -1 when there is none. The indexes must be
   * open. */
  get latest(): TimeEntry {
    this.#latest ??= this.#timeIndex.last() ?? NO_TIME;
    return this.#latest;
  }

  /** The same, of the batches that end below `limitOffset`. */
  latestBelow(limitOffset: number): TimeEntry {
    if (this.nextOffset <= limitOffset) return this.latest;
    let latest = this.#timeIndex.lastBelow(limitOffset) ?? NO_TIME;
    // The index knows all up to its last entry.
    this.#walk(this.#offsetIndex.lookup(limitOffset - 1), (batch) => {
      if (batch.lastOffset >= limitOffset) return true;
      latest = laterOf(latest, batch);
      return false;
    });
    return latest;
  }

  /** Whether a batch of that size, time and last offset belongs into a new segment. Source: LogSegment.shouldRoll. */
  isFullFor(sizeBytes: number, lastOffset: number, maxTimestamp: number, config: LogConfig): boolean {
    if (this.#sizeBytes === 0) return false;
    return (
      this.#sizeBytes + sizeBytes > config.segmentBytes ||
      this.#spans(maxTimestamp) > config.segmentMs ||
      this.#offsetIndex.isFull(config.segmentIndexBytes) ||
      this.#timeIndex.isFull(config.segmentIndexBytes) ||
      lastOffset - this.baseOffset > MAX_RELATIVE_OFFSET
    );
  }

  /** From the first batch's time to `timestamp`: the records' time, as in Apache Kafka, so that old data copied into a
   * topic rolls as it once did. */
  #spans(timestamp: number): number {
    return this.firstTimestamp < 0 ? 0 : timestamp - this.firstTimestamp;
  }

  /** The highest that the first batch has, or had; -1 when there is none. */
  get firstTimestamp(): number {
    this.#firstTimestamp ??= new BatchWindow(this.log, this.#sizeBytes, 64).headerAt(0)?.maxTimestamp ?? -1;
    return this.#firstTimestamp;
  }

  /** Writes batches behind the last one. `chunks` are their bytes. Changes nothing when the write throws. */
  append(chunks: readonly Uint8Array[], batches: readonly RecordBatch[], indexIntervalBytes: number): void {
    assert(!this.#isSealed);
    this.log.write(chunks, this.#sizeBytes);
    for (const batch of batches) this.admit(batch, indexIntervalBytes);
  }

  /** Cuts off what a failed write left behind the last batch. */
  dropUnwritten(): void {
    this.log.truncate(this.#sizeBytes);
  }

  /** Takes in a batch that stands in the file behind those known so far. Where index entries go is Apache Kafka's rule:
   * its dump tool compares. */
  admit(batch: RecordBatch, indexIntervalBytes: number): void {
    const { sizeBytes, baseOffset, lastOffset, nextOffset } = batch;
    assert(lastOffset >= this.nextOffset || this.#sizeBytes === 0);
    this.#latest = laterOf(this.latest, batch);
    if (this.#bytesSinceIndexEntry > indexIntervalBytes) {
      this.#offsetIndex.append(lastOffset, this.#sizeBytes);
      this.#timeIndex.append(this.latest);
      this.#bytesSinceIndexEntry = 0;
    }
    this.#bytesSinceIndexEntry += sizeBytes;
    this.#lastBatch = { position: this.#sizeBytes, sizeBytes, baseOffset, nextOffset };
    this.#sizeBytes += sizeBytes;
    this.nextOffset = nextOffset;
  }

  /** The batch that holds `offset`, or else the first one behind it; undefined when there is none. */
  find(offset: number): BatchPlace | undefined {
    const last = this.#lastBatch;
    if (last && offset >= last.baseOffset && offset < last.nextOffset) return last;
    return this.#walk(this.#offsetIndex.lookup(offset), (batch) => batch.lastOffset >= offset);
  }

  /** The first batch with a record of `timestamp` or later, at `fromOffset` or behind. */
  findTimestamp(timestamp: number, fromOffset: number): BatchPlace | undefined {
    const start = this.#offsetIndex.lookup(Math.max(this.#timeIndex.lookup(timestamp), fromOffset));
    return this.#walk(start, (batch) => batch.maxTimestamp >= timestamp && batch.lastOffset >= fromOffset);
  }

  /** The first batch from an index entry on (or from the file's start) for which `isWanted` holds. Throws a
   * LogCorruptionError where the entry is wrong or no batch can be. */
  #walk(start: OffsetEntry | undefined, isWanted: (batch: RecordBatch) => boolean): BatchPlace | undefined {
    const window = new BatchWindow(this.log, this.#sizeBytes, lookupWindow);
    let position = start?.position ?? 0;
    if (start && (position < 0 || position >= this.#sizeBytes)) {
      throw new LogCorruptionError(this.path("index"), position, "an entry that points beside the segment");
    }
    let lowestOffset = this.baseOffset;
    while (position < this.#sizeBytes) {
      const batch = window.headerAt(position);
      if (!batch) throw new LogCorruptionError(this.path("log"), position, window.problemAt(position));
      const { sizeBytes, baseOffset, lastOffset } = batch;
      const isMisplaced = start?.position === position && start.lastOffset !== lastOffset;
      if (isMisplaced || baseOffset < lowestOffset || lastOffset >= this.nextOffset) {
        throw new LogCorruptionError(this.path("log"), position, `offsets ${baseOffset} to ${lastOffset} out of place`);
      }
      if (isWanted(batch)) return { position, sizeBytes, baseOffset, nextOffset: lastOffset + 1 };
      position += sizeBytes;
      lowestOffset = lastOffset + 1;
    }
    return undefined;
  }

  /** An upper bound, not a tight one, of where the batches that end below `offset` end. */
  endPositionOf(offset: number): number {
    if (offset >= this.nextOffset) return this.#sizeBytes;
    return this.#offsetIndex.positionBehind(offset) ?? this.#sizeBytes;
  }

  /** Where the batches from `place` on end, as far as they end at `maxPosition` or before it, and below `limitOffset`; a small
   * part of them may be left out. `nextOffset` is behind them, and perhaps behind the first one that is left out. Mostly the
   * index tells; headers are looked at where it does not: in a file that is not in the page cache, one far ahead holds up what
   * stands in front of it. Undefined when index and headers do not fit together, or not even the first batch is within. */
  endWithin(
    place: BatchPlace,
    maxPosition: number,
    limitOffset: number,
  ): { readonly position: number; readonly nextOffset: number } | undefined {
    let position = place.position + place.sizeBytes;
    let { nextOffset } = place;
    if (position > maxPosition || nextOffset > limitOffset) return undefined;
    if (maxPosition >= this.#sizeBytes && limitOffset >= this.nextOffset)
      return { position: this.#sizeBytes, nextOffset: this.nextOffset };
    const entry = this.#offsetIndex.lookupWithin(maxPosition, limitOffset);
    const start = entry && entry.position > position ? entry : undefined;
    position = start?.position ?? position;
    if (maxPosition - position < (maxPosition - place.position) * LEFT_OUT_PART) {
      // All batches in front of the entry's end where that begins.
      return { position, nextOffset: start ? start.lastOffset + 1 : nextOffset };
    }
    const window = new BatchWindow(this.log, this.#sizeBytes, lookupWindow);
    while (position < maxPosition) {
      const batch = window.headerAt(position);
      const isMisplaced = position === start?.position && batch?.lastOffset !== start.lastOffset;
      if (!batch || isMisplaced || batch.baseOffset < nextOffset) return undefined;
      if (position + batch.sizeBytes > maxPosition || batch.lastOffset >= limitOffset)
        return { position, nextOffset: batch.baseOffset };
      position += batch.sizeBytes;
      nextOffset = batch.nextOffset;
    }
    return { position, nextOffset };
  }

  /** Reads `length` bytes from `position` into new memory, which is the caller's, to free or not. */
  read(position: number, length: number): Buffer {
    const buffer = allocate(length);
    this.readInto(buffer, position);
    return buffer;
  }

  /** Fills `target` with the bytes from `position` on. */
  readInto(target: Uint8Array, position: number): void {
    const count = this.log.read(target, 0, target.length, position);
    if (count < target.length)
      throw new LogCorruptionError(this.path("log"), position + count, "the file is shorter than it was");
  }

  /** Writes the indexes out; returns all files, which are to be synced. */
  saveIndexes(): DiskFile[] {
    this.#timeIndex.append(this.latest);
    return [this.log, ...this.#indexes().map((index) => index.save()), this.#crcs.save(this.nextOffset)];
  }

  /** More is in the files of its indexes than counts. */
  get hasIndexRemains(): boolean {
    return this.#crcs.hasRemains || this.#indexes().some(({ entries }) => entries.hasRemains);
  }

  /** What `saveIndexes` opened, unless it was sealed meanwhile: look-ups are in memory as long as it is active. */
  closeIndexFiles(): void {
    if (!this.#isSealed) this.#closeIndexes();
  }

  /** Ends writing to it: the indexes leave memory. Returns all files, which are to be synced. */
  seal(decidedOffset: number): DiskFile[] {
    const files = this.saveIndexes();
    this.decidedOffset = decidedOffset;
    for (const index of this.#indexes()) index.entries.dropMemory();
    this.#isSealed = true;
    this.#hasOpenIndexes = true;
    return files;
  }

  /** Makes a sealed segment ready for look-ups. False when an index is missing, or nothing says that it is right: rebuild them. */
  openIndexes(): boolean {
    if (!this.#isSealed || this.#hasOpenIndexes) return true;
    try {
      this.#hasOpenIndexes =
        this.#offsetIndex.open(this.#sizeBytes, this.nextOffset) &&
        this.#timeIndex.open(this.nextOffset) &&
        this.abortedIndex.open(this.nextOffset) &&
        (this.#areIndexesChecked || this.#crcs.agree());
    } finally {
      if (this.#hasOpenIndexes) this.#areIndexesChecked = true;
      else this.#disownIndexes();
    }
    return this.#hasOpenIndexes;
  }

  /** Nothing that was seen of them counts: readers pass over a segment by it. */
  #disownIndexes(): void {
    this.abortedIndex.firstOffset = undefined;
    this.#closeIndexes();
  }

  /** Forgets all batches, to admit them anew from the file's start. It becomes active. */
  resetIndexes(): void {
    this.#disownIndexes();
    for (const index of this.#indexes()) index.entries.reset();
    this.#crcs.reset();
    this.checked.appendFrom(0);
    this.#areIndexesChecked = false;
    this.#isSealed = false;
    this.#sizeBytes = 0;
    this.#bytesSinceIndexEntry = 0;
    this.#lastBatch = undefined;
    this.nextOffset = this.baseOffset;
    this.#latest = NO_TIME;
  }

  /** Makes it active again at `offset`, a recovery point: what lies behind is to be admitted anew. False when no batch ends
   * there, or nothing says that an index is right. */
  resume(offset: number): boolean {
    const end = this.#resumeIndexes(offset) ? this.#endAt(offset) : undefined;
    this.#closeIndexes();
    if (!end) return false;
    this.#isSealed = false;
    this.#sizeBytes = end.position;
    this.#bytesSinceIndexEntry = end.bytesSinceIndexEntry;
    this.#lastBatch = undefined;
    this.checked.appendFrom(end.position);
    this.nextOffset = offset;
    this.#latest = end.latest;
    return true;
  }

  /** Takes the entries below `offset` into memory. What a crash left behind those that were saved in full does not matter. */
  #resumeIndexes(offset: number): boolean {
    return (
      this.#indexes().every(({ entries }) => entries.openFile({ mayBeLonger: true })) &&
      this.#crcs.agree(offset) &&
      this.#offsetIndex.resume(this.#sizeBytes, offset) &&
      this.#timeIndex.resume(offset) &&
      this.abortedIndex.resume(offset)
    );
  }

  /** Of the batch that ends at `offset`; undefined where none does, or the next one begins below: no CRC covers where a batch
   * lies. */
  #endAt(
    offset: number,
  ): { readonly position: number; readonly bytesSinceIndexEntry: number; readonly latest: TimeEntry } | undefined {
    const window = new BatchWindow(this.log, this.#sizeBytes);
    const start = this.#offsetIndex.lookup(offset - 1)?.position ?? 0;
    let position = start;
    // Indexes that were built anew since have no entry that says so.
    let latest = this.#timeIndex.last() ?? NO_TIME;
    while (position < this.#sizeBytes) {
      const batch = window.headerAt(position);
      if (!batch || batch.baseOffset >= offset) return undefined;
      const { nextOffset } = batch;
      latest = laterOf(latest, batch);
      position += batch.sizeBytes;
      if (nextOffset < offset) continue;
      const next = window.headerAt(position);
      const isEnd = nextOffset === offset && !(next && next.baseOffset < offset);
      return isEnd ? { position, bytesSinceIndexEntry: position - start, latest } : undefined;
    }
    return undefined;
  }

  /** Frees the file handles of a sealed segment; they come back when needed. */
  closeFiles(): void {
    const log = this.#log;
    // Before it is closed: that may fail.
    this.#log = undefined;
    closeEach([() => log?.close(), () => this.#closeIndexes()]);
  }

  /** Removes its files. */
  remove(): void {
    this.closeFiles();
    for (const kind of SEGMENT_FILE_KINDS) this.#disk.remove(this.path(kind));
  }

  /** Gives its files, all of which must be there, another suffix, the log's last; open handles stay good. */
  moveTo(suffix: string): void {
    const path = this.path("log");
    this.#suffix = suffix;
    this.#offsetIndex.entries.moveTo(this.path("index"));
    this.#timeIndex.entries.moveTo(this.path("timeindex"));
    this.abortedIndex.entries.moveTo(this.path("txnindex"));
    this.#crcs.moveTo(this.path("indexcrc"));
    this.#disk.rename(path, this.path("log"));
  }

  #indexes(): readonly (OffsetIndex | TimeIndex | AbortedIndex)[] {
    return [this.#offsetIndex, this.#timeIndex, this.abortedIndex];
  }

  #closeIndexes(): void {
    this.#hasOpenIndexes = false;
    closeEach([...this.#indexes().map(({ entries }) => entries), this.#crcs].map((each) => () => each.closeFile()));
  }
}

/** A segment's highest timestamp with one more batch. */
function laterOf(latest: TimeEntry, { maxTimestamp, lastOffset, recordCount }: RecordBatch): TimeEntry {
  return maxTimestamp > latest.timestamp && recordCount > 0 ? { timestamp: maxTimestamp, offset: lastOffset } : latest;
}

/** Closes the files of each. */
export function closeAll(segments: readonly Segment[]): void {
  closeEach(segments.map((segment) => () => segment.closeFiles()));
}
