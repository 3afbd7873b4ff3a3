/** Thrown when the program contradicts itself. Always a bug in oncilla, never the user's fault. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Checks an invariant, in production too: a wrong log is worse than a stopped one. */
export function assert(condition: unknown, message = "assertion failed"): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The value, where the surrounding code proves that it is there. */
export function defined<T>(value: T | undefined | null, message = "expected a value"): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}
