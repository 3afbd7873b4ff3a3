/** A partition as it lies on the broker's disk: read with a few lines of its own, not with the log that is under test. */
import type { TopicPartition } from "../../src/client/index.ts";
import type { Disk } from "../../src/platform/disk.ts";
import { batchesIn, type RecordBatch } from "../../src/protocol/records/batch.ts";
import { readMarker } from "../../src/protocol/records/control.ts";
import { decodeRecords, type LogRecord } from "../../src/protocol/records/record.ts";
import { checksumOf, ID_HEADER } from "../history.ts";

export interface StoredRecord {
  readonly offset: number;
  readonly id: string | undefined;
  readonly timestamp: number;
  readonly checksum: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly producerId: number;
  /** What became of the transaction that it belongs to. */
  fate: "plain" | "committed" | "aborted" | "open";
}

export interface StoredPartition extends TopicPartition {
  readonly records: readonly StoredRecord[];
  /** Behind the last batch. */
  readonly endOffset: number;
}

/** Every partition of the folder but the cluster's own log. */
export function readStoredPartitions(disk: Disk, dataDir: string): StoredPartition[] {
  return disk.list(dataDir).flatMap((name) => {
    const match = /^(?<topic>.+)-(?<partition>\d+)\/$/.exec(name)?.groups;
    if (!match || match.topic === "__cluster_metadata") return [];
    return [readStoredPartition(disk, dataDir, { topic: match.topic ?? "", partition: Number(match.partition) })];
  });
}

function readStoredPartition(disk: Disk, dataDir: string, { topic, partition }: TopicPartition): StoredPartition {
  const folder = `${dataDir}/${topic}-${partition}`;
  const records: StoredRecord[] = [];
  /** By producer. */
  const undecided = new Map<number, StoredRecord[]>();
  let endOffset = 0;
  for (const name of disk.list(folder).filter((each) => each.endsWith(".log"))) {
    for (const batch of batchesIn(disk.readFile(`${folder}/${name}`))) {
      endOffset = batch.nextOffset;
      if (batch.isControl) decide(batch, undecided);
      else records.push(...takeIn(batch, undecided));
    }
  }
  return { topic, partition, records, endOffset };
}

export function idOf({ headers }: Pick<LogRecord, "headers">): string | undefined {
  const value = headers.find(({ key }) => key === ID_HEADER)?.value;
  return value ? Buffer.from(value).toString() : undefined;
}

function takeIn(batch: RecordBatch, undecided: Map<number, StoredRecord[]>): StoredRecord[] {
  const { producerId, isTransactional } = batch;
  const records = decodeRecords(batch).map((record): StoredRecord => {
    const { offset, timestamp, key, value } = record;
    const fate = isTransactional ? "open" : "plain";
    return { offset, id: idOf(record), timestamp, checksum: checksumOf(key, value), key, value, producerId, fate };
  });
  if (isTransactional) undecided.set(producerId, [...(undecided.get(producerId) ?? []), ...records]);
  return records;
}

function decide(batch: RecordBatch, undecided: Map<number, StoredRecord[]>): void {
  const marker = readMarker(batch);
  for (const record of undecided.get(batch.producerId) ?? []) {
    record.fate = marker?.type === "commit" ? "committed" : "aborted";
  }
  undecided.delete(batch.producerId);
}
