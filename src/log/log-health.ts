import { DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import { refuse } from "./refuse.ts";
import type { LogRefusal } from "./types.ts";
import { shortageOf } from "./write-file.ts";

/** Whether a log takes calls, and what becomes of it when the disk does not do what it should. */
export class LogHealth {
  /** "topic-0" */
  readonly #name: string;
  readonly #logger: Logger;
  readonly #onEnd: (error: Error) => void;
  #offlineReason: Error | undefined;
  #isClosed = false;
  /** Why appends are refused for the time being. */
  #shortage: string | undefined;
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
    this.#shortage = undefined;
  }

  /** A full disk and the like refuse the one append, and the log stays as it was once `cutBack` has removed what was written
   * of it; any other failure takes the log offline. */
  notWritten(error: Error, cutBack: () => void): LogRefusal {
    if (!(error instanceof DiskError)) throw error;
    const shortage = shortageOf(error);
    if (shortage !== undefined && succeeds(cutBack)) this.#refuseAppends(shortage, error);
    else this.goOffline(error);
    return refuse("KAFKA_STORAGE_ERROR", error.message);
  }

  #refuseAppends(shortage: string, { message }: DiskError): void {
    if (this.#shortage !== shortage) {
      this.#logger.log("warn", `appends refused: ${shortage}`, { topicPartition: this.#name, error: message });
    }
    this.#shortage = shortage;
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

function succeeds(operation: () => void): boolean {
  try {
    operation();
    return true;
  } catch (error) {
    if (error instanceof DiskError) return false;
    throw error;
  }
}
