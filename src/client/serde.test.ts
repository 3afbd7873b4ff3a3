import { describe, expect, it } from "vitest";
import { serdes } from "./serde.ts";

describe("serdes", () => {
  it.each([
    ["string", serdes.string, "héllo ☃", "68c3a96c6c6f20e29883"],
    ["int32", serdes.int32, -2, "fffffffe"],
    ["int64", serdes.int64, -(2 ** 53) + 1, "ffe0000000000001"],
    ["float64", serdes.float64, -0.5, "bfe0000000000000"],
    ["json", serdes.json<number[]>(), [1, 2], "5b312c325d"],
  ] as const)("%s writes as the Java client does, and reads it again", (_, serde, value, bytes) => {
    const { serialize, deserialize } = serde as {
      serialize(v: unknown): Uint8Array;
      deserialize(b: Uint8Array): unknown;
    };
    expect(Buffer.from(serialize(value)).toString("hex")).toBe(bytes);
    expect(deserialize(Uint8Array.from(Buffer.from(bytes, "hex")))).toEqual(value);
  });

  it("hands bytes through", () => {
    const bytes = new Uint8Array([1, 2]);
    expect(serdes.bytes.deserialize(serdes.bytes.serialize(bytes))).toBe(bytes);
  });

  it.each([serdes.int32, serdes.int64, serdes.float64])("refuses another number of bytes", (serde) => {
    expect(() => serde.deserialize(new Uint8Array(5))).toThrow(RangeError);
  });

  it("refuses what is no int64, or not exact", () => {
    expect(() => serdes.int64.serialize(1.5)).toThrow(RangeError);
    expect(() => serdes.int64.serialize(2 ** 63)).toThrow(RangeError);
  });
});
