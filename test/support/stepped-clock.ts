import type { Clock, Timer } from "../../src/platform/clock.ts";
import { nodeClock } from "../../src/platform/node/clock.ts";

/** Time stands still, and timers wait, until the test moves it. Turns of the event loop are real. */
export class SteppedClock implements Clock {
  #timeMs = Date.now();
  #wallClockMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  now(): number {
    return this.#timeMs + this.#wallClockMs;
  }

  /** Sets the wall clock ahead, or back by a negative number. */
  set(byMs: number): void {
    this.#wallClockMs += byMs;
  }

  /** One ms for each look, as if something took that long. */
  isTicking = false;

  monotonic(): number {
    if (this.isTicking) this.#timeMs++;
    return this.#timeMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#timeMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  setImmediate(callback: () => void): void {
    nodeClock.setImmediate(callback);
  }

  advance(ms: number): void {
    this.#timeMs += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs > this.#timeMs || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}
