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
}

/**
 * Runs `attempt` until it succeeds, waiting longer each time. Errors that are not retriable come out at once. After
 * `timeoutMs` a TimeoutError does, whose cause is the last error; an attempt that is still running is left to itself.
 */
export function retrying<T>(scope: RetryScope, what: string, timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  let lastError: OncillaError | undefined;
  const timeUp = new AbortController();
  const signal = AbortSignal.any([scope.signal, timeUp.signal]);
  const loop = retryLoop({ ...scope, signal }, attempt, (error) => {
    lastError = error;
  });
  return withTimeout(scope.clock, loop, timeoutMs, () => {
    const error = timedOut(`${what}: not done within ${timeoutMs} ms`, lastError);
    timeUp.abort(error);
    return error;
  });
}

/** `lastError`: what stood in the way. */
export function timedOut(message: string, lastError: OncillaError | undefined): TimeoutError {
  return new TimeoutError(lastError ? `${message}: ${lastError.message}` : message, { cause: lastError });
}

/** As `retrying`, for as long as it takes. `onRetry` learns what stood in the way. */
export async function retryLoop<T>(
  scope: RetryScope,
  attempt: () => Promise<T>,
  onRetry: (error: OncillaError) => void,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    scope.signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OncillaError) || !error.retriable) throw error;
      onRetry(error);
      await sleep(scope.clock, backoffMs(scope.random, scope.backoff, failures), scope.signal);
    }
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
