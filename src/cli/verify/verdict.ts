/** What was found, invariant by invariant, over all rounds. */
import { violationsIn } from "./check/index.ts";
import type { Evidence, Invariant } from "./check/invariant.ts";

export interface Finding {
  readonly name: string;
  readonly promise: string;
  /** How much there was that could have broken it. */
  examined: number;
  readonly violations: string[];
}

const REST = {
  name: "comes to rest",
  promise:
    "once the faults are over, all work gets done, everyone stops when told to, without an error, and nobody ends by itself",
};

export class Verdict {
  readonly #findings = new Map<string, Finding>();

  get findings(): readonly Finding[] {
    return [...this.#findings.values()];
  }

  get isClean(): boolean {
    return this.findings.every(({ violations }) => violations.length === 0);
  }

  add(evidence: Evidence, invariants: readonly Invariant[]): void {
    for (const invariant of invariants) this.#finding(invariant).examined += invariant.examined(evidence);
    for (const { invariant, message } of violationsIn(evidence, invariants))
      this.#findings.get(invariant)?.violations.push(message);
  }

  /** A round that was to come to rest, and what kept it from that. */
  addRest(obstacles: readonly string[]): void {
    const finding = this.#finding(REST);
    finding.examined++;
    finding.violations.push(...obstacles);
  }

  #finding({ name, promise }: { readonly name: string; readonly promise: string }): Finding {
    const known = this.#findings.get(name);
    if (known) return known;
    const finding: Finding = { name, promise, examined: 0, violations: [] };
    this.#findings.set(name, finding);
    return finding;
  }
}
