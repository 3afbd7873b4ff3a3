import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { decompress } from "../../protocol/records/compression.ts";
import { emptied, withRecords } from "./batch-rewriting.ts";
import type { CleanedTransactions } from "./cleaned-transactions.ts";
import type { OffsetMap } from "./offset-map.ts";
import { RecordSpans } from "./record-spans.ts";

/** The last that the log knows of a producer: what must outlive the producer's records. */
export interface LastOfProducer {
  readonly producerEpoch: number;
  /** Last offset of its last batch of this epoch; -1 when a marker is all there is of it. */
  readonly lastDataOffset: number;
}

export interface CleaningRules {
  readonly map: OffsetMap;
  /** The map knows all keys of the records below. */
  readonly mappedOffset: number;
  readonly transactions: CleanedTransactions;
  /** By producer id. */
  readonly lastOfProducers: ReadonlyMap<number, LastOfProducer>;
  readonly now: number;
  readonly deleteRetentionMs: number;
}

/**
 * Decides what stays of each batch; batches come in the log's order. Pure. Source: Cleaner.cleanInto of Apache Kafka,
 * with KIP-534. Differences: a control batch that must stay keeps its record, which the producer's epoch needs at a
 * replay; and no delete horizon is set on a batch whose keys are not all mapped, or the tombstones in it could go before
 * what they delete.
 */
export class BatchCleaner {
  readonly #rules: CleaningRules;
  /** Which of a batch's records stay. */
  readonly #isRetained: boolean[] = [];
  #retainedCount = 0;
  #hasTombstones = false;

  constructor(rules: CleaningRules) {
    this.#rules = rules;
  }

  /** The batch itself, a new one in its place, or none. `isLast`: its place in the log must be kept. */
  clean(batch: RecordBatch, isLast: boolean): RecordBatch | undefined {
    const mustStay = isLast || this.#isLastOfProducer(batch);
    return batch.isControl ? this.#cleanMarker(batch, mustStay) : this.#cleanData(batch, mustStay);
  }

  #cleanMarker(batch: RecordBatch, mustStay: boolean): RecordBatch | undefined {
    const { transactions, now } = this.#rules;
    if (!transactions.isDone(batch)) return batch;
    const { recordCount, deleteHorizonMs } = batch;
    if (recordCount === 0) return mustStay ? batch : undefined;
    if (deleteHorizonMs === undefined) {
      return withRecords(batch, recordsOf(batch), new Array<boolean>(recordCount).fill(true), this.#newHorizon());
    }
    return mustStay || now < deleteHorizonMs ? batch : undefined;
  }

  #cleanData(batch: RecordBatch, mustStay: boolean): RecordBatch | undefined {
    const isAborted = this.#rules.transactions.isAborted(batch);
    if (batch.recordCount === 0) return mustStay ? batch : undefined;
    const nothing = (): RecordBatch | undefined => (mustStay ? emptied(batch) : undefined);
    if (isAborted) return nothing();
    let records: Buffer;
    try {
      records = recordsOf(batch);
      this.#sift(batch, records);
    } catch (error) {
      // The topic was not compacted when it came, and nobody looked inside: what nobody can read has no key.
      if (error instanceof ProtocolError) return batch;
      throw error;
    }
    if (this.#retainedCount === 0) return nothing();
    const needsHorizon =
      this.#hasTombstones && batch.deleteHorizonMs === undefined && batch.nextOffset <= this.#rules.mappedOffset;
    if (this.#retainedCount === batch.recordCount && !needsHorizon) return batch;
    return withRecords(batch, records, this.#isRetained, needsHorizon ? this.#newHorizon() : undefined);
  }

  #sift(batch: RecordBatch, records: Buffer): void {
    const { map, mappedOffset, now } = this.#rules;
    const { baseOffset, deleteHorizonMs } = batch;
    const keepsTombstones = deleteHorizonMs === undefined || now < deleteHorizonMs;
    const spans = new RecordSpans(records, batch.recordCount);
    this.#retainedCount = 0;
    this.#hasTombstones = false;
    for (let i = 0; spans.next(); i++) {
      const offset = baseOffset + spans.offsetDelta;
      const isRetained =
        offset >= mappedOffset ||
        // A record without key is of a time before the topic was compacted.
        (spans.hasKey &&
          offset >= map.get(records, spans.keyStart, spans.keyEnd) &&
          (spans.hasValue || keepsTombstones));
      this.#isRetained[i] = isRetained;
      if (!isRetained) continue;
      this.#retainedCount++;
      if (!spans.hasValue) this.#hasTombstones = true;
    }
  }

  #isLastOfProducer(batch: RecordBatch): boolean {
    if (!batch.hasProducerId) return false;
    const last = this.#rules.lastOfProducers.get(batch.producerId);
    if (!last) return false;
    if (last.lastDataOffset >= 0) return batch.lastOffset === last.lastDataOffset;
    return batch.isControl && batch.producerEpoch === last.producerEpoch;
  }

  #newHorizon(): number {
    return this.#rules.now + this.#rules.deleteRetentionMs;
  }
}

function recordsOf(batch: RecordBatch): Buffer {
  return decompress(batch.compression, batch.payload());
}
