/** `npm run bench -- <name>`: measurements, each in a file of its own. Numbers are printed as a table and written as JSON. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { benchBroker } from "./broker.ts";
import { benchRestart } from "./restart.ts";
import { benchStart } from "./start.ts";
import { benchStreams } from "./streams.ts";
import { benchTxn } from "./txn.ts";

/** Runs with the arguments behind its name; what it returns goes into bench/results/<name>.json. */
export type Benchmark = (args: readonly string[]) => Promise<unknown>;

const benchmarks: Readonly<Record<string, Benchmark>> = {
  broker: benchBroker,
  txn: benchTxn,
  start: benchStart,
  streams: benchStreams,
  restart: benchRestart,
};

const [name = "", ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
if (!benchmark) {
  console.error(`usage: npm run bench -- <${Object.keys(benchmarks).join("|")}> [options]`);
  process.exit(2);
}
const result = await benchmark(args);
const folder = join(import.meta.dirname, "results");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
process.exit(0);
