import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FIRST_GATHERING_BYTES, FrameReader } from "./frame-reader.ts";

const LARGEST = 20 * FIRST_GATHERING_BYTES;

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

describe("a frame reader", () => {
  it("gives the frames that were sent, however they are cut, and whenever their owner takes them", () => {
    const sizes = fc.array(fc.oneof(fc.nat(20), fc.nat(LARGEST)), { minLength: 1, maxLength: 5 });
    // An owner that does not take what is there, or does, and then has memory for more or not.
    const turn = fc.record({ bytes: fc.oneof(fc.nat(10), fc.nat(70_000), fc.nat(400_000)), takes: fc.nat(3) });
    fc.assert(
      fc.property(sizes, fc.array(turn, { minLength: 1, maxLength: 30 }), (frameSizes, turns) => {
        const bodies = frameSizes.map((size, i) => Buffer.alloc(size, `${i}-frame`));
        const stream = Buffer.concat(bodies.map(framed));
        const reader = new FrameReader(LARGEST);
        const received: Buffer[] = [];
        for (let sent = 0, i = 0; sent < stream.length || received.length < bodies.length; i++) {
          // It must come to an end.
          const { bytes, takes } = turns[i] ?? { bytes: 65_536, takes: 3 };
          // A copy, as the network takes its memory back.
          const chunk = Buffer.from(stream.subarray(sent, sent + bytes));
          sent += chunk.length;
          reader.push(chunk);
          for (let taken = 0; taken < takes; taken++) {
            const wanted = reader.gatheringBytes + reader.wantedBytes;
            const frame = reader.next();
            if (!frame) {
              expect(reader.gatheringBytes === 0 || reader.gatheringBytes === wanted).toBe(true);
              break;
            }
            received.push(Buffer.from(frame));
          }
          reader.settle(takes > 1);
          chunk.fill(0);
          // So much at most was promised and did not come.
          expect(reader.gatheringBytes).toBeLessThanOrEqual(Math.max(FIRST_GATHERING_BYTES, 4 * sent));
        }
        expect(received.length).toBe(bodies.length);
        for (const [i, body] of bodies.entries()) expect(received[i]?.equals(body)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
