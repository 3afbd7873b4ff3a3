import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nodePlatform } from "../../platform/node/index.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { OncillaError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { backoffMs } from "./backoff.ts";
import { type RetryScope, retrying } from "./retry.ts";
import { Signal } from "./signal.ts";

const { clock } = nodePlatform;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const busy = new OncillaError("COORDINATOR_LOAD_IN_PROGRESS", "busy", { retriable: true });

function scope(closing = new AbortController()): RetryScope {
  return {
    clock,
    random: { ...seededRandom(1), float: () => 0.5 },
    backoff: { baseMs: 100, maxMs: 1_000 },
    signal: closing.signal,
    missingTopicTimeoutMs: 2_000,
  };
}

describe("a backoff", () => {
  it("doubles up to its maximum, give or take 20 %", () => {
    const exact = [1, 2, 3, 4, 5, 6, 100].map((failures) =>
      backoffMs({ ...seededRandom(1), float: () => 0.5 }, { baseMs: 100, maxMs: 1_000 }, failures),
    );
    expect(exact).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000]);
    const random = seededRandom(2);
    const any = Array.from({ length: 200 }, () => backoffMs(random, { baseMs: 100, maxMs: 1_000 }, 1));
    expect(Math.min(...any)).toBeGreaterThanOrEqual(80);
    expect(Math.max(...any)).toBeLessThanOrEqual(120);
    expect(Math.max(...any) - Math.min(...any)).toBeGreaterThan(30);
  });
});

describe("an alarm", () => {
  it("rings once, at the earliest of its times", () => {
    const rung: number[] = [];
    const start = clock.monotonic();
    const alarm = new Alarm(clock, () => rung.push(clock.monotonic() - start));
    alarm.setBy(start + 50);
    alarm.setBy(start + 20);
    alarm.setBy(start + 70);
    vi.advanceTimersByTime(100);
    expect(rung).toEqual([20]);
    alarm.setBy(start);
    vi.advanceTimersByTime(1);
    expect(rung).toHaveLength(2);
    alarm.setBy(start + 500);
    alarm.cancel();
  });
});

describe("retrying", () => {
  it("repeats what may succeed later, waiting longer each time", async () => {
    const times: number[] = [];
    const done = retrying(scope(), "it", 10_000, async () => {
      times.push(clock.monotonic());
      if (times.length < 4) throw busy;
      return "done";
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await done).toBe("done");
    expect(times.map((time) => Math.round(time - (times[0] ?? 0)))).toEqual([0, 100, 300, 700]);
  });

  it("gives up at once on what will not", async () => {
    const refused = new OncillaError("INVALID_CONFIG", "no");
    await expect(retrying(scope(), "it", 10_000, () => Promise.reject(refused))).rejects.toBe(refused);
    const bug = new TypeError("a bug");
    await expect(retrying(scope(), "it", 10_000, () => Promise.reject(bug))).rejects.toBe(bug);
  });

  it("says what stood in the way when the time is over", async () => {
    const done = expect(retrying(scope(), "it", 250, () => Promise.reject(busy))).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "it: not done within 250 ms: busy",
      cause: busy,
    });
    await vi.advanceTimersByTimeAsync(250);
    await done;
  });

  it("ends with its owner, also while it waits", async () => {
    const closing = new AbortController();
    const closed = new OncillaError("CLOSED", "closed");
    const done = expect(retrying(scope(closing), "it", 10_000, () => Promise.reject(busy))).rejects.toBe(closed);
    await vi.advanceTimersByTimeAsync(50);
    closing.abort(closed);
    await done;
  });

  it("leaves nothing behind at its owner, which may live for long", async () => {
    const closing = new AbortController();
    for (let i = 0; i < 3; i++) {
      let attempts = 0;
      const done = retrying(scope(closing), "it", 10_000, async () => {
        if (attempts++ === 0) throw busy;
      });
      await vi.advanceTimersByTimeAsync(100);
      await done;
    }
    expect(getEventListeners(closing.signal, "abort")).toEqual([]);
    // Where Node keeps what AbortSignal.any has made.
    const followers = Object.getOwnPropertySymbols(closing.signal).find(({ description }) =>
      /dependant/i.test(`${description}`),
    );
    expect(followers && (closing.signal as never)[followers]).toBeUndefined();
  });
});

describe("a signal", () => {
  it("wakes all that wait, and those that come too late for what they looked for", async () => {
    const signal = new Signal();
    const { count } = signal;
    const both = Promise.all([signal.wait(clock, 10_000), signal.wait(clock, 10_000)]);
    signal.notify();
    await both;
    await signal.wait(clock, 10_000, count);
  });

  it("lets a wait end by its time", async () => {
    const signal = new Signal();
    const waited = signal.wait(clock, 100);
    await vi.advanceTimersByTimeAsync(100);
    await waited;
    signal.notify();
  });
});
