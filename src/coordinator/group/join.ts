/** JoinGroup: a member enters its group, or enters it again for the next generation. */
import { assert, defined } from "../../platform/assert.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember, MemberDescription } from "./classic-member.ts";
import { joinConsumerGroup } from "./consumer-group/classic-member-requests.ts";
import { readAssignment, readSubscription } from "./consumer-group/classic-subscription.ts";
import { consumerGroupTombstones } from "./consumer-group/records.ts";
import type { GroupCore } from "./core.ts";
import { stableGroupRecord } from "./group-records.ts";
import { dropMember, forgetPending, joinError } from "./members.ts";
import type { GroupRequestContext, JoinGroupRequest, JoinGroupResponse } from "./messages.ts";
import { isSubset, partitionSet } from "./partitions.ts";
import { keepProtocols, sameProtocols } from "./protocol-tally.ts";
import { completeIfEveryoneJoined, currentGeneration, newClassicGroup, rebalanceOrProceed } from "./rebalance.ts";
import { addMember, expectMember, forgetFirstPending, replaceMember } from "./sessions.ts";
import { streamsGroupTombstones } from "./streams-group/records.ts";
import { isConsumerGroup } from "./subscriptions.ts";
import type { Respond, Turn } from "./turn.ts";

/** From this version on a new member must first get its id: a join whose reply is lost leaves no ghost (KIP-394). */
const MEMBER_ID_REQUIRED_FROM_VERSION = 4;
/** From this version on the protocol's name may be null. */
const NULLABLE_PROTOCOL_FROM_VERSION = 7;
/** From this version on a leader can be told to leave the assignment as it is (KIP-814). */
const SKIP_ASSIGNMENT_FROM_VERSION = 9;

/** One JoinGroup. */
interface Attempt {
  readonly request: JoinGroupRequest;
  readonly context: GroupRequestContext;
  readonly respond: Respond<JoinGroupResponse>;
}

export function joinGroup(
  core: GroupCore,
  turn: Turn,
  request: JoinGroupRequest,
  context: GroupRequestContext,
  reply: Respond<JoinGroupResponse>,
): void {
  const attempt = { request, context, respond: inVersion(context.apiVersion, reply) };
  const invalid = checkRequest(core, request);
  if (invalid !== "NONE") {
    turn.answer(attempt.respond, joinError(invalid, request.memberId));
    return;
  }
  const isNewMember = request.memberId === "";
  const known = core.groups.get(request.groupId);
  if (!known && !isNewMember) {
    turn.answer(attempt.respond, joinError("UNKNOWN_MEMBER_ID", request.memberId));
    return;
  }
  if (known?.kind === "consumer" && known.members.size > 0) {
    joinConsumerGroup(core, turn, known, request, context, attempt.respond);
    return;
  }
  if (known?.kind === "streams" && known.members.size > 0) {
    turn.answer(attempt.respond, joinError("INCONSISTENT_GROUP_PROTOCOL", ""));
    return;
  }
  const group = known?.kind === "classic" ? known : newClassicGroup(core, request.groupId);
  if (isFull(core, group, request)) turnAway(core, turn, group, attempt);
  else if (!group.acceptsProtocols(request.protocolType, request.protocols)) {
    turn.answer(attempt.respond, joinError("INCONSISTENT_GROUP_PROTOCOL", request.memberId));
  } else if (isNewMember) joinNewMember(core, turn, group, attempt);
  else joinKnownMember(core, turn, group, attempt);
  // A group comes to be with its first member, not with a request that was refused.
  if (group.members.size === 0 && group.pendingMembers.size === 0) return;
  if (known?.kind === "consumer") turn.records.push(...consumerGroupTombstones(known));
  if (known?.kind === "streams") turn.records.push(...streamsGroupTombstones(known));
  core.groups.set(group.groupId, group);
}

function inVersion(apiVersion: number, reply: Respond<JoinGroupResponse>): Respond<JoinGroupResponse> {
  if (apiVersion >= NULLABLE_PROTOCOL_FROM_VERSION) return reply;
  return (response) => reply({ ...response, protocolName: response.protocolName ?? "" });
}

