import { assert, defined } from "../platform/assert.ts";
import type { DiskFile } from "../platform/disk.ts";
import type { AbortedEntry } from "./aborted-index.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import type { SealedSegment } from "./recovery.ts";
import type { BatchPlace, Segment } from "./segment.ts";

/** So many sealed segments of one log have their files open at most. */
const OPEN_SEALED_SEGMENTS = 2;

export interface FoundBatch extends BatchPlace {
  readonly segment: Segment;
}

/** What the list cannot find out by itself. */
export interface SegmentRepair {
  /** Builds the indexes of one of `segments` anew; throws a LogCorruptionError when the batches do not hold. */
  rebuild(segments: readonly Segment[], index: number): Segment;
  /** Below which offset everything was decided at a sealed segment's end; 0 when that is not known. */
  decidedOffset(segment: Segment): number;
}

/** The segments of one log, oldest first, the last one active. Keeps few files open, and indexes right. */
export class SegmentList {
  readonly #segments: Segment[];
  readonly #repairs: SegmentRepair;
  /** Sealed, and not handed out to be synced yet. */
  #unsynced: SealedSegment[];
  /** Sealed segments with open files, the longest unused first. */
  #opened: Segment[] = [];
  /** Segments that could not be repaired. */
  readonly #damaged = new WeakMap<Segment, LogCorruptionError>();

  constructor(segments: readonly Segment[], unsynced: readonly SealedSegment[], repairs: SegmentRepair) {
    this.#segments = [...segments];
    this.#unsynced = [...unsynced];
    this.#repairs = repairs;
  }

  get active(): Segment {
    return defined(this.#segments.at(-1));
  }
  get oldest(): Segment {
    return defined(this.#segments[0]);
  }
  get baseOffsets(): ReadonlySet<number> {
    return new Set(this.#segments.map((segment) => segment.baseOffset));
  }

  /** Adds the next active segment behind the one that was sealed for it. */
  add(segment: Segment, sealed: SealedSegment): void {
    assert(sealed.segment === this.active);
    assert(segment.baseOffset === sealed.segment.nextOffset);
    this.#segments.push(segment);
    this.#unsynced.push(sealed);
    this.#touch(sealed.segment);
  }

  /** The files whose sync makes everything durable that was written so far. */
  takeFilesToSync(): DiskFile[] {
    const files = this.#unsynced.flatMap((sealed) => sealed.files);
    this.#unsynced = [];
    return [...files, this.active.log];
  }

  removeOldest(): void {
    assert(this.#segments.length > 1);
    const segment = defined(this.#segments.shift());
    this.#opened = this.#opened.filter((each) => each !== segment);
    segment.remove();
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

  /** The segment with the highest timestamp; the first of equal ones. */
  latest(): Segment {
    let found = this.#ready(0);
    for (let i = 1; i < this.#segments.length; i++) {
      const segment = this.#ready(i);
      if (segment.latest.timestamp > found.latest.timestamp) found = segment;
    }
    return found;
  }

  /** Aborted transactions that overlap [fetchOffset, endOffset), sorted by first offset. */
  abortedIn(fetchOffset: number, endOffset: number): AbortedEntry[] {
    const found: AbortedEntry[] = [];
    const start = this.#segments.findLastIndex((segment) => segment.baseOffset <= fetchOffset);
    for (let i = Math.max(start, 0); i < this.#segments.length; i++) {
      const segment = this.#ready(i);
      if (segment.abortedIndex.collect(fetchOffset, endOffset, found)) break;
      if (segment.isSealed && this.#decidedOffset(segment) >= endOffset) break;
    }
    return found.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** The oldest segment, with indexes that can be used. */
  readyOldest(): Segment {
    return this.#ready(0);
  }

  /** A segment with indexes that can be used. */
  #ready(index: number): Segment {
    const segment = defined(this.#segments[index]);
    if (!segment.isSealed) return segment;
    this.#touch(segment);
    return segment.openIndexes() ? segment : this.#repair(index);
  }

  closeFiles(): void {
    for (const segment of this.#segments) segment.closeFiles();
    this.#opened = [];
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
    try {
      const rebuilt = this.#repairs.rebuild(this.#segments, index);
      this.#opened = this.#opened.filter((each) => each !== segment);
      this.#segments[index] = rebuilt;
      this.#touch(rebuilt);
      return rebuilt;
    } catch (error) {
      if (error instanceof LogCorruptionError) this.#damaged.set(segment, error);
      throw error;
    }
  }

  #decidedOffset(segment: Segment): number {
    segment.decidedOffset ??= this.#repairs.decidedOffset(segment);
    return segment.decidedOffset;
  }

  #touch(segment: Segment): void {
    if (this.#opened.at(-1) === segment) return;
    this.#opened = [...this.#opened.filter((each) => each !== segment), segment];
    if (this.#opened.length <= OPEN_SEALED_SEGMENTS) return;
    const idle = this.#opened.find((each) => !this.#unsynced.some((sealed) => sealed.segment === each));
    if (!idle || idle === segment) return;
    this.#opened = this.#opened.filter((each) => each !== idle);
    idle.closeFiles();
  }
}
