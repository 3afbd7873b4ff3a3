/** Runs workloads on two brokers in alternation: A, B, A, B … */
import type { Durability, Side } from "./sides.ts";
import { figure, median } from "./statistics.ts";
import { table } from "./table.ts";
import type { Tools } from "./tools.ts";
import {
  describeTarget,
  type Metric,
  reaches,
  type Sample,
  type Target,
  targetFor,
  type Workload,
} from "./workload.ts";

export interface Row {
  readonly workload: string;
  readonly durability: Durability;
  readonly metric: string;
  readonly unit: string;
  readonly a: Measured;
  readonly b: Measured;
  readonly ratio: number;
  readonly target: string | undefined;
  readonly reached: boolean | undefined;
}

interface Measured {
  readonly median: number;
  readonly samples: readonly number[];
}

export interface NotRun {
  readonly workload: string;
  readonly durability: Durability;
  readonly reason: string;
}

export type Pair = readonly [a: Side, b: Side];

/** A workload that fails is reported and does not stop the others. */
export async function compare(
  tools: Tools,
  workload: Workload,
  { sides, durability, pairs }: { readonly sides: Pair; readonly durability: Durability; readonly pairs: number },
): Promise<readonly Row[] | NotRun> {
  const notRun = (reason: string): NotRun => ({ workload: workload.name, durability, reason });
  const reason = workload.unavailable?.(tools);
  if (reason !== undefined) return notRun(reason);
  const samples: [Sample[], Sample[]] = [[], []];
  let busy = sides[0];
  const onEach = async (work: (side: Side) => Promise<unknown> | undefined): Promise<void> => {
    for (busy of sides) await work(busy);
  };
  try {
    await onEach((side) => workload.prepare?.(tools, side));
    await onEach((side) => workload.run(tools, side, durability));
    for (let pair = 0; pair < pairs; pair++) {
      await onEach(async (side) => samples[sides.indexOf(side)]?.push(await workload.run(tools, side, durability)));
    }
    await onEach((side) => workload.cleanUp?.(tools, side));
  } catch (error) {
    return notRun(`${busy.label}: ${error instanceof Error ? error.message : error}`);
  }
  return workload.metrics
    .map((metric) => row(workload.name, durability, metric, samples))
    .filter((row) => row.a.samples.length > 0);
}

function row(workload: string, durability: Durability, metric: Metric, samples: readonly [Sample[], Sample[]]): Row {
  const [a, b] = samples.map((runs) => measured(runs, metric.name)) as [Measured, Measured];
  const ratio = a.median / b.median;
  const target = targetFor(metric, durability);
  const checks: [number, Target][] = [];
  if (target) checks.push([ratio, target]);
  if (metric.ownTarget) checks.push([a.median, metric.ownTarget]);
  const words = checks.map(([value, check]) => `${describeTarget(check)}${value === ratio ? "" : " itself"}`);
  return {
    workload,
    durability,
    metric: metric.name,
    unit: metric.unit,
    a,
    b,
    ratio,
    target: words.length === 0 ? undefined : words.join(", "),
    reached: words.length === 0 ? undefined : checks.every(([value, check]) => reaches(value, check)),
  };
}

function measured(runs: readonly Sample[], name: string): Measured {
  const samples = runs.map((sample) => sample[name]).filter((value) => value !== undefined);
  return { median: median(samples), samples };
}

export function comparisonTable(labels: readonly [string, string], rows: readonly Row[]): string {
  const header = ["workload", "", "", labels[0], labels[1], "ratio", "target", ""];
  return table(
    header,
    rows.map((row) => [
      row.workload,
      row.durability,
      row.unit === "" ? row.metric : `${row.metric}, ${row.unit}`,
      figure(row.a.median),
      figure(row.b.median),
      figure(row.ratio),
      row.target ?? "",
      row.reached === undefined ? "" : row.reached ? "ok" : "MISSED",
    ]),
  );
}
