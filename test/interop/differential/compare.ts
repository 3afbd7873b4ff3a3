/** Runs one script against both brokers, and says where their answers differ. */
import type { BrokersKind } from "./brokers.ts";
import type { Canonical } from "./canonical.ts";
import { type IntendedDifference, intendedDifferences } from "./intended-differences.ts";
import { Side, type SideName, type Step } from "./side.ts";

export interface Script {
  readonly name: string;
  /** Default: ordinary ones. */
  readonly brokers?: BrokersKind;
  /** It must be over before sessions end, say. */
  readonly limitMs?: number;
  run(side: Side): Promise<void>;
}

export interface Difference {
  readonly script: string;
  /** From 1. */
  readonly step: number;
  readonly question: string;
  readonly oncilla: Canonical;
  readonly apache: Canonical;
  readonly intended: IntendedDifference | undefined;
}

export interface Comparison {
  readonly script: string;
  readonly steps: number;
  /** What our broker was asked, and answered. */
  readonly transcript: readonly Step[];
  readonly differences: readonly Difference[];
}

export interface Brokers {
  readonly oncilla: string;
  readonly apache: string;
}

const RECORDS_AGE_MS = 3_600_000;
/** How often something is tried that must be done in time. */
const MAX_ATTEMPTS = 5;

let runs = 0;

/** Our side first. They share names that nobody else has. */
export function openSides(brokers: Brokers): readonly [oncilla: Side, apache: Side] {
  const prefix = `d${process.pid.toString(36)}${Date.now().toString(36)}${(runs++).toString(36)}-`;
  // Not the present, so that a record's time and that of the brokers' clocks can be told apart.
  const epochMs = Date.now() - RECORDS_AGE_MS;
  const side = (name: SideName): Side => new Side(name, brokers[name], prefix, epochMs);
  return [side("oncilla"), side("apache")];
}

export async function compare(script: Script, brokers: Brokers): Promise<Comparison> {
  return untilInTime(async () => {
    const sides = openSides(brokers);
    const [oncilla = [], apache = []] = await Promise.all(sides.map((side) => play(script, side)));
    return { sides, result: contrast(script.name, oncilla, apache) };
  });
}

interface Attempt<T> {
  readonly sides: readonly Side[];
  readonly result: T;
  /** Whether the result holds though a side was late. */
  readonly isEnough?: boolean;
}

/** Begins again, with other names, where a side was late. */
export async function untilInTime<T>(attempt: () => Promise<Attempt<T>>): Promise<T> {
  for (let left = MAX_ATTEMPTS; left > 0; left--) {
    const { sides, result, isEnough = false } = await attempt();
    if (isEnough || !sides.some(({ wasLate }) => wasLate)) return result;
    process.stdout.write("too late for what a broker measures: once more\n");
  }
  throw new Error(`the machine is too slow for it: late ${MAX_ATTEMPTS} times`);
}

/** An error ends the script there, and is the last line of its transcript. */
async function play(script: Script, side: Side): Promise<readonly Step[]> {
  try {
    await side.inTime(script.limitMs ?? Number.POSITIVE_INFINITY, () => script.run(side));
  } catch (error) {
    side.record("the script ends", String(error instanceof Error ? error.message : error));
  } finally {
    await side.close();
  }
  return side.transcript;
}

export function contrast(script: string, oncilla: readonly Step[], apache: readonly Step[]): Comparison {
  const differences: Difference[] = [];
  const steps = Math.max(oncilla.length, apache.length);
  for (let i = 0; i < steps; i++) {
    const ours = oncilla[i];
    const theirs = apache[i];
    if (JSON.stringify(ours) === JSON.stringify(theirs)) continue;
    const difference = {
      script,
      step: i + 1,
      question: ours?.question ?? theirs?.question ?? "",
      oncilla: ours?.answer ?? "no such step",
      apache: theirs?.answer ?? "no such step",
    };
    const intended = intendedDifferences.find(({ matches }) => matches(difference));
    differences.push({ ...difference, intended });
  }
  return { script, steps, transcript: oncilla, differences };
}
