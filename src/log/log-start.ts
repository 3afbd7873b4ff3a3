import type { Logger } from "../platform/logger.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { FolderSync } from "./folder-sync.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogConfig } from "./log-config.ts";
import { isExpired } from "./retention.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment-list.ts";

interface LogStartOptions {
  readonly logger: Logger;
  readonly folder: string;
  readonly folderSync: FolderSync;
  readonly segments: SegmentList;
  readonly checkpoints: Checkpoints;
  readonly epochs: LeaderEpochs;
  /** Whether files may be removed now; else the next call will do. */
  readonly mayRemove: () => boolean;
  /** Everything below is durable. */
  readonly durableOffset: () => number;
  readonly onMoved: (offset: number) => void;
}

/** Where a log starts, and the removal of what lies below: for retention and DeleteRecords. */
export class LogStart {
  readonly #options: LogStartOptions;
  readonly #segments: SegmentList;
  /** Durable: what was shown of it does not come back by a power loss. */
  #offset: number;
  /** Where it is being moved to; itself when it is not. */
  #nextOffset: number;

  /** `savedOffset`: what the last life left. */
  constructor(savedOffset: number, options: LogStartOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#offset = Math.max(savedOffset, this.#segments.oldest.baseOffset);
    this.#nextOffset = this.#offset;
    options.epochs.truncateFromStart(this.#offset);
  }

  get offset(): number {
    return this.#offset;
  }
  /** Where it will be once that is durable. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Moves it up once that is durable, and removes the segments that then lie below. */
  raise(offset: number): void {
    if (offset <= this.#nextOffset) {
      this.#options.checkpoints.queue(() => this.#removeDeleted());
      return;
    }
    this.#nextOffset = offset;
    this.#options.checkpoints.saveLogStart(
      offset,
      () => this.#makeRoom(offset),
      (isSaved) => {
        if (isSaved) this.#move(offset);
        else if (this.#nextOffset === offset) this.#nextOffset = this.#offset;
        this.#removeDeleted();
      },
    );
  }

  /** Where the log may start by its retention. `onUnreadable`: a segment's times cannot be told, and what lies behind it is
   * kept for now. */
  expiredOffset(config: LogConfig, now: number, onUnreadable: (error: Error) => void): number {
    let offset = this.#offset;
    let { sizeBytes } = this.#segments;
    try {
      for (const segment of this.#segments.sealed) {
        const { latest: maxTimestamp } = this.#segments.timestampsOf(segment);
        const { nextOffset } = segment;
        const log = { sizeBytes, logStartOffset: offset };
        if (!this.#mayGo(segment)) break;
        if (!isExpired({ sizeBytes: segment.sizeBytes, nextOffset, maxTimestamp }, log, config, now)) break;
        offset = Math.max(offset, nextOffset);
        sizeBytes -= segment.sizeBytes;
      }
    } catch (error) {
      onUnreadable(error as Error);
    }
    return offset;
  }

  #move(offset: number): void {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    this.#options.epochs.truncateFromStart(offset);
    this.#options.onMoved(offset);
  }

  /** Removes what lies below the log's start in full. */
  #removeDeleted(): void {
    const removed: Segment[] = [];
    while (this.#isRemovable(this.#offset)) removed.push(this.#takeOldest());
    if (removed.length === 0) return;
    for (const segment of removed) segment.remove();
    this.#options.checkpoints.removeSnapshotsBelow(this.#segments.oldest.baseOffset);
  }

  /** On a full disk, where not even the log's start can be saved: removes what is to lie below it, one segment after the
   * other. The log then starts with the oldest one that is there. */
  async #makeRoom(offset: number): Promise<void> {
    while (this.#isRemovable(offset)) {
      this.#takeOldest().remove();
      await this.#options.folderSync.run();
      this.#move(this.#segments.oldest.baseOffset);
    }
  }

  /** Whether the oldest segment lies below `offset` in full and may go. */
  #isRemovable(offset: number): boolean {
    const { oldest } = this.#segments;
    return this.#options.mayRemove() && oldest.isSealed && oldest.nextOffset <= offset && this.#mayGo(oldest);
  }

  /** What is not durable yet may still be all that the next start finds. */
  #mayGo(segment: Segment): boolean {
    return segment.nextOffset <= this.#options.durableOffset() && this.#segments.isSynced(segment);
  }

  #takeOldest(): Segment {
    const segment = this.#segments.takeOldest();
    const fields = { path: segment.path("log"), sizeBytes: segment.sizeBytes };
    this.#options.logger.log("info", "segment removed", fields);
    return segment;
  }
}
