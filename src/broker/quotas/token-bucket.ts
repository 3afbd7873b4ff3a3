/** A stock of tokens that fills up evenly (KIP-599): what is rare and comes in lots is limited by it. Pure. */

/** How many seconds' tokens the bucket holds. */
const BURST_SECONDS = 11;

export class TokenBucket {
  #tokens = Number.POSITIVE_INFINITY;
  #filledMs = 0;

  /** Whether there are tokens. One lot may take more than there are; the next waits for the debt to be paid. */
  isOpen(rate: number, nowMs: number): boolean {
    this.#fill(rate, nowMs);
    return this.#tokens >= 0;
  }

  take(count: number, rate: number, nowMs: number): void {
    this.#fill(rate, nowMs);
    this.#tokens -= count;
  }

  /** Until there are tokens. */
  debtMs(rate: number, nowMs: number): number {
    this.#fill(rate, nowMs);
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / rate) * 1000);
  }

  #fill(rate: number, nowMs: number): void {
    const elapsedMs = nowMs - this.#filledMs;
    // An endless rate times no time is no number.
    const gained = elapsedMs > 0 ? (rate * elapsedMs) / 1000 : 0;
    this.#tokens = Math.min(rate * BURST_SECONDS, this.#tokens + gained);
    this.#filledMs = nowMs;
  }
}