function checkRequest({ config }: GroupCore, request: JoinGroupRequest): ErrorName {
  if (request.groupId === "") return "INVALID_GROUP_ID";
  const { sessionTimeoutMs } = request;
  if (sessionTimeoutMs < config.minSessionTimeoutMs || sessionTimeoutMs > config.maxSessionTimeoutMs) {
    return "INVALID_SESSION_TIMEOUT";
  }
  const sizeBytes = request.protocols.reduce((sum, { metadata }) => sum + metadata.length, 0);
  return sizeBytes > config.maxGroupSizeBytes ? "UNKNOWN_SERVER_ERROR" : "NONE";
}

/** Whether there is no room for this member. While members join, those count that have: when the limit was lowered,
 * the last to come are turned away. */
function isFull(core: GroupCore, group: ClassicGroup, { memberId, groupInstanceId }: JoinGroupRequest): boolean {
  const staticId = groupInstanceId === null ? undefined : group.memberIdOf(groupInstanceId);
  const member = group.members.get(memberId === "" && staticId !== undefined ? staticId : memberId);
  switch (group.state) {
    case "Empty":
      return false;
    case "PreparingRebalance":
      return !member?.parkedJoin && group.joinedCount >= core.config.maxGroupSize;
    default:
      return !member && group.members.size >= core.config.maxGroupSize;
  }
}

function turnAway(core: GroupCore, turn: Turn, group: ClassicGroup, { request, respond }: Attempt): void {
  turn.answer(respond, joinError("GROUP_MAX_SIZE_REACHED", ""));
  const member = group.members.get(request.memberId);
  if (member) dropMember(core, turn, group, member);
  if (group.pendingMembers.has(request.memberId)) forgetPending(core, group, request.memberId);
  completeIfEveryoneJoined(core, turn, group);
}

function joinNewMember(core: GroupCore, turn: Turn, group: ClassicGroup, attempt: Attempt): void {
  const { request, context } = attempt;
  const memberId = core.newMemberId(request.groupInstanceId ?? context.clientId);
  const predecessor = request.groupInstanceId === null ? undefined : group.memberIdOf(request.groupInstanceId);
  if (predecessor !== undefined) {
    takeOver(core, turn, group, defined(group.members.get(predecessor)), memberId, attempt);
  } else if (request.groupInstanceId === null && context.apiVersion >= MEMBER_ID_REQUIRED_FROM_VERSION) {
    handOutId(core, turn, group, memberId, attempt);
  } else {
    enter(core, turn, group, memberId, attempt);
  }
}

function handOutId(
  core: GroupCore,
  turn: Turn,
  group: ClassicGroup,
  memberId: string,
  { request, respond }: Attempt,
): void {
  expectMember(core, group, memberId, turn.now + request.sessionTimeoutMs);
  if (core.pendingMembers.size > core.config.maxPendingMembers) forgetFirstPending(core, turn);
  turn.answer(respond, joinError("MEMBER_ID_REQUIRED", memberId));
}

/** A member that was not there before. */
function enter(core: GroupCore, turn: Turn, group: ClassicGroup, memberId: string, attempt: Attempt): void {
  if (group.members.size === 0) group.protocolType = attempt.request.protocolType;
  const member = addMember(core, group, describe(memberId, attempt));
  member.isNew = true;
  group.hasNewMember = true;
  core.deadlines.set(member.session, turn.now + core.config.newMemberJoinTimeoutMs);
  park(turn, group, member, attempt);
  rebalanceOrProceed(core, turn, group, reasonOf(`member ${memberId} is new`, attempt));
}

/** A static member that has been restarted. Others need not notice, unless the choice of protocol hangs on it, or it was to give
 * something up: its last life can no longer ask for the generation that gives that to another. */
