import { type Disk, DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { FAILED_SYNC_FILE } from "./segment-files.ts";

interface FailedSyncOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly folder: string;
}

/**
 * The mark that a failed sync leaves. The kernel may have dropped what was to be written, and shows it from the page cache for as long as
 * it runs as if it were on the disk; the next sync finds nothing to write and succeeds. So a start that finds the mark writes anew what no
 * earlier sync covered. The mark need not be durable: it lies in the same memory.
 */
export class FailedSync {
  readonly #options: FailedSyncOptions;
  readonly #path: string;

  constructor(options: FailedSyncOptions) {
    this.#options = options;
    this.#path = `${options.folder}/${FAILED_SYNC_FILE}`;
  }

  get isMarked(): boolean {
    return this.#options.disk.exists(this.#path);
  }

  mark(): void {
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

  clear(): void {
    this.#options.disk.remove(this.#path);
  }
}
