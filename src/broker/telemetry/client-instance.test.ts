import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { ClientInstance, MAX_PUSH_BYTES } from "./client-instance.ts";

const INTERVAL_MS = 1000;
const SUBSCRIPTION_ID = 7;

/** A client that asks, pushes, and lets time go by. */
function newClient() {
  const instance = new ClientInstance({ id: SUBSCRIPTION_ID, metrics: [], pushIntervalMs: INTERVAL_MS }, 0, 0);
  const usual = { subscriptionId: SUBSCRIPTION_ID, terminating: false, compressionType: 0, metrics: new Uint8Array() };
  let nowMs = 0;
  return {
    ask: () => instance.ask(nowMs),
    push: (change: Partial<typeof usual> = {}) => instance.push({ ...usual, ...change }, nowMs),
    wait: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

it("asks once in an interval", () => {
  const { ask, wait } = newClient();
  expect(ask()).toBe("NONE");
  wait(INTERVAL_MS - 1);
  expect(ask()).toBe("THROTTLING_QUOTA_EXCEEDED");
  wait(1);
  expect(ask()).toBe("NONE");
});

it("pushes as soon as it has asked, and then once in an interval, in which it may not ask either", () => {
  const { ask, push, wait } = newClient();
  expect(ask()).toBe("NONE");
  wait(INTERVAL_MS / 2);
  expect(push()).toBe("NONE");
  wait(INTERVAL_MS - 1);
  expect(push()).toBe("THROTTLING_QUOTA_EXCEEDED");
  expect(ask()).toBe("THROTTLING_QUOTA_EXCEEDED");
  wait(1);
  expect(push()).toBe("NONE");
  wait(INTERVAL_MS);
  expect(ask()).toBe("NONE");
  wait(1);
  expect(push()).toBe("NONE");
});

it("may push without having asked: another broker was, or this one before a restart", () => {
  const { push } = newClient();
  expect(push()).toBe("NONE");
  expect(push()).toBe("THROTTLING_QUOTA_EXCEEDED");
});

it("pushes for the last time when it likes; the next push is refused, and those behind it are as any", () => {
  const { ask, push, wait } = newClient();
  ask();
  push();
  wait(INTERVAL_MS - 1);
  expect(push({ terminating: true })).toBe("NONE");
  expect(push({ terminating: true })).toBe("INVALID_REQUEST");
  expect(push()).toBe("INVALID_REQUEST");
  expect(push()).toBe("THROTTLING_QUOTA_EXCEEDED");
  wait(1);
  expect(push()).toBe("NONE");
});

it("does not get out of its last push by a mistake in it", () => {
  const { push } = newClient();
  expect(push({ terminating: true, subscriptionId: 1 })).toBe("UNKNOWN_SUBSCRIPTION_ID");
  expect(push()).toBe("INVALID_REQUEST");
});

it.each([
  ["UNKNOWN_SUBSCRIPTION_ID", { subscriptionId: 1 }],
  ["UNSUPPORTED_COMPRESSION_TYPE", { compressionType: 5 }],
] as const)("asks anew at any time after %s, and only once; the interval counts from the push on", (error, change) => {
  const { ask, push, wait } = newClient();
  ask();
  expect(push(change)).toBe(error);
  wait(INTERVAL_MS - 1);
  expect(ask()).toBe("NONE");
  expect(ask()).toBe("THROTTLING_QUOTA_EXCEEDED");
  expect(push()).toBe("THROTTLING_QUOTA_EXCEEDED");
  wait(1);
  expect(ask()).toBe("NONE");
  expect(push()).toBe("NONE");
});

it("does not ask anew when another error came since", () => {
  const { ask, push } = newClient();
  push({ subscriptionId: 1 });
  push();
  expect(ask()).toBe("THROTTLING_QUOTA_EXCEEDED");
});

it.each([
  ["NONE", "as much as may be", { metrics: new Uint8Array(MAX_PUSH_BYTES) }],
  ["TELEMETRY_TOO_LARGE", "more", { metrics: new Uint8Array(MAX_PUSH_BYTES + 1) }],
  ["NONE", "something compressed", { compressionType: 1, metrics: gzipSync("metrics") }],
  ["NONE", "nothing, said to be compressed", { compressionType: 1 }],
  ["INVALID_RECORD", "something that is not what it says", { compressionType: 1, metrics: Buffer.from("metrics") }],
  [
    "INVALID_RECORD",
    "what grows to more",
    { compressionType: 1, metrics: gzipSync(new Uint8Array(MAX_PUSH_BYTES + 1)) },
  ],
  ["UNKNOWN_SUBSCRIPTION_ID", "all wrong", { subscriptionId: 1, compressionType: 5 }],
  ["UNSUPPORTED_COMPRESSION_TYPE", "much, by an unknown code", { compressionType: -1, metrics: Buffer.alloc(2 ** 21) }],
] as const)("is told %s of a push of %s", (error, _what, change) => {
  const { ask, push } = newClient();
  ask();
  expect(push(change)).toBe(error);
});
