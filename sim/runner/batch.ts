/** Many seeds: progress on the way, and at the end what was met and what broke. */
import type { FaultKind } from "../faults/schedule.ts";
import { runSeeds } from "./pool.ts";
import { explain, printCoverage, Tally } from "./report.ts";

export interface BatchOptions {
  readonly from: number;
  /** Infinity: until the time is over. */
  readonly seeds: number;
  readonly minutes: number;
  readonly jobs: number;
  readonly kinds: readonly FaultKind[] | undefined;
}

const PROGRESS_SECONDS = 10;
/** Failures that are looked at closely. */
const EXPLAINED_FAILURES = 3;
/** So many worlds should have met everything that is rare: each of these is met by one in a hundred at least. */
const LONG_RUN_SEEDS = 1_000;

/** True when nothing broke, and a long run has met all that it should. */
export async function runBatch(options: BatchOptions): Promise<boolean> {
  const { from, seeds, minutes, jobs, kinds } = options;
  const tally = new Tally();
  let given = 0;
  let printedAt = 0;
  console.log(`seeds from ${from} on (again: npm run sim -- --from ${from} --seeds …)`);
  await runSeeds({
    jobs,
    kinds,
    next: () => (given < seeds && tally.seconds < minutes * 60 ? from + given++ : undefined),
    onSummary(summary) {
      tally.add(summary);
      const [first] = summary.violations;
      if (first) console.log(`seed ${summary.seed} breaks ${first.invariant}: ${first.message}`);
      if (tally.seconds - printedAt < PROGRESS_SECONDS) return;
      printedAt = tally.seconds;
      console.log(tally.progress());
    },
  });
  printCoverage(tally.coverage, tally.worlds);
  for (const failure of tally.failures.slice(0, EXPLAINED_FAILURES)) await explain(failure, kinds);
  console.log(`\n${tally.progress()}`);
  const missing = given >= LONG_RUN_SEEDS && kinds === undefined ? tally.neverReached() : [];
  for (const event of missing) console.log(`never reached: ${event}`);
  const failed = tally.failures.length + missing.length;
  console.log(`${given - tally.failures.length} passed, ${failed} failed`);
  return failed === 0;
}
