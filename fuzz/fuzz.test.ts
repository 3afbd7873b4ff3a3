import { describe, expect, it } from "vitest";
import { apis } from "../src/protocol/apis/index.ts";
import { frameAt } from "./frames.ts";
import { run } from "./run.ts";

describe("frames", () => {
  it("follow from seed and number", () => {
    expect(frameAt(7, 42)).toEqual(frameAt(7, 42));
    expect(frameAt(7, 42)).not.toEqual(frameAt(7, 43));
    expect(frameAt(7, 42)).not.toEqual(frameAt(8, 42));
  });

  it("reach every API that is served, in whole and in part", () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => frameAt(1, i)).map((frame) =>
      frame.length > 6 ? frame.readInt16BE(4) : -1,
    );
    expect(apis.filter(({ key }) => !keys.includes(key))).toEqual([]);
  });
});

it("a short run: the broker answers, lives, and keeps nothing", async () => {
  const report = await run({ seed: 20_251, frames: 1_500, lanes: 64 });
  expect(report.problems).toEqual([]);
  expect(report.answers).toBeGreaterThan(150);
}, 90_000);
