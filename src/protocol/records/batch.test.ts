import { describe, expect, it } from "vitest";
import { ProtocolError } from "../protocol-error.ts";
import { addSequence, BATCH_HEADER_BYTES, batchesIn, NO_SEQUENCE, RecordBatch } from "./batch.ts";
import { type BatchOptions, RecordBatchBuilder } from "./builder.ts";
import { decodeRecords } from "./record.ts";

const now = 1_700_000_000_000;

function batchOf(values: readonly string[], options: BatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder();
  for (const [i, value] of values.entries()) builder.append(now + i, null, Buffer.from(value));
  return builder.build(options);
}

describe("header", () => {
  it("reads what was built, at any place in a buffer", () => {
    const bytes = batchOf(["a", "b", "c"], {
      baseOffset: 2 ** 40,
      leaderEpoch: 3,
      producerId: 2 ** 33,
      producerEpoch: 32767,
      baseSequence: 2 ** 31 - 2,
      isTransactional: true,
    });
    const batch = new RecordBatch(Buffer.concat([Buffer.alloc(9, 0xff), bytes]), 9);
    expect(batch).toMatchObject({
      baseOffset: 2 ** 40,
      lastOffset: 2 ** 40 + 2,
      nextOffset: 2 ** 40 + 3,
      sizeBytes: bytes.length,
      leaderEpoch: 3,
      magic: 2,
      baseTimestamp: now,
      maxTimestamp: now + 2,
      hasProducerId: true,
      producerId: 2 ** 33,
      producerEpoch: 32767,
      baseSequence: 2 ** 31 - 2,
      lastSequence: 0,
      recordCount: 3,
      compression: 0,
      isTransactional: true,
      isControl: false,
      hasLogAppendTime: false,
    });
    expect(batch.hasValidCrc()).toBe(true);
    expect(batch.bytes().equals(bytes)).toBe(true);
  });

  it("a batch without a producer has no sequences", () => {
    expect(new RecordBatch(batchOf(["a"]))).toMatchObject({ hasProducerId: false, lastSequence: NO_SEQUENCE });
  });

  it("sequences wrap behind 2^31 - 1", () => {
    expect(addSequence(2 ** 31 - 1, 0)).toBe(2 ** 31 - 1);
    expect(addSequence(2 ** 31 - 1, 1)).toBe(0);
    expect(addSequence(2 ** 31 - 1, 2 ** 31 - 1)).toBe(2 ** 31 - 2);
  });

  it("needs all its bytes", () => {
    expect(() => new RecordBatch(Buffer.alloc(BATCH_HEADER_BYTES - 1))).toThrow(ProtocolError);
    expect(() => new RecordBatch(Buffer.alloc(BATCH_HEADER_BYTES), 1)).toThrow(ProtocolError);
  });
});

describe("CRC", () => {
  it("covers every byte behind it", () => {
    const bytes = batchOf(["value"]);
    for (let at = 21; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(new RecordBatch(damaged).hasValidCrc(), `byte ${at}`).toBe(false);
    }
  });

  it("does not cover where the batch lies in the log", () => {
    const batch = new RecordBatch(batchOf(["a", "b"]));
    batch.assignOffset(2 ** 53 - 2, 12);
    expect(batch).toMatchObject({ baseOffset: 2 ** 53 - 2, lastOffset: 2 ** 53 - 1, leaderEpoch: 12 });
    expect(batch.hasValidCrc()).toBe(true);
  });
});

it("log append time replaces the time of every record", () => {
  const batch = new RecordBatch(batchOf(["a", "b"]));
  batch.assignLogAppendTime(now + 5000);
  expect(batch).toMatchObject({ hasLogAppendTime: true, maxTimestamp: now + 5000 });
  expect(batch.hasValidCrc()).toBe(true);
  expect(decodeRecords(batch).map(({ timestamp }) => timestamp)).toEqual([now + 5000, now + 5000]);
});

describe("batches in a row", () => {
  const first = batchOf(["one"]);
  const second = batchOf(["two", "three"], { baseOffset: 1 });
  const both = Buffer.concat([first, second]);

  it("come one after the other, the one that is cut off left out", () => {
    for (let length = 0; length <= both.length; length++) {
      const found = [...batchesIn(both.subarray(0, length))].map(({ baseOffset }) => baseOffset);
      expect(found).toEqual(length < first.length ? [] : length < both.length ? [0] : [0, 1]);
    }
  });

  it("a size that cannot be one is refused", () => {
    for (const size of [-1, 0, BATCH_HEADER_BYTES - 13, -(2 ** 31)]) {
      const bytes = Buffer.from(both);
      bytes.writeInt32BE(size, first.length + 8);
      const batches = batchesIn(bytes);
      expect(batches.next().done).toBe(false);
      expect(() => batches.next()).toThrow(ProtocolError);
    }
  });
});
