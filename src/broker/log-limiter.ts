import type { Clock } from "../platform/clock.ts";
import type { Logger, LogLevel } from "../platform/logger.ts";

/** So many lines may come at once. */
const BURST_LINES = 10;
/** From then on, one line in so many ms. */
const LINE_EVERY_MS = 1000;

/** For what strangers can cause as often as they like: passes on a burst of lines, then one a second, and says how many were
 * left out. */
export class LogLimiter {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lines = BURST_LINES;
  #refilledAtMs: number;
  #leftOut = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#refilledAtMs = clock.monotonic();
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#clock.monotonic();
    this.#lines = Math.min(BURST_LINES, this.#lines + (nowMs - this.#refilledAtMs) / LINE_EVERY_MS);
    this.#refilledAtMs = nowMs;
    if (this.#lines < 1) {
      this.#leftOut++;
      return;
    }
    this.#lines--;
    this.#logger.log(level, message, this.#leftOut > 0 ? { ...fields, linesLeftOut: this.#leftOut } : fields);
    this.#leftOut = 0;
  }
}
