/** An open file. Positions and lengths are bytes. All calls but `sync` are synchronous: they move bytes to or from the
 * operating system's page cache, which costs less than a round trip through a thread pool. */
export interface DiskFile {
  readonly path: string;
  /** The file's length. */
  size(): number;
  /** When it was last written to, in ms since 1970. Left out, or undefined, where nobody knows. */
  modifiedAtMs?(): number | undefined;
  /** Reads `length` bytes at `position` into `target` from `targetOffset`; returns how many. They are fewer at the file's end
   * alone: bytes that are there and cannot be read are an error. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number;
  /** Writes all of `chunks`, one behind the other, at `position`. Throws a DiskError when not every byte was taken;
   * what was written then is unknown. */
  write(chunks: readonly Uint8Array[], position: number): void;
  /** Resolves when everything written before the call survives a power loss (fdatasync). Never retry after an error:
   * the kernel may have dropped the pages. */
  sync(): Promise<void>;
  /** Cuts the file to `size` bytes. */
  truncate(size: number): void;
  /** Where it throws the file is closed all the same: nothing can be done with it any more. */
  close(): void;
}

/** An exclusive hold on a folder. The operating system releases it when the process dies. */
export interface FolderLock {
  release(): void;
}

/** How much room there is where a folder lies. */
export interface DiskVolume {
  readonly totalBytes: number;
  /** To be had without special rights. */
  readonly usableBytes: number;
}

/** Files, as everything outside `platform/node` sees them. Paths are joined with "/". Errors are DiskError. */
export interface Disk {
  /** Opens for reading and writing. `create`: make it when missing (default false: ENOENT). `readOnly`: for reading alone,
   * where writing is not allowed either (default false). */
  open(path: string, options?: { readonly create?: boolean; readonly readOnly?: boolean }): DiskFile;
  exists(path: string): boolean;
  /** The whole file. */
  readFile(path: string): Uint8Array;
  /** Names (not paths) of what is in a folder, sorted; a folder's name ends with "/". */
  list(path: string): string[];
  /** Makes a folder and its parents; harmless when there. */
  makeFolder(path: string): void;
  /** Removes a file or a whole folder; harmless when missing. */
  remove(path: string): void;
  /** Replaces `to` by `from` in one step. */
  rename(from: string, to: string): void;
  /** Resolves when a folder's entries (created, renamed, removed files) survive a power loss. Fails with EMFILE or ENFILE when
   * nothing was tried, for want of a descriptor that it has waited for; any other error is not to be tried again. */
  syncFolder(path: string): Promise<void>;
  /** Takes the exclusive hold on a folder; throws a DiskError with code "LOCKED" when another holds it. */
  lock(path: string): FolderLock;
  /** Left out where there is nothing to be said. */
  volume?(path: string): DiskVolume;
}

/** A failed disk operation. `code` is the system's (ENOENT, ENOSPC, EIO …), "SHORT_WRITE", "SHORT_READ", "LOCKED", or
 * "SYNC_FAILED" for a sync that must not be tried again, whatever the system's code was. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: string;
  readonly path: string;

  constructor(code: string, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}
