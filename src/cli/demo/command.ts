import { type Command, Option } from "commander";
import { wholeNumber } from "../arguments.ts";
import { CliError } from "../cli-error.ts";
import { interruptible } from "../interruptible.ts";
import type { Guarantee } from "./messages.ts";

interface Flags {
  readonly crashes: number;
  readonly seed: number;
  readonly guarantee: Guarantee;
  readonly expectDuplicates: boolean;
  readonly brokers?: string;
  readonly keep: boolean;
}

export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .summary("count words exactly once, through crashes, into a database")
    .description(
      "Runs the main job: lines of text through a broker and a word count into a SQLite table, while processes are killed " +
        "at random; then compares every count with the truth. Exits with 0 when nothing was lost or duplicated.",
    )
    .argument("[path...]", "files or folders to count, - for standard input (default: texts of the installed packages)")
    .option("--crashes <n>", "how many processes to kill on the way", wholeNumber(0), 10)
    .option(
      "--seed <n>",
      "repeats the crash schedule of an earlier run",
      wholeNumber(0),
      Math.floor(Math.random() * 1e6),
    )
    .addOption(
      new Option("--guarantee <name>", "processing guarantee")
        .choices(["exactly_once_v2", "at_least_once"])
        .default("exactly_once_v2"),
    )
    .option("--expect-duplicates", "succeed only when duplicates are found (with at_least_once)", false)
    .option("--brokers <host:port,...>", "run on an existing cluster instead of a broker of our own")
    .option("--keep", "leave the run's files (and topics, with --brokers) behind", false)
    .action((paths: string[], flags: Flags) => {
      if (flags.expectDuplicates && flags.guarantee !== "at_least_once") {
        throw new CliError("--expect-duplicates goes with --guarantee at_least_once");
      }
      return interruptible(async (signal) => {
        // Only now: it brings in every layer, which other commands need not wait for.
        const { runDemo } = await import("./run.ts");
        return runDemo({ ...flags, paths, brokers: flags.brokers }, signal);
      });
    });
}
