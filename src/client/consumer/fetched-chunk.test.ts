import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecordBatch } from "../../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../protocol/records/builder.ts";
import { type CompressionName, compressionCodes } from "../../protocol/records/compression.ts";
import { buildMarker } from "../../protocol/records/control.ts";
import { decodeRecords, type RecordHeader } from "../../protocol/records/record.ts";
import type { ConsumerRecord, TransactionMarker } from "../types.ts";
import { type ChunkOptions, FetchedChunk } from "./fetched-chunk.ts";

interface BatchSpec {
  readonly baseOffset: number;
  readonly values: readonly string[];
  readonly producerId?: number;
  readonly compression?: CompressionName;
}

function batch({ baseOffset, values, producerId, compression = "none" }: BatchSpec): Buffer {
  const builder = new RecordBatchBuilder();
  for (const [i, value] of values.entries()) builder.append(1_000 + i, null, Buffer.from(value));
  const transaction = producerId === undefined ? {} : { producerId, producerEpoch: 0, isTransactional: true };
  const options = { baseOffset, leaderEpoch: 7, compression: compressionCodes[compression], ...transaction };
  return Buffer.from(builder.build(options));
}

function marker(baseOffset: number, producerId: number, type: "commit" | "abort"): Buffer {
  const bytes = buildMarker({ type, producerId, producerEpoch: 3, coordinatorEpoch: 0, timestamp: 0 });
  bytes.writeBigInt64BE(BigInt(baseOffset));
  return bytes;
}

function chunk(records: Uint8Array, options: Partial<ChunkOptions> = {}): FetchedChunk {
  const start = { offset: 0, leaderEpoch: -1 };
  return new FetchedChunk({ topic: "t", partition: 1, records, start, aborted: [], checkCrcs: true, ...options });
}

function takeAll(from: FetchedChunk): ConsumerRecord[] {
  const records: ConsumerRecord[] = [];
  expect(from.take(records, Number.POSITIVE_INFINITY)).toBe(false);
  return records;
}

function values(records: readonly ConsumerRecord[]): string[] {
  return records.map(({ offset, value }) => `${offset}:${value}`);
}

