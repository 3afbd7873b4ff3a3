/**
 * Which transactions a pass over the log is in, batch by batch from the log's start: whose records were aborted, and
 * which markers have nothing left that they decide. Pure. Source: CleanedTransactionMetadata in Apache Kafka's LogCleaner.
 */
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { readMarker } from "../../protocol/records/control.ts";
import type { AbortedEntry } from "../aborted-index.ts";

interface Aborting {
  readonly entry: AbortedEntry;
  /** A batch of it is still in the log. */
  isSeen: boolean;
}

export interface MarkerVerdict {
  /** Nothing of its transaction is left in front of it. */
  readonly isDone: boolean;
  /** Of the aborted transaction that it ends, when that must stay in the index: as long as any of its batches. */
  readonly aborted?: AbortedEntry;
}

const NOT_DONE: MarkerVerdict = { isDone: false };
const DONE: MarkerVerdict = { isDone: true };

export class CleanedTransactions {
  /** Aborted transactions that the pass has not come to, by first offset. */
  #upcoming: AbortedEntry[] = [];
  /** By producer id. */
  readonly #aborting = new Map<number, Aborting>();
  readonly #committing = new Set<number>();

  /** Aborted transactions that overlap the next stretch of the log, those that were told before among them. */
  expect(entries: readonly AbortedEntry[]): void {
    const isNew = (entry: AbortedEntry): boolean =>
      this.#aborting.get(entry.producerId)?.entry.firstOffset !== entry.firstOffset &&
      !this.#upcoming.some((known) => known.producerId === entry.producerId && known.firstOffset === entry.firstOffset);
    this.#upcoming.push(...entries.filter(isNew));
    this.#upcoming.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Takes in a batch of data; true when its records were aborted. */
  isAborted(batch: RecordBatch): boolean {
    if (!batch.isTransactional) return false;
    this.#reach(batch.lastOffset);
    const aborting = this.#aborting.get(batch.producerId);
    if (aborting) aborting.isSeen = true;
    else this.#committing.add(batch.producerId);
    return aborting !== undefined;
  }

  /** Takes in a control batch. */
  marker(batch: RecordBatch): MarkerVerdict {
    this.#reach(batch.lastOffset);
    // Apache Kafka's compaction empties control batches that it keeps for their offset.
    if (batch.recordCount === 0) return DONE;
    if (!readMarker(batch)) return NOT_DONE;
    const { producerId } = batch;
    const aborting = this.#aborting.get(producerId);
    this.#aborting.delete(producerId);
    const wasCommitting = this.#committing.delete(producerId);
    if (aborting?.isSeen) return { isDone: false, aborted: aborting.entry };
    return wasCommitting ? NOT_DONE : DONE;
  }

  #reach(offset: number): void {
    for (let entry = this.#upcoming[0]; entry && entry.firstOffset <= offset; entry = this.#upcoming[0]) {
      this.#upcoming.shift();
      this.#aborting.set(entry.producerId, { entry, isSeen: false });
    }
  }
}
