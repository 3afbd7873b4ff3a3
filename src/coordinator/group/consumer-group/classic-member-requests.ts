/**
 * Members that speak the classic protocol in a group of the new one: JoinGroup, SyncGroup, Heartbeat and LeaveGroup. A
 * member's epoch is its generation. Nobody leads and nobody waits for others: a join moves the member on, the sync gives
 * it what it has by then, and a heartbeat tells it to join again when there is more to do.
 */
import { type ErrorName, errorCodes } from "../../../protocol/errors.ts";
import type { GroupCore } from "../core.ts";
import { startTimer, startTimerOnce, stopTimer } from "../member-timers.ts";
import { joinError, syncError } from "../members.ts";
import type {
  GroupRequestContext,
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupRequest,
  SyncGroupRequest,
  SyncGroupResponse,
} from "../messages.ts";
import { contains, each, partitionSet } from "../partitions.ts";
import { keepProtocols, type MemberProtocol, ProtocolTally, sameProtocols } from "../protocol-tally.ts";
import type { Respond, Turn } from "../turn.ts";
import { advance, reachableEpoch } from "./advance.ts";
import { readSubscription, writeAssignment } from "./classic-subscription.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { type ClassicProtocols, type ConsumerMember, NOTHING_ASSIGNED, NOTHING_SAID } from "./consumer-member.ts";
import { canDowngrade, downgrade } from "./migration.ts";
import { removeMembers } from "./remove.ts";
import { touch } from "./sessions.ts";
import { takePlace } from "./static-member.ts";
import { Subscriptions } from "./subscriptions.ts";

/** From this version on a new member must first get its id (KIP-394). */
const MEMBER_ID_REQUIRED_FROM_VERSION = 4;

/** A member that speaks the classic protocol. */
type ClassicSpeaker = ConsumerMember & { readonly classic: ClassicProtocols };

export function joinConsumerGroup(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  request: JoinGroupRequest,
  context: GroupRequestContext,
  respond: Respond<JoinGroupResponse>,
): void {
  const error = checkJoin(core, group, request);
  if (error !== "NONE") {
    turn.answer(respond, joinError(error, request.memberId));
    return;
  }
  const isNew = request.memberId === "";
  const memberId = isNew ? core.newMemberId(request.groupInstanceId ?? context.clientId) : request.memberId;
  const mustComeBack = isNew && request.groupInstanceId === null;
  if (mustComeBack && context.apiVersion >= MEMBER_ID_REQUIRED_FROM_VERSION) {
    turn.answer(respond, joinError("MEMBER_ID_REQUIRED", memberId));
    return;
  }
  const found = findJoining(core, turn, group, memberId, request);
  if (typeof found === "string") turn.answer(respond, joinError(found, request.memberId));
  else turn.answer(respond, enter(core, turn, group, found, request, context));
}

function checkJoin(core: GroupCore, group: ConsumerGroup, request: JoinGroupRequest): ErrorName {
  const { memberId, groupInstanceId, protocolType, protocols } = request;
  const isMember = group.members.has(memberId) || (groupInstanceId !== null && group.staticMember(groupInstanceId));
  if (!isMember && group.members.size >= core.config.consumerMaxGroupSize) return "GROUP_MAX_SIZE_REACHED";
  if (protocolType !== group.protocolType || !isSupported(group, protocols)) return "INCONSISTENT_GROUP_PROTOCOL";
  const metadata = protocols[0]?.metadata;
  const subscription = metadata && readSubscription(metadata, core.topics);
  if (!subscription) return "INCONSISTENT_GROUP_PROTOCOL";
  // An id that was given out a moment ago is not known either. But who still has something was dropped, and must give it up
  // before it gets a generation, in whose name it could commit what others have by now.
  return memberId !== "" && !isMember && subscription.owned.length > 0 ? "UNKNOWN_MEMBER_ID" : "NONE";
}

/** Whether the members that speak the classic protocol could be a classic group together with one that offers these. */
function isSupported(group: ConsumerGroup, protocols: readonly MemberProtocol[]): boolean {
  const tally = new ProtocolTally();
  let count = 0;
  for (const { classic } of group.members.values()) {
    if (!classic) continue;
    tally.add(classic.protocols);
    count++;
  }
  return protocols.some(({ name }) => tally.has(name, count));
}

