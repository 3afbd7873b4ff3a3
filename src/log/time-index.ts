import type { Disk, DiskFile } from "../platform/disk.ts";
import { readInt64 } from "../protocol/reader.ts";
import { writeInt64 } from "../protocol/writer.ts";
import { IndexEntries } from "./index-entries.ts";

export const TIME_ENTRY_BYTES = 12;

/** A batch's highest timestamp, and its last offset. */
export interface TimeEntry {
  readonly timestamp: number;
  readonly offset: number;
}

/** Finds where to look for a timestamp: the highest one up to a place (int64) and the last offset of the batch that first
 * reached it (int32, relative to the segment's base). Both only grow. */
export class TimeIndex {
  readonly entries: IndexEntries;
  readonly #baseOffset: number;

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.entries = new IndexEntries(disk, path, TIME_ENTRY_BYTES);
    this.#baseOffset = baseOffset;
  }

  /** One entry stays free for the one that closes the segment. */
  isFull(maxBytes: number): boolean {
    return this.entries.count >= Math.floor(maxBytes / TIME_ENTRY_BYTES) - 1;
  }

  /** Adds an entry unless the last one says as much, or no record has a timestamp. Source: TimeIndex.maybeAppend. */
  append(entry: TimeEntry): void {
    if (entry.timestamp <= (this.last()?.timestamp ?? -1)) return;
    const { buffer, at } = this.entries.append();
    writeInt64(buffer, entry.timestamp, at);
    buffer.writeInt32BE(entry.offset - this.#baseOffset, at + 8);
  }

  last(): TimeEntry | undefined {
    const { count } = this.entries;
    return count === 0 ? undefined : this.#read(this.entries.entry(count - 1));
  }

  /** The last entry below `offset`. */
  lastBelow(offset: number): TimeEntry | undefined {
    const count = this.entries.countWhile((buffer, at) => this.#baseOffset + buffer.readInt32BE(at + 8) < offset);
    return count === 0 ? undefined : this.#read(this.entries.entry(count - 1));
  }

  /** An offset at which all timestamps before it are below `timestamp`. */
  lookup(timestamp: number): number {
    const count = this.entries.countWhile((buffer, at) => readInt64(buffer, at) <= timestamp);
    return count === 0 ? this.#baseOffset : this.#read(this.entries.entry(count - 1)).offset;
  }

  /** Opens the sealed segment's file. False when it cannot be right. */
  open(nextOffset: number): boolean {
    return this.entries.openFile() && this.#fits(nextOffset);
  }

  /** Goes on behind the entries below `offset`; the file must be open. False when they cannot be right. */
  resume(offset: number): boolean {
    const key = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + 8);
    const isWanted = (buffer: Buffer, at: number): boolean => key(buffer, at) < offset - this.#baseOffset;
    return this.entries.resume(isWanted, key) && this.#fits(offset);
  }

  #fits(nextOffset: number): boolean {
    const last = this.last();
    if (!last) return true;
    const first = this.#read(this.entries.entry(0));
    const isInside = last.offset < nextOffset && first.offset >= this.#baseOffset;
    return isInside && first.timestamp <= last.timestamp && first.offset <= last.offset;
  }

  save(): DiskFile {
    return this.entries.save();
  }

  #read({ buffer, at }: { readonly buffer: Buffer; readonly at: number }): TimeEntry {
    return readTimeEntry(buffer, at, this.#baseOffset);
  }
}

export function readTimeEntry(buffer: Buffer, at: number, baseOffset: number): TimeEntry {
  return { timestamp: readInt64(buffer, at), offset: baseOffset + buffer.readInt32BE(at + 8) };
}
