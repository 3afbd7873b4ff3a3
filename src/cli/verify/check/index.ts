import type { Evidence, Invariant } from "./invariant.ts";
import {
  AcknowledgedSurvives,
  Agreement,
  Integrity,
  NothingGoesBack,
  ShownStays,
  TotalOrder,
  Validity,
} from "./log-invariants.ts";
import { Atomicity, Isolation, NoHangingTransaction } from "./transaction-invariants.ts";

export const invariants: readonly Invariant[] = [
  new Validity(),
  new AcknowledgedSurvives(),
  new Integrity(),
  new TotalOrder(),
  new Agreement(),
  new NothingGoesBack(),
  new ShownStays(),
  new Atomicity(),
  new Isolation(),
  new NoHangingTransaction(),
];

export interface Violation {
  readonly invariant: string;
  readonly message: string;
}

/** At most a few of each invariant. */
export function violationsIn(evidence: Evidence, checked: readonly Invariant[] = invariants): Violation[] {
  return checked.flatMap((invariant) =>
    [...invariant.violations(evidence)].slice(0, 5).map((message) => ({ invariant: invariant.name, message })),
  );
}
