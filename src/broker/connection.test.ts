import { describe, expect, it } from "vitest";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { silentLogger } from "../platform/logger.ts";
import type { Connection } from "../platform/network.ts";
import { ClientConnection, type ConnectionLimits, type Peer } from "./connection.ts";
import { LogLimiter } from "./log-limiter.ts";
import { MemoryBudget } from "./memory-budget.ts";

const LARGEST_BYTES = 1_000_000;
const LARGE_BYTES = 900_000;

interface Request {
  readonly peer: Peer;
  readonly sizeBytes: number;
  readonly reply: () => void;
}

/** Of zeros. */
function frame(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(4 + sizeBytes);
  bytes.writeInt32BE(sizeBytes);
  return bytes;
}

interface World {
  readonly clock: SteppedClock;
  readonly requests: readonly Request[];
  readonly limits: ConnectionLimits;
  open(takesReplies?: boolean, unsentBytes?: number): ClientConnection & { readonly isRead: () => boolean };
}

function newWorld(): World {
  const clock = new SteppedClock();
  const requests: Request[] = [];
  const limits = {
    maxRequestBytes: LARGEST_BYTES,
    maxInFlightRequests: 10,
    maxHeldBytes: LARGEST_BYTES,
    requestMemory: new MemoryBudget(clock, 100_000, LARGEST_BYTES),
    replyMemory: new MemoryBudget(clock, LARGEST_BYTES),
  };
  const open = (takesReplies = true, unsentBytes = takesReplies ? 0 : LARGEST_BYTES): ReturnType<World["open"]> => {
    let isRead = true;
    const connection: Connection = {
      remoteAddress: "127.0.0.1:1",
      unsentBytes,
      open: () => {},
      write: () => takesReplies,
      pause: () => {
        isRead = false;
      },
      resume: () => {
        isRead = true;
      },
      end: () => {},
      destroy: () => {},
    };
    const client = new ClientConnection({
      connection,
      endpoint: { listener: "default", host: "127.0.0.1", port: 1 },
      dispatch: ({ length }, peer, reply) => {
        requests.push({ peer, sizeBytes: length, reply: () => reply([Buffer.alloc(1)]) });
        return false;
      },
      clock,
      logger: silentLogger,
      complaints: new LogLimiter(clock, silentLogger),
      limits,
    });
    return Object.assign(client, { isRead: () => isRead });
  };
  return { clock, requests, limits, open };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("connections that share little memory for requests", () => {
  it.each(["is muted", "has a client that does not take its replies"])(
    "do not wait for one that has the next turn and %s",
    async (how) => {
      const { requests, limits, open } = newWorld();
      const [first, second, third] = [open(), open(how === "is muted"), open()];

      first.onData(frame(LARGE_BYTES));
      second.onData(frame(10));
      // Waits for what the first one overdrew, and may overdraw next.
      second.onData(frame(LARGE_BYTES).subarray(0, LARGE_BYTES / 2));
      expect(requests).toMatchObject([{ peer: first }, { peer: second, sizeBytes: 10 }]);
      if (how === "is muted") second.mute(60_000);
      else requests[1]?.reply();
      requests[0]?.reply();
      await turn();
      await turn();
      expect(limits.requestMemory.usedBytes).toBe(0);
      third.onData(frame(LARGE_BYTES));
      expect(requests.at(-1)).toMatchObject({ peer: third, sizeBytes: LARGE_BYTES });
    },
  );
});

describe("a connection that is ended from here", () => {
  it.each(["", ", muted,"])("takes no further request%s, and hears that the client has ended it too", async (how) => {
    const { clock, requests, open } = newWorld();
    const client = open();
    client.onData(frame(10));
    if (how !== "") client.mute(60_000);
    void client.end();
    expect(client.isRead()).toBe(true);
    for (let i = 0; i < 3; i++) client.onData(frame(LARGE_BYTES));
    await turn();
    expect(client.isRead()).toBe(true);
    clock.advance(60_000);
    await turn();
    expect(requests.length).toBe(1);
  });

  it("and whose client does not end it is idle after its time", () => {
    const { clock, requests, open } = newWorld();
    const client = open();
    client.onData(frame(10));
    requests[0]?.reply();
    client.mute(60_000);
    void client.end();
    clock.advance(1000);
    expect(client.isIdleSince(clock.monotonic() - 500, clock.monotonic() - 500)).toBe(true);
  });
});

it("a client that takes nothing is idle after its time also where its socket is not full, and others use up the memory", async () => {
  const { clock, requests, limits, open } = newWorld();
  const client = open(true, 1);
  client.onData(frame(10));
  requests[0]?.reply();
  await turn();
  limits.replyMemory.take(LARGEST_BYTES);
  client.onData(frame(10));
  expect(client.isRead()).toBe(false);
  expect(requests.length).toBe(1);
  clock.advance(1000);
  expect(client.isIdleSince(clock.monotonic() - 2000, clock.monotonic() - 2000)).toBe(false);
  expect(client.isIdleSince(clock.monotonic() - 500, clock.monotonic() - 500)).toBe(true);
  limits.replyMemory.giveBack(LARGEST_BYTES);
  await turn();
  expect(requests.length).toBe(2);
  expect(client.isRead()).toBe(true);
});

describe("a muted connection", () => {
  it("on which nothing happens is idle after its time: nobody would hear that its client is gone", async () => {
    const { clock, requests, open } = newWorld();
    const client = open();
    client.onData(frame(10));
    requests[0]?.reply();
    await turn();
    client.mute(3_600_000);
    clock.advance(1000);
    expect(client.isIdleSince(clock.monotonic() - 2000, clock.monotonic() - 2000)).toBe(false);
    expect(client.isIdleSince(clock.monotonic() - 500, clock.monotonic() - 500)).toBe(true);
  });

  it("in the middle of a frame, or with a request that waits, is not", () => {
    const { clock, requests, open } = newWorld();
    const [gathering, waiting] = [open(), open()];
    gathering.onData(frame(1000).subarray(0, 500));
    gathering.mute(3_600_000);
    clock.advance(1000);
    expect(gathering.isIdleSince(clock.monotonic() - 2000, clock.monotonic() - 500)).toBe(false);
    waiting.onData(frame(10));
    waiting.mute(3_600_000);
    clock.advance(1000);
    expect(waiting.isIdleSince(clock.monotonic() - 500, clock.monotonic() - 500)).toBe(false);
    expect(requests.length).toBe(1);
  });
});
