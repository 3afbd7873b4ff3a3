/** What one fetch brought of one partition, handed out record by record. Pure. */

import { ProtocolError } from "../../protocol/protocol-error.ts";
import { batchesIn, MAGIC_AT, type RecordBatch } from "../../protocol/records/batch.ts";
import { readMarker } from "../../protocol/records/control.ts";
import { OncillaError, RecordDeserializationError } from "../errors.ts";
import type { ConsumerRecord, TransactionMarker } from "../types.ts";
import { type AbortedTransaction, AbortFilter } from "./abort-filter.ts";
import type { Deserialize } from "./deserialize.ts";
import { RecordCursor } from "./record-cursor.ts";

/** "Magic". */
const READABLE_FORMAT = 2;

/** Where a reader stands: the next offset, and the leader epoch of what it read last (-1: unknown). */
export interface Position {
  readonly offset: number;
  readonly leaderEpoch: number;
}

export interface ChunkOptions {
  readonly topic: string;
  readonly partition: number;
  /** Batches, one behind the other; the last may be cut off. */
  readonly records: Uint8Array;
  /** Where the fetch began: the first batch may begin before. */
  readonly start: Position;
  /** Undefined to show everything, aborted or not. */
  readonly aborted: readonly AbortedTransaction[] | undefined;
  readonly checkCrcs: boolean;
  readonly onMarker?: ((marker: TransactionMarker) => void) | undefined;
  readonly deserialize?: Deserialize | undefined;
}

export class FetchedChunk {
  readonly sizeBytes: number;
  readonly #options: ChunkOptions;
  readonly #batches: RecordBatch[] = [];
  /** Why nothing can be found behind the last of the batches. */
  readonly #breach: ProtocolError | undefined;
  readonly #filter: AbortFilter | undefined;
  #nextBatch = 0;
  #batch: RecordBatch | undefined;
  #cursor: RecordCursor | undefined;
  #position: Position;
  #damage: OncillaError | undefined;

  constructor(options: ChunkOptions) {
    this.#options = options;
    this.sizeBytes = options.records.length;
    this.#filter = options.aborted && new AbortFilter(options.aborted);
    this.#position = options.start;
    try {
      for (const batch of batchesIn(options.records)) this.#batches.push(batch);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#breach = error;
    }
    if (this.#batches.length === 0 && this.sizeBytes > 0) {
      this.#breach ??= new ProtocolError(`no whole batch in ${this.sizeBytes} bytes`);
    }
    if (this.#breach) this.#breach = this.#formatBreach() ?? this.#breach;
  }

  /** Behind what was handed out or skipped so far. */
  get position(): Position {
    return this.#position;
  }

  /** Behind the last batch: where the next fetch goes on. */
  get end(): Position {
    const last = this.#batches.at(-1);
    return last ? positionBehind(last, this.#options.start) : this.#options.start;
  }

  /** `take` ends with CORRUPT_DATA, and a fetch from `end` would bring the same. */
  get isBroken(): boolean {
    return this.#breach !== undefined;
  }

  /** Appends records to `target` until it holds `limit`. False when there are no more. Throws CORRUPT_DATA or
   * DESERIALIZATION_FAILED, also when called again: nothing behind the damage is handed out. */
  take(target: ConsumerRecord[], limit: number): boolean {
    if (this.#damage) throw this.#damage;
    try {
      return this.#take(target, limit);
    } catch (error) {
      if (error instanceof ProtocolError) this.#damage = this.#damaged(error);
      else if (error instanceof RecordDeserializationError) this.#damage = error;
      throw this.#damage ?? error;
    }
  }

  #take(target: ConsumerRecord[], limit: number): boolean {
    const { start, deserialize } = this.#options;
    while (target.length < limit) {
      const cursor = this.#cursor ?? this.#openNext();
      if (!cursor) return false;
      const record = cursor.next();
      if (!record) {
        this.#leaveBatch();
        continue;
      }
      // The fetch began inside the batch.
      if (record.offset < start.offset) continue;
      target.push(deserialize ? deserialize(record) : record);
      this.#position = { offset: record.offset + 1, leaderEpoch: record.leaderEpoch };
    }
    return true;
  }

  /** The next batch that is shown; the position moves over those that are not. */
  #openNext(): RecordCursor | undefined {
    for (;;) {
      const batch = this.#batches[this.#nextBatch++];
      this.#batch = batch;
      if (!batch && this.#breach) throw this.#breach;
      if (!batch) return undefined;
      this.#check(batch);
      if (batch.isControl) this.#tellMarker(batch);
      if (!(this.#filter?.hides(batch) ?? batch.isControl)) {
        this.#cursor = new RecordCursor(this.#options.topic, this.#options.partition, batch);
        return this.#cursor;
      }
      this.#leaveBatch();
    }
  }

  #tellMarker(batch: RecordBatch): void {
    const { onMarker, topic, partition } = this.#options;
    const marker = onMarker && readMarker(batch);
    if (!marker) return;
    const { baseOffset: offset, producerId, producerEpoch } = batch;
    onMarker({ topic, partition, offset, type: marker.type, producerId, producerEpoch });
  }

  #leaveBatch(): void {
    // A compacted batch keeps its offsets: the position moves behind the last of them all the same.
    if (this.#batch) this.#position = positionBehind(this.#batch, this.#position);
    this.#batch = undefined;
    this.#cursor = undefined;
  }

  /** A message of an older format may be shorter than a batch's header: no length tells it from damage. */
  #formatBreach(): ProtocolError | undefined {
    const at = this.#batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const magic = this.#options.records[at + MAGIC_AT] ?? READABLE_FORMAT;
    return magic < READABLE_FORMAT ? unreadable(magic) : undefined;
  }

  #check(batch: RecordBatch): void {
    if (batch.magic !== READABLE_FORMAT) throw unreadable(batch.magic);
    if (this.#options.checkCrcs && !batch.hasValidCrc()) throw new ProtocolError("its checksum is wrong");
  }

  #damaged(cause: ProtocolError): OncillaError {
    const { topic, partition } = this.#options;
    const where = `the batch at offset ${this.#batch?.baseOffset ?? this.#position.offset} of ${topic}-${partition}`;
    return new OncillaError("CORRUPT_DATA", `${where} is damaged: ${cause.message}: seek behind it to go on`, {
      cause,
    });
  }
}

function unreadable(format: number): ProtocolError {
  return new ProtocolError(`its format is ${format}, where only ${READABLE_FORMAT} can be read`);
}

function positionBehind(batch: RecordBatch, position: Position): Position {
  return { offset: Math.max(position.offset, batch.nextOffset), leaderEpoch: batch.leaderEpoch };
}
