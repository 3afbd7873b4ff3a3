import type { Clock } from "../platform/clock.ts";
import type { Disk } from "../platform/disk.ts";
import { lacksDescriptors } from "./write-file.ts";

/** Between two attempts. */
const RETRY_MS = 10;

/** Makes the names in a log's folder durable. */
export class FolderSync {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #folder: string;
  readonly #mayWait: () => boolean;
  readonly #onFailed: () => void;

  /** `mayWait`: whether a lack of descriptors is waited out, however long it takes. Nothing was tried then, so nothing is lost;
   * and what rests on the names waits as for a slow disk. `onFailed`: names may be lost that are still to be seen. */
  constructor(
    place: { readonly disk: Disk; readonly clock: Clock; readonly folder: string },
    mayWait: () => boolean,
    onFailed: () => void,
  ) {
    this.#disk = place.disk;
    this.#clock = place.clock;
    this.#folder = place.folder;
    this.#mayWait = mayWait;
    this.#onFailed = onFailed;
  }

  async run(): Promise<void> {
    while (!(await this.#hasSynced())) await new Promise<void>((resolve) => this.#clock.setTimer(RETRY_MS, resolve));
  }

  /** False when it is to be asked for again. */
  async #hasSynced(): Promise<boolean> {
    try {
      await this.#disk.syncFolder(this.#folder);
      return true;
    } catch (error) {
      const isUntried = lacksDescriptors(error);
      if (isUntried && this.#mayWait()) return false;
      if (!isUntried) this.#onFailed();
      throw error;
    }
  }
}
