/** The settings of one partition's log: Kafka's topic settings of the same names. Times in ms; "no limit" (Kafka's -1) is
 * Infinity. */
export interface LogConfig {
  /** "fsync": acknowledged means durable, and only what is durable is read. "os": the operating system decides when bytes
   * reach the disk, as with Apache Kafka's defaults. */
  readonly durability: "fsync" | "os";
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** segment.index.bytes: a segment whose index would grow beyond it is rolled. */
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly maxMessageBytes: number;
  readonly messageTimestampType: "CreateTime" | "LogAppendTime";
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampAfterMaxMs: number;
  readonly cleanupPolicy: readonly ("delete" | "compact")[];
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** How long compaction keeps tombstones and transaction markers once nothing is left that they end. */
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly minCleanableDirtyRatio: number;
  /** producer.id.expiration.ms, a setting of the broker. */
  readonly producerIdExpirationMs: number;
  /** Behind so many bytes a start after a crash can go on without checking them, once they are synced: a setting of the broker. */
  readonly recoveryPointIntervalBytes: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Kafka's defaults, but for `durability`. */
export const defaultLogConfig: LogConfig = {
  durability: "fsync",
  segmentBytes: 1024 ** 3,
  segmentMs: 7 * DAY_MS,
  segmentIndexBytes: 10 * 1024 ** 2,
  indexIntervalBytes: 4096,
  maxMessageBytes: 1024 ** 2 + 12,
  messageTimestampType: "CreateTime",
  messageTimestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  messageTimestampAfterMaxMs: 60 * 60 * 1000,
  cleanupPolicy: ["delete"],
  retentionMs: 7 * DAY_MS,
  retentionBytes: Number.POSITIVE_INFINITY,
  deleteRetentionMs: DAY_MS,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  minCleanableDirtyRatio: 0.5,
  producerIdExpirationMs: DAY_MS,
  recoveryPointIntervalBytes: 64 * 1024 ** 2,
};
