/** A simulated process: it lives, stalls and dies, and everything it does to the outside goes through its ports. */
import type { Clock, Timer } from "../../src/platform/clock.ts";
import type { Scheduler } from "./scheduler.ts";

/** Simulated time starts at this wall-clock time: 2026-01-01. */
const EPOCH_MS = 1_767_225_600_000;
/** A turn of the event loop takes some time: a loop that only yields must not stop the world's clock. */
const TURN_MS = 0.01;

/**
 * One life of a process, from start to kill. A dead life's code cannot be stopped in JavaScript, so its ports go dead
 * instead: nothing that it still does reaches anybody, and nothing reaches it.
 */
export class Life {
  readonly host: string;
  /** Counts the lives on the host, from 1. */
  readonly number: number;
  readonly clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #onUncaught: (error: unknown) => void;
  #clockSkewMs: number;
  #isAlive = true;
  #stalledUntilMs = 0;
  #stepsUntilKill = 0;
  #killAtStep = (): void => {};
  readonly #onDeath = new Set<() => void>();

  /** `onUncaught` is told what a callback of the process throws: it has crashed then. */
  constructor(options: {
    readonly host: string;
    readonly number: number;
    readonly scheduler: Scheduler;
    readonly clockSkewMs: number;
    readonly onUncaught: (error: unknown) => void;
  }) {
    const { host, number, scheduler, clockSkewMs } = options;
    this.#onUncaught = options.onUncaught;
    this.host = host;
    this.number = number;
    this.#scheduler = scheduler;
    this.#clockSkewMs = clockSkewMs;
    this.clock = {
      now: () => Math.floor(EPOCH_MS + scheduler.nowMs + this.#clockSkewMs),
      monotonic: () => scheduler.nowMs,
      setTimer: (delayMs, callback) => this.later(delayMs, callback),
      setImmediate: (callback) => {
        this.later(TURN_MS, callback);
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isStalled(): boolean {
    return this.#stalledUntilMs > this.#scheduler.nowMs;
  }

  /** Runs `callback` in this process after `delayMs`, later when it is stalled then, never when it is dead then. */
  later(delayMs: number, callback: () => void): Timer {
    let timer: Timer;
    const attempt = (): void => {
      if (!this.#isAlive) return;
      const stalledMs = this.#stalledUntilMs - this.#scheduler.nowMs;
      if (stalledMs > 0) timer = this.#scheduler.schedule(stalledMs, attempt);
      else this.run(callback);
    };
    timer = this.#scheduler.schedule(delayMs, attempt);
    return { cancel: () => timer.cancel() };
  }

  /** Runs `callback` now, in this process. */
  run(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#onUncaught(error);
    }
  }

  /** The promise's outcome as this process gets to know it: never when it is dead by then. */
  hear<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.later(0, () => resolve(value)),
        (error: unknown) => this.later(0, () => reject(error)),
      );
    });
  }

  /** Nothing runs in the process for so long, as in a long garbage collection; what was due runs afterwards. */
  stall(durationMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#scheduler.nowMs + durationMs);
  }

  /** Lets `kill` end the process before the step that comes after `count` others. What it awaits then never comes: to whoever
   * looks at it from outside, a crash at any `await` is one between two steps. */
  killAfter(count: number, kill: () => void): void {
    this.#stepsUntilKill = count + 1;
    this.#killAtStep = kill;
  }

  /** To be called by a port before each effect of the process on the world; false when the process is dead. */
  step(): boolean {
    if (this.#isAlive && this.#stepsUntilKill > 0 && --this.#stepsUntilKill === 0) this.#killAtStep();
    return this.#isAlive;
  }

  /** Sets the wall clock of the process forward or back. */
  moveClock(byMs: number): void {
    this.#clockSkewMs += byMs;
  }

  /** Calls back at the end; the result takes that back. */
  onDeath(callback: () => void): () => void {
    this.#onDeath.add(callback);
    return () => this.#onDeath.delete(callback);
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const callback of this.#onDeath) callback();
    this.#onDeath.clear();
  }
}
