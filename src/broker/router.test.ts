import { expect, it } from "vitest";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { heartbeat } from "../protocol/apis/heartbeat.ts";
import { encodeRequest } from "../protocol/frame.ts";
import type { Peer } from "./connection.ts";
import { RequestMetrics } from "./metrics/request-metrics.ts";
import { createRouter, type Handler } from "./router.ts";

it("a response that cannot be written ends its connection, and is nothing to whoever gave it", () => {
  const answers: (() => void)[] = [];
  const handler: Handler<typeof heartbeat> = {
    api: heartbeat,
    handle: (_request, _context, reply) => void answers.push(() => reply({ throttleTimeMs: 0, errorCode: 2 ** 15 })),
  };
  const unknownVersion = { errorCode: 0, apiKeys: [] };
  const surroundings = {
    quotas: { startWork: () => undefined },
    clock: new SteppedClock(),
    metrics: new RequestMetrics(),
  };
  const dispatch = createRouter([handler], unknownVersion, surroundings);
  const body = { groupId: "group", generationId: 1, memberId: "member" };
  const frame = Buffer.concat(encodeRequest(heartbeat, 4, { correlationId: 1, clientId: "client" }, body)).subarray(4);
  const failures: unknown[] = [];
  const reply = (): void => {
    throw new Error("there is nothing to send");
  };
  dispatch(frame, { address: "127.0.0.1:1" } as Peer, reply, (error) => void failures.push(error));
  // As at the end of a sync, say.
  for (const answer of answers) answer();
  expect(failures).toEqual([expect.any(RangeError)]);
});
