import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../protocol-error.ts";
import { MAGIC_AT, RECORD_COUNT_AT, RecordBatch } from "./batch.ts";
import { estimateRecordSize, RecordBatchBuilder } from "./builder.ts";
import { type CompressionName, compressionCodes, decompress } from "./compression.ts";
import { decodeRecords } from "./record.ts";

interface Input {
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

const bytes = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 30 }).map((each) => Buffer.from(each)),
    // Lengths around which their own encoding grows.
    fc.constantFrom(63, 64, 8191, 8192).map((length) => Buffer.alloc(length, 1)),
  ),
  { nil: null },
);
const timestamps = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }),
  fc.constantFrom(-1, 0, 2 ** 31, 2 ** 42, Number.MAX_SAFE_INTEGER),
);
const inputs: fc.Arbitrary<Input> = fc.record({
  timestamp: timestamps,
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string({ unit: "binary", maxLength: 5 }), value: bytes }), { maxLength: 3 }),
});
const inputLists = fc.array(inputs, { minLength: 1, maxLength: 12 });
const codecs = fc.constantFrom(...(Object.keys(compressionCodes) as CompressionName[]));

function build(list: readonly Input[], codec: CompressionName = "none"): RecordBatch {
  const builder = new RecordBatchBuilder(16);
  for (const { timestamp, key, value, headers } of list) builder.append(timestamp, key, value, headers);
  expect(builder.recordCount).toBe(list.length);
  return new RecordBatch(builder.build({ compression: compressionCodes[codec], baseOffset: 100 }));
}

describe("records", () => {
  it("come out as they went in, whatever the codec", () => {
    fc.assert(
      fc.property(inputLists, codecs, (list, codec) => {
        const batch = build(list, codec);
        expect(batch.hasValidCrc()).toBe(true);
        expect(batch.maxTimestamp).toBe(Math.max(...list.map(({ timestamp }) => timestamp)));
        expect(decodeRecords(batch)).toEqual(list.map((input, i) => ({ offset: 100 + i, ...input })));
      }),
    );
  });

  it("take no more room than estimated, and the builder knows how much", () => {
    fc.assert(
      fc.property(inputLists, (list) => {
        const builder = new RecordBatchBuilder();
        for (const { timestamp, key, value, headers } of list) {
          const before = builder.sizeBytes;
          builder.append(timestamp, key, value, headers);
          expect(builder.sizeBytes - before).toBeLessThanOrEqual(estimateRecordSize(key, value, headers));
        }
        const { sizeBytes } = builder;
        expect(builder.build().length).toBe(sizeBytes);
      }),
    );
  });

  it("a batch can be built again with another producer epoch", () => {
    const builder = new RecordBatchBuilder();
    builder.append(5, null, Buffer.from("v"));
    builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 7 });
    const batch = new RecordBatch(builder.build({ producerId: 1, producerEpoch: 1, baseSequence: 0 }));
    expect(batch).toMatchObject({ producerEpoch: 1, baseSequence: 0 });
    expect(batch.hasValidCrc()).toBe(true);
    expect(decodeRecords(batch)).toHaveLength(1);
  });

  it("an empty batch cannot be built", () => {
    expect(() => new RecordBatchBuilder().build()).toThrow("a batch without records");
  });
});

describe("foreign batches", () => {
  it("are read or refused, and nothing else", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(inputLists, codecs, changes, (list, codec, damage) => {
        const batch = build(list, codec);
        // The header's length is checked where batches are told apart.
        for (const [at, byte] of damage) batch.buffer[12 + (at % (batch.buffer.length - 12))] = byte;
        try {
          decodeRecords(batch);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  const list: Input[] = [1, 2, 3].map((timestamp) => ({ timestamp, key: null, value: Buffer.alloc(20), headers: [] }));

  it.each([-1, 0, 2, 4, 2 ** 31 - 1])("a count of %i instead of 3 is refused", (count) => {
    const batch = build(list);
    batch.buffer.writeInt32BE(count, RECORD_COUNT_AT);
    expect(() => decodeRecords(batch)).toThrow(ProtocolError);
  });

  it("old formats are refused", () => {
    const batch = build(list);
    batch.buffer.writeInt8(1, MAGIC_AT);
    expect(() => decodeRecords(batch)).toThrow(/format 1/);
  });

  it("a compressed batch that grows too much is refused", () => {
    const large = [{ timestamp: 0, key: null, value: Buffer.alloc(100_000), headers: [] }];
    for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
      const batch = build(large, codec);
      expect(() => decompress(batch.compression, batch.payload(), 99_999)).toThrow(ProtocolError);
    }
  });
});
