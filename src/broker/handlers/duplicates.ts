/** The values that come more than once. */
export function duplicatesOf(values: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  for (const value of values) (seen.has(value) ? duplicates : seen).add(value);
  return duplicates;
}

/** The first of those that have one key: what is told of it may be a thousand times what the question takes. */
export function eachOnce<T>(values: readonly T[], keyOf: (value: T) => string = String): T[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const key = keyOf(value);
    const isFirst = !seen.has(key);
    seen.add(key);
    return isFirst;
  });
}
