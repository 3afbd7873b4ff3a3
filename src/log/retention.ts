/** When the oldest segment of a log may go. Pure. */
import type { LogConfig } from "./log-config.ts";

interface OldestSegment {
  readonly sizeBytes: number;
  readonly nextOffset: number;
  /** Its highest; -1 when its records have none. */
  readonly maxTimestamp: number;
}

/** Whether the log start offset, retention.bytes or retention.ms lets a segment go. Source: UnifiedLog.deleteOldSegments. */
export function isExpired(
  segment: OldestSegment,
  log: { readonly sizeBytes: number; readonly logStartOffset: number },
  config: LogConfig,
  now: number,
): boolean {
  if (segment.nextOffset <= log.logStartOffset) return true;
  if (!config.cleanupPolicy.includes("delete")) return false;
  return log.sizeBytes - segment.sizeBytes >= config.retentionBytes || isTooOld(segment.maxTimestamp, config, now);
}

/** Whether a segment that is written to has to end, so that what it holds can go: after retention.ms all of it, and at any time
 * with retention.bytes=0; after max.compaction.lag.ms what is not the latest of its key. */
export function mustRoll(
  { first, latest }: { readonly first: number; readonly latest: number },
  config: LogConfig,
  now: number,
): boolean {
  if (isTooOld(latest, config, now)) return true;
  if (config.cleanupPolicy.includes("delete") && config.retentionBytes === 0) return true;
  if (!config.cleanupPolicy.includes("compact") || config.maxCompactionLagMs >= now) return false;
  return first >= 0 && now - first > config.maxCompactionLagMs;
}

/** Whether all records up to that timestamp are older than retention.ms. */
function isTooOld(maxTimestamp: number, config: LogConfig, now: number): boolean {
  return config.cleanupPolicy.includes("delete") && maxTimestamp >= 0 && now - maxTimestamp > config.retentionMs;
}
