/** Whether a commit, or a question for offsets, may come from who sends it. */
import type { ErrorName } from "../../../protocol/errors.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";

/** From this version of OffsetCommit on clients know the errors of the new protocol. */
const OFFSET_COMMIT_FROM_VERSION = 9;

export interface CommitClaim {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Null for a commit in a transaction, which any version may make. */
  readonly apiVersion: number | null;
  readonly partitions: readonly { readonly topicId: string; readonly partition: number }[];
}

/** All of a commit may be done, or nothing. */
export function checkConsumerCommit(group: ConsumerGroup, claim: CommitClaim): ErrorName {
  const { memberId, memberEpoch, apiVersion, partitions } = claim;
  // From outside the group: an administrator, or a consumer with partitions of its own choice.
  if (memberEpoch < 0 && group.members.size === 0) return "NONE";
  const member = group.members.get(memberId);
  if (!member) return "UNKNOWN_MEMBER_ID";
  const isPresent = memberEpoch === member.memberEpoch && noneIsOfAnother(group, memberId, partitions);
  if (member.classic) return isPresent ? "NONE" : "ILLEGAL_GENERATION";
  if (apiVersion !== null && apiVersion < OFFSET_COMMIT_FROM_VERSION) return "UNSUPPORTED_VERSION";
  if (isPresent) return "NONE";
  if (memberEpoch >= member.memberEpoch) return "STALE_MEMBER_EPOCH";
  const hasAll = partitions.every(({ topicId, partition }) => hasHeld(member, memberEpoch, topicId, partition));
  return hasAll ? "NONE" : "STALE_MEMBER_EPOCH";
}

/** The present epoch alone says too little: a heartbeat that comes late seems to give up what its member got since at the same
 * epoch and still reads, and a classic group that goes over to the new protocol in the middle of a cooperative rebalance does
 * not know what its members have yet to give up. Who has the partition by now has read its offset. */
function noneIsOfAnother(group: ConsumerGroup, memberId: string, partitions: CommitClaim["partitions"]): boolean {
  return partitions.every(({ topicId, partition }) => group.isFreeFor(memberId, topicId, partition));
}

/** The epoch went on after the member read; what it had then and still has is its own all the same (KIP-1251). */
function hasHeld(member: ConsumerMember, memberEpoch: number, topicId: string, partition: number): boolean {
  const { assigned, pendingRevocation } = member;
  const heldSince = assigned.get(topicId)?.get(partition) ?? pendingRevocation.get(topicId)?.get(partition);
  return heldSince !== undefined && heldSince <= memberEpoch;
}

/** OffsetFetch: without a member it comes from outside the group, and may. */
export function checkConsumerFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): ErrorName {
  if (memberId === null && memberEpoch < 0) return "NONE";
  const member = group.members.get(memberId ?? "");
  if (!member) return "UNKNOWN_MEMBER_ID";
  if (memberEpoch === member.memberEpoch) return "NONE";
  return member.classic ? "ILLEGAL_GENERATION" : "STALE_MEMBER_EPOCH";
}
