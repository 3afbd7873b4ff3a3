/** What happens to members one by one. */
import { defined } from "../../platform/assert.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { type ClassicMember, NO_ASSIGNMENT } from "./classic-member.ts";
import type { GroupCore } from "./core.ts";
import type { JoinGroupResponse, SyncGroupResponse } from "./messages.ts";
import type { Turn } from "./turn.ts";

export function joinError(error: ErrorName, memberId: string): JoinGroupResponse {
  return { errorCode: errorCodes[error], memberId, protocolName: null, leader: "", members: [] };
}

export function syncError(error: ErrorName): SyncGroupResponse {
  return { errorCode: errorCodes[error], assignment: NO_ASSIGNMENT };
}

/** Starts the member's session timeout anew. */
export function touchSession(core: GroupCore, member: ClassicMember, now: number): void {
  core.deadlines.set(member.session, now + member.sessionTimeoutMs);
}

/** Takes a member out of its group. If it waits for an answer after all, it learns so, and may join again. */
export function dropMember(core: GroupCore, turn: Turn, group: ClassicGroup, member: ClassicMember): void {
  dismiss(core, turn, group, member, "UNKNOWN_MEMBER_ID");
  group.removeMember(member);
}

/** Ends all that a member has with the coordinator: its session, and its parked requests. */
export function dismiss(
  core: GroupCore,
  turn: Turn,
  group: ClassicGroup,
  member: ClassicMember,
  error: "UNKNOWN_MEMBER_ID" | "FENCED_INSTANCE_ID",
): void {
  core.deadlines.clear(member.session);
  const join = group.takeJoin(member);
  if (join) turn.answer(join, joinError(error, error === "FENCED_INSTANCE_ID" ? member.memberId : ""));
  const sync = member.parkedSync;
  member.parkedSync = undefined;
  if (sync) turn.answer(sync, syncError(error));
}

export function forgetPending(core: GroupCore, group: ClassicGroup, memberId: string): void {
  core.deadlines.clear(defined(group.pendingMembers.get(memberId)));
  group.pendingMembers.delete(memberId);
  core.pendingMembers.delete(memberId);
}

/** Drops a group that nothing in the log speaks of and nobody came back to. */
export function forgetIfUnborn(core: GroupCore, group: ClassicGroup): void {
  const isUnborn = group.state === "Empty" && group.generationId === 0 && group.pendingMembers.size === 0;
  if (isUnborn && !core.offsets.hasAny(group.groupId)) core.groups.delete(group.groupId);
}
