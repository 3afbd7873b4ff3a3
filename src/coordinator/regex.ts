import { RE2JS, RE2JSException, RE2JSSyntaxException } from "re2js";

/** A regular expression of RE2's syntax, as Kafka's brokers take it: it never takes more than linear time, so that no
 * client's expression can hold up the broker. */
export interface Regex {
  /** Whether the expression matches the whole text. */
  matches(text: string): boolean;
}

/** Instructions of a program, about: as many as an expression without repetitions can have. One with a million takes seconds to be
 * compiled. */
const MAX_SIZE = 0x7fff;

const REPETITION = /\{(\d+)(?:,(\d*))?\}/y;

/** The expression, or what is wrong with it. */
export function compileRegex(expression: string): Regex | { readonly problem: string } {
  if (sizeOf(expression) > MAX_SIZE) return { problem: "expression too large" };
  try {
    const compiled = RE2JS.compile(expression);
    return { matches: (text) => compiled.matches(text) };
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return { problem: error.getDescription() };
    if (error instanceof RE2JSException) return { problem: error.message };
    throw error;
  }
}

/** A character each, and what is repeated as often as that may be. */
function sizeOf(expression: string): number {
  const outer: number[] = [];
  let size = 0;
  let last = 0;
  const item = (itemSize: number): void => {
    size += itemSize;
    last = itemSize;
  };
  for (let i = 0; i < expression.length; i++) {
    const character = expression[i];
    if (expression.startsWith("\\Q", i)) {
      const end = indexOrEnd(expression, "\\E", i);
      size += end - i - 2;
      last = 1;
      i = end + 1;
    } else if (character === "\\") {
      item(1);
      i++;
    } else if (character === "[") {
      item(1);
      i = endOfClass(expression, i);
    } else if (character === "(") {
      outer.push(size);
      size = 0;
    } else if (character === ")" && outer.length > 0) {
      const inner = size;
      size = outer.pop() ?? 0;
      item(inner + 2);
    } else {
      const times = timesAt(expression, i);
      if (times) {
        size += last * (times.count - 1);
        last *= times.count;
        i += times.length - 1;
      } else item(1);
    }
  }
  return outer.reduce((sum, each) => sum + each, size);
}

function timesAt(expression: string, at: number): { readonly count: number; readonly length: number } | undefined {
  REPETITION.lastIndex = at;
  const [text = "", least, most] = REPETITION.exec(expression) ?? [];
  return text === "" ? undefined : { count: Math.max(1, Number(least), Number(most ?? 0)), length: text.length };
}

/** Where the "]" is that ends the class which begins at `start`. */
function endOfClass(expression: string, start: number): number {
  let i = start + (expression[start + 1] === "^" ? 2 : 1);
  if (expression[i] === "]") i++;
  for (; i < expression.length && expression[i] !== "]"; i++) {
    if (expression[i] === "\\") i++;
    else if (expression.startsWith("[:", i) && expression.includes(":]", i)) i = expression.indexOf(":]", i) + 1;
  }
  return i;
}

function indexOrEnd(text: string, searched: string, from: number): number {
  const index = text.indexOf(searched, from);
  return index < 0 ? text.length : index;
}
