import { RE2JS, RE2JSException, RE2JSSyntaxException } from "re2js";

/** A regular expression of RE2's syntax, as Kafka's brokers take it: it never takes more than linear time, so that no
 * client's expression can hold up the broker. */
export interface Regex {
  /** Whether the expression matches the whole text. */
  matches(text: string): boolean;
}

/** The expression, or what is wrong with it. */
export function compileRegex(expression: string): Regex | { readonly problem: string } {
  try {
    const compiled = RE2JS.compile(expression);
    return { matches: (text) => compiled.matches(text) };
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return { problem: error.getDescription() };
    if (error instanceof RE2JSException) return { problem: error.message };
    throw error;
  }
}
