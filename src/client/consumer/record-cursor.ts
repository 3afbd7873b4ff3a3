/** Reads a batch's records one at a time, as they are asked for: a record that is not delivered costs nothing. Pure. */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { decompress } from "../../protocol/records/compression.ts";
import type { ConsumerRecord, RecordHeader } from "../types.ts";

/** What a batch may grow to when it is decompressed. */
const MAX_DECOMPRESSED_BYTES = 1 << 30;
const NO_HEADERS: readonly RecordHeader[] = [];

export class RecordCursor {
  readonly #topic: string;
  readonly #partition: number;
  readonly #bytes: Buffer;
  #at = 0;
  #left: number;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  /** The time of the append, when it replaces the records' own. */
  readonly #appendTime: number | undefined;
  readonly #leaderEpoch: number;

  constructor(topic: string, partition: number, batch: RecordBatch) {
    this.#topic = topic;
    this.#partition = partition;
    this.#bytes = decompress(batch.compression, batch.payload(), MAX_DECOMPRESSED_BYTES);
    this.#left = batch.recordCount;
    this.#baseOffset = batch.baseOffset;
    this.#baseTimestamp = batch.baseTimestamp;
    this.#appendTime = batch.hasLogAppendTime ? batch.maxTimestamp : undefined;
    this.#leaderEpoch = batch.leaderEpoch;
  }

  /** Undefined behind the last. Throws ProtocolError on bytes that are no record. */
  next(): ConsumerRecord | undefined {
    if (this.#left <= 0) return undefined;
    this.#left--;
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new ProtocolError(`a record of ${length} bytes`);
    this.#at++; // attributes, unused
    const timestamp = this.#baseTimestamp + this.#varlong();
    const offset = this.#baseOffset + this.#varint();
    const key = this.#view(end);
    const value = this.#view(end);
    const headers = this.#headers(end);
    if (this.#at !== end) throw new ProtocolError(`record ${offset} is not ${length} bytes long`);
    return {
      topic: this.#topic,
      partition: this.#partition,
      offset,
      timestamp: this.#appendTime ?? timestamp,
      key,
      value,
      headers,
      leaderEpoch: this.#leaderEpoch,
    };
  }

  #varint(): number {
    const first = this.#bytes[this.#at++] ?? 0;
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let raw = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#at++] ?? 0;
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
    }
    throw new ProtocolError("a varint that is too long");
  }

  /** Exact up to 2^53, which no difference of timestamps exceeds. */
  #varlong(): number {
    let raw = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++] ?? 0;
      raw += (byte & 0x7f) * factor;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      factor *= 0x80;
    }
    throw new ProtocolError("a varlong that is too long");
  }

  #view(end: number): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    if (start + length > end) throw new ProtocolError(`${length} bytes where ${end - start} are left of the record`);
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  #headers(end: number): readonly RecordHeader[] {
    const count = this.#varint();
    if (count === 0) return NO_HEADERS;
    if (count < 0 || count > end - this.#at) throw new ProtocolError(`${count} headers`);
    const headers = new Array<RecordHeader>(count);
    for (let i = 0; i < count; i++) {
      const key = this.#view(end)?.toString("utf8") ?? "";
      headers[i] = { key, value: this.#view(end) };
    }
    return headers;
  }
}
