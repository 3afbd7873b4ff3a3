/** What a person gets to see. */
import { Coverage } from "../coverage.ts";
import { describeFault, type FaultKind } from "../faults/schedule.ts";
import { rareEvents } from "./rare.ts";
import { run } from "./run.ts";
import { shrink } from "./shrink.ts";
import type { RunSummary } from "./summary.ts";

const SHOWN_EVENTS = 40;
const LINE_LENGTH = 200;

/** Adds up the runs of a batch. */
export class Tally {
  readonly coverage: Coverage = new Coverage();
  /** In how many worlds each thing happened. */
  readonly worlds: Coverage = new Coverage();
  readonly failures: RunSummary[] = [];
  readonly #startedAt = performance.now();
  #seeds = 0;
  #simulatedMs = 0;
  #events = 0;

  add(summary: RunSummary): void {
    this.#seeds++;
    this.#simulatedMs += summary.simulatedMs;
    this.#events += summary.events;
    const met = [...summary.coverage, ...summary.workloads.map((name) => [`workload: ${name}`, 1] as const)];
    this.coverage.add(met);
    for (const [what] of met) this.worlds.hit(what);
    if (summary.violations.length > 0) this.failures.push(summary);
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** "1200 seeds in 301 s, 0 failures; 14.2 simulated hours, 2.8 a minute; 20 million events". */
  progress(): string {
    const hours = this.#simulatedMs / 3_600_000;
    const rate = (hours * 60) / this.seconds;
    return (
      `${this.#seeds} seeds in ${this.seconds.toFixed(0)} s, ${this.failures.length} failures; ` +
      `${hours.toFixed(1)} simulated hours, ${rate.toFixed(1)} a minute; ${(this.#events / 1e6).toFixed(1)} million events`
    );
  }

  neverReached(): string[] {
    return rareEvents.filter((event) => this.coverage.count(event) === 0);
  }
}

/** How often each thing happened, and in how many worlds when there are several. */
export function printCoverage(coverage: Coverage, worlds?: Coverage): void {
  console.log(worlds ? "\n    times   worlds  met on the way" : "\n    times  met on the way");
  for (const [what, times] of coverage.entries()) {
    const inWorlds = worlds ? `${String(worlds.count(what)).padStart(9)}` : "";
    console.log(`${String(times).padStart(9)}${inWorlds}  ${what}`);
  }
}

/** The records that a sentence speaks of ("txn-1.2/17"), or else the hosts and partitions ("reader-rc", "lines-0"). */
function namesIn(message: string): string[] {
  const [sentence = ""] = message.split("\n");
  const names = [...new Set(sentence.match(/\b[a-z]+(?:-[a-z0-9]+)+(?:[./][0-9./]*[0-9])?/g) ?? [])];
  const records = names.filter((name) => name.includes("/"));
  return records.length > 0 ? records : names;
}

/** Those who look at everything in the end have nothing new to tell. */
function namedIn(lines: readonly string[], names: readonly string[]): string[] {
  const pattern = new RegExp(`(?:${names.join("|").replaceAll(".", "\\.")})(?![0-9])`);
  return names.length === 0 ? [] : lines.filter((line) => pattern.test(line) && !line.includes(" verifier-"));
}

function showEvents(title: string, lines: readonly string[]): void {
  console.log(`  ${title}:`);
  for (const line of lines.slice(-SHOWN_EVENTS)) console.log(`    ${line.slice(0, LINE_LENGTH)}`);
}

/** Runs the seed again, with fewer and fewer faults, and tells how it ends. */
export async function explain(failure: RunSummary, kinds: readonly FaultKind[] | undefined): Promise<void> {
  const { seed, workloads, violations, faults } = failure;
  const invariant = violations[0]?.invariant;
  console.log(
    `\nseed ${seed} (${workloads.join(", ")}) breaks: ${[...new Set(violations.map((each) => each.invariant))].join(", ")}`,
  );
  for (const { invariant: name, message } of violations) console.log(`  ${name}: ${message}`);
  if (invariant === "the simulator goes on") return;
  const breaks = async (fewer: typeof faults): Promise<boolean> => {
    const again = await run({ seed, kinds, faults: fewer });
    return again.violations.some((each) => each.invariant === invariant);
  };
  const left = await shrink(faults, breaks);
  console.log(`  with ${left.length} of ${faults.length} faults:`);
  for (const fault of left) console.log(`    ${describeFault(fault)}`);
  const traced = await run({ seed, kinds, faults: left, trace: { keep: Number.MAX_SAFE_INTEGER } });
  const [broken] = traced.violations;
  const names = namesIn(broken?.message ?? "");
  const told = namedIn(traced.lastEvents, names);
  if (told.length > 0) showEvents(`the last events of ${names.join(", ")}`, told);
  else showEvents("the last events", traced.lastEvents);
  console.log(`  again: npm run sim -- --seed ${seed}${kinds ? ` --faults "${kinds.join(",")}"` : ""} --trace`);
}
