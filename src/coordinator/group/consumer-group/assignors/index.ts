import type { Assignor } from "./assignor.ts";
import { rangeAssignor } from "./range.ts";
import { uniformAssignor } from "./uniform.ts";

/** The first one is used where members do not ask for another. */
export const assignors: readonly [Assignor, ...Assignor[]] = [uniformAssignor, rangeAssignor];

export const defaultAssignor: Assignor = assignors[0];

export function assignorNamed(name: string): Assignor | undefined {
  return assignors.find((assignor) => assignor.name === name);
}
