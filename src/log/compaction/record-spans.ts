import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Reader } from "../../protocol/reader.ts";

/**
 * Walks over a batch's records without making anything of them: where each lies, and what compaction asks about it. The
 * fields tell of the record that `next` moved to. Throws ProtocolError on bytes that are no records. Pure.
 */
export class RecordSpans {
  readonly bytes: Buffer;
  /** The record, its length in front included. */
  start = 0;
  end = 0;
  /** The timestamp's delta. */
  deltaStart = 0;
  deltaEnd = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  keyStart = 0;
  /** Below `keyStart`: the record has no key. */
  keyEnd = 0;
  hasValue = false;
  readonly #reader: Reader;
  #left: number;

  /** `bytes`: `count` records, decompressed. */
  constructor(bytes: Buffer, count: number) {
    this.bytes = bytes;
    this.#reader = new Reader(bytes);
    this.#left = count;
  }

  get hasKey(): boolean {
    return this.keyEnd >= this.keyStart;
  }

  /** False behind the last one. */
  next(): boolean {
    const reader = this.#reader;
    if (this.#left === 0) {
      if (reader.remaining > 0) throw new ProtocolError(`${reader.remaining} bytes behind the last record`);
      return false;
    }
    this.#left--;
    this.start = reader.position;
    const length = reader.varint();
    this.end = reader.position + length;
    reader.int8(); // attributes, unused
    this.deltaStart = reader.position;
    this.timestampDelta = reader.varlong();
    this.deltaEnd = reader.position;
    this.offsetDelta = reader.varint();
    const keyLength = reader.varint();
    this.keyStart = reader.position;
    this.keyEnd = this.keyStart + keyLength;
    if (keyLength > 0) reader.skip(keyLength);
    this.hasValue = reader.varint() >= 0;
    reader.skip(this.end - reader.position);
    return true;
  }
}
