import type { Clock } from "../../platform/clock.ts";

/** Lets many wait for "something changed". */
export class Signal {
  #waiters: (() => void)[] = [];

  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves at the next `notify`, or after `timeoutMs`. */
  wait(clock: Clock, timeoutMs: number): Promise<void> {
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
