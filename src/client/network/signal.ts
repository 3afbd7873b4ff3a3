import type { Clock } from "../../platform/clock.ts";

/** Lets many wait for "something changed". */
export class Signal {
  #waiters: (() => void)[] = [];
  #count = 0;

  /** How often there was something: read it before looking, then wait for what comes after it. */
  get count(): number {
    return this.#count;
  }

  notify(): void {
    this.#count++;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves at the first `notify` behind `count`, or after `timeoutMs`. */
  wait(clock: Clock, timeoutMs: number, count: number = this.#count): Promise<void> {
    if (count !== this.#count) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.setTimer(timeoutMs, () => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== wake);
        resolve();
      });
      const wake = (): void => {
        timer.cancel();
        resolve();
      };
      this.#waiters.push(wake);
    });
  }
}
