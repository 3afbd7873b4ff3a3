import { expect, it } from "vitest";
import { Pace } from "./pace.ts";

/** The sizes of slices while a record takes so long. */
function slices(pace: Pace, recordMs: number, count: number): number[] {
  return Array.from({ length: count }, () => {
    const { sliceRecords } = pace;
    pace.note(sliceRecords, sliceRecords * recordMs);
    return sliceRecords;
  });
}

it("fast records are processed many at a time, slow ones as many as fit, and at least one", () => {
  const pace = new Pace();
  expect(slices(pace, 0.001, 9)).toEqual([1, 2, 4, 8, 16, 32, 64, 100, 100]);
  expect(slices(pace, 10, 4)).toEqual([100, 5, 10, 5]);
  expect(slices(pace, 400, 4)).toEqual([10, 1, 1, 1]);
  expect(slices(pace, 0.001, 3)).toEqual([1, 2, 4]);
});
