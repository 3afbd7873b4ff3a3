import { assert, defined } from "../platform/assert.ts";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { type Checksum, crcOfFile, crcOfMemory } from "./index-crcs.ts";

/**
 * The fixed-size entries of one index file. While a segment is written to, they are in memory and the file may be missing
 * or behind: a crash loses nothing that scanning the log does not bring back. Once the segment is sealed they are in the
 * file only, and looked up there, so that memory does not grow with the log.
 */
export class IndexEntries {
  readonly #disk: Disk;
  #path: string;
  readonly #entryBytes: number;
  /** Set while the entries are in memory. */
  #memory: Buffer | undefined;
  #count = 0;
  /** So many are in the file, at its start. They are never written again: a crash in a write cannot harm them. */
  #savedCount = 0;
  #file: DiskFile | undefined;
  #hasRemains = false;
  readonly #scratch: Buffer;

  constructor(disk: Disk, path: string, entryBytes: number) {
    this.#disk = disk;
    this.#path = path;
    this.#entryBytes = entryBytes;
    this.#scratch = Buffer.alloc(entryBytes);
  }

  get count(): number {
    return this.#count;
  }
  /** More is in the file than counts: a crash left it behind the entries that were resumed. */
  get hasRemains(): boolean {
    return this.#hasRemains;
  }

  /** Starts over, without entries, in memory. */
  reset(): void {
    this.#memory = Buffer.alloc(0);
    this.#count = 0;
    this.#savedCount = 0;
    this.#hasRemains = false;
  }

  /** Opens the file to look entries up in it. False when it is missing or, unless it `mayBeLonger`, no whole number of
   * entries. */
  openFile({ mayBeLonger = false }: { readonly mayBeLonger?: boolean } = {}): boolean {
    if (this.#file) return true;
    if (!this.#disk.exists(this.#path)) return false;
    this.#file = this.#disk.open(this.#path);
    this.#count = Math.floor(this.#file.size() / this.#entryBytes);
    return mayBeLonger || this.#count * this.#entryBytes === this.#file.size();
  }

  /** Takes the first entries of the file, for which `isWanted` holds, into memory, to go on from there. False when they
   * do not grow: a crash left part of a later write there. */
  resume(isWanted: (buffer: Buffer, at: number) => boolean, key: (buffer: Buffer, at: number) => number): boolean {
    const file = defined(this.#file);
    const memory = Buffer.alloc(this.#count * this.#entryBytes);
    file.read(memory, 0, memory.length, 0);
    let count = 0;
    let previous = Number.NEGATIVE_INFINITY;
    for (let at = 0; at < memory.length && isWanted(memory, at); at += this.#entryBytes) {
      if (key(memory, at) <= previous) return false;
      previous = key(memory, at);
      count++;
    }
    this.#memory = memory;
    this.#count = count;
    this.#savedCount = count;
    this.#hasRemains = file.size() > count * this.#entryBytes;
    return true;
  }

  /** Room for one more entry: write it at `at` in `buffer`. */
  append(): { readonly buffer: Buffer; readonly at: number } {
    const at = this.#count * this.#entryBytes;
    let memory = defined(this.#memory, "a sealed index takes no entries");
    if (at + this.#entryBytes > memory.length) {
      const grown = Buffer.alloc(Math.max(memory.length * 2, 16 * this.#entryBytes));
      memory.copy(grown, 0, 0, at);
      memory = grown;
      this.#memory = grown;
    }
    this.#count++;
    return { buffer: memory, at };
  }

  /** Where entry `index` is to be read; valid until the next call. */
  entry(index: number): { readonly buffer: Buffer; readonly at: number } {
    assert(index >= 0 && index < this.#count);
    const at = index * this.#entryBytes;
    if (this.#memory) return { buffer: this.#memory, at };
    defined(this.#file).read(this.#scratch, 0, this.#entryBytes, at);
    return { buffer: this.#scratch, at: 0 };
  }

  /** How many entries there are, from the first one, that `predicate` holds for. It must hold for none behind one that
   * it does not hold for. */
  countWhile(predicate: (buffer: Buffer, at: number) => boolean): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { buffer, at } = this.entry(middle);
      if (predicate(buffer, at)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Writes what is in memory to the file, and says which file a sync must cover. */
  save(): DiskFile {
    const memory = defined(this.#memory);
    const savedBytes = this.#savedCount * this.#entryBytes;
    const bytes = memory.subarray(savedBytes, this.#count * this.#entryBytes);
    this.#file ??= this.#disk.open(this.#path, { create: true });
    this.#file.truncate(savedBytes);
    if (bytes.length > 0) this.#file.write([bytes], savedBytes);
    this.#savedCount = this.#count;
    this.#hasRemains = false;
    return this.#file;
  }

  checksum(): Checksum {
    const sizeBytes = this.#count * this.#entryBytes;
    return { sizeBytes, crc: crcOfMemory(defined(this.#memory).subarray(0, sizeBytes)) };
  }

  isAs({ sizeBytes, crc }: Checksum, mayBeLonger: boolean): boolean {
    const file = defined(this.#file);
    if (!mayBeLonger && file.size() !== sizeBytes) return false;
    if (crcOfFile(file, sizeBytes) !== crc) return false;
    // What a power loss left behind may look like entries.
    this.#count = Math.floor(sizeBytes / this.#entryBytes);
    return true;
  }

  /** From now on entries are read from the file that `save` wrote. */
  dropMemory(): void {
    assert(this.#file);
    this.#memory = undefined;
  }

  /** Gives the file another name. */
  moveTo(path: string): void {
    this.#disk.rename(this.#path, path);
    this.#path = path;
  }

  closeFile(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}
