import type { Disk, DiskFile } from "../platform/disk.ts";
import { IndexEntries } from "./index-entries.ts";

export const OFFSET_ENTRY_BYTES = 8;

/** A batch's last offset, and its place in the segment's file. */
export interface OffsetEntry {
  readonly lastOffset: number;
  readonly position: number;
}

/** Finds a batch's place in its segment: last offset (relative to the segment's base) and position, both int32, of about
 * one batch in each index.interval.bytes. */
export class OffsetIndex {
  readonly entries: IndexEntries;
  readonly #baseOffset: number;

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.entries = new IndexEntries(disk, path, OFFSET_ENTRY_BYTES);
    this.#baseOffset = baseOffset;
  }

  isFull(maxBytes: number): boolean {
    return this.entries.count >= Math.floor(maxBytes / OFFSET_ENTRY_BYTES);
  }

  append(lastOffset: number, position: number): void {
    const { buffer, at } = this.entries.append();
    buffer.writeInt32BE(lastOffset - this.#baseOffset, at);
    buffer.writeInt32BE(position, at + 4);
  }

  /** The last entry at or below `offset`: its batch stands at or before the one that holds `offset`. */
  lookup(offset: number): OffsetEntry | undefined {
    const relative = offset - this.#baseOffset;
    const count = this.entries.countWhile((buffer, at) => buffer.readInt32BE(at) <= relative);
    if (count === 0) return undefined;
    const { buffer, at } = this.entries.entry(count - 1);
    return readOffsetEntry(buffer, at, this.#baseOffset);
  }

  /** A position behind all batches that end below `offset`; undefined when no entry tells one. */
  positionBehind(offset: number): number | undefined {
    const relative = offset - this.#baseOffset;
    const count = this.entries.countWhile((buffer, at) => buffer.readInt32BE(at) < relative);
    if (count === this.entries.count) return undefined;
    const { buffer, at } = this.entries.entry(count);
    return buffer.readInt32BE(at + 4);
  }

  /** The last entry whose batch begins at or before `position` and ends below `offset`. */
  lookupWithin(position: number, offset: number): OffsetEntry | undefined {
    const relative = offset - this.#baseOffset;
    const count = this.entries.countWhile(
      (buffer, at) => buffer.readInt32BE(at + 4) <= position && buffer.readInt32BE(at) < relative,
    );
    if (count === 0) return undefined;
    const { buffer, at } = this.entries.entry(count - 1);
    return readOffsetEntry(buffer, at, this.#baseOffset);
  }

  /** Opens the sealed segment's file. False when it cannot be right. */
  open(logBytes: number, nextOffset: number): boolean {
    return this.entries.openFile() && this.#fits(logBytes, nextOffset);
  }

  /** Goes on behind the entries below `offset`; the file must be open. False when they cannot be right. */
  resume(logBytes: number, offset: number): boolean {
    const key = (buffer: Buffer, at: number): number => buffer.readInt32BE(at);
    const isWanted = (buffer: Buffer, at: number): boolean => key(buffer, at) < offset - this.#baseOffset;
    return this.entries.resume(isWanted, key) && this.#fits(logBytes, offset);
  }

  #fits(logBytes: number, nextOffset: number): boolean {
    if (this.entries.count === 0) return true;
    const last = this.entries.entry(this.entries.count - 1);
    const lastOffset = this.#baseOffset + last.buffer.readInt32BE(last.at);
    const lastPosition = last.buffer.readInt32BE(last.at + 4);
    if (lastOffset >= nextOffset || lastPosition < 0 || lastPosition >= logBytes) return false;
    const first = this.entries.entry(0);
    return first.buffer.readInt32BE(first.at) >= 0 && first.buffer.readInt32BE(first.at + 4) <= lastPosition;
  }

  save(): DiskFile {
    return this.entries.save();
  }
}

export function readOffsetEntry(buffer: Buffer, at: number, baseOffset: number): OffsetEntry {
  return { lastOffset: baseOffset + buffer.readInt32BE(at), position: buffer.readInt32BE(at + 4) };
}
