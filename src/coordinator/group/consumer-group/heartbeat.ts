/** ConsumerGroupHeartbeat: a member joins, says what it reads and what it has, learns what it should have, and leaves. */
import { type ErrorName, errorCodes } from "../../../protocol/errors.ts";
import { clipped } from "../../../protocol/strings.ts";
import { compileRegex } from "../../regex.ts";
import type { ClassicGroup } from "../classic-group.ts";
import type { GroupCore } from "../core.ts";
import { stopTimer } from "../member-timers.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
  GroupRequestContext,
} from "../messages.ts";
import { isSubset, NO_PARTITIONS, samePartitions, toTopicPartitions } from "../partitions.ts";
import type { Respond, Turn } from "../turn.ts";
import { advance } from "./advance.ts";
import { assignorNamed, assignors } from "./assignors/index.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import {
  AWAY_EPOCH,
  type ConsumerMember,
  type MemberMetadata,
  NOTHING_ASSIGNED,
  NOTHING_SAID,
} from "./consumer-member.ts";
import { upgradeToConsumerGroup } from "./migration.ts";
import { assignmentRecord } from "./records.ts";
import { removeMembers } from "./remove.ts";
import { touch } from "./sessions.ts";
import { takePlace } from "./static-member.ts";

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
/** From this version on members make up their ids themselves (KIP-1082). */
const OWN_ID_FROM_VERSION = 1;

/** Why a request is not done. */
interface Refusal {
  readonly error: ErrorName;
  readonly message: string;
}

export function consumerGroupHeartbeat(
  core: GroupCore,
  turn: Turn,
  request: ConsumerGroupHeartbeatRequest,
  context: GroupRequestContext,
  respond: Respond<ConsumerGroupHeartbeatResponse>,
): void {
  const answer =
    checkRequest(request, context.apiVersion) ??
    (request.memberEpoch < 0 ? leave(core, turn, request) : beat(core, turn, request, context));
  turn.answer(respond, "error" in answer ? refused(answer) : answer);
}

