import { describe, expect, it } from "vitest";
import { run } from "./runner/run.ts";

/** A few on each `npm test`; CI takes 50. */
const SEEDS = Number(process.env.ONCILLA_DETERMINISM_SEEDS ?? 4);
const TIMEOUT_MS_PER_SEED = 30_000;

describe("a world", () => {
  it(
    "is the same each time, byte for byte, for the same seed",
    async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const first = await run({ seed, trace: { keep: 0 } });
        const second = await run({ seed, trace: { keep: 0 } });
        expect(second.digest, `seed ${seed}`).toBe(first.digest);
      }
    },
    SEEDS * TIMEOUT_MS_PER_SEED,
  );

  it(
    "does not change by being traced",
    async () => {
      const traced = await run({ seed: 7, trace: { keep: 0 } });
      const untraced = await run({ seed: 7 });
      expect({ events: untraced.events, ms: untraced.simulatedMs }).toEqual({
        events: traced.events,
        ms: traced.simulatedMs,
      });
    },
    2 * TIMEOUT_MS_PER_SEED,
  );

  it(
    "differs from that of another seed",
    async () => {
      const [one, other] = [await run({ seed: 1, trace: { keep: 0 } }), await run({ seed: 2, trace: { keep: 0 } })];
      expect(other.digest).not.toBe(one.digest);
    },
    2 * TIMEOUT_MS_PER_SEED,
  );
});
