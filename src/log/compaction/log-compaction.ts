import { assert, defined } from "../../platform/assert.ts";
import type { Segment } from "../segment.ts";
import { isTooLarge } from "../write-file.ts";
import type { LastOfProducer } from "./batch-cleaner.ts";
import { cleanSegments } from "./clean-segments.ts";
import { type CleaningStatus, cleaningStatus, groupSegments } from "./cleanable.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import { type CompactableLog, type CompactionOptions, CompactionStopped } from "./compactable-log.ts";
import { mapKeys } from "./map-keys.ts";
import { OffsetMap } from "./offset-map.ts";
import { swapIn } from "./swap.ts";

/**
 * Compacts one log, in the background: of each key, only the latest record stays in the part that is done (KIP-58,
 * KIP-98, KIP-534). Appends and reads go on; a segment is replaced between two of them.
 *
 * What is left is never wrong, wherever it ends: segments are replaced from the log's start on, so that a tombstone is
 * not given its last date before everything that it deletes is gone.
 */
export class LogCompaction {
  readonly #log: CompactableLog;
  #stopping = new AbortController();
  #work: Promise<unknown> | undefined;
  #isSwapping = false;
  /** Segments become none that is larger: the system may let no file grow to what `segment.bytes` says. */
  #maxSegmentBytes = Number.POSITIVE_INFINITY;

  constructor(log: CompactableLog) {
    this.#log = log;
  }

  /** Files are about to be replaced: none may be removed meanwhile. */
  get isSwapping(): boolean {
    return this.#isSwapping;
  }

  /** `checkpointOffset`: what the last `run` resolved with; 0 when there was none. */
  status(checkpointOffset: number): CleaningStatus {
    return this.#statusBelow(checkpointOffset, this.#log.lastStableOffset);
  }

  /**
   * Compacts what may be. Resolves with the offset to go on from next time: everything below is compacted and durable.
   * Rejects with CompactionStopped, a DiskError or a LogCorruptionError; the log is whole then, and the offset to go on
   * from is the old one.
   */
  async run(checkpointOffset: number, options: CompactionOptions): Promise<number> {
    assert(!this.#work, "a log is compacted once at a time");
    const work = this.#compact(checkpointOffset, options, this.#stopping.signal);
    this.#work = work;
    try {
      return await work;
    } finally {
      this.#work = undefined;
    }
  }

  /** Ends what is under way, soon, and for good. Resolves when nothing of it touches the disk any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new CompactionStopped(`compaction of ${this.#log.name} was stopped`));
    // Whoever started it hears how it ended.
    await this.#work?.catch(() => {});
  }

  #statusBelow(checkpointOffset: number, decidedOffset: number): CleaningStatus {
    const { segments, config, clock, logStartOffset, logEndOffset, recoveryOffset } = this.#log;
    const log = {
      segments: segments.sealed,
      logStartOffset,
      logEndOffset,
      limitOffset: Math.min(decidedOffset, recoveryOffset),
      timestampsOf: (segment: Segment) => segments.timestampsOf(segment),
    };
    return cleaningStatus(log, checkpointOffset, config, clock.now());
  }

  async #compact(checkpointOffset: number, options: CompactionOptions, signal: AbortSignal): Promise<number> {
    // What decided a transaction must be durable before its records go.
    const decidedOffset = this.#log.lastStableOffset;
    await this.#log.flush();
    signal.throwIfAborted();
    const { firstDirtyOffset, endOffset } = this.#statusBelow(checkpointOffset, decidedOffset);
    let dirtyOffset = firstDirtyOffset;
    while (dirtyOffset < endOffset) {
      const nextOffset = await this.#pass(dirtyOffset, endOffset, options, signal);
      assert(nextOffset > dirtyOffset);
      dirtyOffset = nextOffset;
    }
    return dirtyOffset;
  }

  /** Takes the records between two offsets for the log's latest, as many as fit into memory, and goes through everything
   * up to there. */
  async #pass(
    dirtyOffset: number,
    endOffset: number,
    options: CompactionOptions,
    signal: AbortSignal,
  ): Promise<number> {
    const { segments, clock, config } = this.#log;
    const below = segments.sealed.filter((segment) => segment.nextOffset <= endOffset);
    const dirty = below.filter((segment) => segment.nextOffset > dirtyOffset);
    const map = new OffsetMap(options.dedupeBufferBytes, options.secret);
    const mappedOffset = await mapKeys(this.#log, dirty, dirtyOffset, map, options, signal);
    const cleanable = below.filter((segment) => segment.baseOffset < mappedOffset);
    const rules = {
      map,
      mappedOffset,
      transactions: new CleanedTransactions(),
      lastOfProducers: this.#lastOfProducers(defined(cleanable.at(-1)).nextOffset),
      now: clock.now(),
      deleteRetentionMs: config.deleteRetentionMs,
    };
    const segmentBytes = Math.min(config.segmentBytes, this.#maxSegmentBytes);
    for (const group of groupSegments(cleanable, { ...config, segmentBytes })) {
      try {
        const cleaned = await cleanSegments(this.#log, group, rules, options, signal);
        if (cleaned) await this.#replace(cleaned, group);
      } catch (error) {
        // For the next run. A file of that size there is already.
        if (isTooLarge(error)) this.#maxSegmentBytes = Math.max(...group.map(({ sizeBytes }) => sizeBytes));
        throw error;
      }
    }
    return mappedOffset;
  }

  async #replace(cleaned: Segment, group: readonly Segment[]): Promise<void> {
    await this.#log.forgetSnapshotsBelow(cleaned.nextOffset);
    if (this.#log.segments.within(cleaned).length !== group.length) {
      cleaned.remove();
      throw new CompactionStopped("segments were deleted meanwhile");
    }
    this.#isSwapping = true;
    try {
      await swapIn(this.#log, cleaned);
    } finally {
      this.#isSwapping = false;
    }
  }

  #lastOfProducers(offset: number): ReadonlyMap<number, LastOfProducer> {
    return new Map(
      this.#log.producersAt(offset).map(({ producerId, producerEpoch, batches }) => {
        return [producerId, { producerEpoch, lastDataOffset: batches.at(-1)?.lastOffset ?? -1 }];
      }),
    );
  }
}