describe("what a fetch brought", () => {
  it.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)(
    "is handed out in order, compressed by %s",
    (compression) => {
      const bytes = Buffer.concat([
        batch({ baseOffset: 0, values: ["a", "b"], compression }),
        batch({ baseOffset: 2, values: ["c"], compression }),
      ]);
      const records = takeAll(chunk(bytes));
      expect(values(records)).toEqual(["0:a", "1:b", "2:c"]);
      expect(records[1]).toMatchObject({ topic: "t", partition: 1, timestamp: 1_001, leaderEpoch: 7, key: null });
    },
  );

  it("is handed out as much at a time as is asked for; the position follows", () => {
    const fetched = chunk(
      Buffer.concat([batch({ baseOffset: 0, values: ["a", "b"] }), batch({ baseOffset: 2, values: ["c"] })]),
    );
    const records: ConsumerRecord[] = [];
    expect(fetched.end).toEqual({ offset: 3, leaderEpoch: 7 });
    expect(fetched.take(records, 1)).toBe(true);
    expect(fetched.position).toEqual({ offset: 1, leaderEpoch: 7 });
    expect(fetched.take(records, 3)).toBe(true);
    expect(fetched.take(records, 4)).toBe(false);
    expect(values(records)).toEqual(["0:a", "1:b", "2:c"]);
    expect(fetched.position).toEqual({ offset: 3, leaderEpoch: 7 });
  });

  it("leaves out what stands before the position in the first batch", () => {
    const start = { offset: 2, leaderEpoch: -1 };
    expect(values(takeAll(chunk(batch({ baseOffset: 0, values: ["a", "b", "c", "d"] }), { start })))).toEqual([
      "2:c",
      "3:d",
    ]);
  });

  it("leaves out a batch that is cut off at its end: the next fetch begins with it", () => {
    const whole = batch({ baseOffset: 0, values: ["a"] });
    const fetched = chunk(Buffer.concat([whole, batch({ baseOffset: 1, values: ["b"] }).subarray(0, 65)]));
    expect(values(takeAll(fetched))).toEqual(["0:a"]);
    expect(fetched.end.offset).toBe(1);
  });

  it("moves the position over markers and hidden records, also when nothing is left to show", () => {
    const hidden = Buffer.concat([batch({ baseOffset: 4, values: ["a", "b"], producerId: 5 }), marker(6, 5, "abort")]);
    const bytes = Buffer.concat([
      hidden,
      batch({ baseOffset: 7, values: ["c"], producerId: 6 }),
      marker(8, 6, "commit"),
    ]);
    const start = { offset: 4, leaderEpoch: -1 };
    const committed = chunk(bytes, { start, aborted: [{ producerId: 5, firstOffset: 4 }] });
    expect(values(takeAll(committed))).toEqual(["7:c"]);
    expect(committed.position.offset).toBe(9);
    const all = chunk(bytes, { start, aborted: undefined });
    expect(values(takeAll(all))).toEqual(["4:a", "5:b", "7:c"]);
    const onlyHidden = chunk(hidden, {
      start,
      aborted: [{ producerId: 5, firstOffset: 4 }],
    });
    expect(takeAll(onlyHidden)).toEqual([]);
    expect(onlyHidden.position.offset).toBe(7);
  });

  it("tells of markers as they are read over", () => {
    const markers: TransactionMarker[] = [];
    const bytes = Buffer.concat([
      marker(0, 5, "abort"),
      batch({ baseOffset: 1, values: ["a"] }),
      marker(2, 6, "commit"),
    ]);
    const onMarker = (each: TransactionMarker): void => void markers.push(each);
    const fetched = chunk(bytes, { onMarker });
    fetched.take([], 1);
    expect(markers).toEqual([{ topic: "t", partition: 1, offset: 0, type: "abort", producerId: 5, producerEpoch: 3 }]);
    takeAll(fetched);
    expect(markers.map(({ type }) => type)).toEqual(["abort", "commit"]);
  });

  it("moves the position behind a batch whose last records were compacted away", () => {
    const bytes = batch({ baseOffset: 0, values: ["a", "b"] });
    bytes.writeInt32BE(9, 23); // last offset delta
    bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
    const fetched = chunk(bytes);
    expect(values(takeAll(fetched))).toEqual(["0:a", "1:b"]);
    expect(fetched.position.offset).toBe(10);
  });

  it("may be a batch that was compacted empty", () => {
    const bytes = Buffer.from(batch({ baseOffset: 3, values: ["a", "b"] }).subarray(0, 61));
    bytes.writeInt32BE(61 - 12, 8); // length
    bytes.writeInt32BE(0, 57); // record count
    bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
    const fetched = chunk(bytes, { start: { offset: 3, leaderEpoch: -1 } });
    expect(takeAll(fetched)).toEqual([]);
    expect(fetched.position.offset).toBe(5);
  });

  it("has the broker's time where the topic asks for it", () => {
    const bytes = batch({ baseOffset: 0, values: ["a", "b"] });
    new RecordBatch(bytes).assignLogAppendTime(5_000);
    expect(takeAll(chunk(bytes)).map(({ timestamp }) => timestamp)).toEqual([5_000, 5_000]);
  });
});

