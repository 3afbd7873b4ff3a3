import { describe, expect, it } from "vitest";
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_LENGTH_PREFIX_BYTES,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  RecordBatch,
} from "../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../protocol/records/builder.ts";
import { compress, compressionCodes } from "../protocol/records/compression.ts";
import { buildMarker } from "../protocol/records/control.ts";
import { validateBatches } from "./batch-validation.ts";
import { type BatchSpec, batchOf, START_MS } from "./log.testing.ts";
import { defaultLogConfig, type LogConfig } from "./log-config.ts";

function bytesOf(spec: BatchSpec = {}): Buffer {
  return Buffer.from(batchOf(spec).bytes());
}

/** The error, or "ok". */
function validate(bytes: Buffer, config: Partial<LogConfig> = {}): string {
  const outcome = validateBatches(bytes, { ...defaultLogConfig, ...config }, START_MS);
  return outcome.ok ? "ok" : outcome.error;
}

/** A sound batch in which one field was changed and the CRC made to match. */
function changed(spec: BatchSpec, change: (bytes: Buffer) => void): Buffer {
  const bytes = bytesOf(spec);
  change(bytes);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_AT);
  return bytes;
}

it.each<[string, BatchSpec]>([
  ["plain", {}],
  ["of an idempotent producer", { producerId: 1, sequence: 5 }],
  ["of a transaction", { producerId: 1, isTransactional: true }],
  ["compressed with gzip", { values: ["a", "b"], compression: 1 }],
  ["compressed with snappy", { values: ["a", "b"], compression: 2 }],
  ["compressed with lz4", { values: ["a", "b"], compression: 3 }],
  ["compressed with zstd", { values: ["a", "b"], compression: 4 }],
  ["without timestamps", { timestamp: -1 }],
])("a batch %s is taken", (_what, spec) => {
  expect(validate(bytesOf(spec))).toBe("ok");
});

it("gives the batch where it lies, without a copy", () => {
  const bytes = bytesOf();
  const outcome = validateBatches(bytes, defaultLogConfig, START_MS);
  expect(outcome.ok && outcome.batches.map((batch) => [batch.buffer.buffer === bytes.buffer, batch.sizeBytes])).toEqual(
    [[true, bytes.length]],
  );
});

