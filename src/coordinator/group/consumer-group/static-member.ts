import type { GroupCore } from "../core.ts";
import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import { assignmentRecord, memberRecord, memberTombstones, targetRecord } from "./records.ts";

/** Puts a static member's new life in the place of the last one: with the same target, and what that one had. Nobody else
 * notices. */
export function takePlace(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  holder: ConsumerMember,
  memberId: string,
): ConsumerMember {
  const { groupId } = group;
  const member: ConsumerMember = { ...holder, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
  turn.records.push(
    ...memberTombstones(groupId, holder.memberId),
    memberRecord(groupId, member),
    targetRecord(groupId, memberId, group.target(holder.memberId)),
    assignmentRecord(groupId, member),
  );
  core.logger.log("info", "a static member was restarted", { groupId, memberId, instanceId: holder.instanceId });
  return member;
}
