import { type Command, InvalidArgumentError, Option } from "commander";
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
    .option("--crashes <n>", "how many processes to kill on the way", wholeNumber, 10)
    .option("--seed <n>", "repeats the crash schedule of an earlier run", wholeNumber, Math.floor(Math.random() * 1e6))
    .addOption(
      new Option("--guarantee <name>", "processing guarantee")
        .choices(["exactly_once_v2", "at_least_once"])
        .default("exactly_once_v2"),
    )
    .option("--expect-duplicates", "succeed only when duplicates are found (with at_least_once)", false)
    .option("--brokers <host:port,...>", "run on an existing cluster instead of a broker of our own")
    .option("--keep", "leave the run's files (and topics, with --brokers) behind", false)
    .action(async (paths: string[], flags: Flags) => {
      const stop = new AbortController();
      const onSignal = (): void => stop.abort(new Error("interrupted"));
      process.once("SIGINT", onSignal);
      process.once("SIGTERM", onSignal);
      try {
        // Only now: it brings in every layer, which other commands need not wait for.
        const { runDemo } = await import("./run.ts");
        const ok = await runDemo({ ...flags, paths, brokers: flags.brokers }, stop.signal);
        process.exitCode = ok ? 0 : 1;
      } catch (error) {
        if (!stop.signal.aborted) throw error;
        console.log("Interrupted: every process of the demo has been stopped.");
        process.exitCode = 130;
      }
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("It must be a whole number, 0 or more.");
  return value;
}
