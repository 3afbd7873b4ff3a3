/** The frames of a run: each follows from the run's seed and its own number. */

import { apis } from "../src/protocol/apis/index.ts";
import { encodeRequest } from "../src/protocol/frame.ts";
import { goldenRequests } from "./corpus.ts";
import { Dice } from "./dice.ts";
import { mutate } from "./mutations.ts";
import { anyStruct } from "./values.ts";

const FOREIGN = ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "SSH-2.0-x\r\n"];

/** A frame with its length, to be sent as it is. */
export function frameAt(seed: number, index: number): Buffer {
  const dice = new Dice(seed, index);
  const kind = dice.int(100);
  if (kind < 2) return Buffer.from(dice.pick(FOREIGN), "latin1");
  if (kind < 4) return dice.bytes(4 + dice.int(200));
  const request = kind < 30 ? dice.pick(goldenRequests) : anyRequest(dice);
  const body = dice.chance(0.55) ? mutate(dice, request) : Buffer.from(request);
  const frame = Buffer.allocUnsafe(4 + body.length);
  // Mostly right: behind a wrong length the connection can only end, or wait for more.
  frame.writeInt32BE(dice.chance(0.005) ? dice.edge() : body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** A request of any API and version, without its length. */
function anyRequest(dice: Dice): Buffer {
  const api = dice.pick(apis);
  const [lowest, highest] = api.versions;
  const version = lowest + dice.int(highest - lowest + 1);
  const header = { correlationId: dice.int(2 ** 31), clientId: dice.chance(0.1) ? null : "fuzz" };
  const body = anyStruct(dice, api.request, version);
  return Buffer.concat(encodeRequest(api, version, header, body as never)).subarray(4);
}
