// Batches written by the Java client (test/interop/record-batches.ts records them) read as what went in, and ours are
// the same bytes where no compressor has a say.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { batchesIn, RecordBatch } from "../../src/protocol/records/batch.ts";
import { type CompressionName, compressionCodes } from "../../src/protocol/records/compression.ts";
import { buildMarker, readMarker } from "../../src/protocol/records/control.ts";
import { decodeRecords } from "../../src/protocol/records/record.ts";
import { buildSet, recordSets } from "./record-sets.ts";

interface GoldenBatch {
  readonly name: "small" | "large" | "commit" | "abort";
  readonly codec: CompressionName;
  /** In hex. */
  readonly batch: string;
}

const file = join(import.meta.dirname, "..", "golden", "record-batches.json");
const golden = (JSON.parse(readFileSync(file, "utf8")) as GoldenBatch[]).map(({ name, codec, batch }) => ({
  name,
  codec,
  batch: new RecordBatch(Buffer.from(batch, "hex")),
}));

describe("data batches of the Java client", () => {
  const data = golden.flatMap(({ name, ...rest }) =>
    name === "small" || name === "large" ? [{ name, set: recordSets[name], ...rest }] : [],
  );

  it("there is one of every codec", () => {
    expect(new Set(data.map(({ codec }) => codec))).toEqual(new Set(Object.keys(compressionCodes)));
  });

  it.each(data)("$name, $codec", ({ set, codec, batch }) => {
    expect(batch.hasValidCrc()).toBe(true);
    expect([...batchesIn(batch.buffer)]).toHaveLength(1);
    expect({ ...headerOf(batch) }).toEqual({
      baseOffset: set.baseOffset,
      lastOffset: set.baseOffset + set.records.length - 1,
      leaderEpoch: 5,
      magic: 2,
      compression: compressionCodes[codec],
      isTransactional: set.isTransactional,
      isControl: false,
      baseTimestamp: set.records[0]?.timestamp,
      maxTimestamp: Math.max(...set.records.map(({ timestamp }) => timestamp)),
      producerId: 4000,
      producerEpoch: 3,
      baseSequence: set.baseSequence,
      lastSequence: set.baseSequence + set.records.length - 1,
      recordCount: set.records.length,
    });
    expect(decodeRecords(batch)).toEqual(set.records);
  });

  it("without compression, ours is the same to the byte", () => {
    const theirs = data.find(({ name, codec }) => name === "small" && codec === "none");
    expect(buildSet(recordSets.small, "none").toString("hex")).toBe(theirs?.batch.buffer.toString("hex"));
  });

  it.each(data)("$name, $codec: ours has the same header, and reads the same", ({ set, codec, batch }) => {
    const ours = new RecordBatch(buildSet(set, codec));
    expect(headerOf(ours)).toEqual(headerOf(batch));
    expect(decodeRecords(ours)).toEqual(set.records);
  });
});

function headerOf(batch: RecordBatch): object {
  const { baseOffset, lastOffset, leaderEpoch, magic, compression, isTransactional, isControl } = batch;
  const { baseTimestamp, maxTimestamp, producerId, producerEpoch, baseSequence, lastSequence, recordCount } = batch;
  return {
    ...{ baseOffset, lastOffset, leaderEpoch, magic, compression, isTransactional, isControl },
    ...{ baseTimestamp, maxTimestamp, producerId, producerEpoch, baseSequence, lastSequence, recordCount },
  };
}

describe("transaction markers of the Java client", () => {
  it.each(["commit", "abort"] as const)("%s", (type) => {
    const theirs = golden.find(({ name }) => name === type)?.batch;
    if (theirs === undefined) throw new Error(`no ${type} marker`);
    expect(readMarker(theirs)).toEqual({ type, coordinatorEpoch: 9 });
    const ours = new RecordBatch(
      buildMarker({
        type,
        producerId: 4000,
        producerEpoch: 3,
        coordinatorEpoch: 9,
        timestamp: theirs.baseTimestamp,
      }),
    );
    ours.assignOffset(77, 5);
    expect(ours.buffer.toString("hex")).toBe(theirs.buffer.toString("hex"));
  });
});
