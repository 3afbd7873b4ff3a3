/** Where a store's restore begins. Pure. */
import type { ChangelogPosition } from "../stores/engine.ts";
import { CHANGELOG_DELETE_RETENTION_MS } from "./internal-topics.ts";

/** What the changelog partition holds. */
export interface ChangelogBounds {
  readonly topicId: string;
  readonly start: number;
  /** Behind the last record, committed or not. */
  readonly end: number;
}

export interface RestorePlan {
  /** The offset of the first record to replay. */
  readonly from: number;
  /** Why what is on disk must go first; undefined when it can stay. */
  readonly rebuildReason: string | undefined;
}

/** A store whose tombstones may have been compacted away before it saw them keeps what was deleted. Half of what the log
 * promises, for clocks that differ. */
const MAX_ABSENCE_MS = CHANGELOG_DELETE_RETENTION_MS / 2;

export function planRestore(
  position: ChangelogPosition | undefined,
  bounds: ChangelogBounds,
  now: number,
): RestorePlan {
  if (!position) return { from: bounds.start, rebuildReason: undefined };
  const rebuildReason = reasonToRebuild(position, bounds, now);
  return { from: rebuildReason === undefined ? position.offset : bounds.start, rebuildReason };
}

function reasonToRebuild(
  { offset, topicId, savedAt }: ChangelogPosition,
  { topicId: currentId, start, end }: ChangelogBounds,
  now: number,
): string | undefined {
  if (topicId !== currentId) return "the changelog is another topic than the one it was written to";
  if (offset > end) return `it covers the changelog up to ${offset}, which ends at ${end}`;
  if (offset < start) return `it covers the changelog up to ${offset}, which begins at ${start}`;
  // The one offset behind the last commit of our own is its marker.
  if (end - offset > 1 && now - savedAt > MAX_ABSENCE_MS) {
    return "it is so far behind that deletions may be missing from the changelog";
  }
  return undefined;
}
