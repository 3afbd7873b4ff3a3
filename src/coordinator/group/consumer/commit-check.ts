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
}

/** Gives for each partition whether its offset may be committed, or the error for all. */
export type CommitVerdict = ErrorName | ((topicId: string, partition: number) => ErrorName);

export function checkConsumerCommit(group: ConsumerGroup, claim: CommitClaim): CommitVerdict {
  const { memberId, memberEpoch, apiVersion } = claim;
  // From outside the group: an administrator, or a consumer with partitions of its own choice.
  if (memberEpoch < 0 && group.members.size === 0) return "NONE";
  const member = group.members.get(memberId);
  if (!member) return "UNKNOWN_MEMBER_ID";
  if (member.classic) return memberEpoch === member.memberEpoch ? "NONE" : "ILLEGAL_GENERATION";
  if (apiVersion !== null && apiVersion < OFFSET_COMMIT_FROM_VERSION) return "UNSUPPORTED_VERSION";
  if (memberEpoch === member.memberEpoch) return "NONE";
  // A transaction's offsets are checked as strictly as in the classic protocol, as Apache Kafka does.
  if (memberEpoch > member.memberEpoch || apiVersion === null) return "STALE_MEMBER_EPOCH";
  return (topicId, partition) => checkOldEpoch(member, memberEpoch, topicId, partition);
}

/** The epoch went on after the member read; what it had then and still has is its own all the same (KIP-1251). */
function checkOldEpoch(member: ConsumerMember, memberEpoch: number, topicId: string, partition: number): ErrorName {
  const { assigned, pendingRevocation } = member;
  const heldSince = assigned.get(topicId)?.get(partition) ?? pendingRevocation.get(topicId)?.get(partition);
  return heldSince !== undefined && heldSince <= memberEpoch ? "NONE" : "STALE_MEMBER_EPOCH";
}

/** OffsetFetch: without a member it comes from outside the group, and may. */
export function checkConsumerFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): ErrorName {
  if (memberId === null && memberEpoch < 0) return "NONE";
  const member = group.members.get(memberId ?? "");
  if (!member) return "UNKNOWN_MEMBER_ID";
  if (memberEpoch === member.memberEpoch) return "NONE";
  return member.classic ? "ILLEGAL_GENERATION" : "STALE_MEMBER_EPOCH";
}
