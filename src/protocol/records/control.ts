/** Control records: the markers that end a transaction in each of its partitions. Pure. Source: KIP-98. */
import { ProtocolError } from "../protocol-error.ts";
import { Reader } from "../reader.ts";
import type { RecordBatch } from "./batch.ts";
import { RecordBatchBuilder } from "./builder.ts";
import { decodeRecords } from "./record.ts";

export type MarkerType = "abort" | "commit";

const ABORT = 0;
const COMMIT = 1;

/** The batch that ends a producer's transaction in one partition. */
export function buildMarker(options: {
  readonly type: MarkerType;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
}): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(options.type === "commit" ? COMMIT : ABORT, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(options.coordinatorEpoch, 2);
  const builder = new RecordBatchBuilder(128);
  builder.append(options.timestamp, key, value);
  return builder.build({
    producerId: options.producerId,
    producerEpoch: options.producerEpoch,
    isTransactional: true,
    isControl: true,
  });
}

/** What a control batch says; undefined for control records of other kinds, which readers skip, and of a batch that Apache Kafka's compaction
 * has emptied and kept for its place. */
export function readMarker(
  batch: RecordBatch,
): { readonly type: MarkerType; readonly coordinatorEpoch: number } | undefined {
  if (batch.recordCount === 0) return undefined;
  const record = decodeRecords(batch)[0];
  if (!record?.key) throw new ProtocolError("a control batch without a record");
  const key = new Reader(record.key);
  key.int16(); // version
  const type = key.int16();
  if (type !== ABORT && type !== COMMIT) return undefined;
  const value = new Reader(record.value ?? new Uint8Array(0));
  value.int16(); // version
  return { type: type === COMMIT ? "commit" : "abort", coordinatorEpoch: value.int32() };
}
