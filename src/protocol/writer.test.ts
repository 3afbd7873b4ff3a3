import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Reader } from "./reader.ts";
import { concat, unsignedVarintSize, Writer } from "./writer.ts";

function written(what: (writer: Writer) => void, initialBytes?: number): Buffer {
  const writer = new Writer(initialBytes);
  what(writer);
  const { length } = writer;
  const bytes = Buffer.from(concat(writer.finish()));
  expect(bytes.length).toBe(length);
  return bytes;
}

describe("int64", () => {
  it.each([
    [0, 0n],
    [-1, -1n],
    [2 ** 31 - 1, 2n ** 31n - 1n],
    [-(2 ** 31), -(2n ** 31n)],
    [2 ** 31, 2n ** 31n],
    [-(2 ** 31) - 1, -(2n ** 31n) - 1n],
    [2 ** 32, 2n ** 32n],
    [2 ** 53 - 1, 2n ** 53n - 1n],
    [-(2 ** 53), -(2n ** 53n)],
    [2 ** 62, 2n ** 62n],
  ])("%d", (value, expected) => {
    expect(written((writer) => writer.int64(value)).readBigInt64BE()).toBe(expected);
  });

  it("2^63 goes out as 2^63 - 1, from which it was read", () => {
    const max = Buffer.alloc(8);
    max.writeBigInt64BE(2n ** 63n - 1n);
    const value = new Reader(max).int64();
    expect(value).toBe(2 ** 63);
    expect(written((writer) => writer.int64(value))).toEqual(max);
    expect(written((writer) => writer.int64(-(2 ** 63))).readBigInt64BE()).toBe(-(2n ** 63n));
  });

  it("refuses what is no integer", () => {
    for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new Writer().int64(value)).toThrow(RangeError);
    }
  });
});

it("an unsigned varint reads as what was written, in the size announced", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (value) => {
      const bytes = written((writer) => writer.unsignedVarint(value));
      expect(bytes.length).toBe(unsignedVarintSize(value));
      expect(new Reader(bytes).unsignedVarint()).toBe(value);
    }),
  );
});

it("refuses numbers that do not fit, and text that is no UUID", () => {
  expect(() => new Writer().int8(128)).toThrow(RangeError);
  expect(() => new Writer().int16(-32769)).toThrow(RangeError);
  expect(() => new Writer().uint16(-1)).toThrow(RangeError);
  expect(() => new Writer().int32(2 ** 31)).toThrow(RangeError);
  expect(() => new Writer().uuid("short")).toThrow(RangeError);
});

it("keeps everything in order while it grows and passes large fields on", () => {
  const piece = fc.uint8Array({ maxLength: 40 });
  const large = fc.integer({ min: 2040, max: 2060 }).map((size) => Buffer.alloc(size, size & 0xff));
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, large), { maxLength: 20 }), (pieces) => {
      const bytes = written((writer) => {
        for (const each of pieces) {
          writer.int32(each.length);
          writer.bytes(each);
        }
      }, 8);
      const expected = pieces.flatMap((each) => {
        const length = Buffer.alloc(4);
        length.writeInt32BE(each.length);
        return [length, each];
      });
      expect(bytes.equals(Buffer.concat(expected))).toBe(true);
    }),
  );
});

it("passes a large field on without a copy", () => {
  const large = Buffer.alloc(5000);
  const writer = new Writer();
  writer.int8(1);
  writer.bytes(large);
  writer.int8(2);
  const pieces = writer.finish();
  expect(pieces).toHaveLength(3);
  expect(pieces[1]).toBe(large);
});

it("a frame begins with the length of what follows, however much that is", () => {
  for (const size of [0, 100, 1000, 5000]) {
    const writer = new Writer(8);
    writer.int32(0);
    for (let i = 0; i < size / 100; i++) writer.bytes(Buffer.alloc(100));
    writer.bytes(Buffer.alloc(size));
    const frame = Buffer.from(concat(writer.finishFrame()));
    expect(frame.readInt32BE()).toBe(frame.length - 4);
    expect(frame.length).toBe(4 + 2 * size);
  }
});
