/** What a measurement is made of, and what it found. */
import type { Durability, Side } from "./sides.ts";
import type { Tools } from "./tools.ts";

/** The first side's number divided by the other's, or the first side's number itself. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Metric {
  readonly name: string;
  readonly unit: string;
  /** For the ratio. */
  readonly target?: Target | Readonly<Partial<Record<Durability, Target>>>;
  /** For the first side's own number. */
  readonly ownTarget?: Target;
}

/** By the names of the metrics; what could not be measured is missing. */
export type Sample = Readonly<Record<string, number | undefined>>;

export interface Workload {
  readonly name: string;
  readonly durabilities: readonly Durability[];
  readonly metrics: readonly Metric[];
  /** Why it cannot run on this machine. */
  unavailable?(tools: Tools): string | undefined;
  /** Once for each side, before the first run. */
  prepare?(tools: Tools, side: Side): Promise<void>;
  /** The first run of a side warms up and is not counted. */
  run(tools: Tools, side: Side, durability: Durability): Promise<Sample>;
  /** Once for each side, after the last run. */
  cleanUp?(tools: Tools, side: Side): Promise<void>;
}

export const cpuPerGib: Metric = { name: "broker CPU", unit: "s/GiB", target: { atMost: 1 } };
export const peakMemory: Metric = { name: "broker peak memory", unit: "MiB", target: { atMost: 0.35 } };

export function targetFor(metric: Metric, durability: Durability): Target | undefined {
  const { target } = metric;
  if (target === undefined) return undefined;
  if ("os" in target || "synced" in target) return target[durability];
  return target as Target;
}

export function reaches(value: number, target: Target): boolean {
  return value >= (target.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (target.atMost ?? Number.POSITIVE_INFINITY);
}

export function describeTarget({ atLeast, atMost }: Target): string {
  return [...(atLeast === undefined ? [] : [`>= ${atLeast}`]), ...(atMost === undefined ? [] : [`<= ${atMost}`])].join(
    " ",
  );
}
