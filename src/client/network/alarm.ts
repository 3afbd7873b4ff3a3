import type { Clock, Timer } from "../../platform/clock.ts";

/** One timer that rings at the earliest of the times it was set to. Times are those of `clock.monotonic()`. */
export class Alarm {
  readonly #clock: Clock;
  readonly #onRing: () => void;
  #timer: Timer | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock;
    this.#onRing = onRing;
  }

  /** Rings at `time` at the latest. */
  setBy(time: number): void {
    if (time >= this.#at) return;
    this.cancel();
    this.#at = time;
    this.#timer = this.#clock.setTimer(Math.max(0, time - this.#clock.monotonic()), () => {
      this.#timer = undefined;
      this.#at = Number.POSITIVE_INFINITY;
      this.#onRing();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
