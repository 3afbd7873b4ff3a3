/** From the settings of a topic, which are texts, to those of its partitions' logs. Pure. */

import type { LogConfig } from "../../log/log-config.ts";
import { defined } from "../../platform/assert.ts";
import type { BrokerConfig } from "../options.ts";
import { topicConfigDefinition } from "./topic-configs.ts";

const LONG_MAX = "9223372036854775807";

/** The value that counts for a topic: its own, the broker's default, or Kafka's. */
export function effectiveConfig(
  name: string,
  own: ReadonlyMap<string, string>,
  broker: Pick<BrokerConfig, "topicDefaults">,
): string {
  return own.get(name) ?? broker.topicDefaults.get(name) ?? defined(topicConfigDefinition(name)).defaultValue;
}

export function logConfigOf(own: ReadonlyMap<string, string>, broker: BrokerConfig): LogConfig {
  const text = (name: string): string => effectiveConfig(name, own, broker);
  const number = (name: string): number => Number(text(name));
  const limit = (name: string): number => (text(name) === "-1" ? Number.POSITIVE_INFINITY : number(name));
  // Syncing each append is the most that flush.messages and flush.ms can ask for.
  const asksForSync = text("flush.messages") !== LONG_MAX || text("flush.ms") !== LONG_MAX;
  const cleanupPolicy = text("cleanup.policy").split(",").filter(isCleanupPolicy);
  const isCompacted = cleanupPolicy.includes("compact");
  return {
    durability: asksForSync ? "fsync" : broker.durability,
    segmentBytes: number("segment.bytes"),
    // As in Apache Kafka: only what is in a segment that has ended can be compacted.
    segmentMs: isCompacted ? Math.min(number("segment.ms"), number("max.compaction.lag.ms")) : number("segment.ms"),
    segmentIndexBytes: number("segment.index.bytes"),
    indexIntervalBytes: number("index.interval.bytes"),
    maxMessageBytes: number("max.message.bytes"),
    messageTimestampType: text("message.timestamp.type") === "LogAppendTime" ? "LogAppendTime" : "CreateTime",
    messageTimestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
    messageTimestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    cleanupPolicy,
    retentionMs: limit("retention.ms"),
    retentionBytes: limit("retention.bytes"),
    deleteRetentionMs: number("delete.retention.ms"),
    minCompactionLagMs: number("min.compaction.lag.ms"),
    maxCompactionLagMs: number("max.compaction.lag.ms"),
    minCleanableDirtyRatio: number("min.cleanable.dirty.ratio"),
    producerIdExpirationMs: broker.producerIdExpirationMs,
    recoveryPointIntervalBytes: broker.recoveryPointIntervalBytes,
  };
}

function isCleanupPolicy(text: string): text is "delete" | "compact" {
  return text === "delete" || text === "compact";
}
