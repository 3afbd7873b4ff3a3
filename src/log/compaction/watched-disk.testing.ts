// A disk that tells of every operation that changes something, so that a test can look at what a crash would leave.

import type { Disk, DiskFile, FolderLock } from "../../platform/disk.ts";

/** `onChange` is called in front of each change, and once more while a sync is under way. */
export class WatchedDisk implements Disk {
  readonly #disk: Disk;
  readonly #onChange: () => void;

  constructor(disk: Disk, onChange: () => void) {
    this.#disk = disk;
    this.#onChange = onChange;
  }

  open(path: string, options?: { readonly create?: boolean }): DiskFile {
    if (options?.create) this.#onChange();
    return new WatchedFile(this.#disk.open(path, options), this.#onChange);
  }
  exists(path: string): boolean {
    return this.#disk.exists(path);
  }
  readFile(path: string): Uint8Array {
    return this.#disk.readFile(path);
  }
  list(path: string): string[] {
    return this.#disk.list(path);
  }
  makeFolder(path: string): void {
    this.#onChange();
    this.#disk.makeFolder(path);
  }
  remove(path: string): void {
    this.#onChange();
    this.#disk.remove(path);
  }
  rename(from: string, to: string): void {
    this.#onChange();
    this.#disk.rename(from, to);
  }
  async syncFolder(path: string): Promise<void> {
    this.#onChange();
    const synced = this.#disk.syncFolder(path);
    this.#onChange();
    await synced;
  }
  lock(path: string): FolderLock {
    return this.#disk.lock(path);
  }
}

class WatchedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #onChange: () => void;

  constructor(file: DiskFile, onChange: () => void) {
    this.#file = file;
    this.#onChange = onChange;
  }

  get path(): string {
    return this.#file.path;
  }
  size(): number {
    return this.#file.size();
  }
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return this.#file.read(target, targetOffset, length, position);
  }
  write(chunks: readonly Uint8Array[], position: number): void {
    this.#onChange();
    this.#file.write(chunks, position);
  }
  async sync(): Promise<void> {
    this.#onChange();
    const synced = this.#file.sync();
    this.#onChange();
    await synced;
  }
  truncate(size: number): void {
    this.#onChange();
    this.#file.truncate(size);
  }
  close(): void {
    this.#file.close();
  }
}
