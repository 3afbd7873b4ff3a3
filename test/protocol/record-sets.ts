// The records of the golden batches: the same rules as in test/interop/java's RecordBatches.

import { RecordBatchBuilder } from "../../src/protocol/records/builder.ts";
import { type CompressionName, compressionCodes } from "../../src/protocol/records/compression.ts";
import type { LogRecord, RecordHeader } from "../../src/protocol/records/record.ts";

const baseTimestamp = 1_700_000_000_000;

type SetName = "small" | "large";

/** Everything of a batch but its compression. */
export interface RecordSet {
  readonly baseOffset: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  readonly records: readonly LogRecord[];
}

function record(
  offset: number,
  timestamp: number,
  key: string | null,
  value: string | null,
  headers: readonly RecordHeader[] = [],
): LogRecord {
  const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
  return { offset, timestamp, key: bytes(key), value: bytes(value), headers };
}

export const recordSets: { readonly [N in SetName]: RecordSet } = {
  /** A record of every shape. */
  small: {
    baseOffset: 1000,
    baseSequence: 7,
    isTransactional: true,
    records: [
      record(1000, baseTimestamp, "key", "value"),
      record(1001, baseTimestamp + 1, null, "no key"),
      record(1002, baseTimestamp - 1, "no value", null),
      record(1003, baseTimestamp + 100_000_000_000, "", ""),
      record(1004, baseTimestamp + 2, "k", "v", [
        { key: "trace", value: Buffer.from("abc") },
        { key: "", value: null },
        { key: "größe", value: Buffer.from([0, 0xff]) },
      ]),
    ],
  },
  /** More than one block of every codec: 80 KB. */
  large: {
    baseOffset: 0,
    baseSequence: 0,
    isTransactional: false,
    records: Array.from({ length: 400 }, (_, i) =>
      record(i, baseTimestamp + i, `key-${i % 7}`, `value ${i % 10} `.repeat(25)),
    ),
  },
};

/** The batch that Java's `write` prints for a set, as our builder makes it. */
export function buildSet(set: RecordSet, compression: CompressionName): Buffer {
  const builder = new RecordBatchBuilder();
  for (const { timestamp, key, value, headers } of set.records) builder.append(timestamp, key, value, headers);
  return builder.build({
    compression: compressionCodes[compression],
    baseOffset: set.baseOffset,
    leaderEpoch: 5,
    producerId: 4000,
    producerEpoch: 3,
    baseSequence: set.baseSequence,
    isTransactional: set.isTransactional,
  });
}
