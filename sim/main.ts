/** The simulator's command line: `npm run sim -- --help`. */
import { Command, InvalidArgumentError } from "commander";
import { type FaultKind, faultKinds } from "./faults/schedule.ts";

interface Options {
  readonly seeds?: number;
  readonly minutes?: number;
  readonly from?: number;
  readonly seed?: number;
  readonly trace?: true;
  readonly faults?: readonly FaultKind[];
  readonly jobs: number;
  readonly mutations?: true | string;
}

const options = new Command("npm run sim --")
  .description("Runs whole clusters in simulated time, with faults, and checks that exactly once holds.")
  .option("--seeds <count>", "run so many worlds, from seed 1 on (default 100)", wholeNumber)
  .option("--minutes <minutes>", "run worlds for so long, from a fresh seed on", Number)
  .option("--from <seed>", "the first seed", wholeNumber)
  .option("--seed <seed>", "run one world", wholeNumber)
  .option("--trace", "with --seed: print each event")
  .option("--faults <kinds>", `only these, separated by commas ("none" for none): ${faultKinds.join(", ")}`, parseKinds)
  .option("--jobs <count>", "processes", wholeNumber, 2)
  .option("--mutations [name]", "break the code on purpose in many ways, and see that each is caught")
  .parse()
  .opts<Options>();

process.exitCode = (await dispatch(options)) ? 0 : 1;

/** Loads only what is asked for. */
async function dispatch({ seed, mutations, jobs, faults: kinds, ...rest }: Options): Promise<boolean> {
  if (mutations !== undefined) {
    const { runMutations } = await import("./mutations/run.ts");
    return runMutations({ jobs, seeds: rest.seeds ?? 2_000, name: mutations === true ? undefined : mutations });
  }
  if (seed !== undefined) {
    const { runOne } = await import("./runner/one.ts");
    return runOne({ seed, kinds, isTraced: rest.trace === true });
  }
  const { runBatch } = await import("./runner/batch.ts");
  const { minutes, from } = rest;
  const seeds = rest.seeds ?? (minutes === undefined ? 100 : Number.POSITIVE_INFINITY);
  const first = from ?? (minutes === undefined ? 1 : Math.floor(Math.random() * 2 ** 31));
  return runBatch({ from: first, seeds, minutes: minutes ?? Number.POSITIVE_INFINITY, jobs, kinds });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number is needed");
  return Number(text);
}

function parseKinds(text: string): readonly FaultKind[] {
  const names = text === "none" ? [] : text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(faultKinds as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`there is no fault "${unknown}"`);
  return names as FaultKind[];
}
