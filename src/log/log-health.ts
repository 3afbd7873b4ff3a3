import { DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import { refuse } from "./refuse.ts";
import type { LogRefusal } from "./types.ts";
import { isDiskFull } from "./write-file.ts";

/** Whether a log takes calls, and what becomes of it when the disk does not do what it should. */
export class LogHealth {
  /** "topic-0" */
  readonly #name: string;
  readonly #logger: Logger;
  readonly #onEnd: (error: Error) => void;
  #offlineReason: Error | undefined;
  #isClosed = false;
  #isDiskFull = false;
  #lastReadProblem = "";

  /** `onEnd`: from now on nothing is taken and nothing given; whoever waits is to be told. */
  constructor(name: string, logger: Logger, onEnd: (error: Error) => void) {
    this.#name = name;
    this.#logger = logger;
    this.#onEnd = onEnd;
  }

  get offlineReason(): Error | undefined {
    return this.#offlineReason;
  }
  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Undefined while the log can be used. */
  unavailable(): LogRefusal | undefined {
    if (this.#offlineReason)
      return refuse("KAFKA_STORAGE_ERROR", `${this.#name} is offline: ${this.#offlineReason.message}`);
    return this.#isClosed ? refuse("NOT_LEADER_OR_FOLLOWER", `${this.#name} is closed`) : undefined;
  }

  goOffline(error: Error): void {
    if (this.#offlineReason) return;
    this.#logger.log("error", "partition offline", { topicPartition: this.#name, error: error.message });
    this.end(error);
  }

  /** Goes offline without a word, which is not for a fault. */
  end(error: Error): void {
    this.#offlineReason ??= error;
    this.#onEnd(error);
  }

  written(): void {
    this.#isDiskFull = false;
  }

  /** A full disk refuses the one append, and the log stays as it was once `cutBack` has removed what was written of it; any
   * other failure takes the log offline. */
  notWritten(error: Error, cutBack: () => void): LogRefusal {
    if (!(error instanceof DiskError)) throw error;
    const failure = isDiskFull(error) ? failureOf(cutBack) : error;
    if (failure) this.goOffline(error);
    else this.#refuseAppends();
    return refuse("KAFKA_STORAGE_ERROR", error.message);
  }

  #refuseAppends(): void {
    if (!this.#isDiskFull)
      this.#logger.log("warn", "appends refused: the disk is full", { topicPartition: this.#name });
    this.#isDiskFull = true;
  }

  /** The one read is refused: the next one may find what is asked for elsewhere, or a disk that answers. */
  unreadable(error: Error): LogRefusal {
    if (!(error instanceof LogCorruptionError || error instanceof DiskError)) throw error;
    // Readers try again and again.
    if (error.message !== this.#lastReadProblem) {
      this.#logger.log("error", "read failed", { topicPartition: this.#name, path: error.path, error: error.message });
    }
    this.#lastReadProblem = error.message;
    return refuse(error instanceof DiskError ? "KAFKA_STORAGE_ERROR" : "CORRUPT_MESSAGE", error.message);
  }
}

function failureOf(operation: () => void): DiskError | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
}
