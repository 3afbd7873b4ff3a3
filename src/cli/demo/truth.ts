/** What the result has to be, counted straight from the files. */
import { linesOf } from "./input.ts";
import { wordsOf } from "./words.ts";

export interface Truth {
  readonly lines: number;
  readonly words: number;
  readonly counts: ReadonlyMap<string, number>;
}

export async function countTruth(files: readonly string[], signal: AbortSignal): Promise<Truth> {
  const counts = new Map<string, number>();
  let lines = 0;
  let words = 0;
  for await (const line of linesOf(files, signal)) {
    lines++;
    for (const word of wordsOf(line)) {
      words++;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return { lines, words, counts };
}
