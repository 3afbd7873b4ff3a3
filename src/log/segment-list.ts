import { assert, defined } from "../platform/assert.ts";
import type { AbortedEntry } from "./aborted-index.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import type { SealedSegment } from "./recovery.ts";
import { type BatchPlace, closeAll, type Segment } from "./segment.ts";
import type { TimeEntry } from "./time-index.ts";

/** So many sealed segments of one log have their files open at most. */
const OPEN_SEALED_SEGMENTS = 2;

export interface FoundBatch extends BatchPlace {
  readonly segment: Segment;
}

/** What the list cannot find out by itself. */
export interface SegmentRepair {
  /** Builds the indexes of one of `segments` anew, and has them synced; throws a LogCorruptionError when the batches do
   * not hold. */
  rebuild(segments: readonly Segment[], index: number): SealedSegment;
  /** Below which offset everything was decided at a sealed segment's end; 0 when that is not known. */
  decidedOffset(segment: Segment): number;
}

/** The segments of one log, oldest first, the last one active. Keeps few files open, and indexes right. */
export class SegmentList {
  /** Who wrote what of them. */
  readonly epochs: LeaderEpochs;
  readonly #segments: Segment[];
  readonly #repairs: SegmentRepair;
  /** Sealed, and their files not synced yet: these stay open. */
  #unsynced: SealedSegment[];
  /** Sealed segments with open files, the longest unused first. */
  #opened: Segment[] = [];
  /** Segments that could not be repaired. */
  readonly #damaged = new WeakMap<Segment, LogCorruptionError>();

  constructor(
    epochs: LeaderEpochs,
    segments: readonly Segment[],
    unsynced: readonly SealedSegment[],
    repairs: SegmentRepair,
  ) {
    this.epochs = epochs;
    this.#segments = [...segments];
    this.#unsynced = [...unsynced];
    this.#opened = unsynced.map((sealed) => sealed.segment);
    this.#repairs = repairs;
  }

