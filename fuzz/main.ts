/** The fuzzer's command line: `npm run fuzz -- --help`. */
import { Command } from "commander";
import { wholeNumber } from "../src/cli/arguments.ts";
import { frameAt } from "./frames.ts";
import { type Report, run } from "./run.ts";

interface Options {
  readonly seed?: number;
  readonly frames: number;
  readonly from: number;
  readonly lanes: number;
  readonly show?: number;
}

const SEED_LIMIT = 2 ** 31;

const options = new Command("npm run fuzz --")
  .description(
    "Fires random and mutated frames at a broker in a process of its own, and fails when it ends, logs an error, or keeps " +
      "memory or open files at the end. What is sent follows from the seed and the frame's number.",
  )
  .option("--seed <n>", "repeat the frames of a run (default: a fresh one, printed)", wholeNumber(0, SEED_LIMIT))
  .option("--frames <n>", "how many", wholeNumber(1), 1_000_000)
  .option("--from <n>", "the number of the first one", wholeNumber(0), 0)
  .option("--lanes <n>", "connections at a time", wholeNumber(1, 10_000), 200)
  .option("--show <n>", "print one frame of the seed instead", wholeNumber(0))
  .allowExcessArguments(false)
  .parse()
  .opts<Options>();

const seed = options.seed ?? Math.floor(Math.random() * SEED_LIMIT);
if (options.show === undefined) await fuzz();
else console.log(frameAt(seed, options.show).toString("hex"));

async function fuzz(): Promise<void> {
  console.log(`seed ${seed}, ${options.frames} frames`);
  const report = await run({
    ...options,
    seed,
    onProgress: ({ frames, connections }) => {
      if (process.stdout.isTTY) process.stdout.write(`\r${frames} frames, ${connections} connections `);
    },
  });
  if (process.stdout.isTTY) process.stdout.write("\r");
  print(report);
  process.exitCode = report.problems.length === 0 ? 0 : 1;
}

function print({ frames, connections, answers, elapsedMs, stallMsMax, before, after, problems }: Report): void {
  const seconds = elapsedMs / 1000;
  console.log(
    `${frames} frames over ${connections} connections in ${seconds.toFixed(1)} s (${Math.round(frames / seconds)}/s), ` +
      `${answers} answers, longest wait for one ${Math.round(stallMsMax)} ms`,
  );
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  for (const [when, { openFiles, heapBytes, externalBytes }] of [
    ["after a tenth", before],
    ["at the end", after],
  ] as const) {
    console.log(
      `${when}: heap ${mib(heapBytes)} MiB, buffers ${mib(externalBytes)} MiB, open files ${openFiles.length}`,
    );
  }
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  console.log(problems.length === 0 ? "PASSED" : `FAILED: ${problems.length} problems; repeat with --seed ${seed}`);
}
