// Records that follow from their index alone, so that whoever reads them can tell whether they are intact.

export interface InteropHeader {
  key: string;
  value: Buffer | null;
}

export interface InteropRecord {
  partition: number;
  timestamp: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: InteropHeader[];
}

export const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Codec = (typeof codecs)[number];

/** The same rule as `Records.record` in the Java client. */
export function interopRecord(index: number, partitions: number, valueSize: number, baseTime: number): InteropRecord {
  const headers: InteropHeader[] = [{ key: "index", value: Buffer.from(String(index)) }];
  if (index % 4 === 1) headers.push({ key: "empty", value: Buffer.alloc(0) });
  if (index % 4 === 2) headers.push({ key: "none", value: null });
  return {
    partition: index % partitions,
    timestamp: baseTime + index,
    key: index % 10 === 7 ? null : Buffer.from(`key-${index}`),
    value: index % 10 === 9 ? null : Buffer.from(`value-${index}:${filler(index, valueSize)}`),
    headers,
  };
}

/** Hex digits from a linear congruential generator: compressible, but not to nothing. */
function filler(seed: number, size: number): string {
  let text = "";
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    text += "0123456789abcdef".charAt((state >>> 16) & 15);
  }
  return text;
}

/** Records as one comparable line each; offsets are left to the caller. */
export function describeRecord(record: InteropRecord): string {
  const bytes = (value: Buffer | null): string | null => (value === null ? null : value.toString("latin1"));
  const headers = record.headers.map((header) => [header.key, bytes(header.value)]);
  return JSON.stringify([record.partition, record.timestamp, bytes(record.key), bytes(record.value), headers]);
}

/** What `count` records look like in each partition, in order. */
export function expectedRecords(
  count: number,
  partitions: number,
  valueSize: number,
  baseTime: number,
): InteropRecord[] {
  const records = Array.from({ length: count }, (_, index) => interopRecord(index, partitions, valueSize, baseTime));
  return byPartition(records);
}

/** Order holds within a partition only; sorting by partition keeps it (the sort is stable). */
export function byPartition<T extends { partition: number }>(records: readonly T[]): T[] {
  return [...records].sort((a, b) => a.partition - b.partition);
}
