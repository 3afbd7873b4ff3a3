/** SyncGroup: the leader hands in the assignment, and every member gets its part. */
import { assert, defined } from "../../platform/assert.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { type ClassicMember, NO_ASSIGNMENT } from "./classic-member.ts";
import { syncConsumerGroup } from "./consumer-group/classic-member-requests.ts";
import type { GroupCore } from "./core.ts";
import { stableGroupRecord } from "./group-records.ts";
import { syncError, touchSession } from "./members.ts";
import type { SyncGroupRequest, SyncGroupResponse } from "./messages.ts";
import { rebalance, withdrawAssignments } from "./rebalance.ts";
import type { Respond, Turn } from "./turn.ts";

export function syncGroup(
  core: GroupCore,
  turn: Turn,
  request: SyncGroupRequest,
  respond: Respond<SyncGroupResponse>,
): void {
  const group = core.groups.get(request.groupId);
  if (group?.kind === "consumer") {
    syncConsumerGroup(core, turn, group, request, respond);
    return;
  }
  if (group?.kind === "streams") {
    turn.answer(respond, syncError("UNKNOWN_MEMBER_ID"));
    return;
  }
  const error = checkRequest(group, request);
  if (!group || error !== "NONE") {
    turn.answer(respond, syncError(error));
    return;
  }
  const member = defined(group.members.get(request.memberId));
  group.unsyncedMembers.delete(member.memberId);
  if (group.unsyncedMembers.size === 0) core.deadlines.clear(group.syncDeadline);
  if (group.state === "Stable") {
    turn.answer(respond, assignmentOf(group, member.assignment));
    return;
  }
  if (member.parkedSync) turn.answer(member.parkedSync, syncError("REBALANCE_IN_PROGRESS"));
  member.parkedSync = respond;
  if (group.leaderId === member.memberId) assign(core, turn, group, request);
}

function checkRequest(group: ClassicGroup | undefined, request: SyncGroupRequest): ErrorName {
  if (request.groupId === "") return "INVALID_GROUP_ID";
  if (!group) return "UNKNOWN_MEMBER_ID";
  const error = group.checkMember(request.memberId, request.groupInstanceId);
  if (error !== "NONE") return error;
  assert(group.state !== "Empty");
  if (request.generationId !== group.generationId) return "ILLEGAL_GENERATION";
  const differs = (given: string | null, actual: string | null): boolean => given !== null && given !== actual;
  if (differs(request.protocolType, group.protocolType) || differs(request.protocolName, group.protocolName)) {
    return "INCONSISTENT_GROUP_PROTOCOL";
  }
  return group.state === "PreparingRebalance" ? "REBALANCE_IN_PROGRESS" : "NONE";
}

/** Writes the generation down. The group is Stable once the record is applied. */
function assign(core: GroupCore, turn: Turn, group: ClassicGroup, request: SyncGroupRequest): void {
  const assignments = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  const assignmentFor = (member: ClassicMember): Uint8Array => assignments.get(member.memberId) ?? NO_ASSIGNMENT;
  if (sizeBytes(group, assignmentFor) > core.config.maxGroupSizeBytes) {
    withdrawAssignments(core, turn, group, "UNKNOWN_SERVER_ERROR");
    rebalance(core, turn, group, "the assignment is larger than a group may be");
    return;
  }
  turn.records.push(stableGroupRecord(group, turn.now, assignmentFor));
  for (const member of group.members.values()) {
    if (!member.parkedSync) continue;
    turn.answer(member.parkedSync, assignmentOf(group, Uint8Array.from(assignmentFor(member))));
    member.parkedSync = undefined;
    touchSession(core, member, turn.now);
  }
}

function sizeBytes(group: ClassicGroup, assignmentFor: (member: ClassicMember) => Uint8Array): number {
  let sum = 0;
  for (const member of group.members.values()) {
    sum += assignmentFor(member).length + defined(member.metadata(group.protocolName)).length;
  }
  return sum;
}

function assignmentOf(group: ClassicGroup, assignment: Uint8Array): SyncGroupResponse {
  return {
    errorCode: errorCodes.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment,
  };
}
