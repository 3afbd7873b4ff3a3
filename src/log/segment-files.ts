/** Names of the files in a partition's folder: Apache Kafka's, and a few of our own. */

export type SegmentFileKind = "log" | "index" | "timeindex" | "txnindex" | "indexcrc" | "snapshot";

/** Those of one segment. The log file goes first: the others are nothing without it. */
export const SEGMENT_FILE_KINDS: readonly SegmentFileKind[] = ["log", "index", "timeindex", "txnindex", "indexcrc"];

export const METADATA_FILE = "partition.metadata";
export const EPOCHS_FILE = "leader-epoch-checkpoint";
/** Apache Kafka keeps one such file for a whole data folder; here each partition has its own. */
export const LOG_START_FILE = "log-start-offset-checkpoint";
/** Says that a sync has failed; see `FailedSync`. */
export const FAILED_SYNC_FILE = "failed-sync";

/** "00000000000000000042.log" */
export function segmentFileName(offset: number, kind: SegmentFileKind): string {
  return `${String(offset).padStart(20, "0")}.${kind}`;
}

/** The offset and kind that a name tells; undefined for other files. */
export function parseSegmentFileName(
  name: string,
): { readonly offset: number; readonly kind: SegmentFileKind } | undefined {
  const match = /^(\d{20})\.(log|index|timeindex|txnindex|indexcrc|snapshot)$/.exec(name);
  return match ? { offset: Number(match[1]), kind: match[2] as SegmentFileKind } : undefined;
}
