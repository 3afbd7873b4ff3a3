import type { Clock } from "../platform/clock.ts";
import { type Disk, DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { FAILED_SYNC_FILE, parseSegmentFileName, segmentFileName } from "./segment-files.ts";
import { renewFile } from "./write-file.ts";

interface FailedSyncOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly folder: string;
  readonly inTurn?: (task: () => Promise<void>) => Promise<void>;
}

/**
 * The mark that a failed sync leaves. The kernel may have dropped what was to be written, and shows it from the page cache for as long as
 * it runs as if it were on the disk; the next sync finds nothing to write and succeeds. So a start that finds the mark makes durable what
 * is shown, before it takes any of it for written. The mark need not be durable: it lies in the same memory.
 */
export class FailedSync {
  readonly #options: FailedSyncOptions;
  readonly #path: string;
  #isMarked = false;

  constructor(options: FailedSyncOptions) {
    this.#options = options;
    this.#path = `${options.folder}/${FAILED_SYNC_FILE}`;
  }

  mark(): void {
    if (this.#isMarked) return;
    this.#isMarked = true;
    const { disk, logger, folder } = this.#options;
    try {
      disk.open(this.#path, { create: true }).close();
      logger.log("warn", "a sync failed: the next start writes anew what it was to cover", { folder });
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const message = "a sync failed: start the machine anew, or drop its page cache, before the next start";
      logger.log("error", message, { folder, error: error.message });
    }
  }

  /** Puts copies in the place of the logs that no sync may have covered. Not in place: a power loss in the middle of a write could
   * harm what is durable. Indexes behind the newest snapshot are built anew by every start. */
  async mend(): Promise<void> {
    const { disk, folder, inTurn = (task) => task() } = this.#options;
    if (!disk.exists(this.#path)) return;
    // Copies that a crash left take up the room for others.
    for (const name of disk.list(folder)) if (name.endsWith(".tmp")) disk.remove(`${folder}/${name}`);
    await inTurn(() => this.#renewLogs());
    await disk.syncFolder(folder);
    disk.remove(this.#path);
  }

  async #renewLogs(): Promise<void> {
    const { disk, logger, folder } = this.#options;
    for (const name of logsToRenew(disk.list(folder))) {
      logger.log("info", "written anew after a failed sync", { path: `${folder}/${name}` });
      await renewFile(this.#options, name);
    }
  }
}

/** From the one that the newest snapshot lies in: below that everything was synced. */
function logsToRenew(names: readonly string[]): string[] {
  const files = names.map(parseSegmentFileName);
  const offsetsOf = (kind: string): number[] => files.flatMap((file) => (file?.kind === kind ? [file.offset] : []));
  const logs = offsetsOf("log").sort((a, b) => a - b);
  const recoveryPoint = Math.max(0, ...offsetsOf("snapshot"));
  const first = logs.findLastIndex((baseOffset) => baseOffset <= recoveryPoint);
  return logs.slice(Math.max(first, 0)).map((baseOffset) => segmentFileName(baseOffset, "log"));
}