function refused({ error, message }: Refusal): ConsumerGroupHeartbeatResponse {
  const nothing = { throttleTimeMs: 0, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
  return { ...nothing, errorCode: errorCodes[error], errorMessage: clipped(message) };
}

function refuse(error: ErrorName, message: string): Refusal {
  return { error, message };
}

function checkRequest(request: ConsumerGroupHeartbeatRequest, apiVersion: number): Refusal | undefined {
  const { groupId, instanceId, rackId, memberId, memberEpoch } = request;
  if (isBlank(groupId)) return refuse("INVALID_REQUEST", "GroupId can't be empty.");
  if (isBlank(instanceId)) return refuse("INVALID_REQUEST", "InstanceId can't be empty.");
  if (isBlank(rackId)) return refuse("INVALID_REQUEST", "RackId can't be empty.");
  if (isBlank(memberId) && (memberEpoch !== JOIN_EPOCH || apiVersion >= OWN_ID_FROM_VERSION)) {
    return refuse("INVALID_REQUEST", "MemberId can't be empty.");
  }
  if (memberEpoch < AWAY_EPOCH) return refuse("INVALID_REQUEST", "MemberEpoch is invalid.");
  if (memberEpoch === AWAY_EPOCH && instanceId === null) return refuse("INVALID_REQUEST", "InstanceId can't be null.");
  return (memberEpoch === JOIN_EPOCH ? checkJoin(request) : undefined) ?? checkChoices(request);
}

function checkJoin(request: ConsumerGroupHeartbeatRequest): Refusal | undefined {
  const { rebalanceTimeoutMs, topicPartitions, subscribedTopicNames, subscribedTopicRegex } = request;
  if (rebalanceTimeoutMs === -1) {
    return refuse("INVALID_REQUEST", "RebalanceTimeoutMs must be provided in first request.");
  }
  if (topicPartitions?.length !== 0) {
    return refuse("INVALID_REQUEST", "TopicPartitions must be empty when (re-)joining.");
  }
  if (subscribedTopicNames === null && subscribedTopicRegex === null) {
    const message = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
    return refuse("INVALID_REQUEST", message);
  }
  return undefined;
}

function checkChoices({ serverAssignor, subscribedTopicRegex }: ConsumerGroupHeartbeatRequest): Refusal | undefined {
  if (serverAssignor !== null && !assignorNamed(serverAssignor)) {
    const names = assignors.map(({ name }) => name).join(", ");
    const message = `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${names}.`;
    return refuse("UNSUPPORTED_ASSIGNOR", message);
  }
  if (subscribedTopicRegex === null || subscribedTopicRegex === "") return undefined;
  const regex = compileRegex(subscribedTopicRegex);
  if (!("problem" in regex)) return undefined;
  const message = `SubscribedTopicRegex \`${subscribedTopicRegex}\` is not a valid regular expression: ${regex.problem}.`;
  return refuse("INVALID_REGULAR_EXPRESSION", message);
}

function isBlank(text: string | null): boolean {
  return text !== null && text.trim() === "";
}

type Outcome = ConsumerGroupHeartbeatResponse | Refusal;

function beat(
  core: GroupCore,
  turn: Turn,
  request: ConsumerGroupHeartbeatRequest,
  context: GroupRequestContext,
): Outcome {
  const group = groupFor(core, turn, request);
  if ("error" in group) return group;
  const found = findMember(core, turn, group, request, context);
  if ("error" in found) return found;
  const { before, replaced } = found;
  const { member } = advance(core, turn, {
    group,
    before,
    member: withNews(before, request, context),
    replaced,
    owned: request.topicPartitions,
    isJoining: request.memberEpoch === JOIN_EPOCH,
  });
  touch(core, group, member, turn.now);
  return {
    throttleTimeMs: 0,
    errorCode: errorCodes.NONE,
    memberId: member.memberId,
    memberEpoch: member.memberEpoch,
    heartbeatIntervalMs: core.settingsOf(group.groupId).consumerHeartbeatIntervalMs,
    assignment:
      isFull(request) || !samePartitions(before.assigned, member.assigned)
        ? { topicPartitions: toTopicPartitions(member.assigned) }
        : null,
  };
}

/** A request that says everything: of a member that joins, or that does not know what became of its last one. */
function isFull({ memberEpoch, rebalanceTimeoutMs, ...rest }: ConsumerGroupHeartbeatRequest): boolean {
  const { subscribedTopicNames, subscribedTopicRegex, topicPartitions } = rest;
  const hasSubscription = subscribedTopicNames !== null || subscribedTopicRegex !== null;
  return memberEpoch === JOIN_EPOCH || (rebalanceTimeoutMs !== -1 && hasSubscription && topicPartitions !== null);
}

/** The group that a member is in or joins. A classic one becomes a group of the new protocol with its first member that
 * speaks it. */
function groupFor(core: GroupCore, turn: Turn, request: ConsumerGroupHeartbeatRequest): ConsumerGroup | Refusal {
  const { groupId, memberEpoch } = request;
  const group = core.groups.get(groupId);
  if (group?.kind === "consumer") return group;
  if (memberEpoch !== JOIN_EPOCH) return refuse("GROUP_ID_NOT_FOUND", `Consumer group ${groupId} not found.`);
  if (group?.kind === "classic" && isFullFor(core, group, request)) return refuseForSize(core);
  const upgraded = group?.kind === "streams" ? undefined : upgradeToConsumerGroup(core, turn, groupId, group);
  return upgraded ?? refuse("GROUP_ID_NOT_FOUND", `Group ${groupId} is not a consumer group.`);
}

/** Asked before the group goes over, or it would do so for a member that is turned away then. One that is too large as it is does
 * not go over. */
function isFullFor(
  { config }: GroupCore,
  group: ClassicGroup,
  { memberId, instanceId }: ConsumerGroupHeartbeatRequest,
): boolean {
  const hasPlace = instanceId === null ? group.members.has(memberId) : group.memberIdOf(instanceId) !== undefined;
  return group.members.size > 0 && group.members.size === config.consumerMaxGroupSize && !hasPlace;
}

function refuseForSize({ config }: GroupCore): Refusal {
  const message = `The consumer group has reached its maximum capacity of ${config.consumerMaxGroupSize} members.`;
  return refuse("GROUP_MAX_SIZE_REACHED", message);
}

/** The member as the group knows it, and whose place it takes. */
type Found = { readonly before: ConsumerMember; readonly replaced: ConsumerMember | undefined };

function findMember(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  request: ConsumerGroupHeartbeatRequest,
  { clientId }: GroupRequestContext,
): Found | Refusal {
  if (request.memberEpoch !== JOIN_EPOCH) return findKnown(group, request);
  const { instanceId } = request;
  const memberId = request.memberId === "" ? core.newMemberId(clientId) : request.memberId;
  const holder = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId);
  if (holder?.memberId === memberId) return findKnown(group, request);
  if (!holder && group.members.size >= core.config.consumerMaxGroupSize) return refuseForSize(core);
  if (!holder) return { before: { ...NOTHING_SAID, ...NOTHING_ASSIGNED, memberId }, replaced: undefined };
  // A classic member takes the place of its last life at any time, and so may one that no longer is.
  if (holder.memberEpoch !== AWAY_EPOCH && !holder.classic) {
    const message = `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${holder.memberId} member.`;
    return refuse("UNRELEASED_INSTANCE_ID", message);
  }
  return { before: takePlace(core, turn, group, holder, memberId), replaced: holder };
}

