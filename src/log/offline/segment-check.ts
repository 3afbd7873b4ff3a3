import type { RecordBatch } from "../../protocol/records/batch.ts";
import { ABORTED_ENTRY_BYTES, type AbortedEntry, hasKnownVersion, readAbortedEntry } from "../aborted-index.ts";
import { BatchWindow } from "../batch-window.ts";
import { type Checksum, crcOfFile, decodeIndexCrcs, type SavedIndexes } from "../index-crcs.ts";
import type { LeaderEpochs } from "../leader-epochs.ts";
import { OFFSET_ENTRY_BYTES, type OffsetEntry, readOffsetEntry } from "../offset-index.ts";
import type { CompletedTransaction, ProducerState } from "../producer-state.ts";
import { type SegmentFileKind, segmentFileName } from "../segment-files.ts";
import { readTimeEntry, TIME_ENTRY_BYTES, type TimeEntry } from "../time-index.ts";
import { EntriesCheck } from "./entries-check.ts";
import { entriesOf } from "./entry-stream.ts";
import { type Finding, missingIndex } from "./finding.ts";
import { type ReadDisk, sizeOf } from "./start-view.ts";

const WINDOW_BYTES = 1024 * 1024;
const INDEX_KINDS: readonly SegmentFileKind[] = ["index", "timeindex", "txnindex"];

interface SegmentCheckOptions {
  readonly disk: ReadDisk;
  readonly folder: string;
  readonly baseOffset: number;
  /** Of the next segment; undefined for the last one. */
  readonly nextBaseOffset: number | undefined;
  /** Everything below was durable. */
  readonly recoveryPoint: number;
  /** Undefined when they are not known. */
  readonly epochs: LeaderEpochs | undefined;
  /** As the segments before leave them. */
  readonly producers: ProducerState;
  /** From there on they know all batches. */
  readonly producersKnownFrom: () => number;
  /** Compaction took something from the log below `offset`. */
  readonly onCompacted: (offset: number) => void;
  readonly onFinding: (finding: Finding) => void;
  readonly onBatch: (batch: RecordBatch) => void;
}

/** One segment, from its first batch to its last. */
export class SegmentCheck {
  readonly #options: SegmentCheckOptions;
  readonly #offsets: EntriesCheck<OffsetEntry>;
  readonly #times: EntriesCheck<TimeEntry>;
  readonly #aborted: CompletedTransaction[] = [];
  #latestTimestamp = -1;
  #expected: number;
  /** Of the last batch, when it stands behind a gap: its base offset, which no CRC covers, may be the wrong one. */
  #gapPosition: number | undefined;
  #batches = 0;
  #isSound = true;

