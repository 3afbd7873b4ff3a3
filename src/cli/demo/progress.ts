/** How far the demo is, for the eye. */
import { bar, grouped } from "../live-display.ts";

export interface Snapshot {
  readonly lines: number;
  readonly totalLines: number;
  readonly words: number;
  readonly totalWords: number;
  readonly rows: number;
  readonly commits: number;
  readonly aborts: number;
  readonly crashes: number;
  readonly totalCrashes: number;
  readonly restarts: number;
}

export function progressOf(snapshot: Snapshot): { readonly rows: readonly string[]; readonly plain: string } {
  const { lines, totalLines, words, totalWords, rows, commits, aborts, crashes, totalCrashes, restarts } = snapshot;
  return {
    rows: [
      `  lines in       ${share(lines, totalLines)}`,
      `  words counted  ${share(words, totalWords)}`,
      `  rows sunk      ${grouped(rows)}`,
      `  commits ${grouped(commits)}   aborts ${grouped(aborts)}   crashes ${crashes}/${totalCrashes}   restarts ${restarts}`,
    ],
    plain: `lines ${lines}  words ${words}  rows ${rows}  commits ${commits}  aborts ${aborts}  crashes ${crashes}  restarts ${restarts}`,
  };
}

function share(value: number, total: number): string {
  return `${bar(value, total)} ${grouped(value)} of ${grouped(total)}`;
}
