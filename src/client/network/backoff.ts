import type { Random } from "../../platform/random.ts";

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

const JITTER = 0.2;

/** The wait before the retry that follows `failures` failures in a row (1 or more): doubles from `baseMs` to `maxMs`, give
 * or take 20 %, so that many clients do not come back at the same moment. */
export function backoffMs(random: Random, { baseMs, maxMs }: BackoffOptions, failures: number): number {
  // 2^30 is beyond any sensible maximum, and keeps the power finite.
  const exact = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return exact * (1 - JITTER + 2 * JITTER * random.float());
}
