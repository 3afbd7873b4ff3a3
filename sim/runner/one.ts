/** One seed, looked at closely. */
import type { FaultKind } from "../faults/schedule.ts";
import { describeFault } from "../faults/schedule.ts";
import { explain, printCoverage } from "./report.ts";
import { run } from "./run.ts";
import { summaryOf } from "./summary.ts";

export interface OneOptions {
  readonly seed: number;
  readonly kinds: readonly FaultKind[] | undefined;
  readonly isTraced: boolean;
}

/** True when nothing broke. */
export async function runOne({ seed, kinds, isTraced }: OneOptions): Promise<boolean> {
  const trace = { keep: 0, print: (line: string): void => console.log(line) };
  const outcome = await run({ seed, kinds, ...(isTraced ? { trace } : {}) });
  const { workloads, faults, violations, coverage, simulatedMs } = outcome;
  console.log(`\nseed ${seed}: ${workloads.join(", ")}; ${(simulatedMs / 1000).toFixed(1)} simulated seconds`);
  console.log("the faults:");
  for (const fault of faults) console.log(`  ${describeFault(fault)}`);
  printCoverage(coverage);
  if (violations.length > 0) await explain(summaryOf(outcome), kinds);
  console.log(violations.length > 0 ? "\n0 passed, 1 failed" : "\n1 passed, 0 failed");
  return violations.length === 0;
}
