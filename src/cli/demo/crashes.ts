/** When which process dies. Pure: the schedule follows from the seed. */
import type { Random } from "../../platform/random.ts";
import { randomInt } from "../../platform/random.ts";

export type ProcessName = "broker" | "producer" | "worker-1" | "worker-2" | "sink";

export interface Crash {
  readonly target: ProcessName;
  /** Comes when this share of the target's work is done, in [0, 1]. */
  readonly atProgress: number;
  /** … and this long has passed since, in ms, so that it falls anywhere in a commit. */
  readonly delayMs: number;
}

const MAX_DELAY_MS = 150;

/**
 * `count` crashes, spread over `targets` as evenly as the number allows, at random moments of their work. Sorted by
 * progress. None comes in the last tenth, where the target may be done before it is hit.
 */
export function crashSchedule(count: number, targets: readonly ProcessName[], random: Random): Crash[] {
  const order = shuffled(targets, random);
  const crashes = Array.from(
    { length: count },
    (_, index): Crash => ({
      target: order[index % order.length] as ProcessName,
      atProgress: 0.02 + random.float() * 0.88,
      delayMs: randomInt(random, MAX_DELAY_MS),
    }),
  );
  return crashes.sort((a, b) => a.atProgress - b.atProgress);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = randomInt(random, i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
