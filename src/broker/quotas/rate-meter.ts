/** How much of something there was in a second, on average over the last ten; as Apache Kafka measures for its quotas. Pure. */

const WINDOW_MS = 1000;
/** Ten whole windows and the one that is open. */
const WINDOWS = 11;

/** What a quota allows between two moments at which a client is measured: nothing larger could ever go through. */
export const QUOTA_SECONDS: number = ((WINDOWS - 1) * WINDOW_MS) / 1000;

interface Window {
  readonly startMs: number;
  sum: number;
}

export class RateMeter {
  /** Oldest first. */
  #windows: Window[] = [];

  /** Adds an amount, or takes it away again. */
  record(amount: number, nowMs: number): void {
    const open = this.#windows.at(-1);
    if (open && nowMs - open.startMs < WINDOW_MS) {
      open.sum += amount;
      return;
    }
    this.#forgetOld(nowMs);
    this.#windows.push({ startMs: nowMs, sum: amount });
  }

  /** For how long nothing more may come, so that the rate is no more than `limit` a second at the end. */
  excessMs(limit: number, nowMs: number): number {
    this.#forgetOld(nowMs);
    const [oldest] = this.#windows;
    if (!oldest) return 0;
    let sum = 0;
    for (const window of this.#windows) sum += window.sum;
    const spanMs = spanOf(nowMs - oldest.startMs);
    const rate = (sum / spanMs) * 1000;
    return rate <= limit ? 0 : Math.max(1, Math.round(((rate - limit) / limit) * spanMs));
  }

  #forgetOld(nowMs: number): void {
    const isOld = ({ startMs }: Window): boolean => nowMs - startMs >= WINDOWS * WINDOW_MS;
    while (this.#windows[0] && isOld(this.#windows[0])) this.#windows.shift();
  }
}

/** Ten whole windows at least, so that a client may begin with a burst. */
function spanOf(elapsedMs: number): number {
  const whole = Math.floor(elapsedMs / WINDOW_MS);
  return Math.max(1, elapsedMs + Math.max(0, WINDOWS - 1 - whole) * WINDOW_MS);
}
