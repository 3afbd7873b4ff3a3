import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";

function read<T>(bytes: readonly number[], what: (reader: Reader) => T): T {
  const reader = new Reader(Uint8Array.from(bytes));
  const value = what(reader);
  expect(reader.remaining).toBe(0);
  return value;
}

/** The 64-bit zigzag varint as the protocol defines it, the slow way. */
function varlongBytes(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

function int64Bytes(value: bigint): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return [...bytes];
}

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

describe("int64", () => {
  it("is exact up to 2^53 and the nearest double beyond", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: MIN_INT64, max: MAX_INT64 }), (value) => {
        expect(read(int64Bytes(value), (reader) => reader.int64())).toBe(Number(value));
      }),
    );
  });

  it.each([0n, 1n, -1n, 2n ** 31n, 2n ** 32n, -(2n ** 32n), 2n ** 53n - 1n, 2n ** 53n + 1n, MAX_INT64, MIN_INT64])(
    "%s",
    (value) => {
      expect(read(int64Bytes(value), (reader) => reader.int64())).toBe(Number(value));
    },
  );
});

describe("unsigned varint", () => {
  it.each([
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 0x01]],
    [300, [0xac, 0x02]],
    [2 ** 28 - 1, [0xff, 0xff, 0xff, 0x7f]],
    [2 ** 28, [0x80, 0x80, 0x80, 0x80, 0x01]],
    [2 ** 31, [0x80, 0x80, 0x80, 0x80, 0x08]],
    [2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])("%i", (value, bytes) => {
    expect(read(bytes, (reader) => reader.unsignedVarint())).toBe(value);
  });

  it("takes a longer form than needed", () => {
    expect(read([0x80, 0x00], (reader) => reader.unsignedVarint())).toBe(0);
  });

  it.each([
    ["more than 32 bits", [0xff, 0xff, 0xff, 0xff, 0x10]],
    ["a sixth byte", [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ["an end in the middle", [0x80]],
    ["nothing at all", []],
  ])("refuses %s", (_what, bytes) => {
    expect(() => new Reader(Uint8Array.from(bytes)).unsignedVarint()).toThrow(ProtocolError);
  });
});

describe("varint", () => {
  it.each([
    [0, [0]],
    [-1, [1]],
    [1, [2]],
    [63, [0x7e]],
    [-64, [0x7f]],
    [64, [0x80, 0x01]],
    [2 ** 31 - 1, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
    [-(2 ** 31), [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])("%i", (value, bytes) => {
    expect(read(bytes, (reader) => reader.varint())).toBe(value);
  });
});

describe("varlong", () => {
  it.each([
    0n,
    -1n,
    1n,
    2n ** 27n - 1n,
    2n ** 27n,
    -(2n ** 27n) - 1n,
    2n ** 31n,
    -(2n ** 31n),
    2n ** 53n - 1n,
    -(2n ** 53n),
    MAX_INT64,
    MIN_INT64,
  ])("%s", (value) => {
    expect(read(varlongBytes(value), (reader) => reader.varlong())).toBe(Number(value));
  });

  it("is exact for every safe integer, and off by one rounding at most beyond", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(read(varlongBytes(BigInt(value)), (reader) => reader.varlong())).toBe(value === 0 ? 0 : value);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: MIN_INT64, max: MAX_INT64 }), (value) => {
        const got = read(varlongBytes(value), (reader) => reader.varlong());
        expect(Math.abs(got - Number(value))).toBeLessThanOrEqual(2 ** 11);
      }),
    );
  });

  it("refuses more than 64 bits", () => {
    const ten = (last: number): Uint8Array => Uint8Array.from([...Array<number>(9).fill(0xff), last]);
    expect(new Reader(ten(0x01)).varlong()).toBe(-(2 ** 63));
    expect(() => new Reader(ten(0x02)).varlong()).toThrow(ProtocolError);
    expect(() => new Reader(ten(0x80)).varlong()).toThrow(ProtocolError);
  });
});

describe("bounds", () => {
  it("reads nothing beyond its end, though the buffer goes on", () => {
    const reader = new Reader(Uint8Array.from([1, 2, 3, 4, 5]), 1, 3);
    expect(reader.int16()).toBe(0x0203);
    expect(() => reader.int8()).toThrow(ProtocolError);
    expect(() => reader.unsignedVarint()).toThrow(ProtocolError);
    expect(() => reader.view(1)).toThrow(ProtocolError);
    expect(() => reader.skip(1)).toThrow(ProtocolError);
  });

  it("never moves backwards", () => {
    const reader = new Reader(Uint8Array.from([1, 2]));
    reader.int8();
    expect(() => reader.skip(-1)).toThrow(ProtocolError);
    expect(() => reader.view(-1)).toThrow(ProtocolError);
    expect(() => reader.utf8(-1)).toThrow(ProtocolError);
  });

  it("gives views, not copies", () => {
    const bytes = Uint8Array.from([1, 2, 3]);
    const view = new Reader(bytes).view(2);
    bytes[0] = 9;
    expect([...view]).toEqual([9, 2]);
  });

  it("reads a view into a larger buffer", () => {
    const bytes = Uint8Array.from([9, 9, 0, 0, 0, 7]).subarray(2);
    expect(new Reader(bytes).int32()).toBe(7);
  });
});
