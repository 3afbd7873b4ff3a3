import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";

/**
 * Bytes that all connections together hold for one purpose. Who finds no room waits. Messages that are half there must not
 * wait for each other for ever: one of those that find no room at a time may go beyond the limit, by one message.
 */
export class MemoryBudget {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  readonly #largestMessageBytes: number;
  #usedBytes = 0;
  /** Who may go beyond the limit. */
  #overdrawer: object | undefined;
  /** Oldest first. */
  readonly #waiting = new Set<() => void>();
  #isWakeScheduled = false;

  constructor(clock: Clock, limitBytes: number, largestMessageBytes = 0) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
    this.#largestMessageBytes = largestMessageBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.#limitBytes - this.#usedBytes);
  }

  /** Whether somebody waits for room. */
  get isScarce(): boolean {
    return this.#waiting.size > 0;
  }

  take(bytes: number): void {
    assert(bytes >= 0);
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    assert(bytes >= 0);
    assert(bytes <= this.#usedBytes);
    this.#usedBytes -= bytes;
    this.#scheduleWake();
  }

  /** Whether there is room for so much more. If not, and nobody else may go beyond the limit, `asker` may from then on, until
   * `endOverdraft`. What earlier ones overdrew has to be given back first: their messages are whole, and so it will be. */
  claimRoom(bytes: number, asker: object): boolean {
    if (this.#usedBytes + bytes <= this.#limitBytes) return true;
    this.#overdrawer ??= asker;
    return this.#overdrawer === asker && this.#usedBytes + bytes <= this.#limitBytes + this.#largestMessageBytes;
  }

  /** The message of `asker` is whole, or given up. */
  endOverdraft(asker: object): void {
    if (this.#overdrawer !== asker) return;
    this.#overdrawer = undefined;
    this.#scheduleWake();
  }

  /** Calls back once, in a later turn of the event loop, when there may be room. */
  whenFree(callback: () => void): void {
    this.#waiting.add(callback);
  }

  forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }

  #scheduleWake(): void {
    if (this.#isWakeScheduled || this.#waiting.size === 0) return;
    this.#isWakeScheduled = true;
    // Not at once: who gives back is in the middle of something.
    this.#clock.setImmediate(() => {
      this.#isWakeScheduled = false;
      // Whoever still finds no room waits again, behind the same ones as before.
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const callback of waiting) callback();
    });
  }
}
