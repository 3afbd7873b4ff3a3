/** A partition as it lies in the log: read with a few lines of its own, not with the log or the consumer that are under test. */
import type { TopicPartition } from "../../../client/index.ts";
import { batchesIn, type RecordBatch } from "../../../protocol/records/batch.ts";
import { readMarker } from "../../../protocol/records/control.ts";
import { decodeRecords, type LogRecord } from "../../../protocol/records/record.ts";
import { checksumOf, ID_HEADER } from "../history.ts";

export interface StoredRecord {
  readonly offset: number;
  readonly id: string | undefined;
  readonly timestamp: number;
  readonly checksum: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly producerId: number;
  /** What became of the transaction that it belongs to. */
  fate: "plain" | "committed" | "aborted" | "open";
}

export interface StoredPartition extends TopicPartition {
  /** What lies below was deleted. */
  readonly startOffset: number;
  /** From `startOffset` on. */
  readonly records: readonly StoredRecord[];
  /** Behind the last batch. */
  readonly endOffset: number;
}

/** Takes in a partition's batches from the log's start on, and knows what became of their transactions. */
export class StoredPartitionReader {
  readonly #partition: TopicPartition;
  readonly #startOffset: number;
  readonly #records: StoredRecord[] = [];
  /** By producer. */
  readonly #undecided = new Map<number, StoredRecord[]>();
  #endOffset: number;

  /** `startOffset`: the log's start, which may lie within what is added. */
  constructor({ topic, partition }: TopicPartition, startOffset = 0) {
    this.#partition = { topic, partition };
    this.#startOffset = startOffset;
    this.#endOffset = startOffset;
  }

  /** Behind the last batch. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Whole batches, one behind the other. */
  add(bytes: Uint8Array): void {
    for (const batch of batchesIn(bytes)) {
      // A power loss may have brought back a segment from below the log's start, and not those behind it.
      this.#endOffset = Math.max(this.#endOffset, batch.nextOffset);
      if (batch.isControl) this.#decide(batch);
      else this.#takeIn(batch);
    }
  }

  result(): StoredPartition {
    const startOffset = this.#startOffset;
    const records = this.#records.filter(({ offset }) => offset >= startOffset);
    return { ...this.#partition, startOffset, records, endOffset: this.#endOffset };
  }

  #takeIn(batch: RecordBatch): void {
    const { producerId, isTransactional } = batch;
    const records = decodeRecords(batch).map((record): StoredRecord => {
      const { offset, timestamp, key, value } = record;
      const fate = isTransactional ? "open" : "plain";
      return { offset, id: idOf(record), timestamp, checksum: checksumOf(key, value), key, value, producerId, fate };
    });
    for (const record of records) this.#records.push(record);
    if (!isTransactional) return;
    const undecided = this.#undecided.get(producerId) ?? [];
    for (const record of records) undecided.push(record);
    this.#undecided.set(producerId, undecided);
  }

  #decide(batch: RecordBatch): void {
    const marker = readMarker(batch);
    if (!marker) return;
    for (const record of this.#undecided.get(batch.producerId) ?? []) {
      record.fate = marker.type === "commit" ? "committed" : "aborted";
    }
    this.#undecided.delete(batch.producerId);
  }
}

export function idOf({ headers }: Pick<LogRecord, "headers">): string | undefined {
  const value = headers.find(({ key }) => key === ID_HEADER)?.value;
  return value ? Buffer.from(value).toString() : undefined;
}
