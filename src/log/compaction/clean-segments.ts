import { defined } from "../../platform/assert.ts";
import { allEnded } from "../../platform/closing.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { chunksOf } from "../batch-chunks.ts";
import { Segment } from "../segment.ts";
import { BatchCleaner, type CleaningRules } from "./batch-cleaner.ts";
import type { CompactableLog, CompactionOptions } from "./compactable-log.ts";
import { SegmentScan } from "./segment-scan.ts";
import { CLEANED_SUFFIX } from "./swap.ts";

/** What is written is synced each so many bytes, or the sync at the end would hold up everyone's. */
const SYNC_BYTES = 16 * 1024 * 1024;

/**
 * Writes what stays of neighbouring segments into one in their place, durable and not yet in the log. Resolves with
 * undefined when there is nothing to replace. It is never without batches: the last one stays, emptied if need be, so that
 * readers find their way over the end, and the segment's end is known from itself. Its aborted index is empty, like what an
 * entry would hide: one that outlived its marker would hide what the producer committed later.
 */
export async function cleanSegments(
  log: CompactableLog,
  group: readonly Segment[],
  rules: CleaningRules,
  options: CompactionOptions,
  signal: AbortSignal,
): Promise<Segment | undefined> {
  const last = group.findLast((segment) => segment.sizeBytes > 0);
  if (!last) return undefined;
  const cleaned = Segment.create(log.disk, log.folder, defined(group[0]).baseOffset, CLEANED_SUFFIX);
  try {
    const writing = new Writing(log, cleaned, new BatchCleaner(rules), options, signal);
    for (const segment of group) {
      rules.transactions.expect(log.segments.abortedIn(segment.baseOffset, segment.nextOffset));
      await writing.take(segment, segment === last);
    }
    if (group.length === 1 && !writing.hasChanged) {
      cleaned.remove();
      return undefined;
    }
    cleaned.nextOffset = defined(group.at(-1)).nextOffset;
    // Whatever is aborted later has no records here.
    const files = cleaned.seal(cleaned.nextOffset);
    await allEnded(files.map((file) => file.sync()));
    signal.throwIfAborted();
    return cleaned;
  } catch (error) {
    cleaned.remove();
    throw error;
  }
}

class Writing {
  /** Something is not as it was. */
  hasChanged = false;
  readonly #log: CompactableLog;
  readonly #cleaned: Segment;
  readonly #cleaner: BatchCleaner;
  readonly #options: CompactionOptions;
  readonly #signal: AbortSignal;
  #bytesSinceSync = 0;

  constructor(
    log: CompactableLog,
    cleaned: Segment,
    cleaner: BatchCleaner,
    options: CompactionOptions,
    signal: AbortSignal,
  ) {
    this.#log = log;
    this.#cleaned = cleaned;
    this.#cleaner = cleaner;
    this.#options = options;
    this.#signal = signal;
  }

  async take(segment: Segment, isLast: boolean): Promise<void> {
    const scan = new SegmentScan(this.#log, segment);
    try {
      while (!scan.isDone) {
        const batches = scan.next();
        const bytesRead = batches.reduce((sum, batch) => sum + batch.sizeBytes, 0);
        const bytesWritten = this.#write(batches, isLast && scan.isDone);
        await this.#options.pace.spend(bytesRead + bytesWritten, this.#signal);
        await this.#syncSome(bytesWritten);
      }
    } finally {
      scan.close();
    }
  }

  #write(batches: readonly RecordBatch[], isEnd: boolean): number {
    const kept: RecordBatch[] = [];
    for (const [i, batch] of batches.entries()) {
      const left = this.#cleaner.clean(batch, isEnd && i === batches.length - 1);
      if (left) kept.push(left);
      if (left !== batch) this.hasChanged = true;
    }
    if (kept.length === 0) return 0;
    const { chunks, sizeBytes } = chunksOf(kept);
    this.#cleaned.append(chunks, kept, this.#log.config.indexIntervalBytes);
    return sizeBytes;
  }

  async #syncSome(bytesWritten: number): Promise<void> {
    this.#bytesSinceSync += bytesWritten;
    if (this.#bytesSinceSync < SYNC_BYTES) return;
    this.#bytesSinceSync = 0;
    await this.#cleaned.log.sync();
    this.#signal.throwIfAborted();
  }
}
