import { assert } from "../platform/assert.ts";
import type { CompletedTransaction } from "./producer-state.ts";

/** Up to where a log can be read. Pure. Always: lastStableOffset <= highWatermark, and neither goes back. */
export class Watermarks {
  #highWatermark: number;
  #lastStableOffset: number;
  /** Transactions whose marker is not below the high watermark yet, in the markers' order. */
  #unstable: CompletedTransaction[] = [];

  constructor(highWatermark: number, lastStableOffset: number) {
    this.#highWatermark = highWatermark;
    this.#lastStableOffset = lastStableOffset;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }
  get lastStableOffset(): number {
    return this.#lastStableOffset;
  }

  /** A marker was written: it decides once it can be read. */
  completed(transaction: CompletedTransaction): void {
    this.#unstable.push(transaction);
  }

  /** What is below the log's start is not waited for. */
  startAt(logStartOffset: number): void {
    this.#lastStableOffset = Math.max(this.#lastStableOffset, logStartOffset);
  }

  /** Moves both to where they may be; false when they were there. `firstUndecidedOffset`: where the oldest open transaction
   * begins. */
  advance(readableOffset: number, firstUndecidedOffset: number | undefined, logStartOffset: number): boolean {
    const highWatermark = Math.max(this.#highWatermark, readableOffset);
    let stable = Math.min(highWatermark, firstUndecidedOffset ?? highWatermark);
    if (this.#unstable.length > 0) {
      this.#unstable = this.#unstable.filter((transaction) => transaction.lastOffset >= highWatermark);
      for (const { firstOffset } of this.#unstable) stable = Math.min(stable, firstOffset);
    }
    const lastStableOffset = Math.max(stable, logStartOffset);
    assert(lastStableOffset >= this.#lastStableOffset);
    if (highWatermark === this.#highWatermark && lastStableOffset === this.#lastStableOffset) return false;
    this.#highWatermark = highWatermark;
    this.#lastStableOffset = lastStableOffset;
    return true;
  }
}
