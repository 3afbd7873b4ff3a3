import type { Clock } from "../../platform/clock.ts";
import type { Disk } from "../../platform/disk.ts";
import type { Logger } from "../../platform/logger.ts";
import type { FolderSync } from "../folder-sync.ts";
import type { LogConfig } from "../log-config.ts";
import type { ProducerEntry } from "../producer-state.ts";
import type { SegmentList } from "../segment-list.ts";
import type { Pace } from "./pace.ts";

/** What compaction needs of the log that it works on. */
export interface CompactableLog {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly folder: string;
  readonly folderSync: FolderSync;
  /** "topic-0" */
  readonly name: string;
  readonly segments: SegmentList;
  readonly config: LogConfig;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly lastStableOffset: number;
  /** Of the newest producer snapshot: the next start scans nothing below, and puts up with gaps there. */
  readonly recoveryOffset: number;
  /** Why nothing of it becomes durable any more. */
  readonly offlineReason: Error | undefined;
  /** The producers that are known still, as they were when the log ended at `offset`, or as they are now when that is not
   * known any more. */
  producersAt(offset: number): readonly ProducerEntry[];
  /** Resolves when all that was appended is durable. */
  flush(): Promise<void>;
  /** What lies below is about to change. Producer snapshots of before must be gone, durably: what a replay from there on finds
   * would not fit to them, such as an open transaction without the marker that ended it. */
  forgetSnapshotsBelow(offset: number): Promise<void>;
  /** Takes the log offline. */
  fail(error: Error): void;
}

/** Why a compaction ended early: its log was closed, deleted or taken offline, or lost segments to retention. The next one
 * begins anew. */
export class CompactionStopped extends Error {
  override readonly name = "CompactionStopped";
}

export interface CompactionOptions {
  /** For the offsets of keys: log.cleaner.dedupe.buffer.size. A log with more keys takes several passes. */
  readonly dedupeBufferBytes: number;
  /** HASH_SECRET_BYTES random bytes. */
  readonly secret: Uint8Array;
  readonly pace: Pace;
}
