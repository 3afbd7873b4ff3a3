import type { Clock } from "../platform/clock.ts";
import { DiskError, type DiskFile } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { FolderSync } from "./folder-sync.ts";
import type { LogConfig } from "./log-config.ts";
import { type PendingSnapshot, takeSnapshot } from "./producer-snapshot.ts";
import type { ProducerState } from "./producer-state.ts";
import type { RecoveredLog } from "./recovery.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment-list.ts";
import { shortageOf } from "./write-file.ts";

/** With durability "os", so many bytes are written before a sync is started behind the appends' back: the kernel's own
 * write-back stalls writers when it has let more pile up. */
const WRITE_BACK_BYTES = 64 * 1024 * 1024;

/** With more, snapshots come less often: one of 100,000 producers has 14 MB, and takes the event loop for 100 ms. */
const PRODUCERS_AT_EASE = 3_000;

interface LogSyncOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly folderSync: FolderSync;
  readonly segments: SegmentList;
  readonly producers: ProducerState;
  readonly config: () => LogConfig;
  readonly checkpoints: Checkpoints;
  /** A sync of the files has ended, after so long. */
  readonly onSynced: (elapsedMs: number) => void;
  /** One of a file has failed; others may be under way yet. */
  readonly onFailed: () => void;
}

/** Makes a log's files durable. */
export class LogSync {
  readonly #options: LogSyncOptions;
  /** Of rolls whose data is not durable yet. */
  #snapshots: PendingSnapshot[];
  #isFolderDirty = true;
  #unsyncedBytes = 0;
  /** A start would check so many. */
  #bytesSinceSnapshot: number;

  constructor(options: LogSyncOptions, { snapshots, scannedBytes }: Pick<RecoveredLog, "snapshots" | "scannedBytes">) {
    this.#options = options;
    this.#snapshots = [...snapshots];
    this.#bytesSinceSnapshot = scannedBytes;
  }

  written(sizeBytes: number): void {
    this.#unsyncedBytes += sizeBytes;
    this.#bytesSinceSnapshot += sizeBytes;
  }

  /** Whether so much was written that a sync should begin even though nobody waits for one. */
  get isDue(): boolean {
    return this.#unsyncedBytes >= Math.min(WRITE_BACK_BYTES, this.#options.config().recoveryPointIntervalBytes);
  }

  /** A segment that was begun is gone again: should its empty file come back with a power loss, it would stand for the end of the one
   * before, and cut off what is written there from now on. */
  rollUndone(): void {
    this.#isFolderDirty = true;
  }

  /** A new segment was begun. `snapshot`: of the producers there. */
  rolled(snapshot: PendingSnapshot): void {
    this.#snapshots.push(snapshot);
    this.#bytesSinceSnapshot = 0;
    this.#isFolderDirty = true;
  }

  /** Resolves when all that was written before the call is durable. Sealed segments are among it: they count before what
   * comes behind them does. */
  async run(): Promise<void> {
    const { clock, folderSync, segments, checkpoints, onSynced, onFailed } = this.#options;
    const startedMs = clock.monotonic();
    const { unsynced: sealed, active } = segments;
    const files = [...sealed.flatMap((segment) => segment.files), ...this.#filesOf(active)];
    const snapshots = this.#snapshots;
    this.#snapshots = [];
    this.#unsyncedBytes = 0;
    const failed = (error: unknown): never => {
      onFailed();
      throw error;
    };
    // Of each at once: another one may take long, and the process be killed meanwhile.
    const fileSyncs = Promise.allSettled(files.map((file) => file.sync().catch(failed)));
    const folderSynced = this.#isFolderDirty ? folderSync.run() : Promise.resolve();
    this.#isFolderDirty = false;
    // It is heard of below, unless there is worse: a lack of descriptors would excuse a file's failure, too.
    folderSynced.catch(() => {});
    for (const outcome of await fileSyncs) if (outcome.status === "rejected") throwFailedSync(outcome.reason);
    await folderSynced;
    onSynced(clock.monotonic() - startedMs);
    segments.synced(sealed);
    active.closeIndexFiles();
    const { baseOffsets } = segments;
    for (const snapshot of snapshots) checkpoints.saveSnapshot(snapshot, baseOffsets);
  }

  /** Of the active segment, what is to be synced: its indexes, too, when the log's end is to be where the next start begins. */
  #filesOf(active: Segment): DiskFile[] {
    const { config, producers, logger, checkpoints } = this.#options;
    const intervalBytes = config().recoveryPointIntervalBytes * Math.max(1, producers.size / PRODUCERS_AT_EASE);
    // One at a time, or they would pile up where files cannot be synced as fast, or not at all for want of descriptors.
    if (this.#bytesSinceSnapshot < intervalBytes || checkpoints.isSavingSnapshot) return [active.log];
    this.#bytesSinceSnapshot = 0;
    try {
      const files = active.saveIndexes();
      this.#snapshots.push(takeSnapshot(producers, active.nextOffset));
      return files;
    } catch (error) {
      const shortage = shortageOf(error);
      if (shortage === undefined) throw error;
      logger.log("warn", `indexes not saved, a start will check more: ${shortage}`, { path: active.path("log") });
      return [active.log];
    }
  }
}

/** Whatever the system says, a full disk for one, it is no shortage: the kernel may have dropped what was written. */
function throwFailedSync(error: unknown): never {
  if (!(error instanceof DiskError)) throw error;
  throw new DiskError("SYNC_FAILED", error.path, error.message, { cause: error });
}
