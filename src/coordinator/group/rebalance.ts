/** A rebalance: all members join again, one of them hands in the assignment. The same for every cause. */
import { defined } from "../../platform/assert.ts";
import { errorCodes } from "../../protocol/errors.ts";
import { Deadline } from "../deadlines.ts";
import { ClassicGroup } from "./classic-group.ts";
import { type ClassicMember, NO_ASSIGNMENT } from "./classic-member.ts";
import type { GroupCore } from "./core.ts";
import { emptyGroupRecord } from "./group-records.ts";
import { dropMember, syncError, touchSession } from "./members.ts";
import type { JoinGroupResponse } from "./messages.ts";
import type { Turn } from "./turn.ts";

/** Keeps a group whose members allow no time at all from being looked at all the time. */
const MIN_WAIT_MS = 1000;

export function newClassicGroup(core: GroupCore, groupId: string): ClassicGroup {
  const joinDeadline = new Deadline<Turn>((turn) => endJoinPhase(core, turn, group));
  const syncDeadline = new Deadline<Turn>((turn) => endSyncPhase(core, turn, group));
  const group = new ClassicGroup(groupId, joinDeadline, syncDeadline);
  return group;
}

/** Calls all members to join again; when they are called already, looks whether this was the last to come. */
export function rebalanceOrProceed(core: GroupCore, turn: Turn, group: ClassicGroup, reason: string): void {
  if (group.state === "PreparingRebalance") completeIfEveryoneJoined(core, turn, group);
  else rebalance(core, turn, group, reason);
}

/** Starts a rebalance, from any state but PreparingRebalance. */
export function rebalance(core: GroupCore, turn: Turn, group: ClassicGroup, reason: string): void {
  const { groupId, generationId, state } = group;
  core.logger.log("info", "a group rebalances", { groupId, generationId, state, reason });
  if (group.state === "CompletingRebalance") withdrawAssignments(core, turn, group, "REBALANCE_IN_PROGRESS");
  group.unsyncedMembers.clear();
  core.deadlines.clear(group.syncDeadline);
  group.isInitialRebalance = group.state === "Empty";
  group.state = "PreparingRebalance";
  group.stateSinceMs = turn.now;
  if (group.isInitialRebalance) startInitialDelay(core, turn, group);
  else if (group.hasEveryoneJoined) completeJoin(core, turn, group);
  else core.deadlines.set(group.joinDeadline, turn.now + group.rebalanceTimeoutMs);
}

/** Ends the join phase early, when nobody is left to wait for. */
export function completeIfEveryoneJoined(core: GroupCore, turn: Turn, group: ClassicGroup): void {
  if (group.state !== "PreparingRebalance" || group.isInitialRebalance) return;
  if (group.hasEveryoneJoined) completeJoin(core, turn, group);
}

/** Answers the members that wait for an assignment with an error instead. */
export function withdrawAssignments(
  core: GroupCore,
  turn: Turn,
  group: ClassicGroup,
  error: "REBALANCE_IN_PROGRESS" | "UNKNOWN_SERVER_ERROR",
): void {
  for (const member of group.members.values()) {
    member.assignment = NO_ASSIGNMENT;
    if (!member.parkedSync) continue;
    turn.answer(member.parkedSync, syncError(error));
    member.parkedSync = undefined;
    touchSession(core, member, turn.now);
  }
}

function startInitialDelay(core: GroupCore, turn: Turn, group: ClassicGroup): void {
  const delayMs = core.config.initialRebalanceDelayMs;
  if (delayMs === 0) {
    completeJoin(core, turn, group);
    return;
  }
  group.hasNewMember = false;
  group.initialJoinEndsAt = turn.now + Math.max(delayMs, group.rebalanceTimeoutMs);
  core.deadlines.set(group.joinDeadline, turn.now + delayMs);
}

function endJoinPhase(core: GroupCore, turn: Turn, group: ClassicGroup): void {
  const canExtend = group.isInitialRebalance && group.hasNewMember && turn.now < group.initialJoinEndsAt;
  if (!canExtend) {
    completeJoin(core, turn, group);
    return;
  }
  group.hasNewMember = false;
  const extended = turn.now + core.config.initialRebalanceDelayMs;
  core.deadlines.set(group.joinDeadline, Math.min(extended, group.initialJoinEndsAt));
}

/** Goes on with the members that have joined. Those that have not are dropped, save static ones: they may be between
 * two lives, and only their session's end makes them leave. */
function completeJoin(core: GroupCore, turn: Turn, group: ClassicGroup): void {
  core.deadlines.clear(group.joinDeadline);
  for (const member of [...group.members.values()]) {
    if (!member.parkedJoin && !member.isStatic) dropMember(core, turn, group, member);
  }
  if (group.members.size === 0) turn.records.push(emptyGroupRecord(group, turn.now));
  else if (group.electLeader()) startGeneration(core, turn, group);
  // Only static members are left and none has come: wait on, until one does or their sessions end.
  else core.deadlines.set(group.joinDeadline, turn.now + Math.max(group.rebalanceTimeoutMs, MIN_WAIT_MS));
}

/** Nothing is written yet: a generation that ends before its assignment is known was none. */
function startGeneration(core: GroupCore, turn: Turn, group: ClassicGroup): void {
  group.generationId = group.nextGenerationId;
  group.protocolName = group.selectProtocol();
  group.state = "CompletingRebalance";
  group.stateSinceMs = turn.now;
  group.isInitialRebalance = false;
  for (const member of group.members.values()) {
    group.unsyncedMembers.add(member.memberId);
    const respond = group.takeJoin(member);
    if (respond) turn.answer(respond, currentGeneration(group, member));
    member.isNew = false;
    touchSession(core, member, turn.now);
  }
  core.deadlines.set(group.syncDeadline, turn.now + group.rebalanceTimeoutMs);
  const { groupId, generationId, protocolName } = group;
  core.logger.log("info", "a group has a new generation", {
    groupId,
    generationId,
    protocolName,
    members: group.members.size,
  });
}

/** The answer to a member's JoinGroup: its generation, and for the leader all members. */
export function currentGeneration(group: ClassicGroup, member: ClassicMember): JoinGroupResponse {
  return {
    errorCode: errorCodes.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: defined(group.leaderId),
    memberId: member.memberId,
    members: member.memberId === group.leaderId ? describeMembers(group) : [],
  };
}

function describeMembers(group: ClassicGroup): JoinGroupResponse["members"] {
  return Array.from(group.members.values(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: defined(member.metadata(group.protocolName)),
  }));
}

/** Drops the members that have joined and then never asked for their assignment. */
function endSyncPhase(core: GroupCore, turn: Turn, group: ClassicGroup): void {
  if (group.unsyncedMembers.size === 0) return;
  for (const memberId of [...group.unsyncedMembers]) {
    dropMember(core, turn, group, defined(group.members.get(memberId)));
  }
  rebalance(core, turn, group, "members have joined and did not ask for their assignment");
}
