import {
  close,
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  open as openFile,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
  writevSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import { type Disk, DiskError, type DiskFile, type FolderLock } from "../disk.ts";
import { lockFolder } from "./folder-lock.ts";

/** How often, and how long, a folder's sync tries to get a descriptor. */
const DESCRIPTOR_RETRY_MS = 20;
const DESCRIPTOR_WAIT_MS = 10_000;

class NodeFile implements DiskFile {
  readonly path: string;
  /** Undefined once it was closed: the next file that is opened, whoever opens it, gets the same number. */
  #openFd: number | undefined;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#openFd = fd;
  }

  size(): number {
    return translated(this.path, () => fstatSync(this.#fd).size);
  }

  modifiedAtMs(): number {
    return translated(this.path, () => fstatSync(this.#fd).mtimeMs);
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return translated(this.path, () => {
      let count = 0;
      // Of a read that runs into a page that cannot be read the system gives what lies before it, as at the file's end. Only one
      // that begins there says what is wrong.
      while (count < length) {
        const more = readSync(this.#fd, target, targetOffset + count, length - count, position + count);
        if (more === 0) break;
        count += more;
      }
      return count;
    });
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    translated(this.path, () => {
      const first = chunks[0];
      if (chunks.length === 1 && first) this.#writeOne(first, position);
      else this.#writeMany(chunks, position);
    });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(toDiskError(error, this.path)) : resolve()));
    });
  }

  truncate(size: number): void {
    translated(this.path, () => ftruncateSync(this.#fd, size));
  }

  close(): void {
    const fd = this.#fd;
    // Linux frees it also where closing fails.
    this.#openFd = undefined;
    translated(this.path, () => closeSync(fd));
  }

  get #fd(): number {
    if (this.#openFd !== undefined) return this.#openFd;
    throw new DiskError("EBADF", this.path, `${this.path}: the file was closed`);
  }

  #writeOne(bytes: Uint8Array, position: number): void {
    this.#writeRest([bytes], position, writeSync(this.#fd, bytes, 0, bytes.length, position));
  }

  #writeMany(chunks: readonly Uint8Array[], position: number): void {
    // The kernel takes at most 1024 (IOV_MAX) pieces a call.
    for (let start = 0; start < chunks.length; start += 1024) {
      const part = chunks.slice(start, start + 1024);
      this.#writeRest(part, position, writevSync(this.#fd, part, position));
      position += sizeOf(part);
    }
  }

  /** A write that took less is tried once more with the rest: the system then tells why, a full disk for one. */
  #writeRest(chunks: readonly Uint8Array[], position: number, written: number): void {
    const size = sizeOf(chunks);
    if (written === size) return;
    const rest = Buffer.concat(chunks).subarray(written);
    written += writeSync(this.#fd, rest, 0, rest.length, position + written);
    if (written === size) return;
    throw new DiskError("SHORT_WRITE", this.path, `${this.path}: ${written} of ${size} bytes written`);
  }
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function toDiskError(error: NodeJS.ErrnoException, path: string): DiskError {
  const name = nameOf(error);
  const message = name === error.code ? error.message : `${name}: ${error.message}`;
  return new DiskError(name, path, `${path}: ${message}`, { cause: error });
}

/** The system's name for an error. Node has only those that libuv knows, and of others the number: of a used-up quota for one. */
function nameOf({ code = "UNKNOWN", errno }: NodeJS.ErrnoException): string {
  if (errno === undefined || !/^unknown/i.test(code)) return code;
  const found = Object.entries(constants.errno).find(([, number]) => number === -errno);
  return found?.[0] ?? "UNKNOWN";
}

function translated<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (error instanceof DiskError) throw error;
    throw toDiskError(error as NodeJS.ErrnoException, path);
  }
}

/** Waits for some time while too many files are open: that passes, and few who ask for a sync would try again. */
function openFolder(
  path: string,
  done: (error: NodeJS.ErrnoException | null, fd: number) => void,
  waitMs: number = DESCRIPTOR_WAIT_MS,
): void {
  openFile(path, "r", (error, fd) => {
    const isShort = error?.code === "EMFILE" || error?.code === "ENFILE";
    if (isShort && waitMs > 0) setTimeout(openFolder, DESCRIPTOR_RETRY_MS, path, done, waitMs - DESCRIPTOR_RETRY_MS);
    else done(error, fd);
  });
}

/** Of paths that nothing can lie at. Any other error leaves open whether something does. */
const ABSENCES: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    if (ABSENCES.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}

/** Step by step: Node's own way to make parents as well never returns in places like /proc, where there can be no folder. */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been faster.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !isFolder(path)) throw error;
  }
}

/** Freeing a file of a GiB takes a good part of a second, in which nothing else would be served. */
const LARGE_BYTES = 1024 * 1024;
/** Handles are worth something too. */
const MAX_REMOVED_HANDLES = 64;
/** Of large files without a name. A thread of the pool frees what lies behind a handle when it closes it: one after the
 * other, as the pool has syncs to do. */
const removedHandles: number[] = [];

function closeNextRemoved(): void {
  const fd = removedHandles[0];
  if (fd === undefined) return;
  close(fd, () => {
    removedHandles.shift();
    closeNextRemoved();
  });
}

function remove(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  if (stats.isDirectory()) {
    for (const name of readdirSync(path)) remove(`${path}/${name}`);
    rmdirSync(path);
    return;
  }
  const isLarge = stats.isFile() && stats.size >= LARGE_BYTES && removedHandles.length < MAX_REMOVED_HANDLES;
  const fd = isLarge ? openIfPossible(path) : undefined;
  try {
    unlinkSync(path);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw error;
  }
  if (fd === undefined) return;
  removedHandles.push(fd);
  if (removedHandles.length === 1) closeNextRemoved();
}

function openIfPossible(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    // Of too many files that are open, for one.
    return undefined;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export const nodeDisk: Disk = {
  open(path: string, options?: { readonly create?: boolean; readonly readOnly?: boolean }): DiskFile {
    return translated(path, () => {
      if (options?.readOnly) return new NodeFile(path, openSync(path, "r"));
      if (!options?.create) return new NodeFile(path, openSync(path, "r+"));
      try {
        return new NodeFile(path, openSync(path, "wx+"));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        return new NodeFile(path, openSync(path, "r+"));
      }
    });
  },
  exists: (path: string) => translated(path, () => exists(path)),
  readFile: (path: string) => translated(path, () => readFileSync(path)),
  list: (path: string) =>
    translated(path, () =>
      readdirSync(path, { withFileTypes: true })
        .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
        .sort(),
    ),
  volume: (path: string) =>
    translated(path, () => {
      const { bsize, blocks, bavail } = statfsSync(path);
      return { totalBytes: blocks * bsize, usableBytes: bavail * bsize };
    }),
  makeFolder: (path: string) => translated(path, () => makeFolder(path)),
  remove: (path: string) => translated(path, () => remove(path)),
  rename: (from: string, to: string) => translated(from, () => renameSync(from, to)),
  syncFolder(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      openFolder(path, (openError, fd) => {
        if (openError) {
          reject(toDiskError(openError, path));
          return;
        }
        fsync(fd, (error) => {
          // What becomes of that is nothing to the folder.
          close(fd, () => {});
          // To be told from a folder that could not be opened, which nothing was tried on.
          if (error) reject(new DiskError("SYNC_FAILED", path, `${path}: ${error.message}`, { cause: error }));
          else resolve();
        });
      });
    });
  },
  lock: (path: string): FolderLock => lockFolder(path),
};