describe("damage", () => {
  const good = batch({ baseOffset: 0, values: ["a"] });
  const damagedError = { code: "CORRUPT_DATA", message: expect.stringContaining("offset 1 of t-1") };

  function damaged(change: (bytes: Buffer) => void): FetchedChunk {
    const bad = batch({ baseOffset: 1, values: ["b", "c"] });
    change(bad);
    return chunk(Buffer.concat([good, bad, batch({ baseOffset: 3, values: ["d"] })]));
  }

  it.each([
    ["a flipped bit", (bytes: Buffer) => void bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70)],
    ["another format", (bytes: Buffer) => void bytes.writeInt8(1, 16)],
    [
      "a record that is longer than its batch",
      (bytes: Buffer) => {
        bytes[61] = 0x7e;
        bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
      },
    ],
    [
      "more records than there are",
      (bytes: Buffer) => {
        bytes.writeInt32BE(5, 57);
        bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
      },
    ],
    [
      "an unknown compression",
      (bytes: Buffer) => {
        bytes.writeInt16BE(7, 21);
        bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
      },
    ],
  ])("stops at %s, for as long as nobody seeks elsewhere", (_, change) => {
    const fetched = damaged(change);
    const records: ConsumerRecord[] = [];
    expect(() => fetched.take(records, 10)).toThrow(expect.objectContaining(damagedError));
    expect(() => fetched.take(records, 10)).toThrow(expect.objectContaining(damagedError));
    expect(values(records).slice(0, 1)).toEqual(["0:a"]);
    expect(values(records)).not.toContain("3:d");
  });

  it.each([-1, 0, 48])("of a batch's length, %d, comes behind the records before it, too", (length) => {
    const fetched = damaged((bytes) => void bytes.writeInt32BE(length, 8));
    expect(fetched.isBroken).toBe(true);
    expect(fetched.end.offset).toBe(1);
    const records: ConsumerRecord[] = [];
    expect(fetched.take(records, 1)).toBe(true);
    for (let i = 0; i < 2; i++) expect(() => fetched.take(records, 2)).toThrow(expect.objectContaining(damagedError));
    expect(values(records)).toEqual(["0:a"]);
  });

  it("is also what holds no whole batch, as brokers cut off none but the last of several", () => {
    const bytes = batch({ baseOffset: 1, values: ["b", "c"] });
    bytes.writeInt32BE(1_000, 8);
    const fetched = chunk(bytes, { start: { offset: 1, leaderEpoch: -1 } });
    expect(fetched.isBroken).toBe(true);
    expect(() => fetched.take([], 1)).toThrow(expect.objectContaining(damagedError));
  });

  it.each([1, 2])("is told from %d messages of an older format, shorter than a batch's header", (count) => {
    const message = Buffer.alloc(40);
    message.writeBigInt64BE(1n);
    message.writeInt32BE(40 - 12, 8); // size
    message.writeInt8(1, 16); // magic
    const start = { offset: 1, leaderEpoch: -1 };
    const fetched = chunk(Buffer.concat(Array<Buffer>(count).fill(message)), { start });
    const reason = expect.stringContaining("offset 1 of t-1 is damaged: its format is 1, where only 2 can be read");
    expect(() => fetched.take([], 1)).toThrow(expect.objectContaining({ code: "CORRUPT_DATA", message: reason }));
  });

  it("that only a checksum shows is read over when checksums are not looked at", () => {
    const bytes = batch({ baseOffset: 0, values: ["a"] });
    bytes.writeUInt32BE(0, 17);
    expect(values(takeAll(chunk(bytes, { checkCrcs: false })))).toEqual(["0:a"]);
  });
});

it("records are read as the protocol's own decoder reads them", () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((each) => Buffer.from(each)));
  const header = fc.record({ key: fc.string({ maxLength: 5 }), value: bytes });
  const record = fc.record({
    timestamp: fc.integer({ min: 0, max: 2 ** 45 }),
    key: bytes,
    value: bytes,
    headers: fc.array(header, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
      const builder = new RecordBatchBuilder();
      for (const { timestamp, key, value, headers } of records) {
        builder.append(timestamp, key, value, headers as RecordHeader[]);
      }
      const built = builder.build({ baseOffset: 40 });
      const expected = decodeRecords(new RecordBatch(built));
      const read = takeAll(chunk(built));
      expect(read.map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers }))).toEqual(records);
      expect(read.map(({ offset }) => offset)).toEqual(expected.map((_, i) => 40 + i));
      expect(read.map(({ timestamp }) => timestamp)).toEqual(expected.map(({ timestamp }) => timestamp));
    }),
  );
});