  constructor(options: SegmentCheckOptions) {
    this.#options = options;
    const { disk, baseOffset } = options;
    this.#expected = baseOffset;
    this.#offsets = new EntriesCheck(disk, this.#path("index"), OFFSET_ENTRY_BYTES, ({ buffer, at }) =>
      readOffsetEntry(buffer, at, baseOffset),
    );
    this.#times = new EntriesCheck(disk, this.#path("timeindex"), TIME_ENTRY_BYTES, ({ buffer, at }) =>
      readTimeEntry(buffer, at, baseOffset),
    );
  }

  /** `endOffset`: behind the last batch that can be made out. */
  run(): { readonly endOffset: number; readonly batches: number; readonly bytes: number } {
    const file = this.#options.disk.open(this.#path("log"), { readOnly: true });
    try {
      const bytes = file.size();
      this.#scan(new BatchWindow(file, bytes, WINDOW_BYTES), bytes);
      const problems = [...this.#offsets.finish(), ...this.#times.finish()];
      // Otherwise the next start makes them anew, from batches that hold.
      if (this.#areIndexesDue() && this.#isSound) {
        const saved = this.#savedIndexes();
        const isDue = saved === undefined || this.#isFinished(saved);
        const onFinding = (finding: Finding): void =>
          this.#options.onFinding(isDue ? finding : { ...finding, isDamage: false });
        for (const problem of problems) onFinding(problem);
        this.#checkAborted(onFinding);
        if (saved) this.#checkCrcs(saved, onFinding);
      }
      return { endOffset: this.#expected, batches: this.#batches, bytes };
    } finally {
      file.close();
    }
  }

  #scan(window: BatchWindow, sizeBytes: number): void {
    for (let position = 0; position < sizeBytes; ) {
      const batch = window.batchAt(position);
      if (!batch) {
        this.#report(position, window.problemAt(position), sizeBytes - position);
        return;
      }
      const problem = this.#problemOf(batch);
      if (problem !== undefined) {
        const overlap = batch.baseOffset < this.#expected ? this.#gapPosition : undefined;
        if (overlap === undefined) this.#report(position, problem, sizeBytes - position);
        else {
          const overlapping = `a batch up to offset ${this.#expected - 1}, where the next one begins at ${batch.baseOffset}`;
          this.#report(overlap, overlapping, sizeBytes - overlap);
        }
        if (this.#expected >= this.#options.recoveryPoint) return;
      } else {
        this.#take(batch, position);
      }
      position += batch.sizeBytes;
      // Behind a batch in the wrong place, the next one tells where the log goes on.
      if (batch.nextOffset > this.#expected) this.#expected = batch.nextOffset;
    }
  }

  #problemOf(batch: RecordBatch): string | undefined {
    const { nextBaseOffset, recoveryPoint } = this.#options;
    if (!batch.hasValidCrc()) return "the CRC does not match";
    const { baseOffset, nextOffset } = batch;
    // Compaction leaves gaps, in sealed segments alone. How far it came is not known: a crash may have ended it.
    const isGap = baseOffset > this.#expected && nextBaseOffset === undefined && nextOffset > recoveryPoint;
    if (baseOffset < this.#expected || isGap)
      return `a batch of offset ${baseOffset} in the place of ${this.#expected}`;
    if (nextBaseOffset !== undefined && nextOffset > nextBaseOffset) {
      return `a batch up to offset ${nextOffset - 1}, where the next segment begins at ${nextBaseOffset}`;
    }
    return this.#options.epochs?.problemOf(batch);
  }

  #take(batch: RecordBatch, position: number): void {
    this.#batches++;
    this.#gapPosition = batch.baseOffset > this.#expected ? position : undefined;
    if (this.#gapPosition !== undefined) this.#options.onCompacted(batch.baseOffset);
    if (batch.recordCount === 0) this.#options.onCompacted(batch.nextOffset);
    const completed = this.#options.producers.replay(batch, 0);
    if (completed?.isAborted) this.#aborted.push(completed);
    this.#options.onBatch(batch);
    const { lastOffset, maxTimestamp } = batch;
    this.#offsets.see((entry) => entry.lastOffset === lastOffset && entry.position === position);
    if (maxTimestamp <= this.#latestTimestamp || batch.recordCount === 0) return;
    this.#latestTimestamp = maxTimestamp;
    this.#times.see((entry) => entry.timestamp === maxTimestamp && entry.offset === lastOffset);
  }

  #report(position: number, problem: string, bytesLeft: number): void {
    const { recoveryPoint, nextBaseOffset, onFinding } = this.#options;
    const isDamage =
      this.#expected < recoveryPoint || (nextBaseOffset !== undefined && nextBaseOffset <= recoveryPoint);
    this.#isSound = false;
    onFinding({
      path: this.#path("log"),
      position,
      problem: isDamage
        ? `${problem} (offset ${this.#expected})`
        : `${problem}: behind the recovery point ${recoveryPoint}, the next start cuts off the last ${bytesLeft} bytes`,
      isDamage,
    });
  }

  /** A segment that may be written to has its indexes in memory; what the files hold counts after a roll or a clean stop. */
  #areIndexesDue(): boolean {
    return this.#options.nextBaseOffset === undefined
      ? this.#batches > 0 && this.#expected === this.#options.recoveryPoint
      : this.#options.nextBaseOffset <= this.#options.recoveryPoint;
  }

  /** What the file with the indexes' CRCs says; undefined without one, "damaged" when it says nothing. */
  #savedIndexes(): SavedIndexes | "damaged" | undefined {
    const { disk } = this.#options;
    const path = this.#path("indexcrc");
    if (!disk.exists(path)) return undefined;
    const text = Buffer.from(disk.readFile(path)).toString("latin1");
    const last = decodeIndexCrcs(text).at(-1);
    return last?.endPosition === text.length ? last : "damaged";
  }

  /** Those of the last segment may have been on their way to the disk once more when the power went: the next start sees that, and
   * builds them anew. */
  #isFinished(saved: SavedIndexes | "damaged"): boolean {
    const { disk, nextBaseOffset, recoveryPoint } = this.#options;
    if (nextBaseOffset !== undefined) return true;
    if (saved === "damaged" || saved.offset !== recoveryPoint) return false;
    return INDEX_KINDS.every((kind, i) => {
      const path = this.#path(kind);
      return !disk.exists(path) || sizeOf(disk, path) <= (saved.checksums[i]?.sizeBytes ?? 0);
    });
  }

  #checkAborted(onFinding: (finding: Finding) => void): void {
    const { disk } = this.#options;
    const path = this.#path("txnindex");
    if (!disk.exists(path)) {
      onFinding(missingIndex(path));
      return;
    }
    let index = 0;
    /** Of those below `offset`: how many the index lacks. Compaction empties it, and leaves batches of none of them whole. */
    const passOver = (offset: number): number => {
      const start = index;
      while ((this.#aborted[index]?.lastOffset ?? offset) < offset) index++;
      return this.#aborted.slice(start, index).filter(({ firstOffset }) => !this.#isUnknown(firstOffset)).length;
    };
    for (const { buffer, at, position } of entriesOf(disk, path, ABORTED_ENTRY_BYTES)) {
      const entry = readAbortedEntry(buffer, at);
      const missing = passOver(entry.lastOffset);
      const expected = this.#aborted[index]?.lastOffset === entry.lastOffset ? this.#aborted[index++] : undefined;
      if (missing > 0 || !this.#bearsOut(expected, entry) || !hasKnownVersion(buffer, at)) {
        const problem = "an aborted transaction that the batches do not bear out";
        onFinding({ path, position, problem, isDamage: true });
        return;
      }
    }
    const missing = passOver(Number.POSITIVE_INFINITY);
    if (missing > 0) {
      const problem = `${missing} aborted transactions of the batches are missing`;
      onFinding({ path, position: index * ABORTED_ENTRY_BYTES, problem, isDamage: true });
    }
  }

  /** The indexes themselves were compared with the batches. */
  #checkCrcs(saved: SavedIndexes | "damaged", onFinding: (finding: Finding) => void): void {
    const { disk, nextBaseOffset } = this.#options;
    const files = INDEX_KINDS.map((kind) => this.#path(kind)).filter((each) => disk.exists(each));
    if (files.length < INDEX_KINDS.length) return;
    const checksums = saved === "damaged" ? [] : saved.checksums;
    const isTrue =
      checksums.length === files.length && files.every((each, i) => isAs(disk, each, checksums[i] as Checksum));
    if (isTrue) return;
    const problem = "not the CRCs of the indexes: these are built anew when needed";
    onFinding({ path: this.#path("indexcrc"), problem, isDamage: nextBaseOffset !== undefined });
  }

  /** What compaction took cannot be compared: a transaction's first batches, or all of another that was open meanwhile. */
  #bearsOut(expected: CompletedTransaction | undefined, entry: AbortedEntry): boolean {
    const isTrue = (found: number, offset: number | undefined): boolean => found === offset || this.#isUnknown(found);
    if (!expected) return this.#isUnknown(entry.firstOffset);
    return (
      entry.producerId === expected.producerId &&
      isTrue(entry.firstOffset, expected.firstOffset) &&
      isTrue(entry.lastStableOffset, expected.lastStableOffset)
    );
  }

  #isUnknown(offset: number): boolean {
    return offset >= 0 && offset < this.#options.producersKnownFrom();
  }

  #path(kind: SegmentFileKind): string {
    return `${this.#options.folder}/${segmentFileName(this.#options.baseOffset, kind)}`;
  }
}

function isAs(disk: ReadDisk, path: string, { sizeBytes, crc }: Checksum): boolean {
  const file = disk.open(path, { readOnly: true });
  try {
    return file.size() === sizeBytes && crcOfFile(file, sizeBytes) === crc;
  } finally {
    file.close();
  }
}
