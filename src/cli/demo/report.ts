import { grouped } from "../live-display.ts";
import type { DemoOptions } from "./run.ts";
import type { Truth } from "./truth.ts";
import { isClean, type Verdict } from "./verdict.ts";

export interface DemoResult {
  readonly verdict: Verdict;
  readonly truth: Truth;
  readonly counters: { readonly commits: number };
  readonly crashes: number;
  readonly seconds: number;
  readonly bytes: number;
}

export function printResult(result: DemoResult, options: DemoOptions): void {
  const { verdict, truth, counters, crashes, seconds, bytes } = result;
  const rows: readonly (readonly [string, string])[] = [
    ["lines", grouped(truth.lines)],
    ["words", grouped(truth.words)],
    ["distinct words", grouped(truth.counts.size)],
    ["crashes survived", grouped(crashes)],
    ["transactions committed", grouped(counters.commits)],
    ["transactions aborted", grouped(verdict.abortedTransactions)],
    ["records lost", grouped(verdict.lines.lost + verdict.table.lost)],
    ["records duplicated", grouped(verdict.lines.duplicated + verdict.table.duplicated)],
    ["keys unlike the changelog", grouped(verdict.changelogMismatches)],
    ["time", `${seconds.toFixed(1)} s`],
    ["input throughput", `${(bytes / 1e6 / seconds).toFixed(2)} MB/s`],
  ];
  const labelWidth = Math.max(...rows.map(([label]) => label.length));
  const valueWidth = Math.max(...rows.map(([, value]) => value.length));
  for (const [label, value] of rows) console.log(`  ${label.padEnd(labelWidth)}  ${value.padStart(valueWidth)}`);
  console.log(`\n${summary(verdict, options)}`);
}

function summary(verdict: Verdict, options: DemoOptions): string {
  if (isClean(verdict)) {
    return options.expectDuplicates
      ? "Every count is exact: no duplicate was found, though at_least_once allows them. Try another seed."
      : "Every count is exact.";
  }
  const { lines, table } = verdict;
  const lost = lines.lost + table.lost;
  if (options.guarantee === "at_least_once" && lost === 0) {
    return `${grouped(lines.duplicated + table.duplicated)} duplicates, as at_least_once allows: exactly_once_v2 has none.`;
  }
  return `The result differs from the truth. Repeat with --seed ${options.seed}.`;
}
