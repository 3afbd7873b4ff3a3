import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";

/**
 * Bytes that all connections together hold for one purpose. Who finds it full waits. What was begun is taken in spite of
 * that, so that nobody waits for ever: the limit is overdrawn by one message a connection at most.
 */
export class MemoryBudget {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  #usedBytes = 0;
  /** Oldest first. */
  readonly #waiting = new Set<() => void>();
  #isWakeScheduled = false;

  constructor(clock: Clock, limitBytes: number) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.#limitBytes - this.#usedBytes);
  }

  get isFull(): boolean {
    return this.#usedBytes >= this.#limitBytes;
  }

  take(bytes: number): void {
    assert(bytes >= 0);
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    assert(bytes >= 0);
    assert(bytes <= this.#usedBytes);
    this.#usedBytes -= bytes;
    if (this.#waiting.size > 0) this.#scheduleWake();
  }

  /** Calls back once, in a later turn of the event loop in which there is room. A callback that waits already is not called
   * twice. */
  whenFree(callback: () => void): void {
    this.#waiting.add(callback);
  }

  forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }

  #scheduleWake(): void {
    if (this.#isWakeScheduled || this.isFull) return;
    this.#isWakeScheduled = true;
    // Not at once: who gives back is in the middle of something.
    this.#clock.setImmediate(() => {
      this.#isWakeScheduled = false;
      this.#wake();
    });
  }

  #wake(): void {
    for (const callback of [...this.#waiting]) {
      if (this.isFull) return;
      this.#waiting.delete(callback);
      callback();
    }
  }
}
