/** A simulated process: it lives, stalls and dies, and everything it does to the outside goes through its ports. */
import type { Clock, Timer } from "../../src/platform/clock.ts";
import type { Scheduler } from "./scheduler.ts";

/** Simulated time starts at this wall-clock time: 2026-01-01. */
const EPOCH_MS = 1_767_225_600_000;

/**
 * One life of a process, from start to kill. A dead life's code cannot be stopped in JavaScript, so its ports go dead
 * instead: nothing that it still does reaches anybody, and nothing reaches it.
 */
export class Life {
  readonly host: string;
  readonly clock: Clock;
  readonly #scheduler: Scheduler;
  #isAlive = true;
  #stalledUntilMs = 0;
  readonly #onDeath: (() => void)[] = [];

  constructor(host: string, scheduler: Scheduler, clockSkewMs: number) {
    this.host = host;
    this.#scheduler = scheduler;
    this.clock = {
      now: () => Math.floor(EPOCH_MS + scheduler.nowMs + clockSkewMs),
      monotonic: () => scheduler.nowMs,
      setTimer: (delayMs, callback) => this.later(delayMs, callback),
      setImmediate: (callback) => {
        this.later(0, callback);
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Runs `callback` in this process after `delayMs`, later when it is stalled then, never when it is dead then. */
  later(delayMs: number, callback: () => void): Timer {
    let timer: Timer;
    const attempt = (): void => {
      if (!this.#isAlive) return;
      const stalledMs = this.#stalledUntilMs - this.#scheduler.nowMs;
      if (stalledMs > 0) timer = this.#scheduler.schedule(stalledMs, attempt);
      else callback();
    };
    timer = this.#scheduler.schedule(delayMs, attempt);
    return { cancel: () => timer.cancel() };
  }

  /** Nothing runs in the process for so long, as in a long garbage collection; what was due runs afterwards. */
  stall(durationMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#scheduler.nowMs + durationMs);
  }

  onDeath(callback: () => void): void {
    this.#onDeath.push(callback);
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const callback of this.#onDeath) callback();
  }
}
