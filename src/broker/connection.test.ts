import { describe, expect, it } from "vitest";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { silentLogger } from "../platform/logger.ts";
import type { Connection } from "../platform/network.ts";
import { ClientConnection, type Peer } from "./connection.ts";
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

describe("connections that share little memory for requests", () => {
  it.each(["is muted", "has a client that does not take its replies"])(
    "do not wait for one that has the next turn and %s",
    async (how) => {
      const clock = new SteppedClock();
      const requests: Request[] = [];
      const limits = {
        maxRequestBytes: LARGEST_BYTES,
        maxInFlightRequests: 10,
        maxHeldBytes: LARGEST_BYTES,
        requestMemory: new MemoryBudget(clock, 100_000, LARGEST_BYTES),
        replyMemory: new MemoryBudget(clock, LARGEST_BYTES),
      };
      const open = (takesReplies = true): ClientConnection => {
        const connection: Connection = {
          remoteAddress: "127.0.0.1:1",
          unsentBytes: 0,
          open: () => {},
          write: () => takesReplies,
          pause: () => {},
          resume: () => {},
          end: () => {},
          destroy: () => {},
        };
        return new ClientConnection({
          connection,
          endpoint: { listener: "default", host: "127.0.0.1", port: 1 },
          dispatch: ({ length }, peer, reply) => {
            requests.push({ peer, sizeBytes: length, reply: () => reply([Buffer.alloc(1)]) });
          },
          clock,
          logger: silentLogger,
          complaints: new LogLimiter(clock, silentLogger),
          limits,
        });
      };
      const [first, second, third] = [open(), open(how === "is muted"), open()];

      first.onData(frame(LARGE_BYTES));
      second.onData(frame(10));
      // Waits for what the first one overdrew, and may overdraw next.
      second.onData(frame(LARGE_BYTES).subarray(0, LARGE_BYTES / 2));
      expect(requests).toMatchObject([{ peer: first }, { peer: second, sizeBytes: 10 }]);
      if (how === "is muted") second.mute(60_000);
      else requests[1]?.reply();
      requests[0]?.reply();
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      await turn();
      await turn();
      expect(limits.requestMemory.usedBytes).toBe(0);
      third.onData(frame(LARGE_BYTES));
      expect(requests.at(-1)).toMatchObject({ peer: third, sizeBytes: LARGE_BYTES });
    },
  );
});
