/** A disk in memory whose syncs wait or fail, and that is full or opens no file, when a test says so. */
import { type Disk, DiskError, type DiskFile, type FolderLock } from "../../src/platform/disk.ts";
import { MemoryDisk } from "../../src/platform/memory-disk.ts";

export class GatedDisk implements Disk {
  readonly #inner = new MemoryDisk();
  readonly #failing = new Map<string, string>();
  readonly #full = new Map<string, number>();
  readonly #short = new Set<string>();
  #held: string | undefined;
  /** Syncs that still pass where others are held. */
  #passing = 0;
  #waiting: (() => void)[] = [];

  /** Syncs in folders whose name begins with `folder` wait for `release`, but for the next so many. */
  hold(folder: string, passing = 0): void {
    this.#held = folder;
    this.#passing = passing;
  }

  open(path: string, options?: { readonly create?: boolean }): DiskFile {
    for (const folder of this.#short) {
      if (path.includes(`/${folder}`)) throw new DiskError("EMFILE", path, `${path}: EMFILE: too many open files`);
    }
    return this.#gated(this.#inner.open(path, options));
  }

  /** Everything that waits goes on, and nothing waits any more. */
  release(): void {
    this.#held = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Syncs in folders whose name begins with `folder` fail from now on. */
  fail(folder: string, code = "EIO"): void {
    this.#failing.set(folder, code);
  }

  /** Syncs succeed again. */
  mend(): void {
    this.#failing.clear();
  }

  /** There is no room for writes in folders whose name begins with `folder`, until `empty`, or until so many have failed. */
  fill(folder: string, writes: number = Number.POSITIVE_INFINITY): void {
    this.#full.set(folder, writes);
  }

  empty(): void {
    this.#full.clear();
  }

  /** No file can be opened in folders whose name begins with `folder`, until `giveDescriptors`. */
  takeDescriptors(folder: string): void {
    this.#short.add(folder);
  }

  giveDescriptors(): void {
    this.#short.clear();
  }

  sizeOf(path: string): number {
    return this.#inner.readFile(path).length;
  }

  exists(path: string): boolean {
    return this.#inner.exists(path);
  }

  readFile(path: string): Uint8Array {
    return this.#inner.readFile(path);
  }

  list(path: string): string[] {
    return this.#inner.list(path);
  }

  makeFolder(path: string): void {
    this.#inner.makeFolder(path);
  }

  remove(path: string): void {
    this.#inner.remove(path);
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to);
  }

  async syncFolder(path: string): Promise<void> {
    await this.#pass(path);
    await this.#inner.syncFolder(path);
  }

  lock(path: string): FolderLock {
    return this.#inner.lock(path);
  }

  #gated(file: DiskFile): DiskFile {
    return {
      path: file.path,
      size: () => file.size(),
      read: (target, targetOffset, length, position) => file.read(target, targetOffset, length, position),
      write: (chunks, position) => {
        for (const [folder, left] of this.#full) {
          if (left === 0 || !file.path.includes(`/${folder}`)) continue;
          this.#full.set(folder, left - 1);
          throw new DiskError("ENOSPC", file.path, `${file.path}: ENOSPC`);
        }
        file.write(chunks, position);
      },
      sync: async () => {
        await this.#pass(file.path);
        await file.sync();
      },
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }

  async #pass(path: string): Promise<void> {
    if (this.#held !== undefined && path.includes(`/${this.#held}`) && this.#passing-- <= 0) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    for (const [folder, code] of this.#failing) {
      if (path.includes(`/${folder}`)) throw new DiskError(code, path, `${path}: ${code}: sync failed`);
    }
  }
}