describe("the frame", () => {
  it.each<[string, Buffer, string]>([
    ["no bytes", Buffer.alloc(0), "INVALID_RECORD"],
    ["fewer bytes than a header", bytesOf().subarray(0, 60), "CORRUPT_MESSAGE"],
    ["fewer bytes than the batch says", bytesOf().subarray(0, -1), "CORRUPT_MESSAGE"],
    ["two batches", Buffer.concat([bytesOf(), bytesOf()]), "INVALID_RECORD"],
    ["bytes behind the batch", Buffer.concat([bytesOf(), Buffer.alloc(1)]), "INVALID_RECORD"],
    ["a length below a header's", changed({}, (bytes) => bytes.writeInt32BE(48, BATCH_LENGTH_AT)), "CORRUPT_MESSAGE"],
    ["a negative length", changed({}, (bytes) => bytes.writeInt32BE(-1, BATCH_LENGTH_AT)), "CORRUPT_MESSAGE"],
    ["format 0", changed({}, (bytes) => bytes.writeInt8(0, MAGIC_AT)), "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
    ["format 1", changed({}, (bytes) => bytes.writeInt8(1, MAGIC_AT)), "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
    ["a format of the future", changed({}, (bytes) => bytes.writeInt8(3, MAGIC_AT)), "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
  ])("%s: %s", (_what, bytes, error) => {
    expect(validate(bytes)).toBe(error);
  });

  it("cut anywhere is refused", () => {
    const bytes = bytesOf({ values: ["a", "b"] });
    for (let length = 0; length < bytes.length; length++) {
      expect(validate(bytes.subarray(0, length)), `${length} bytes`).not.toBe("ok");
    }
  });

  it("with any wrong bit that its CRC covers is CORRUPT_MESSAGE, after which clients send it again", () => {
    const bytes = bytesOf({ values: ["a", "b"] });
    for (let bit = 8 * CRC_AT; bit < 8 * bytes.length; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(validate(damaged), `bit ${bit}`).toBe("CORRUPT_MESSAGE");
    }
  });

  it("with a wrong bit anywhere is refused, but for the leader epoch, which is the broker's", () => {
    const bytes = bytesOf({ values: ["a", "b"] });
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 1;
      const isLeaderEpoch = at >= 12 && at < 16;
      expect(validate(damaged) === "ok", `byte ${at}`).toBe(isLeaderEpoch);
    }
  });
});

describe("the header", () => {
  it.each<[string, Buffer, string]>([
    ["no records", changed({}, (bytes) => bytes.writeInt32BE(0, RECORD_COUNT_AT)), "INVALID_RECORD"],
    [
      "more offsets than records",
      changed({}, (bytes) => bytes.writeInt32BE(1, LAST_OFFSET_DELTA_AT)),
      "INVALID_RECORD",
    ],
    [
      "more records than have room",
      changed({}, (bytes) => {
        bytes.writeInt32BE(100, RECORD_COUNT_AT);
        bytes.writeInt32BE(99, LAST_OFFSET_DELTA_AT);
      }),
      "INVALID_RECORD",
    ],
    ["negative offsets", changed({}, (bytes) => bytes.writeInt32BE(-1, LAST_OFFSET_DELTA_AT)), "INVALID_RECORD"],
    ["a base offset", changed({}, (bytes) => bytes.writeInt32BE(1, 4)), "INVALID_RECORD"],
    ["an unknown compression", changed({}, (bytes) => bytes.writeInt16BE(5, ATTRIBUTES_AT)), "INVALID_RECORD"],
    ["the log append time", changed({}, (bytes) => bytes.writeInt16BE(8, ATTRIBUTES_AT)), "INVALID_TIMESTAMP"],
    ["a transaction without producer", changed({}, (bytes) => bytes.writeInt16BE(16, ATTRIBUTES_AT)), "INVALID_RECORD"],
    [
      "a producer without epoch",
      changed({}, (bytes) => {
        bytes.writeBigInt64BE(1n, PRODUCER_ID_AT);
        bytes.writeInt16BE(-1, PRODUCER_EPOCH_AT);
      }),
      "INVALID_RECORD",
    ],
    [
      "a producer without sequence",
      changed({ producerId: 1 }, (bytes) => bytes.writeInt32BE(-1, BASE_SEQUENCE_AT)),
      "INVALID_RECORD",
    ],
    [
      "a marker, which only coordinators write",
      buildMarker({ type: "commit", producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, timestamp: START_MS }),
      "INVALID_RECORD",
    ],
  ])("%s: %s", (_what, bytes, error) => {
    expect(validate(bytes)).toBe(error);
  });
});

describe("limits", () => {
  const size = bytesOf().length;

  it.each<[string, Partial<LogConfig>, string]>([
    ["as large as max.message.bytes", { maxMessageBytes: size }, "ok"],
    ["larger than max.message.bytes", { maxMessageBytes: size - 1 }, "MESSAGE_TOO_LARGE"],
    ["as large as a segment", { segmentBytes: size }, "ok"],
    ["larger than a segment", { segmentBytes: size - 1 }, "RECORD_LIST_TOO_LARGE"],
  ])("a batch %s", (_what, config, expected) => {
    expect(validate(bytesOf(), config)).toBe(expected);
  });
});

describe("timestamps", () => {
  it.each<[string, number, Partial<LogConfig>, string]>([
    ["as far ahead as is allowed", START_MS + 1000, { messageTimestampAfterMaxMs: 1000 }, "ok"],
    ["too far ahead", START_MS + 1001, { messageTimestampAfterMaxMs: 1000 }, "INVALID_TIMESTAMP"],
    ["as far behind as is allowed", START_MS - 1000, { messageTimestampBeforeMaxMs: 1000 }, "ok"],
    ["too far behind", START_MS - 1001, { messageTimestampBeforeMaxMs: 1000 }, "INVALID_TIMESTAMP"],
    ["of long ago, without a limit", 0, {}, "ok"],
    ["none, with a limit", -1, { messageTimestampBeforeMaxMs: 1000 }, "ok"],
    [
      "far ahead, when they are replaced anyway",
      START_MS * 2,
      { messageTimestampType: "LogAppendTime", messageTimestampBeforeMaxMs: 0, messageTimestampAfterMaxMs: 0 },
      "ok",
    ],
  ])("%s", (_what, timestamp, config, expected) => {
    expect(validate(bytesOf({ timestamp }), config)).toBe(expected);
  });

  it("each record's counts for the lower bound, not the first one's alone", () => {
    const config = { messageTimestampBeforeMaxMs: 1000 };
    expect(validate(bytesOf({ values: ["a", "b"], timestamp: START_MS - 1001, compression: 2 }), config)).toBe(
      "INVALID_TIMESTAMP",
    );
  });
});

describe("of a batch that is refused for some of its records", () => {
  function refusalOf(records: readonly { readonly key: string | null; readonly aheadMs?: number }[]): unknown {
    const builder = new RecordBatchBuilder();
    for (const { key, aheadMs = 0 } of records)
      builder.append(START_MS + aheadMs, key === null ? null : Buffer.from(key), null);
    const bytes = Buffer.from(builder.build({ isTransactional: false }));
    const config = { cleanupPolicy: ["compact"], messageTimestampAfterMaxMs: 1000 } as const;
    const outcome = validateBatches(bytes, { ...defaultLogConfig, ...config }, START_MS);
    return outcome.ok
      ? "ok"
      : [outcome.error, outcome.recordErrors?.map(({ batchIndex }) => batchIndex), outcome.message];
  }

  it("each is told", () => {
    expect(refusalOf([{ key: "a" }, { key: null }, { key: "b" }, { key: null }])).toEqual([
      "INVALID_RECORD",
      [1, 3],
      "record 1: a compacted topic takes no record without key, and 1 more of the batch's records",
    ]);
  });

  it("a wrong time counts for more than a missing key, as in Apache Kafka", () => {
    expect(refusalOf([{ key: null }, { key: "a", aheadMs: 2000 }])).toEqual([
      "INVALID_TIMESTAMP",
      [0, 1],
      expect.any(String),
    ]);
  });

  it("no more than a thousand are told", () => {
    const [error, told, message] = refusalOf(Array<{ key: null }>(5000).fill({ key: null })) as [
      string,
      number[],
      string,
    ];
    expect(error).toBe("INVALID_RECORD");
    expect(told).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(message).toContain("4999 more");
  });
});

describe("a maximum timestamp below the records'", () => {
  /** Records of START_MS and the two milliseconds behind. */
  function claiming(maxTimestamp: number, compression = 0): Buffer {
    return changed({ values: ["a", "b", "c"], compression }, (bytes) =>
      bytes.writeBigInt64BE(BigInt(maxTimestamp), MAX_TIMESTAMP_AT),
    );
  }

  it.each<[number, number]>([
    [0, 0],
    [-1, 0],
    [START_MS - 1, 0],
    [0, 1],
    [-1, 4],
  ])("%i with codec %i: the records' counts, and the CRC holds", (maxTimestamp, compression) => {
    const bytes = claiming(maxTimestamp, compression);
    expect(validate(bytes)).toBe("ok");
    const batch = new RecordBatch(bytes);
    expect([batch.maxTimestamp, batch.hasValidCrc()]).toEqual([START_MS + 2, true]);
  });

  it("is refused where the records' is too far ahead", () => {
    expect(validate(claiming(0), { messageTimestampAfterMaxMs: 1 })).toBe("INVALID_TIMESTAMP");
  });

  it.each([0, 1])("is refused where the records cannot be read (codec %i)", (compression) => {
    const bytes = claiming(0, compression);
    bytes.fill(0xff, BATCH_HEADER_BYTES);
    bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_AT);
    expect(validate(bytes)).toBe("INVALID_RECORD");
  });

  it("is put right wherever records are looked at, too high ones also", () => {
    const bytes = claiming(START_MS + 1000);
    expect(validate(bytes, { messageTimestampBeforeMaxMs: 1000 })).toBe("ok");
    expect(new RecordBatch(bytes).maxTimestamp).toBe(START_MS + 2);
  });

  it("is left to the broker where it sets the time of the append", () => {
    const bytes = claiming(0);
    expect(validate(bytes, { messageTimestampType: "LogAppendTime" })).toBe("ok");
    expect(new RecordBatch(bytes).maxTimestamp).toBe(0);
  });
});

describe("a compacted topic", () => {
  const config: Partial<LogConfig> = { cleanupPolicy: ["compact"] };

  it("takes records with keys only", () => {
    expect(validate(bytesOf({ key: "k" }), config)).toBe("ok");
    expect(validate(bytesOf(), config)).toBe("INVALID_RECORD");
    expect(validate(bytesOf(), { cleanupPolicy: ["delete"] })).toBe("ok");
  });

  it.each([1, 2, 3, 4])("refuses what cannot be decompressed (codec %i)", (compression) => {
    const damaged = changed({ key: "k", compression }, (bytes) => bytes.fill(0xee, 61));
    expect(validate(damaged, config)).toBe("INVALID_RECORD");
    expect(validate(damaged)).toBe("ok");
  });
});

it("millions of records in a few KB are looked at one by one: memory does not grow with them", () => {
  const smallest = Buffer.from([0x0c, 0, 0, 0, 1, 0, 0]);
  const count = 3_000_000;
  const payload = compress(compressionCodes.zstd, Buffer.alloc(count * smallest.length, smallest));
  const batch = new RecordBatch(Buffer.concat([bytesOf().subarray(0, BATCH_HEADER_BYTES), payload]));
  batch.buffer.writeInt32BE(batch.buffer.length - BATCH_LENGTH_PREFIX_BYTES, BATCH_LENGTH_AT);
  batch.buffer.writeInt16BE(compressionCodes.zstd, ATTRIBUTES_AT);
  batch.buffer.writeInt32BE(count - 1, LAST_OFFSET_DELTA_AT);
  batch.buffer.writeInt32BE(count, RECORD_COUNT_AT);
  batch.buffer.writeUInt32BE(batch.computeCrc(), CRC_AT);
  expect(batch.sizeBytes).toBeLessThan(10_000);
  const before = process.memoryUsage().heapTotal;
  expect(validate(batch.buffer, { messageTimestampBeforeMaxMs: 1000 })).toBe("ok");
  expect(process.memoryUsage().heapTotal - before).toBeLessThan(100_000_000);
});
