/** Plays one operation after the other on both brokers, and compares after each. */
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../../../src/platform/seeded-random.ts";
import { type Brokers, type Comparison, contrast, openSides, untilInTime } from "../compare.ts";
import type { Side } from "../side.ts";
import type { Subject } from "./generator.ts";

/** How much later than the other a broker may answer. */
const BEHIND_MS = 15_000;
const PAUSE_MS = 10;
/** While a difference is looked for that was there once. */
const SHORT_PATIENCE_MS = 1_000;
/** The most attempts at making a failing sequence shorter. */
const MAX_ATTEMPTS = 60;

type Played = Comparison & { readonly played: number };

export function operationsFrom<Operation>(
  subject: Subject<Operation, unknown>,
  seed: number,
  count: number,
): Operation[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => subject.choose(random));
}

/** Ends at the first operation behind which the transcripts differ as is not intended. `played`: how many operations that took. */
export async function play<Operation, World>(
  subject: Subject<Operation, World>,
  operations: readonly Operation[],
  brokers: Brokers,
  patienceMs: number = BEHIND_MS,
): Promise<Played> {
  return untilInTime(async () => {
    const sides = openSides(brokers);
    const result = await playOnce(subject, operations, sides, patienceMs);
    return { sides, result, isEnough: !hasUnintended(result) };
  });
}

async function playOnce<Operation, World>(
  subject: Subject<Operation, World>,
  operations: readonly Operation[],
  sides: readonly Side[],
  patienceMs: number,
): Promise<Played> {
  try {
    const worlds = await Promise.all(sides.map((side) => subject.prepare(side)));
    let played = 0;
    for (const operation of operations) {
      played++;
      await performOnBoth(subject, sides, worlds, operation);
      const comparison = await agreed(subject.name, sides, patienceMs);
      if (hasUnintended(comparison)) return { ...comparison, played };
    }
    return { ...(await agreed(subject.name, sides, patienceMs)), played };
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

/** A shorter sequence that ends with a difference too: without any part that can be done without. */
export async function shorten<Operation, World>(
  subject: Subject<Operation, World>,
  operations: readonly Operation[],
  brokers: Brokers,
): Promise<readonly Operation[]> {
  let kept = operations;
  let attempts = 0;
  for (let size = kept.length >> 1; size >= 1; size >>= 1) {
    for (let at = kept.length - size; at >= 0 && attempts < MAX_ATTEMPTS; at -= size) {
      const without = kept.toSpliced(at, size);
      attempts++;
      const comparison = await play(subject, without, brokers, SHORT_PATIENCE_MS);
      if (hasUnintended(comparison)) kept = without.slice(0, comparison.played);
    }
  }
  return kept;
}

async function performOnBoth<Operation, World>(
  subject: Subject<Operation, World>,
  sides: readonly Side[],
  worlds: readonly World[],
  operation: Operation,
): Promise<void> {
  await Promise.all(
    sides.map(async (side, i) => {
      const world = worlds[i] as World;
      // What waits at the end is answered by the closing of its connection.
      const answered = subject.perform(side, world, operation).catch(() => {});
      if (!subject.mayWait?.(operation)) await answered;
      const { probe } = subject;
      if (probe) await side.untilTakenIn(() => probe(side, world));
    }),
  );
}

/** Answers come when they come: what differs now may not in a moment. */
async function agreed(name: string, sides: readonly Side[], patienceMs: number): Promise<Comparison> {
  const patience = performance.now() + patienceMs;
  for (;;) {
    const [oncilla = [], apache = []] = sides.map(({ transcript }) => transcript);
    const comparison = contrast(name, oncilla, apache);
    if (!hasUnintended(comparison) || performance.now() > patience) return comparison;
    await sleep(PAUSE_MS);
  }
}

export function hasUnintended({ differences }: Comparison): boolean {
  return differences.some(({ intended }) => !intended);
}