function findKnown(group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest): Found | Refusal {
  const member = memberFor(group, request);
  if ("error" in member) return member;
  return checkEpoch(member, request) ?? { before: member, replaced: undefined };
}

function memberFor(group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest): ConsumerMember | Refusal {
  const { memberId, instanceId, groupId } = request;
  const found = group.memberFor(memberId, instanceId);
  if (typeof found !== "string") return found;
  if (instanceId === null) return refuse(found, `Member ${memberId} is not a member of group ${groupId}.`);
  const holder = group.staticMember(instanceId);
  if (!holder) return refuse(found, `Instance id ${instanceId} is unknown.`);
  const message = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.memberId}.`;
  return refuse(found, message);
}

/** A member that joins once more under its own id keeps its place. The epoch before the present one is accepted if its
 * owner has nothing that is not its own: the answer that told it of the next may have been lost. */
function checkEpoch(member: ConsumerMember, request: ConsumerGroupHeartbeatRequest): Refusal | undefined {
  const { memberEpoch: given, topicPartitions } = request;
  const { memberEpoch, previousMemberEpoch, assigned } = member;
  if (given === memberEpoch || given === JOIN_EPOCH) return undefined;
  const isRetry = given === previousMemberEpoch && topicPartitions !== null && isSubset(topicPartitions, assigned);
  if (given < memberEpoch && isRetry) return undefined;
  const relation = given > memberEpoch ? "greater" : "smaller";
  const message = `The consumer group member has a ${relation} member epoch (${given}) than the one known by the group coordinator (${memberEpoch}). The member must abandon all its partitions and rejoin.`;
  return refuse("FENCED_MEMBER_EPOCH", message);
}

/** The same member object when the request says nothing new. */
function withNews(
  member: ConsumerMember,
  request: ConsumerGroupHeartbeatRequest,
  { clientId, clientHost }: GroupRequestContext,
): ConsumerMember {
  const said: MemberMetadata = {
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    clientId,
    clientHost,
    subscribedTopicNames: request.subscribedTopicNames ?? member.subscribedTopicNames,
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    classic: null,
  };
  return isSaid(member, said) ? member : { ...member, ...said };
}

function isSaid(member: MemberMetadata, said: MemberMetadata): boolean {
  const { subscribedTopicNames: names, ...rest } = said;
  const before = member.subscribedTopicNames;
  return (
    (names === before || (names.length === before.length && names.every((name, i) => name === before[i]))) &&
    (Object.keys(rest) as (keyof typeof rest)[]).every((key) => rest[key] === member[key])
  );
}

function leave(core: GroupCore, turn: Turn, request: ConsumerGroupHeartbeatRequest): Outcome {
  const { groupId, memberEpoch } = request;
  const group = core.groups.get(groupId);
  if (!group) return refuse("GROUP_ID_NOT_FOUND", `Group ${groupId} not found.`);
  if (group.kind !== "consumer") return refuse("GROUP_ID_NOT_FOUND", `Group ${groupId} is not a consumer group.`);
  const member = memberFor(group, request);
  if ("error" in member) return member;
  if (memberEpoch === LEAVE_EPOCH) removeMembers(core, turn, group, [member], "it leaves");
  else goAway(core, turn, group, member);
  return {
    throttleTimeMs: 0,
    errorCode: errorCodes.NONE,
    memberId: member.memberId,
    memberEpoch,
    heartbeatIntervalMs: 0,
    assignment: null,
  };
}

/** A static member stops for a while. It keeps what it has, for its next life, until its session ends. */
function goAway(core: GroupCore, turn: Turn, { groupId }: ConsumerGroup, member: ConsumerMember): void {
  const away = { ...member, memberEpoch: AWAY_EPOCH, state: "Stable", pendingRevocation: NO_PARTITIONS } as const;
  turn.records.push(assignmentRecord(groupId, away));
  stopTimer(core, groupId, member.memberId, "revocation");
}
