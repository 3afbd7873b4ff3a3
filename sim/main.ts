/** The simulator's command line: `npm run sim -- --help`. */
import { Command, InvalidArgumentError, Option } from "commander";
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

const DEFAULT_SEEDS = 100;
const DEFAULT_SEEDS_FOR_MUTATIONS = 2_000;
const SEED_LIMIT = 2 ** 31;

const command = new Command("npm run sim --")
  .description("Runs whole clusters in simulated time, with faults, and checks that exactly once holds.")
  .option("--seeds <count>", `run so many worlds, from seed 1 on (default: ${DEFAULT_SEEDS})`, positive)
  .option("--minutes <minutes>", "run worlds for so long, from a fresh seed on", minutes)
  .option("--from <seed>", "the first seed", wholeNumber)
  .addOption(
    new Option("--seed <seed>", "run this one world, and tell all of it")
      .argParser(wholeNumber)
      .conflicts(["seeds", "minutes", "from", "mutations"]),
  )
  .option("--trace", "with --seed: print each event")
  .option("--faults <kinds>", `only these, separated by commas, or "none": ${faultKinds.join(", ")}`, parseKinds)
  .option("--jobs <count>", "worlds at the same time, each in a process", positive, 2)
  .option(
    "--mutations [name]",
    `break the code on purpose, in each of the ways in sim/mutations or in one, and see that it is caught within --seeds (default: ${DEFAULT_SEEDS_FOR_MUTATIONS})`,
  )
  .allowExcessArguments(false)
  .parse();
const options = command.opts<Options>();
if (options.trace && options.seed === undefined) command.error("error: --trace needs a --seed");

process.exitCode = (await dispatch(options)) ? 0 : 1;

/** Loads only what is asked for. */
async function dispatch({ seed, seeds, mutations, jobs, faults: kinds, ...rest }: Options): Promise<boolean> {
  if (mutations !== undefined) {
    const { mutationsNamed, runMutations } = await import("./mutations/run.ts");
    const chosen = mutationsNamed(mutations === true ? undefined : mutations);
    if (chosen.length === 0) command.error(`error: there is no mutation "${mutations}"`);
    return runMutations(chosen, { jobs, seeds: seeds ?? DEFAULT_SEEDS_FOR_MUTATIONS, from: rest.from ?? 1 });
  }
  if (seed !== undefined) {
    const { runOne } = await import("./runner/one.ts");
    return runOne({ seed, kinds, isTraced: rest.trace === true });
  }
  const { runBatch } = await import("./runner/batch.ts");
  const isTimed = rest.minutes !== undefined;
  return runBatch({
    from: rest.from ?? (isTimed ? Math.floor(Math.random() * SEED_LIMIT) : 1),
    seeds: seeds ?? (isTimed ? Number.POSITIVE_INFINITY : DEFAULT_SEEDS),
    minutes: rest.minutes ?? Number.POSITIVE_INFINITY,
    jobs,
    kinds,
  });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("A whole number is needed.");
  return Number(text);
}

function positive(text: string): number {
  const count = wholeNumber(text);
  if (count === 0) throw new InvalidArgumentError("At least 1 is needed.");
  return count;
}

function minutes(text: string): number {
  const count = Number(text);
  if (!(count > 0 && Number.isFinite(count))) throw new InvalidArgumentError("A number above 0 is needed.");
  return count;
}

function parseKinds(text: string): readonly FaultKind[] {
  const names = text === "none" ? [] : text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(faultKinds as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no fault "${unknown}".`);
  return names as FaultKind[];
}
