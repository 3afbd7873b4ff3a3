import type { Disk, DiskFile } from "../platform/disk.ts";
import { readInt64 } from "../protocol/reader.ts";
import { writeInt64 } from "../protocol/writer.ts";
import { IndexEntries } from "./index-entries.ts";

/** version int16, then producer id, first offset, last offset, last stable offset as int64. */
export const ABORTED_ENTRY_BYTES = 34;
const VERSION = 0;
const PRODUCER_ID_AT = 2;
const FIRST_OFFSET_AT = 10;
const LAST_OFFSET_AT = 18;
const LAST_STABLE_OFFSET_AT = 26;

export interface AbortedEntry {
  readonly producerId: number;
  readonly firstOffset: number;
  /** The marker's. */
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

/**
 * The transactions whose abort marker stands in one segment, in the markers' order. A transaction may have begun in an
 * earlier segment. `lastOffset` and `lastStableOffset` only grow.
 */
export class AbortedIndex {
  readonly entries: IndexEntries;
  readonly #baseOffset: number;
  /** Where the first of them begins, Infinity when there are none; undefined until the index was looked into. */
  firstOffset: number | undefined;

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.entries = new IndexEntries(disk, path, ABORTED_ENTRY_BYTES);
    this.#baseOffset = baseOffset;
  }

  append(transaction: AbortedEntry): void {
    this.firstOffset = Math.min(transaction.firstOffset, this.firstOffset ?? this.#lowest());
    const { buffer, at } = this.entries.append();
    buffer.writeInt16BE(VERSION, at);
    writeInt64(buffer, transaction.producerId, at + PRODUCER_ID_AT);
    writeInt64(buffer, transaction.firstOffset, at + FIRST_OFFSET_AT);
    writeInt64(buffer, transaction.lastOffset, at + LAST_OFFSET_AT);
    writeInt64(buffer, transaction.lastStableOffset, at + LAST_STABLE_OFFSET_AT);
  }

  /** Adds those that overlap [fetchOffset, endOffset) to `found`. True when no later segment can hold another one. */
  collect(fetchOffset: number, endOffset: number, found: AbortedEntry[]): boolean {
    const { count } = this.entries;
    let index = this.entries.countWhile((buffer, at) => readInt64(buffer, at + LAST_OFFSET_AT) < fetchOffset);
    for (; index < count; index++) {
      const entry = this.#read(index);
      if (entry.firstOffset < endOffset) found.push(entry);
      // What is aborted later begins there or behind.
      if (entry.lastStableOffset >= endOffset) return true;
    }
    return false;
  }

  /** Opens the sealed segment's file. False when it cannot be right. */
  open(nextOffset: number): boolean {
    return this.entries.openFile() && this.#fits(nextOffset);
  }

  /** Goes on behind the entries below `offset`; the file must be open. False when they cannot be right. */
  resume(offset: number): boolean {
    const key = (buffer: Buffer, at: number): number => readInt64(buffer, at + LAST_OFFSET_AT);
    return this.entries.resume((buffer, at) => key(buffer, at) < offset, key) && this.#fits(offset);
  }

  #fits(nextOffset: number): boolean {
    this.firstOffset ??= this.#lowest();
    let previous = this.#baseOffset - 1;
    for (let index = 0; index < this.entries.count; index++) {
      const { lastOffset, firstOffset } = this.#read(index);
      if (lastOffset <= previous || lastOffset >= nextOffset || firstOffset > lastOffset) return false;
      previous = lastOffset;
    }
    return true;
  }

  save(): DiskFile {
    return this.entries.save();
  }

  #lowest(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.entries.count; index++) lowest = Math.min(lowest, this.#read(index).firstOffset);
    return lowest;
  }

  #read(index: number): AbortedEntry {
    const { buffer, at } = this.entries.entry(index);
    return readAbortedEntry(buffer, at);
  }
}

export function hasKnownVersion(buffer: Buffer, at: number): boolean {
  return buffer.readInt16BE(at) === VERSION;
}

export function readAbortedEntry(buffer: Buffer, at: number): AbortedEntry {
  return {
    producerId: readInt64(buffer, at + PRODUCER_ID_AT),
    firstOffset: readInt64(buffer, at + FIRST_OFFSET_AT),
    lastOffset: readInt64(buffer, at + LAST_OFFSET_AT),
    lastStableOffset: readInt64(buffer, at + LAST_STABLE_OFFSET_AT),
  };
}
