import { describe, expect, it } from "vitest";
import { Dice } from "../../platform/dice.ts";
import { drawFaults } from "./faults.ts";

const targets = ["plain-1", "txn-1", "counter-1"];

function draw(seed: number, hasBroker: boolean) {
  return drawFaults(Dice.of(seed, "faults"), targets, { hasBroker, durationMs: 60_000 });
}

describe("faults of a round", () => {
  it("follow from the seed", () => {
    expect(draw(1, true)).toEqual(draw(1, true));
    expect(draw(1, true)).not.toEqual(draw(2, true));
  });

  it("strike everyone, in the order of time, while the round lasts", () => {
    const faults = draw(1, true);
    expect(new Set(faults.map(({ target }) => target))).toEqual(new Set([...targets, "broker"]));
    const times = faults.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(60_000);
  });

  it("spare a broker that is not ours, and never tell one to stand still", () => {
    expect(draw(1, false).filter(({ target }) => target === "broker")).toEqual([]);
    expect(draw(1, true).filter(({ target, kind }) => target === "broker" && kind === "stall")).toEqual([]);
  });
});
