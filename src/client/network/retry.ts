import { type Clock, sleep } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import { OncillaError, TimeoutError } from "../errors.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";

/** What a retry loop needs of its surroundings. */
export interface RetryScope {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
  /** Aborted when the owner is closed: the loop ends with its reason. */
  readonly signal: AbortSignal;
  /** How long brokers have to say without a break that a topic does not exist until they are believed. */
  readonly missingTopicTimeoutMs: number;
}

/**
 * Runs `attempt` until it succeeds, waiting longer each time. Errors that are not retriable come out at once. After
 * `timeoutMs` a TimeoutError does, whose cause is the last error; an attempt that is still running is left to itself.
 */
export function retrying<T>(scope: RetryScope, what: string, timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  let lastError: OncillaError | undefined;
  const ending = new AbortController();
  // What AbortSignal.any makes stays with the owner's signal for as long as that lives, before Node 24.18: one for each commit.
  const onClosing = (): void => ending.abort(scope.signal.reason);
  if (scope.signal.aborted) onClosing();
  scope.signal.addEventListener("abort", onClosing);
  const loop = retryLoop({ ...scope, signal: ending.signal }, attempt, (error) => {
    lastError = error;
  }).finally(() => scope.signal.removeEventListener("abort", onClosing));
  return withTimeout(scope.clock, loop, timeoutMs, () => {
    const error = timedOut(`${what}: not done within ${timeoutMs} ms`, lastError);
    ending.abort(error);
    return error;
  });
}

/** `lastError`: what stood in the way. */
export function timedOut(message: string, lastError: OncillaError | undefined): TimeoutError {
  return new TimeoutError(lastError ? `${message}: ${lastError.message}` : message, { cause: lastError });
}

/** As `retrying`, for as long as it takes. `onRetry` learns what stood in the way. What speaks of a topic that does not exist comes out
 * once brokers have said so for long enough. */
export async function retryLoop<T>(
  scope: RetryScope,
  attempt: () => Promise<T>,
  onRetry: (error: OncillaError) => void,
): Promise<T> {
  const missing = new MissingTopicWatch(scope);
  for (let failures = 1; ; failures++) {
    scope.signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OncillaError) || !error.retriable) throw error;
      onRetry(error);
      const isMissing = missing.note(error);
      if (isMissing) throw isMissing;
      await sleep(scope.clock, backoffMs(scope.random, scope.backoff, failures), scope.signal);
    }
  }
}

/** A topic that is not known yet may have been created a moment ago, or be about to. */
export class MissingTopicWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #since: number | undefined;

  constructor({ clock, missingTopicTimeoutMs }: Pick<RetryScope, "clock" | "missingTopicTimeoutMs">) {
    this.#clock = clock;
    this.#timeoutMs = missingTopicTimeoutMs;
  }

  /** Takes notice of the last answer (undefined: no error). Gives what is to be told when a topic has been missing for too long. */
  note(error: OncillaError | undefined): OncillaError | undefined {
    if (error?.code !== "UNKNOWN_TOPIC_OR_PARTITION") {
      this.#since = undefined;
      return undefined;
    }
    const now = this.#clock.monotonic();
    this.#since ??= now;
    if (now - this.#since < this.#timeoutMs) return undefined;
    this.#since = undefined;
    const message = `${error.message}: brokers have said so for ${this.#timeoutMs} ms: create it first, with admin.createTopics()`;
    return new OncillaError(error.code, message, { cause: error, retriable: true });
  }
}

/** `promise`, or the error of `onTimeout` when it takes longer than `timeoutMs`. */
export function withTimeout<T>(
  clock: Clock,
  promise: Promise<T>,
  timeoutMs: number,
  onTimeout: () => OncillaError,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => reject(onTimeout()));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
