/** Whether a streams group's offsets may be committed, or asked for, by who does it. As in ../consumer-group/commit-check.ts; the
 * tasks that a member has, not the partitions, say what is its own. */
import type { ErrorName } from "../../../protocol/errors.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { sourcesOf } from "./topology.ts";

/** From this version of OffsetCommit on clients know the errors of the new protocols. */
const OFFSET_COMMIT_FROM_VERSION = 9;

export interface StreamsCommitClaim {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Null for a commit in a transaction, which any version may make. */
  readonly apiVersion: number | null;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

export function checkStreamsCommit(group: StreamsGroup, claim: StreamsCommitClaim): ErrorName {
  const { memberId, memberEpoch, apiVersion, partitions } = claim;
  // From outside the group: an administrator.
  if (memberEpoch < 0 && group.members.size === 0) return "NONE";
  const member = group.members.get(memberId);
  if (!member) return "UNKNOWN_MEMBER_ID";
  if (apiVersion !== null && apiVersion < OFFSET_COMMIT_FROM_VERSION) return "UNSUPPORTED_VERSION";
  if (memberEpoch === member.memberEpoch) return "NONE";
  if (memberEpoch > member.memberEpoch) return "STALE_MEMBER_EPOCH";
  const readers = readersOf(group);
  const hasAll = partitions.every(({ topic, partition }) =>
    hasHeld(member, memberEpoch, readers.get(topic), partition),
  );
  return hasAll ? "NONE" : "STALE_MEMBER_EPOCH";
}

/** The first subtopology that reads it, by topic. */
function readersOf({ topology }: StreamsGroup): ReadonlyMap<string, string> {
  const readers = new Map<string, string>();
  for (const subtopology of topology?.subtopologies ?? []) {
    for (const topic of sourcesOf(subtopology)) {
      if (!readers.has(topic)) readers.set(topic, subtopology.subtopologyId);
    }
  }
  return readers;
}

/** The epoch went on after the member read; the tasks that it had then and still has are its own all the same. */
function hasHeld(
  { assigned, pendingRevocation }: StreamsMember,
  memberEpoch: number,
  subtopologyId: string | undefined,
  partition: number,
): boolean {
  if (subtopologyId === undefined) return false;
  const heldSince =
    assigned.active.get(subtopologyId)?.get(partition) ?? pendingRevocation.active.get(subtopologyId)?.get(partition);
  return heldSince !== undefined && heldSince <= memberEpoch;
}

/** OffsetFetch: without a member it comes from outside the group, and may. */
export function checkStreamsFetch(group: StreamsGroup, memberId: string | null, memberEpoch: number): ErrorName {
  if (memberId === null && memberEpoch < 0) return "NONE";
  const member = group.members.get(memberId ?? "");
  if (!member) return "UNKNOWN_MEMBER_ID";
  return memberEpoch === member.memberEpoch ? "NONE" : "STALE_MEMBER_EPOCH";
}
