import { describe, expect, it } from "vitest";
import { planRestore } from "./restore-plan.ts";

const NOW = 1_000_000_000;
const HOUR = 3_600_000;
const bounds = { topicId: "id", start: 10, end: 100 };
const at = (offset: number, ageMs = 0, topicId = "id") => ({ offset, topicId, savedAt: NOW - ageMs });

describe("restore plan", () => {
  it.each([
    ["nothing on disk: from the start", undefined, 10],
    ["behind: the tail", at(60), 60],
    ["level", at(100), 100],
    ["away for long, only its own last marker behind", at(99, 48 * HOUR), 99],
    ["away for long, and nothing happened", at(100, 48 * HOUR), 100],
  ])("%s", (_name, position, from) => {
    expect(planRestore(position, bounds, NOW)).toEqual({ from, rebuildReason: undefined });
  });

  it.each([
    ["ahead of the changelog", at(101), /covers the changelog up to 101, which ends at 100/],
    ["behind its start", at(9), /which begins at 10/],
    ["of another topic with the same name", at(60, 0, "other"), /another topic/],
    ["away for longer than tombstones are kept", at(60, 13 * HOUR), /deletions may be missing/],
  ])("rebuilds what is %s, and says why", (_name, position, reason) => {
    const plan = planRestore(position, bounds, NOW);
    expect(plan.from).toBe(10);
    expect(plan.rebuildReason).toMatch(reason);
  });
});
