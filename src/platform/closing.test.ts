import { expect, it } from "vitest";
import { allEnded, closeEach, closeInTurn } from "./closing.ts";

it("takes every step, and then throws the first error", async () => {
  const taken: number[] = [];
  const steps = [1, 2, 3].map((step) => () => {
    taken.push(step);
    if (step < 3) throw new Error(`step ${step}`);
  });
  expect(() => closeEach(steps)).toThrow("step 1");
  await expect(closeInTurn(steps)).rejects.toThrow("step 1");
  expect(taken).toEqual([1, 2, 3, 1, 2, 3]);
});

it("waits for all that is under way, and then throws the first error", async () => {
  let hasEnded = false;
  const slow = new Promise((resolve) => setImmediate(resolve)).then(() => {
    hasEnded = true;
  });
  await expect(allEnded([slow, Promise.reject(new Error("1")), Promise.reject(new Error("2"))])).rejects.toThrow("1");
  expect(hasEnded).toBe(true);
});
