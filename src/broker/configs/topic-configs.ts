/**
 * The settings of a topic: every one that Kafka has. Each is honoured, or, where it means nothing on a single broker
 * without tiered storage, takes its default only. Nothing is silently ignored.
 */
import { type CheckedConfigs, type ConfigDefinition, checkConfigs } from "./definition.ts";

export interface TopicConfigDefinition extends ConfigDefinition {
  /** Kafka's name for the broker-wide default. */
  readonly brokerName?: string;
}

const LONG_MAX = "9223372036854775807";
const WEEK_MS = "604800000";
const NO_RECOMPRESSION = "batches are stored as producers compressed them";
const NO_TIERED_STORAGE = "there is no tiered storage";

export const topicConfigDefinitions: readonly TopicConfigDefinition[] = [
  {
    name: "cleanup.policy",
    type: "list",
    defaultValue: "delete",
    oneOf: ["compact", "delete"],
    brokerName: "log.cleanup.policy",
    documentation: "delete: old segments go by time and size; compact: the last record of each key stays; or both.",
  },
  {
    name: "compression.gzip.level",
    type: "int",
    defaultValue: "-1",
    fixed: NO_RECOMPRESSION,
    brokerName: "compression.gzip.level",
    documentation: "The level of gzip when the broker compresses.",
  },
  {
    name: "compression.lz4.level",
    type: "int",
    defaultValue: "9",
    fixed: NO_RECOMPRESSION,
    brokerName: "compression.lz4.level",
    documentation: "The level of lz4 when the broker compresses.",
  },
  {
    name: "compression.type",
    type: "string",
    defaultValue: "producer",
    oneOf: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"],
    fixed: NO_RECOMPRESSION,
    brokerName: "compression.type",
    documentation: "How batches are stored; producer: as they came.",
  },
  {
    name: "compression.zstd.level",
    type: "int",
    defaultValue: "3",
    fixed: NO_RECOMPRESSION,
    brokerName: "compression.zstd.level",
    documentation: "The level of zstd when the broker compresses.",
  },
  {
    name: "delete.retention.ms",
    type: "long",
    defaultValue: "86400000",
    min: 0,
    brokerName: "log.cleaner.delete.retention.ms",
    documentation: "How long compaction keeps tombstones and transaction markers.",
  },
  {
    name: "file.delete.delay.ms",
    type: "long",
    defaultValue: "60000",
    fixed: "files go at once: a fetch has read what it returns before anything else happens",
    brokerName: "log.segment.delete.delay.ms",
    documentation: "How long the files of a deleted segment stay.",
  },
  {
    name: "flush.messages",
    type: "long",
    defaultValue: LONG_MAX,
    min: 1,
    brokerName: "log.flush.interval.messages",
    documentation: "After how many records the log is synced to disk, beyond what the broker's durability asks for.",
  },
  {
    name: "flush.ms",
    type: "long",
    defaultValue: LONG_MAX,
    min: 0,
    brokerName: "log.flush.interval.ms",
    documentation: "After what time the log is synced to disk, beyond what the broker's durability asks for.",
  },
  {
    name: "follower.replication.throttled.replicas",
    type: "list",
    defaultValue: "",
    problem: throttledReplicasProblem,
    documentation: "Followers to throttle. There are none on a single broker.",
  },
  {
    name: "index.interval.bytes",
    type: "int",
    defaultValue: "4096",
    min: 0,
    brokerName: "log.index.interval.bytes",
    documentation: "After how many bytes of log an index entry is added.",
  },
  {
    name: "leader.replication.throttled.replicas",
    type: "list",
    defaultValue: "",
    problem: throttledReplicasProblem,
    documentation: "Leaders to throttle towards their followers. There are none on a single broker.",
  },
  {
    name: "local.retention.bytes",
    type: "long",
    defaultValue: "-2",
    fixed: NO_TIERED_STORAGE,
    brokerName: "log.local.retention.bytes",
    documentation: "How much of the log stays on local disk; -2: as retention.bytes says.",
  },
  {
    name: "local.retention.ms",
    type: "long",
    defaultValue: "-2",
    fixed: NO_TIERED_STORAGE,
    brokerName: "log.local.retention.ms",
    documentation: "How long the log stays on local disk; -2: as retention.ms says.",
  },
  {
    name: "max.compaction.lag.ms",
    type: "long",
    defaultValue: LONG_MAX,
    min: 1,
    brokerName: "log.cleaner.max.compaction.lag.ms",
    documentation: "How long a record may stay uncompacted.",
  },
  {
    name: "max.message.bytes",
    type: "int",
    defaultValue: "1048588",
    min: 0,
    brokerName: "message.max.bytes",
    documentation: "The largest record batch that is taken.",
  },
  {
    name: "message.timestamp.after.max.ms",
    type: "long",
    defaultValue: "3600000",
    min: 0,
    brokerName: "log.message.timestamp.after.max.ms",
    documentation: "How far a record's timestamp may lie ahead of the broker's clock.",
  },
  {
    name: "message.timestamp.before.max.ms",
    type: "long",
    defaultValue: LONG_MAX,
    min: 0,
    brokerName: "log.message.timestamp.before.max.ms",
    documentation: "How far a record's timestamp may lie behind the broker's clock.",
  },
  {
    name: "message.timestamp.type",
    type: "string",
    defaultValue: "CreateTime",
    oneOf: ["CreateTime", "LogAppendTime"],
    brokerName: "log.message.timestamp.type",
    documentation: "Whether records keep their producer's timestamp or get the time of the append.",
  },
  {
    name: "min.cleanable.dirty.ratio",
    type: "double",
    defaultValue: "0.5",
    min: 0,
    max: 1,
    brokerName: "log.cleaner.min.cleanable.ratio",
    documentation: "What part of the log must be uncompacted before compaction runs.",
  },
  {
    name: "min.compaction.lag.ms",
    type: "long",
    defaultValue: "0",
    min: 0,
    brokerName: "log.cleaner.min.compaction.lag.ms",
    documentation: "How long a record stays uncompacted at least.",
  },
  {
    name: "min.insync.replicas",
    type: "int",
    defaultValue: "1",
    min: 1,
    brokerName: "min.insync.replicas",
    documentation: "How many replicas must hold a record that acks=all confirms; never more than a partition has.",
  },
  {
    name: "preallocate",
    type: "boolean",
    defaultValue: "false",
    fixed: "segments grow as they are written",
    brokerName: "log.preallocate",
    documentation: "Whether a new segment takes its full size at once.",
  },
  {
    name: "remote.log.copy.disable",
    type: "boolean",
    defaultValue: "false",
    fixed: NO_TIERED_STORAGE,
    documentation: "Stops copying to tiered storage.",
  },
  {
    name: "remote.log.delete.on.disable",
    type: "boolean",
    defaultValue: "false",
    fixed: NO_TIERED_STORAGE,
    documentation: "Whether turning tiered storage off deletes what it holds.",
  },
  {
    name: "remote.storage.enable",
    type: "boolean",
    defaultValue: "false",
    fixed: NO_TIERED_STORAGE,
    documentation: "Turns tiered storage on.",
  },
  {
    name: "retention.bytes",
    type: "long",
    defaultValue: "-1",
    min: -1,
    brokerName: "log.retention.bytes",
    documentation: "The size of a partition beyond which old segments are deleted; -1: none.",
  },
  {
    name: "retention.ms",
    type: "long",
    defaultValue: WEEK_MS,
    min: -1,
    brokerName: "log.retention.ms",
    documentation: "The age beyond which segments are deleted; -1: none.",
  },
  {
    name: "segment.bytes",
    type: "int",
    defaultValue: "1073741824",
    // Kafka's limit since 4.0 (KIP-1030).
    min: 1024 * 1024,
    brokerName: "log.segment.bytes",
    documentation: "The size at which a new segment begins.",
  },
  {
    name: "segment.index.bytes",
    type: "int",
    defaultValue: "10485760",
    min: 4,
    brokerName: "log.index.size.max.bytes",
    documentation: "The size of an index at which a new segment begins.",
  },
  {
    name: "segment.jitter.ms",
    type: "long",
    defaultValue: "0",
    fixed: "segments roll as they fill, and so at different times",
    brokerName: "log.roll.jitter.ms",
    documentation: "By how much of segment.ms the rolls of different partitions spread at random.",
  },
  {
    name: "segment.ms",
    type: "long",
    defaultValue: WEEK_MS,
    min: 1,
    brokerName: "log.roll.ms",
    documentation: "The age at which a new segment begins.",
  },
  {
    name: "unclean.leader.election.enable",
    type: "boolean",
    defaultValue: "false",
    brokerName: "unclean.leader.election.enable",
    documentation: "Whether a replica that lags may lead. A single broker has no such replica.",
  },
];

const byName: ReadonlyMap<string, TopicConfigDefinition> = new Map(
  topicConfigDefinitions.map((definition) => [definition.name, definition]),
);

export function topicConfigDefinition(name: string): TopicConfigDefinition | undefined {
  return byName.get(name);
}

/** Why settings do not go together that are allowed each by itself. `effective`: what counts for the topic, defaults included. */
export function topicConfigsConflict(effective: (name: string) => string): string | undefined {
  const min = effective("min.compaction.lag.ms");
  const max = effective("max.compaction.lag.ms");
  if (BigInt(min) <= BigInt(max)) return undefined;
  return `conflict topic config setting min.compaction.lag.ms (${min}) > max.compaction.lag.ms (${max})`;
}

/** Checks settings that were given for a topic and brings their values into canonical form. */
export function checkTopicConfigs(given: Iterable<readonly [string, string | null]>): CheckedConfigs {
  return checkConfigs("topic", topicConfigDefinition, given);
}

function throttledReplicasProblem(value: string): string | undefined {
  const replicas = value.split(",").filter((replica) => replica !== "");
  if (replicas.join() === "*" || replicas.every((replica) => /^\d+:\d+$/.test(replica))) return undefined;
  return "it must be * or a list of partition:broker";
}
