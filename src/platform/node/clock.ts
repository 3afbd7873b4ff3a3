import type { Clock, Timer } from "../clock.ts";

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs: number, callback: () => void): Timer {
    // Node turns longer delays into 1 ms.
    const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), 2 ** 31 - 1));
    return { cancel: () => clearTimeout(handle) };
  },
  setImmediate: (callback: () => void) => {
    setImmediate(callback);
  },
};
