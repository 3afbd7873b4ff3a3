import { type Command, InvalidArgumentError, Option } from "commander";
import { wholeNumber } from "../arguments.ts";
import { interruptible } from "../interruptible.ts";
import { type Flaw, flaws, type WorkloadName, workloadNames } from "./tasks.ts";

interface Flags {
  readonly brokers?: string;
  readonly minutes: number;
  readonly seed: number;
  readonly workloads: readonly WorkloadName[];
  readonly flaw?: Flaw;
  readonly keep: boolean;
}

export function addVerifyCommand(program: Command): void {
  program
    .command("verify")
    .summary("check exactly-once on a real cluster: real processes, real kills, a verdict for each invariant")
    .description(
      "Runs producers, transactions, groups, Streams and a sink against a broker or cluster, kills and stalls their processes, " +
        "breaks their connections, and checks what all of them saw against the logs. Exits with 0 when everything holds.",
    )
    .option("--brokers <host:port,...>", "an existing cluster (default: a broker of our own, which is killed too)")
    .option("--minutes <m>", "how long faults come", minutes, 1)
    .option("--seed <n>", "repeats an earlier run's faults", wholeNumber(0), Math.floor(Math.random() * 1e6))
    .option("--workloads <names>", `some of ${workloadNames.join(", ")}`, parseWorkloads, workloadNames)
    .addOption(
      new Option("--flaw <name>", "use the client in a way that gives a guarantee up: the check must notice").choices(
        flaws,
      ),
    )
    .option("--keep", "leave the run's folder and topics behind (done anyway when something is broken)", false)
    .action((flags: Flags) =>
      interruptible(async (signal) => {
        // Only now: it brings in every layer, which other commands need not wait for.
        const { runVerify } = await import("./run.ts");
        return runVerify({ ...flags, brokers: flags.brokers, flaw: flags.flaw }, signal);
      }),
    );
}

function minutes(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 10_000) return value;
  throw new InvalidArgumentError("It must be a number above 0, up to 10000.");
}

function parseWorkloads(text: string): readonly WorkloadName[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(workloadNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no workload "${unknown}".`);
  return [...new Set(names as WorkloadName[])];
}
