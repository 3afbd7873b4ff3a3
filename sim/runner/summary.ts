/** What is left of a run when its world is gone: plain values, that can go from process to process. */
import type { Violation } from "../../src/cli/verify/check/index.ts";
import type { Fault } from "../faults/schedule.ts";
import type { Outcome } from "./run.ts";

export interface RunSummary {
  readonly seed: number;
  readonly workloads: readonly string[];
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly coverage: readonly (readonly [string, number])[];
  readonly simulatedMs: number;
  readonly events: number;
}

export function summaryOf(outcome: Outcome): RunSummary {
  const { seed, workloads, faults, violations, coverage, simulatedMs, events } = outcome;
  return { seed, workloads, faults, violations, coverage: coverage.entries(), simulatedMs, events };
}
