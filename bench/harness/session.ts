/** A benchmark of two brokers, from its command line to its table. */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compare, comparisonTable, type NotRun, type Pair, type Row } from "./comparison.ts";
import { JavaLoad, missingForJava } from "./java-load.ts";
import { PageCache } from "./page-cache.ts";
import { missingForRdkafka, RdkafkaLoad } from "./rdkafka-load.ts";
import { type Durability, type SideName, startSide, wrongSide } from "./sides.ts";
import { Tools } from "./tools.ts";
import type { Workload } from "./workload.ts";

export interface Options {
  readonly a: SideName;
  readonly b: SideName;
  /** Parts of names of workloads; all when empty. */
  readonly only: readonly string[];
  readonly pairs: number;
  readonly quick: boolean;
  readonly durabilities: readonly Durability[];
  readonly profileInto: string | undefined;
  readonly built: boolean;
  readonly dataDir: string;
}

const usage = `options:
  --vs SIDE          what oncilla is compared with: kafka (default), or the folder of another checkout of oncilla
  --a SIDE           the other side (default: oncilla); \`--a kafka --vs kafka\` shows how far equal brokers differ
  --only NAME        only the workloads (and "physical limit") with this in their name; may be repeated
  --pairs N          runs of each side (default 5)
  --quick            an eighth of the data and one pair: shows that everything runs, not how fast
  --durability MODE  os or synced (default: both, one after the other)
  --built            the built package of this checkout instead of its sources
  --profile FOLDER   CPU profiles of oncilla's processes
  --data-dir FOLDER  where the brokers keep their data (default: the system's folder for temporary files)`;

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      vs: { type: "string", default: "kafka" },
      a: { type: "string", default: "oncilla" },
      only: { type: "string", multiple: true, default: [] },
      pairs: { type: "string" },
      quick: { type: "boolean", default: false },
      durability: { type: "string", multiple: true, default: ["os", "synced"] },
      built: { type: "boolean", default: false },
      profile: { type: "string" },
      "data-dir": { type: "string", default: tmpdir() },
      help: { type: "boolean", default: false },
    },
  });
  const pairs = Number(values.pairs ?? (values.quick ? 1 : 5));
  const durabilities = values.durability.filter((mode): mode is Durability => mode === "os" || mode === "synced");
  const wrong =
    wrongSide(values.a) ??
    wrongSide(values.vs) ??
    (Number.isInteger(pairs) && pairs > 0 ? undefined : `--pairs ${values.pairs} is not a number above 0`) ??
    (durabilities.length === values.durability.length ? undefined : "--durability is os or synced");
  if (wrong !== undefined || values.help) {
    console.error(wrong === undefined ? usage : `${wrong}\n${usage}`);
    process.exit(wrong === undefined ? 0 : 2);
  }
  return {
    a: values.a,
    b: values.vs,
    only: values.only,
    pairs,
    quick: values.quick,
    durabilities,
    profileInto: values.profile,
    built: values.built,
    dataDir: values["data-dir"],
  };
}

export interface Result {
  readonly machine: unknown;
  readonly sides: readonly [string, string];
  readonly pairs: number;
  readonly scale: number;
  readonly rows: readonly Row[];
  readonly notRun: readonly NotRun[];
}

/** For each durability both brokers are started, and every workload that was asked for is run on them in alternation. */
export async function runComparison(tools: Tools, options: Options, workloads: readonly Workload[]): Promise<Result> {
  const { a, b, pairs } = options;
  const chosen = workloads.filter((workload) => isChosen(workload.name, options));
  const rows: Row[] = [];
  const notRun: NotRun[] = [];
  for (const durability of options.durabilities) {
    const due = chosen.filter((workload) => workload.durabilities.includes(durability));
    if (due.length === 0) continue;
    const sides: Pair = [await tools.startSide(a, durability), await tools.startSide(b, durability)];
    for (const workload of due) {
      const found = await compare(tools, workload, { sides, durability, pairs });
      if ("reason" in found) notRun.push(found);
      else rows.push(...found);
      console.log("reason" in found ? `\n${describe(found)}` : `\n${comparisonTable([a, b], found)}`);
    }
    for (const side of sides) await side.stop();
  }
  if (rows.length > 0) console.log(`\nall, medians of ${pairs}\n\n${comparisonTable([a, b], rows)}`);
  for (const each of notRun) console.log(describe(each));
  return { machine: machine(), sides: [a, b], pairs, scale: tools.scale, rows, notRun };
}

function describe({ workload, durability, reason }: NotRun): string {
  return `not run: ${workload}, ${durability}: ${reason}`;
}

export function isChosen(name: string, { only }: Options): boolean {
  return only.length === 0 || only.some((part) => name.includes(part));
}

/** The load generators live as long as `work`; the folder of the brokers goes with them. */
export async function withTools<T>(options: Options, work: (tools: Tools) => Promise<T>): Promise<T> {
  const missing = missingForJava();
  if (missing !== undefined) {
    console.error(missing);
    process.exit(1);
  }
  const root = mkdtempSync(join(options.dataDir, "oncilla-bench-"));
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  const { profileInto, built } = options;
  const java = await JavaLoad.start();
  const tools = new Tools({
    java,
    rdkafka: missingForRdkafka() ?? (await RdkafkaLoad.prepare()),
    pageCache: new PageCache(root, !options.quick),
    root,
    scale: options.quick ? 1 / 8 : 1,
    startSide: (name, durability) => startSide(name, { durability, root, profileInto, built }),
  });
  try {
    return await work(tools);
  } finally {
    java.stop();
  }
}

function machine(): unknown {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model,
    cpus: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    at: new Date().toISOString(),
  };
}