function takeOver(
  core: GroupCore,
  turn: Turn,
  group: ClassicGroup,
  predecessor: ClassicMember,
  memberId: string,
  attempt: Attempt,
): void {
  const formerLeader = defined(group.leaderId);
  const isOwing = hasToGiveUp(core, group, predecessor);
  const member = replaceMember(core, turn, group, predecessor, describe(memberId, attempt));
  if (group.state === "Stable" && group.selectProtocol() === group.protocolName && !isOwing) {
    turn.records.push(stableGroupRecord(group, group.stateSinceMs ?? turn.now, (each) => each.assignment));
    turn.answer(attempt.respond, returnOf(group, member, formerLeader, attempt.context.apiVersion));
    return;
  }
  park(turn, group, member, attempt);
  // In CompletingRebalance the leader may be assigning work to the former id at this moment.
  const { groupInstanceId } = attempt.request;
  rebalanceOrProceed(core, turn, group, reasonOf(`static member ${groupInstanceId} was restarted`, attempt));
}

/** Whether the member, in a cooperative rebalance, has been assigned less than it had. */
function hasToGiveUp({ topics }: GroupCore, group: ClassicGroup, member: ClassicMember): boolean {
  const metadata = isConsumerGroup(group) ? member.metadata(group.protocolName) : undefined;
  const owned = metadata && readSubscription(metadata, topics)?.owned;
  const assigned = readAssignment(member.assignment, topics);
  return owned !== undefined && assigned !== undefined && !isSubset(owned, partitionSet(assigned));
}

/** The answer to a static member that keeps its place. A leader must not divide the work anew: from version 9 on it is
 * told so, before that it is made to believe that another one leads. */
function returnOf(
  group: ClassicGroup,
  member: ClassicMember,
  formerLeader: string,
  apiVersion: number,
): JoinGroupResponse {
  const generation = currentGeneration(group, member);
  if (apiVersion < SKIP_ASSIGNMENT_FROM_VERSION) return { ...generation, leader: formerLeader, members: [] };
  return { ...generation, skipAssignment: group.leaderId === member.memberId };
}

function joinKnownMember(core: GroupCore, turn: Turn, group: ClassicGroup, attempt: Attempt): void {
  const { request, respond } = attempt;
  if (group.pendingMembers.has(request.memberId) && request.groupInstanceId === null) {
    forgetPending(core, group, request.memberId);
    enter(core, turn, group, request.memberId, attempt);
    return;
  }
  const error = group.checkMember(request.memberId, request.groupInstanceId);
  if (error !== "NONE") {
    turn.answer(respond, joinError(error, request.memberId));
    return;
  }
  const member = defined(group.members.get(request.memberId));
  if (isRepetition(group, member, request)) turn.answer(respond, currentGeneration(group, member));
  else rejoin(core, turn, group, member, attempt);
}

/** A member that has its generation and asks again with nothing new to say: its answer was lost, or it hurries after a
 * rebalance that is over. A leader of a Stable group means it: the work itself has changed, topics' partitions say. */
function isRepetition(group: ClassicGroup, member: ClassicMember, request: JoinGroupRequest): boolean {
  assert(group.state !== "Empty");
  if (group.state === "PreparingRebalance") return false;
  if (group.state === "Stable" && group.leaderId === member.memberId) return false;
  return sameProtocols(member.protocols, keepProtocols(request.protocols));
}

function rejoin(core: GroupCore, turn: Turn, group: ClassicGroup, member: ClassicMember, attempt: Attempt): void {
  const { sessionTimeoutMs, rebalanceTimeoutMs, protocols } = describe(member.memberId, attempt);
  group.setProtocols(member, protocols);
  member.sessionTimeoutMs = sessionTimeoutMs;
  member.rebalanceTimeoutMs = rebalanceTimeoutMs;
  park(turn, group, member, attempt);
  rebalanceOrProceed(core, turn, group, reasonOf(`member ${member.memberId} joins again`, attempt));
}

/** What happened, and why the client says it did (KIP-800). */
function reasonOf(event: string, { request }: Attempt): string {
  return request.reason === null ? event : `${event}: ${request.reason}`;
}

function park(turn: Turn, group: ClassicGroup, member: ClassicMember, { respond }: Attempt): void {
  const superseded = group.parkJoin(member, respond);
  if (superseded) turn.answer(superseded, joinError("REBALANCE_IN_PROGRESS", member.memberId));
}

function describe(memberId: string, { request, context }: Attempt): MemberDescription {
  return {
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: context.clientId,
    clientHost: context.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    // Version 0 has no rebalance timeout.
    rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocols: keepProtocols(request.protocols),
  };
}
