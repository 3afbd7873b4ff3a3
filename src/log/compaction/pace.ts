import { type Clock, sleep } from "../../platform/clock.ts";

/** How fast compaction may read and write: it gives way to other work after each piece, and keeps to a rate. */
export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  /** When all that went by is paid for. */
  #freeAtMs = 0;

  /** `bytesPerSecond`: what the rate is at a moment. */
  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** To be awaited after `bytes` were read or written. Rejects with `signal.reason` once that is aborted. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + (bytes / this.#bytesPerSecond()) * 1000;
    const waitMs = this.#freeAtMs - now;
    if (waitMs >= 1) await sleep(this.#clock, waitMs, signal);
    else await new Promise<void>((resolve) => this.#clock.setImmediate(resolve));
    signal.throwIfAborted();
  }
}
