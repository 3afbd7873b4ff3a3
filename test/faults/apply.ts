import type { Variant } from "./variants.ts";

/** The source with its one place broken. Throws when the code has changed, so that there is no such place any more. */
export function applied({ file, find, replace }: Pick<Variant, "file" | "find" | "replace">, source: string): string {
  const pieces = source.split(find);
  if (pieces.length !== 2) throw new Error(`src/${file} has ${JSON.stringify(find)} ${pieces.length - 1} times`);
  return pieces.join(replace);
}
