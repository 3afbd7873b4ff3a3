/** Words a second of the word count on real prose, exactly once, stores on disk: one worker, then two. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inputFiles, linesOf } from "../src/cli/demo/input.ts";
import { wordsOf } from "../src/cli/demo/words.ts";
import { startSide } from "./harness/sides.ts";
import { median } from "./harness/statistics.ts";
import { StreamsJob } from "./harness/streams-job.ts";

const RUNS = 3;
const MIN_WORDS = 1_000_000;
const TARGET_WORDS_PER_SECOND = 100_000;

export async function benchStreams(args: readonly string[]): Promise<unknown> {
  const { values } = parseArgs({ args: [...args], options: { profile: { type: "string" } } });
  const node = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
  const text = await prose();
  const results = [];
  for (const workers of [1, 2]) {
    const folder = mkdtempSync(join(tmpdir(), "oncilla-bench-"));
    const side = await startSide("oncilla", { durability: "os", root: folder, profileInto: values.profile });
    const rates: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const job = await StreamsJob.create(side, `run-${run}`, folder, node);
      rates.push(await measure(job, text, workers));
    }
    await side.stop();
    rmSync(folder, { recursive: true });
    const rate = Math.round(median(rates));
    console.log(`${workers} worker(s): ${rate.toLocaleString("en")} words/s (${rates.map(Math.round).join(", ")})`);
    results.push({ workers, wordsPerSecond: rate, runs: rates });
  }
  console.log(`target: ${TARGET_WORDS_PER_SECOND.toLocaleString("en")} words/s for a worker`);
  return results;
}

interface Text {
  readonly lines: readonly string[];
  readonly words: number;
}

/** The demo's text, over again until it is long enough. */
async function prose(): Promise<Text> {
  const once: string[] = [];
  let wordsOnce = 0;
  for await (const line of linesOf(inputFiles([]))) {
    once.push(line);
    wordsOnce += wordsOf(line).length;
  }
  const times = Math.ceil(MIN_WORDS / wordsOnce);
  return { lines: Array.from({ length: times }, () => once).flat(), words: times * wordsOnce };
}

/** From the first words that are counted to the last. */
async function measure(job: StreamsJob, text: Text, workerCount: number): Promise<number> {
  const producer = job.client.producer();
  for (const [number, line] of text.lines.entries()) {
    producer.enqueue({ topic: job.lines, key: `${number}`, value: line });
    await producer.ready();
  }
  await producer.close();
  const workers = Array.from({ length: workerCount }, (_, number) => job.start(number));
  const processed = (): number => workers.reduce((sum, { progress }) => sum + progress.recordsProcessed, 0);
  while (processed() === 0) await Promise.race(workers.map((worker) => worker.heard()));
  const startedAt = performance.now();
  const before = processed();
  const all = text.lines.length + text.words;
  while (processed() < all) await Promise.race(workers.map((worker) => worker.heard()));
  const seconds = (performance.now() - startedAt) / 1_000;
  await Promise.all(workers.map((worker) => worker.stop()));
  await job.client.close();
  return (text.words * (all - before)) / all / seconds;
}
