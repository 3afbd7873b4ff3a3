import type { TopicPartition } from "../../../client/index.ts";
import type { History, PartitionReads, SentRecord } from "../history.ts";
import type { StoredPartition, StoredRecord } from "./stored-partition.ts";

/** What a world leaves behind once it has come to rest. */
export interface Evidence {
  readonly history: History;
  /** Every partition, those of internal topics too, by name. */
  readonly stored: ReadonlyMap<string, StoredPartition>;
  /** What each group has committed, by partition. */
  readonly committed: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Something that must hold in every world. */
export interface Invariant {
  readonly name: string;
  /** What holds, in a sentence. */
  readonly promise: string;
  /** How much there was that could have broken it: of nothing, everything is true. */
  examined(evidence: Evidence): number;
  /** Each violation in a sentence; none when it holds. */
  violations(evidence: Evidence): Iterable<string>;
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** What a reader of that isolation is to see. */
export function visible(stored: StoredPartition, isolation: "read_committed" | "read_uncommitted"): StoredRecord[] {
  if (isolation === "read_uncommitted") return [...stored.records];
  return stored.records.filter(({ fate }) => fate === "plain" || fate === "committed");
}

/** Whether the record may have been deleted with the log's start. */
export function isTrimmed({ stored }: Evidence, sent: SentRecord): boolean {
  const startOffset = stored.get(nameOf(sent))?.startOffset ?? 0;
  return startOffset > 0 && sent.offset < startOffset;
}

export function readCount(reads: readonly PartitionReads[]): number {
  return reads.reduce((sum, { records }) => sum + records.length, 0);
}

/** The partitions that the workloads sent records to themselves. Elsewhere (in Streams' topics) a record may carry the name of
 * the one that it was made of. */
export function namedPartitions({ history, stored }: Evidence): StoredPartition[] {
  const topics = new Set([...history.sent.values()].map(({ topic }) => topic));
  return [...stored.values()].filter(({ topic }) => topics.has(topic));
}
