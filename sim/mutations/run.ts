/** Breaks the code in one way after the other, and sees that each is caught. */
import { readFileSync } from "node:fs";
import { runSeeds } from "../runner/pool.ts";
import type { RunSummary } from "../runner/summary.ts";
import { mutations } from "./list.ts";
import type { Mutation } from "./mutation.ts";

export interface MutationOptions {
  readonly jobs: number;
  /** At most, for each mutation. */
  readonly seeds: number;
  readonly from: number;
}

/** All of them without a name. */
export function mutationsNamed(name: string | undefined): readonly Mutation[] {
  return mutations.filter((each) => name === undefined || each.name === name);
}

/** Prints a table in Markdown. True when every mutation was caught. */
export async function runMutations(chosen: readonly Mutation[], options: MutationOptions): Promise<boolean> {
  let survivors = 0;
  printRow("mutation", "seeds", "caught by");
  printRow("---", "---:", "---");
  for (const mutation of chosen) {
    const problem = applicationProblem(mutation);
    const caught = problem === undefined ? await firstFailure(mutation, options) : undefined;
    if (!caught) survivors++;
    printRow(mutation.name, String(caught?.tried ?? "-"), caught?.by ?? problem ?? "**survives**");
  }
  console.log(`\n${chosen.length - survivors} passed, ${survivors} failed`);
  return survivors === 0;
}

function printRow(name: string, seeds: string, by: string): void {
  console.log(`| ${name.padEnd(72)} | ${seeds.padStart(5)} | ${by.padEnd(60)} |`);
}

/** Why a mutation cannot be applied: the code has changed. */
export function applicationProblem({ file, find }: Mutation): string | undefined {
  const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
  const times = source.split(find).length - 1;
  return times === 1 ? undefined : `does not apply: ${file} has the text ${times} times`;
}

interface Catch {
  /** Seeds run until then. */
  readonly tried: number;
  readonly by: string;
}

async function firstFailure(mutation: Mutation, { jobs, seeds, from }: MutationOptions): Promise<Catch | undefined> {
  let given = 0;
  let tried = 0;
  let failure: RunSummary | undefined;
  await runSeeds({
    jobs,
    preload: {
      module: new URL("./preload.ts", import.meta.url).href,
      env: { ONCILLA_MUTATION: mutation.name },
    },
    next: () => (failure === undefined && given < seeds ? from + given++ : undefined),
    onSummary(summary) {
      tried++;
      if (summary.violations.length > 0) failure ??= summary;
    },
  });
  const broken = new Set(failure?.violations.map(({ invariant }) => invariant));
  return failure && { tried, by: `${[...broken].join(", ")} (seed ${failure.seed})` };
}
