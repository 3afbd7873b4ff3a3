import type { Clock } from "../platform/clock.ts";
import type { Disk } from "../platform/disk.ts";
import type { RecordBatch } from "../protocol/records/batch.ts";
import { chunksOf } from "./batch-chunks.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { LogConfig } from "./log-config.ts";
import type { LogHealth } from "./log-health.ts";
import type { LogSync } from "./log-sync.ts";
import { takeSnapshot } from "./producer-snapshot.ts";
import type { ProducerState } from "./producer-state.ts";
import { Segment } from "./segment.ts";
import type { SegmentList } from "./segment-list.ts";
import type { AppendOutcome } from "./types.ts";
import { isTooLarge } from "./write-file.ts";

interface LogWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly leaderEpoch: number;
  readonly segments: SegmentList;
  readonly producers: ProducerState;
  readonly health: LogHealth;
  readonly sync: LogSync;
  readonly commit: GroupCommit;
}

/** Writes batches to the end of a log, which begins a new segment when one is full. */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #segments: SegmentList;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#segments = options.segments;
  }

  /** Gives batches their offsets, leader epoch and time in place, and writes them in one step. Error: KAFKA_STORAGE_ERROR. */
  write(batches: readonly RecordBatch[], config: LogConfig, logStartOffset: number): AppendOutcome {
    const { leaderEpoch, clock, health, sync, commit } = this.#options;
    const logAppendTimeMs = config.messageTimestampType === "LogAppendTime" ? clock.now() : -1;
    const baseOffset = this.#segments.active.nextOffset;
    let nextOffset = baseOffset;
    let maxTimestamp = -1;
    for (const batch of batches) {
      batch.assignOffset(nextOffset, leaderEpoch);
      if (logAppendTimeMs >= 0) batch.assignLogAppendTime(logAppendTimeMs);
      nextOffset = batch.nextOffset;
      maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp);
    }
    const { chunks, sizeBytes } = chunksOf(batches);
    const lastOffset = nextOffset - 1;
    try {
      if (this.#segments.active.isFullFor(sizeBytes, lastOffset, maxTimestamp, config)) this.roll();
      this.#append(chunks, batches, config.indexIntervalBytes);
    } catch (error) {
      return health.notWritten(error as Error, () => this.#segments.active.dropUnwritten());
    }
    health.written();
    sync.written(sizeBytes);
    if (config.durability === "fsync" || sync.isDue) commit.request();
    return { ok: true, baseOffset, lastOffset, logAppendTimeMs, logStartOffset, isDuplicate: false };
  }

  /** A file that may grow no further, whatever `segment.bytes` says, is full: the next one has room. */
  #append(chunks: readonly Uint8Array[], batches: readonly RecordBatch[], indexIntervalBytes: number): void {
    const { active } = this.#segments;
    try {
      active.append(chunks, batches, indexIntervalBytes);
    } catch (error) {
      if (!isTooLarge(error) || active.sizeBytes === 0) throw error;
      active.dropUnwritten();
      this.roll();
      this.#segments.active.append(chunks, batches, indexIntervalBytes);
    }
  }

  /** Seals the active segment and begins the next one. When it throws, nothing has changed. */
  roll(): void {
    const { disk, folder, producers, sync, commit } = this.#options;
    const segment = this.#segments.active;
    const offset = segment.nextOffset;
    const next = Segment.create(disk, folder, offset);
    try {
      this.#segments.add(next, { segment, files: segment.seal(producers.firstUndecidedOffset ?? offset) });
    } catch (error) {
      next.remove();
      sync.rollUndone();
      throw error;
    }
    sync.rolled(takeSnapshot(producers, offset));
    commit.request();
  }
}
