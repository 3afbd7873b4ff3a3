import { describe, expect, it } from "vitest";
import { emptied } from "../../log/compaction/batch-rewriting.ts";
import { ProtocolError } from "../protocol-error.ts";
import { RecordBatch } from "./batch.ts";
import { RecordBatchBuilder } from "./builder.ts";
import { buildMarker, readMarker } from "./control.ts";

function controlBatch(key: string | null, value: string | null): RecordBatch {
  const bytes = (hex: string | null): Buffer | null => (hex === null ? null : Buffer.from(hex, "hex"));
  const builder = new RecordBatchBuilder();
  builder.append(0, bytes(key), bytes(value));
  return new RecordBatch(builder.build({ isControl: true }));
}

describe("transaction markers", () => {
  it.each(["commit", "abort"] as const)("%s", (type) => {
    const options = { type, producerId: 12, producerEpoch: 3, coordinatorEpoch: 7, timestamp: 1_700_000_000_000 };
    const batch = new RecordBatch(buildMarker(options));
    expect(batch).toMatchObject({
      isControl: true,
      isTransactional: true,
      producerId: 12,
      producerEpoch: 3,
      baseSequence: -1,
      recordCount: 1,
      maxTimestamp: options.timestamp,
    });
    expect(batch.hasValidCrc()).toBe(true);
    expect(readMarker(batch)).toEqual({ type, coordinatorEpoch: 7 });
  });

  it("later versions of key and value are read by what they begin with", () => {
    expect(readMarker(controlBatch("00010001ff", "000100000009ffff"))).toEqual({ type: "commit", coordinatorEpoch: 9 });
  });

  it("control records of other kinds are no markers", () => {
    expect(readMarker(controlBatch("00000002", "0000"))).toBeUndefined();
  });

  it("a batch that compaction has emptied is no marker", () => {
    const options = { type: "commit", producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 0 } as const;
    expect(readMarker(emptied(new RecordBatch(buildMarker(options))))).toBeUndefined();
  });

  it.each([
    ["no key", null, "000000000000"],
    ["half a key", "0000", "000000000000"],
    ["no value", "00000001", null],
    ["half a value", "00000001", "0000"],
  ])("%s is refused", (_what, key, value) => {
    expect(() => readMarker(controlBatch(key, value))).toThrow(ProtocolError);
  });
});
