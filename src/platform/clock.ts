/** A pending timer. */
export interface Timer {
  /** Stops the timer; harmless when it has fired already. */
  cancel(): void;
}

/** Time, as everything outside `platform/node` sees it. The simulator replaces it. */
export interface Clock {
  /** Wall-clock time, in ms since 1970: for timestamps that are stored or shown. May jump. */
  now(): number;
  /** Time since an arbitrary start, in ms with fractions; never goes back: for deadlines and measurements. */
  monotonic(): number;
  /** Calls `callback` once, `delayMs` from now or later; by `monotonic` it may be up to 1 ms sooner. Keeps the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` after the input that has already arrived in this turn of the event loop was handled. */
  setImmediate(callback: () => void): void;
}

/** Resolves after `delayMs`; rejects with `signal.reason` when aborted first. Keeps a timer, so never leaks one. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
