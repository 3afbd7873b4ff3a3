/** Hides the records of aborted transactions from a reader. Pure. Source: KIP-98. */

import type { RecordBatch } from "../../protocol/records/batch.ts";
import { readMarker } from "../../protocol/records/control.ts";

export interface AbortedTransaction {
  readonly producerId: number;
  /** Of the transaction's first record in the partition. */
  readonly firstOffset: number;
}

/**
 * Works through the batches of one fetch, in order. A producer's batches are hidden from the first offset of an aborted
 * transaction of its up to the abort marker; it may then go on with another, which the list names again if it was aborted.
 * Committed and aborted transactions of other producers may lie in between.
 */
export class AbortFilter {
  /** By first offset, the next to begin last. */
  readonly #upcoming: AbortedTransaction[];
  /** Producers inside an aborted transaction. */
  readonly #aborting = new Set<number>();

  /** `aborted` in any order. */
  constructor(aborted: readonly AbortedTransaction[]) {
    this.#upcoming = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Whether the next batch is to be skipped. Control batches always are. */
  hides(batch: RecordBatch): boolean {
    this.#begin(batch.lastOffset);
    const { producerId } = batch;
    if (!batch.isControl) return batch.isTransactional && this.#aborting.has(producerId);
    if (this.#aborting.has(producerId) && readMarker(batch)?.type === "abort") this.#aborting.delete(producerId);
    return true;
  }

  /** Transactions that begin at `offset` or before. */
  #begin(offset: number): void {
    for (;;) {
      const next = this.#upcoming.at(-1);
      if (!next || next.firstOffset > offset) return;
      this.#aborting.add(next.producerId);
      this.#upcoming.pop();
    }
  }
}