interface Joining {
  readonly before: ConsumerMember;
  readonly replaced: ConsumerMember | undefined;
}

function findJoining(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  memberId: string,
  { groupInstanceId, memberId: givenId }: JoinGroupRequest,
): Joining | ErrorName {
  const newcomer = { ...NOTHING_SAID, ...NOTHING_ASSIGNED, memberId };
  if (groupInstanceId === null) return { before: group.members.get(memberId) ?? newcomer, replaced: undefined };
  if (givenId !== "") {
    const member = group.memberFor(givenId, groupInstanceId);
    return typeof member === "string" ? member : { before: member, replaced: undefined };
  }
  const replaced = group.staticMember(groupInstanceId);
  if (!replaced) return { before: newcomer, replaced };
  return { before: takePlace(core, turn, group, replaced, memberId), replaced };
}

function enter(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  { before, replaced }: Joining,
  request: JoinGroupRequest,
  { clientId, clientHost }: GroupRequestContext,
): JoinGroupResponse {
  const protocols = keepProtocols(request.protocols);
  const metadata = protocols[0]?.metadata ?? new Uint8Array(0);
  const subscription = readSubscription(metadata, core.topics);
  const said = {
    instanceId: request.groupInstanceId,
    rackId: subscription?.rackId ?? before.rackId,
    clientId,
    clientHost,
    subscribedTopicNames: subscription?.topics ?? [],
    subscribedTopicRegex: "",
    rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: before.serverAssignor,
    classic: { sessionTimeoutMs: request.sessionTimeoutMs, protocols },
  };
  const isKnown = before.classic?.sessionTimeoutMs === request.sessionTimeoutMs && isSaid(before, said);
  const { member, epoch } = advance(core, turn, {
    group,
    before,
    member: isKnown ? before : { ...before, ...said },
    replaced,
    owned: subscription?.owned ?? [],
  });
  const { groupId } = group;
  const { memberId } = member;
  stopTimer(core, groupId, memberId, "join");
  stopTimer(core, groupId, memberId, "revocation");
  const isDowngrade = replaced !== undefined && canDowngrade(core, membersAfter(group, member, replaced));
  if (isDowngrade) {
    downgrade(core, turn, group, { joining: member, replaced, epoch });
  } else {
    touch(core, group, member, turn.now);
    startTimer(core, groupId, memberId, "sync", turn.now + member.rebalanceTimeoutMs);
  }
  return {
    errorCode: errorCodes.NONE,
    generationId: isDowngrade ? epoch : member.memberEpoch,
    protocolType: group.protocolType,
    protocolName: protocols[0]?.name ?? "",
    leader: "",
    memberId,
    members: [],
  };
}

function isSaid(
  member: ConsumerMember,
  said: Omit<ConsumerMember, keyof typeof NOTHING_ASSIGNED | "memberId">,
): boolean {
  return (
    member.instanceId === said.instanceId &&
    member.rackId === said.rackId &&
    member.clientId === said.clientId &&
    member.clientHost === said.clientHost &&
    member.rebalanceTimeoutMs === said.rebalanceTimeoutMs &&
    member.subscribedTopicRegex === "" &&
    sameProtocols(member.classic?.protocols ?? [], said.classic?.protocols ?? [])
  );
}

function membersAfter(group: ConsumerGroup, joining: ConsumerMember, replaced: ConsumerMember): ConsumerMember[] {
  const others = [...group.members.values()].filter(({ memberId }) => memberId !== replaced.memberId);
  return [...others, joining];
}

export function syncConsumerGroup(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  request: SyncGroupRequest,
  respond: Respond<SyncGroupResponse>,
): void {
  const member = findSpeaker(group, request.memberId, request.groupInstanceId);
  const error = typeof member === "string" ? member : checkSync(core, turn, group, member, request);
  if (typeof member === "string" || error !== "NONE") {
    turn.answer(respond, syncError(error));
    return;
  }
  stopTimer(core, group.groupId, member.memberId, "sync");
  touch(core, group, member, turn.now);
  const { protocols } = member.classic;
  turn.answer(respond, {
    errorCode: errorCodes.NONE,
    protocolType: request.protocolType,
    protocolName: request.protocolName,
    assignment: writeAssignment(held(member), protocols[0]?.metadata ?? new Uint8Array(2), core.topics),
  });
}

