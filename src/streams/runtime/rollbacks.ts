/** The rollbacks since the last commit: how long to wait after one, and when there are too many. Pure. */
import { asError, StreamsError } from "../errors.ts";
import { isOutage } from "./faults.ts";

/** Failures in a row after which it is no passing fault. */
const MAX_FAILURES = 20;
const MAX_BACKOFF_MS = 1_000;

export class Rollbacks {
  #inARow = 0;
  /** Those of them that were no outage: however long one lasts, what comes after it is a first failure. */
  #failuresInARow = 0;

  note(error: unknown): void {
    this.#inARow++;
    if (!isOutage(error)) this.#failuresInARow++;
  }

  onCommit(): void {
    this.#inARow = 0;
    this.#failuresInARow = 0;
  }

  /** How long to wait before the next try. */
  get backoffMs(): number {
    return Math.min(MAX_BACKOFF_MS, 25 * 2 ** Math.min(this.#inARow, 10));
  }

  /** Throws a StreamsError with code NO_PROGRESS, when the work has failed too often. */
  check(error: unknown): void {
    if (isOutage(error) || this.#failuresInARow <= MAX_FAILURES) return;
    throw new StreamsError(
      "NO_PROGRESS",
      `${this.#failuresInARow} times in a row the work could not be committed: ${asError(error).message}`,
      { cause: error },
    );
  }
}
