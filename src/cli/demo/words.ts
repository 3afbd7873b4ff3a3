const WORD = /[\p{L}\p{N}]+/gu;

/** What counts as a word: a run of letters and digits, in lower case. */
export function wordsOf(line: string): string[] {
  return line.toLowerCase().match(WORD) ?? [];
}