function held({ assigned }: ConsumerMember): ReadonlyMap<string, ReadonlySet<number>> {
  return partitionSet(Array.from(assigned, ([topicId, epochs]) => ({ topicId, partitions: [...epochs.keys()] })));
}

function findSpeaker(
  group: ConsumerGroup,
  memberId: string,
  groupInstanceId: string | null,
): ClassicSpeaker | ErrorName {
  const member = group.memberFor(memberId, groupInstanceId);
  if (typeof member === "string") return member;
  const { classic } = member;
  return classic ? { ...member, classic } : "UNKNOWN_MEMBER_ID";
}

function checkSync(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  member: ClassicSpeaker,
  request: SyncGroupRequest,
): ErrorName {
  if (request.generationId !== member.memberEpoch) return "ILLEGAL_GENERATION";
  const differs = (given: string | null, actual: string | undefined): boolean => given !== null && given !== actual;
  const chosen = member.classic.protocols[0]?.name;
  if (differs(request.protocolType, group.protocolType) || differs(request.protocolName, chosen)) {
    return "INCONSISTENT_GROUP_PROTOCOL";
  }
  // One that has yet to give something up has joined for this epoch already, and must first learn what.
  if (reachableEpoch(core, turn, group) <= member.memberEpoch || member.state === "UnrevokedPartitions") return "NONE";
  awaitJoin(core, turn, group, member);
  return "REBALANCE_IN_PROGRESS";
}

export function heartbeatConsumerGroup(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  { memberId, groupInstanceId, generationId }: HeartbeatRequest,
): ErrorName {
  const member = findSpeaker(group, memberId, groupInstanceId);
  if (typeof member === "string") return member;
  if (generationId !== member.memberEpoch) return "ILLEGAL_GENERATION";
  touch(core, group, member, turn.now);
  if (!mustJoinAgain(core, turn, group, member)) return "NONE";
  awaitJoin(core, turn, group, member);
  return "REBALANCE_IN_PROGRESS";
}

/** There is a new epoch, or something to give up, or something that it waited for is free. */
function mustJoinAgain(core: GroupCore, turn: Turn, group: ConsumerGroup, member: ConsumerMember): boolean {
  if (reachableEpoch(core, turn, group) > member.memberEpoch || member.state === "UnrevokedPartitions") return true;
  if (haveTopicsChanged(core, group)) return true;
  return member.state === "UnreleasedPartitions" && !isWaiting(group, member);
}

/** A member of the new protocol would make a new epoch of that with its own heartbeat. */
function haveTopicsChanged(core: GroupCore, group: ConsumerGroup): boolean {
  if (group.topicsVersion === core.topics.version) return false;
  const { hash } = new Subscriptions(group.members.values(), group.regexes, core.topics);
  if (hash !== group.metadataHash) return true;
  group.topicsVersion = core.topics.version;
  return false;
}

function isWaiting(group: ConsumerGroup, { memberId, assigned }: ConsumerMember): boolean {
  for (const [topicId, partition] of each(group.target(memberId))) {
    if (!contains(assigned, topicId, partition) && !group.isFreeFor(memberId, topicId, partition)) return true;
  }
  return false;
}

function awaitJoin(core: GroupCore, turn: Turn, { groupId }: ConsumerGroup, member: ConsumerMember): void {
  startTimerOnce(core, groupId, member.memberId, "join", turn.now + member.rebalanceTimeoutMs);
}

/** Errors in the order of the leavers. An administrator may take out members of the new protocol too. */
export function leaveConsumerGroup(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  leavers: readonly Pick<LeaveGroupRequest["members"][number], "memberId" | "groupInstanceId">[],
): ErrorName[] {
  const going = new Map<string, ConsumerMember>();
  const errors = leavers.map(({ memberId, groupInstanceId }): ErrorName => {
    const isByInstance = memberId === "" && groupInstanceId !== null;
    const leavingId = isByInstance ? (group.staticMember(groupInstanceId)?.memberId ?? "") : memberId;
    const member = group.memberFor(leavingId, groupInstanceId);
    if (typeof member === "string") return member;
    going.set(member.memberId, member);
    return "NONE";
  });
  if (going.size > 0) removeMembers(core, turn, group, [...going.values()], "it leaves");
  return errors;
}
