import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameReader } from "./frame-reader.ts";

function framed(content: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + content.length, 0);
  frame.writeInt32BE(content.length);
  frame.set(content, 4);
  return frame;
}

describe("frames", () => {
  it("come out whole and in order, however the stream was cut", () => {
    const contents = fc.array(fc.uint8Array({ minLength: 4, maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(contents, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (frames, sizes) => {
        const stream = Buffer.concat(frames.map(framed));
        const received: Buffer[] = [];
        const reader = new FrameReader(100, (frame) => received.push(frame));
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          // Chunks are only valid during the call.
          const chunk = Buffer.from(stream.subarray(at, at + size));
          reader.push(chunk);
          chunk.fill(0xff);
          at += size;
        }
        expect(received.map((frame) => [...frame])).toEqual(frames.map((frame) => [...frame]));
      }),
    );
  });

  it.each([3, 0, -1, 101, 0x48545450])("of %d bytes are none", (length) => {
    const reader = new FrameReader(100, () => expect.unreachable());
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(length);
    expect(() => reader.push(bytes)).toThrow("a frame of");
  });
});
