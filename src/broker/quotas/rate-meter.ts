/** How much of something there was in a second, on average over the last ten; as Apache Kafka measures for its quotas. Pure. */

const WINDOW_MS = 1000;
/** Ten whole windows and the one that is open. */
const WINDOWS = 11;

/** What a quota allows at once to who had nothing for a while. */
export const QUOTA_SECONDS: number = ((WINDOWS - 1) * WINDOW_MS) / 1000;

/** All that a response can say: 24 days. A quota may be as small as one likes, and a request far beyond it. */
export const MAX_THROTTLE_MS: number = 2 ** 31 - 1;

interface Window {
  readonly startMs: number;
  sum: number;
}

export class RateMeter {
  /** Oldest first. */
  #windows: Window[] = [];
  /** The last amount that was more than any rate allows, and is paid off with time. */
  #borrowed: Window = { startMs: 0, sum: 0 };

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

  /** Adds an amount that is more than `limit` allows at once, if there was nothing for a while and nothing is owed; it is paid off
   * from then on. If not, for how long to wait. */
  borrow(amount: number, limit: number, nowMs: number): number {
    this.#forgetOld(nowMs);
    const last = this.#windows.findLast(({ sum }) => sum > 0);
    const usedMs = last ? last.startMs + WINDOWS * WINDOW_MS - nowMs : 0;
    const waitMs = Math.max(this.#owedMs(limit, nowMs), Math.ceil(usedMs));
    if (waitMs === 0) this.#borrowed = { startMs: nowMs, sum: amount };
    return waitMs;
  }

  /** For how long nothing more may come, so that the rate is no more than `limit` a second at the end. */
  excessMs(limit: number, nowMs: number): number {
    return Math.max(this.#owedMs(limit, nowMs), this.#averageExcessMs(limit, nowMs));
  }

  #owedMs(limit: number, nowMs: number): number {
    const { startMs, sum } = this.#borrowed;
    return sum === 0 ? 0 : Math.max(0, Math.ceil(startMs + (sum / limit) * 1000 - nowMs));
  }

  #averageExcessMs(limit: number, nowMs: number): number {
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
