/** A classic group as its record in the log. */
import { defined } from "../../platform/assert.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember } from "./classic-member.ts";
import { groupRecord } from "./records.ts";

/** The group's present generation with its assignments. */
export function stableGroupRecord(
  group: ClassicGroup,
  stateSinceMs: number,
  assignmentFor: (member: ClassicMember) => Uint8Array,
): CoordinatorRecord {
  return groupRecord(group.groupId, {
    protocolType: defined(group.protocolType),
    generation: group.generationId,
    protocol: group.protocolName,
    leader: group.leaderId,
    currentStateTimestamp: stateSinceMs,
    members: Array.from(group.members.values(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: defined(member.metadata(group.protocolName)),
      assignment: assignmentFor(member),
    })),
  });
}

/** The group has lost all its members. */
export function emptyGroupRecord(group: ClassicGroup, stateSinceMs: number): CoordinatorRecord {
  return groupRecord(group.groupId, {
    protocolType: group.protocolType ?? "",
    generation: group.nextGenerationId,
    protocol: null,
    leader: null,
    currentStateTimestamp: stateSinceMs,
    members: [],
  });
}