  get count(): number {
    return this.#segments.length;
  }
  get active(): Segment {
    return defined(this.#segments.at(-1));
  }
  get oldest(): Segment {
    return defined(this.#segments[0]);
  }
  /** All but the active one, oldest first. */
  get sealed(): readonly Segment[] {
    return this.#segments.slice(0, -1);
  }
  /** Of all segments' records. */
  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }
  get baseOffsets(): ReadonlySet<number> {
    return new Set(this.#segments.map((segment) => segment.baseOffset));
  }

  /** Adds the next active segment behind the one that was sealed for it. */
  add(segment: Segment, sealed: SealedSegment): void {
    assert(sealed.segment === this.active);
    assert(segment.baseOffset === sealed.segment.nextOffset);
    this.#segments.push(segment);
    // Not in place: a sync under way has the list as it was.
    this.#unsynced = [...this.#unsynced, sealed];
    this.#touch(sealed.segment);
  }

  /** Segments that were sealed and not synced since. The sync of their files and of the active one's makes everything
   * durable that was written so far; tell `synced` then. */
  get unsynced(): readonly SealedSegment[] {
    return this.#unsynced;
  }

  synced(segments: readonly SealedSegment[]): void {
    this.#unsynced = this.#unsynced.filter((sealed) => !segments.includes(sealed));
    this.#closeIdle();
  }

  isSynced(segment: Segment): boolean {
    return !this.#unsynced.some((sealed) => sealed.segment === segment);
  }

  /** Takes the oldest segment out of the list; its files are still there. */
  takeOldest(): Segment {
    assert(this.#segments.length > 1);
    const segment = defined(this.#segments.shift());
    assert(this.isSynced(segment));
    this.#opened = this.#opened.filter((each) => each !== segment);
    segment.closeFiles();
    return segment;
  }

  /** Those that lie where another segment is to be. */
  within({ baseOffset, nextOffset }: Segment): readonly Segment[] {
    return this.#segments.filter((segment) => segment.baseOffset >= baseOffset && segment.baseOffset < nextOffset);
  }

  /** Puts a sealed segment, with open files, in the place of those within it, and returns these. */
  replace(segment: Segment): readonly Segment[] {
    const replaced = this.within(segment);
    const [first] = replaced;
    assert(first && first.baseOffset === segment.baseOffset);
    assert(replaced.at(-1)?.nextOffset === segment.nextOffset);
    assert(replaced.every((each) => each.isSealed && this.isSynced(each)));
    this.#segments.splice(this.#segments.indexOf(first), replaced.length, segment);
    this.#opened = this.#opened.filter((each) => !replaced.includes(each));
    this.#touch(segment);
    return replaced;
  }

  /** Of a segment's first batch, and the highest of its records, or what an emptied batch had; -1 for none. Where no record has
   * one, the highest is the time when its file was last written to, if that is known. Source: LogSegment.largestTimestamp. */
  timestampsOf({ baseOffset }: Segment): { readonly first: number; readonly latest: number } {
    // Another object may have taken its place, with indexes that were built anew.
    const ready = this.#ready(this.#segments.findIndex((segment) => segment.baseOffset === baseOffset));
    const { firstTimestamp, latest } = ready;
    const highest = latest.timestamp < 0 ? firstTimestamp : latest.timestamp;
    return { first: firstTimestamp, latest: highest < 0 ? (ready.log.modifiedAtMs?.() ?? -1) : highest };
  }

  /** The batch that holds `offset`, or else the first one behind it. */
  find(offset: number): FoundBatch | undefined {
    const start = this.#segments.findLastIndex((segment) => segment.baseOffset <= offset);
    return this.#search(Math.max(start, 0), (segment) => segment.find(offset));
  }

  /** The first batch with a record of `timestamp` or later, at `fromOffset` or behind. */
  findTimestamp(timestamp: number, fromOffset: number): FoundBatch | undefined {
    const start = this.#segments.findLastIndex((segment) => segment.baseOffset <= fromOffset);
    return this.#search(Math.max(start, 0), (segment) =>
      segment.latest.timestamp < timestamp ? undefined : segment.findTimestamp(timestamp, fromOffset),
    );
  }

  /** The highest timestamp below `limitOffset` and its batch's last offset; the first of equal ones. */
  latestBelow(limitOffset: number): TimeEntry | undefined {
    let found: TimeEntry | undefined;
    for (let i = 0; i < this.#segments.length && defined(this.#segments[i]).baseOffset < limitOffset; i++) {
      const latest = this.#ready(i).latestBelow(limitOffset);
      if (latest.timestamp > (found?.timestamp ?? -1)) found = latest;
    }
    return found;
  }

  /** Aborted transactions that overlap [fetchOffset, endOffset), sorted by first offset. */
  abortedIn(fetchOffset: number, endOffset: number): AbortedEntry[] {
    const found: AbortedEntry[] = [];
    const start = this.#segments.findLastIndex((segment) => segment.baseOffset <= fetchOffset);
    for (let i = Math.max(start, 0); i < this.#segments.length; i++) {
      let segment = defined(this.#segments[i]);
      if ((segment.abortedIndex.firstOffset ?? 0) < endOffset) {
        segment = this.#ready(i);
        if (segment.abortedIndex.collect(fetchOffset, endOffset, found)) break;
      }
      if (segment.isSealed && this.#decidedOffset(segment) >= endOffset) break;
    }
    return found.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** A segment with indexes that can be used. */
  #ready(index: number): Segment {
    const segment = defined(this.#segments[index]);
    if (!segment.isSealed) return segment;
    this.#touch(segment);
    return segment.openIndexes() ? segment : this.#repair(index);
  }

  /** For who reads a segment's file without looking for anything. */
  keepOpen(segment: Segment): void {
    if (segment.isSealed) this.#touch(segment);
  }

  closeFiles(): void {
    this.#opened = [];
    closeAll(this.#segments);
  }

  /** Asks one segment after the other. An index may have been damaged in a way that shows only in use: then it is built
   * anew, once. */
  #search(start: number, ask: (segment: Segment) => BatchPlace | undefined): FoundBatch | undefined {
    for (let i = start; i < this.#segments.length; i++) {
      let segment = this.#ready(i);
      let place: BatchPlace | undefined;
      try {
        place = ask(segment);
      } catch (error) {
        if (!(error instanceof LogCorruptionError && segment.isSealed)) throw error;
        segment = this.#repair(i);
        place = ask(segment);
      }
      if (place) return { segment, ...place };
    }
    return undefined;
  }

  #repair(index: number): Segment {
    const segment = defined(this.#segments[index]);
    const known = this.#damaged.get(segment);
    if (known) throw known;
    // Its files may be in a sync.
    if (!this.isSynced(segment)) throw new LogCorruptionError(segment.path("index"), 0, "not what was just written");
    try {
      const rebuilt = this.#repairs.rebuild(this.#segments, index);
      this.#segments[index] = rebuilt.segment;
      this.#unsynced = [...this.#unsynced, rebuilt];
      this.#opened = [...this.#opened.filter((each) => each !== segment), rebuilt.segment];
      return rebuilt.segment;
    } catch (error) {
      if (error instanceof LogCorruptionError) this.#damaged.set(segment, error);
      throw error;
    } finally {
      this.#closeUnused();
    }
  }

  #closeUnused(): void {
    closeAll(this.sealed.filter((segment) => !this.#opened.includes(segment) && this.isSynced(segment)));
  }

  #decidedOffset(segment: Segment): number {
    segment.decidedOffset ??= this.#repairs.decidedOffset(segment);
    return segment.decidedOffset;
  }

  #touch(segment: Segment): void {
    if (this.#opened.at(-1) === segment) return;
    this.#opened = [...this.#opened.filter((each) => each !== segment), segment];
    this.#closeIdle();
  }

  #closeIdle(): void {
    const idle = this.#opened.slice(0, -OPEN_SEALED_SEGMENTS).filter((segment) => this.isSynced(segment));
    if (idle.length === 0) return;
    this.#opened = this.#opened.filter((segment) => !idle.includes(segment));
    closeAll(idle);
  }
}
