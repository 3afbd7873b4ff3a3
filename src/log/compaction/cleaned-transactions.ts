/**
 * Which transactions a pass over the log is in, batch by batch from the log's start: whose records were aborted, and
 * which markers have nothing left that they decide. Pure. Source: CleanedTransactionMetadata in Apache Kafka's LogCleaner.
 */
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { readMarker } from "../../protocol/records/control.ts";
import type { AbortedEntry } from "../aborted-index.ts";

export class CleanedTransactions {
  /** Aborted transactions by first offset; those from `#next` on the pass has not come to. */
  #upcoming: readonly AbortedEntry[] = [];
  #next = 0;
  /** Those it is in, by producer id. */
  readonly #aborting = new Map<number, AbortedEntry>();
  /** Producers of whose current transaction there is a batch, whatever comes of it. */
  readonly #seen = new Set<number>();

  /** Aborted transactions that overlap the next stretch of the log, those that were told before among them. */
  expect(entries: readonly AbortedEntry[]): void {
    const left = this.#upcoming.slice(this.#next);
    const known = new Set([...left, ...this.#aborting.values()].map(nameOf));
    const news = entries.filter((entry) => !known.has(nameOf(entry)));
    this.#upcoming = [...left, ...news].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#next = 0;
  }

  /** Takes in a batch of data; true when its records were aborted. */
  isAborted(batch: RecordBatch): boolean {
    if (!batch.isTransactional) return false;
    this.#reach(batch.lastOffset);
    this.#seen.add(batch.producerId);
    return this.#aborting.has(batch.producerId);
  }

  /** Takes in a control batch; true when nothing of its transaction is left in front of it. */
  isDone(batch: RecordBatch): boolean {
    this.#reach(batch.lastOffset);
    // Apache Kafka's compaction empties control batches that it keeps for their offset.
    if (batch.recordCount === 0) return true;
    if (!readMarker(batch)) return false;
    this.#aborting.delete(batch.producerId);
    return !this.#seen.delete(batch.producerId);
  }

  #reach(offset: number): void {
    let entry = this.#upcoming[this.#next];
    while (entry && entry.firstOffset <= offset) {
      this.#aborting.set(entry.producerId, entry);
      this.#next++;
      entry = this.#upcoming[this.#next];
    }
  }
}

function nameOf({ producerId, firstOffset }: AbortedEntry): string {
  return `${producerId} ${firstOffset}`;
}
