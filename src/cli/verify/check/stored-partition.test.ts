import { expect, it } from "vitest";
import { RecordBatchBuilder } from "../../../protocol/records/builder.ts";
import { StoredPartitionReader } from "./stored-partition.ts";

/** Of one record. */
function batchAt(offset: number): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.append(0, null, Buffer.from("value"));
  const bytes = Buffer.from(builder.build({}));
  bytes.writeBigInt64BE(BigInt(offset));
  return bytes;
}

it("a log ends behind its last batch", () => {
  const reader = new StoredPartitionReader({ topic: "t", partition: 0 }, 28);
  reader.add(batchAt(28));
  expect(reader.result()).toMatchObject({ startOffset: 28, endOffset: 29, records: [{ offset: 28 }] });
});

it("and not in front of its start, whatever is left from before", () => {
  const reader = new StoredPartitionReader({ topic: "t", partition: 0 }, 32);
  reader.add(batchAt(28));
  expect(reader.result()).toMatchObject({ startOffset: 32, endOffset: 32, records: [] });
});
