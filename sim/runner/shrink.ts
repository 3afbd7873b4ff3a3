/** Leaves faults out, as long as the same invariant breaks without them. */
import type { Fault } from "../faults/schedule.ts";

/** Each attempt is a whole run. */
const MAX_ATTEMPTS = 60;

/** `breaks`: whether the invariant breaks with these faults only. */
export async function shrink(
  faults: readonly Fault[],
  breaks: (faults: readonly Fault[]) => Promise<boolean>,
): Promise<readonly Fault[]> {
  let left = faults;
  let attempts = 0;
  for (let size = Math.ceil(left.length / 2); size >= 1 && left.length > 0; size = Math.floor(size / 2)) {
    for (let start = 0; start < left.length && attempts < MAX_ATTEMPTS; attempts++) {
      const fewer = [...left.slice(0, start), ...left.slice(start + size)];
      if (await breaks(fewer)) left = fewer;
      else start += size;
    }
  }
  return left;
}
