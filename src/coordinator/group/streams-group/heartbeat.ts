/** StreamsGroupHeartbeat (KIP-1071): a member joins with its topology, says what it has, learns what it should have and how the
 * group is, and leaves. */
import { type ErrorName, errorCodes } from "../../../protocol/errors.ts";
import { clipped } from "../../../protocol/strings.ts";
import type { GroupCore } from "../core.ts";
import { startTimer } from "../member-timers.ts";
import type { GroupRequestContext, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse } from "../messages.ts";
import { groupTombstone } from "../records.ts";
import type { Respond, Turn } from "../turn.ts";
import { advanceStreams } from "./advance.ts";
import { type NewTopic, type Status, statusCodes } from "./configure-topology.ts";
import { endpointsOf } from "./endpoints.ts";
import { removeStreamsMember } from "./remove.ts";
import { StreamsGroup } from "./streams-group.ts";
import { NO_TASKS_ASSIGNED, type StreamsMember, type StreamsMemberMetadata, UNKNOWN_MEMBER } from "./streams-member.ts";
import { isSubsetOf, overlap, sameTasks, type Tasks, taskSet, toTaskIds } from "./tasks.ts";
import { sameTopology, type Topology } from "./topology.ts";

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const AWAY_EPOCH = -2;

/** An answer, and the internal topics that the broker is to make. */
export interface StreamsHeartbeatResult {
  readonly response: StreamsGroupHeartbeatResponse;
  readonly missingTopics: readonly NewTopic[];
}

/** Why a request is not done. */
interface Refusal {
  readonly error: ErrorName;
  readonly message: string;
}

type Outcome = StreamsHeartbeatResult | Refusal;

export function streamsGroupHeartbeat(
  core: GroupCore,
  turn: Turn,
  request: StreamsGroupHeartbeatRequest,
  context: GroupRequestContext,
  respond: Respond<StreamsHeartbeatResult>,
): void {
  const outcome =
    checkRequest(request) ??
    (request.memberEpoch < 0 ? leave(core, turn, request) : beat(core, turn, request, context));
  turn.answer(respond, "error" in outcome ? { response: refused(outcome), missingTopics: [] } : outcome);
}

const NOTHING: Omit<StreamsGroupHeartbeatResponse, "errorCode"> = {
  throttleTimeMs: 0,
  memberId: "",
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  acceptableRecoveryLag: 0,
  taskOffsetIntervalMs: 0,
  status: [],
  endpointInformationEpoch: 0,
};

function refused({ error, message }: Refusal): StreamsGroupHeartbeatResponse {
  return { ...NOTHING, errorCode: errorCodes[error], errorMessage: clipped(message) };
}

function refuse(error: ErrorName, message: string): Refusal {
  return { error, message };
}

function invalid(message: string): Refusal {
  return refuse("INVALID_REQUEST", message);
}

function checkRequest(request: StreamsGroupHeartbeatRequest): Refusal | undefined {
  const { groupId, memberId, memberEpoch, instanceId, rackId, topology } = request;
  if (groupId.trim() === "") return invalid("GroupId can't be empty.");
  if (memberId.trim() === "") return invalid("MemberId can't be empty.");
  if (rackId !== null && rackId.trim() === "") return invalid("RackId can't be empty.");
  if (memberEpoch < AWAY_EPOCH) {
    return invalid(`MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`);
  }
  if (memberEpoch === AWAY_EPOCH && instanceId === null) return invalid("InstanceId can't be null.");
  if (instanceId !== null) return invalid("Static membership is not yet supported.");
  if (memberEpoch !== JOIN_EPOCH && topology !== null) {
    return invalid("Topology can only be provided when (re-)joining.");
  }
  return (memberEpoch === JOIN_EPOCH ? checkJoin(request) : undefined) ?? checkTasks(request);
}

function checkJoin(request: StreamsGroupHeartbeatRequest): Refusal | undefined {
  const { rebalanceTimeoutMs, topology, activeTasks, standbyTasks, warmupTasks } = request;
  if (rebalanceTimeoutMs === -1) return invalid("RebalanceTimeoutMs must be provided in first request.");
  if (topology === null) return invalid("Topology must be non-null when (re-)joining.");
  if (activeTasks?.length !== 0) return invalid("ActiveTasks must be empty when (re-)joining.");
  if (standbyTasks?.length !== 0) return invalid("StandbyTasks must be empty when (re-)joining.");
  if (warmupTasks?.length !== 0) return invalid("WarmupTasks must be empty when (re-)joining.");
  if (topology.epoch < 0) return invalid("The topology's epoch must not be negative.");
  if (topology.subtopologies.some(({ sourceTopicRegex }) => sourceTopicRegex.length > 0)) {
    return invalid("Regular expressions for source topics are not supported yet.");
  }
  return checkTopology(topology);
}

/** What could not be kept, or made sense of later. */
function checkTopology({ subtopologies }: Topology): Refusal | undefined {
  const ids = new Set(subtopologies.map(({ subtopologyId }) => subtopologyId));
  if (ids.size < subtopologies.length) return invalid("Each subtopology must appear once.");
  for (const { subtopologyId, sourceTopics, repartitionSourceTopics, copartitionGroups } of subtopologies) {
    if (sourceTopics.length + repartitionSourceTopics.length === 0) {
      return refuse("STREAMS_INVALID_TOPOLOGY", `Subtopology ${subtopologyId} has no source topics.`);
    }
    const isKnown = copartitionGroups.every(
      (group) =>
        group.sourceTopics.every((index) => index in sourceTopics) &&
        group.repartitionSourceTopics.every((index) => index in repartitionSourceTopics),
    );
    if (!isKnown) {
      return refuse(
        "STREAMS_INVALID_TOPOLOGY",
        `Subtopology ${subtopologyId} copartitions topics that it does not read.`,
      );
    }
  }
  return undefined;
}

function checkTasks({ activeTasks, standbyTasks, warmupTasks }: StreamsGroupHeartbeatRequest): Refusal | undefined {
  const given = [activeTasks, standbyTasks, warmupTasks].filter((tasks) => tasks !== null);
  if (given.length === 0 || given.length === 3) return undefined;
  return invalid("If one task-type is non-null, all must be non-null.");
}

function beat(
  core: GroupCore,
  turn: Turn,
  request: StreamsGroupHeartbeatRequest,
  context: GroupRequestContext,
): Outcome {
  const group = groupFor(core, turn, request);
  if ("error" in group) return group;
  const before = findMember(core, group, request);
  if ("error" in before) return before;
  const topology = topologyFor(group, request);
  if ("error" in topology) return topology;
  const owned = ownedBy(request);
  const unknown = owned && checkOwned(group, before, owned);
  if (unknown) return unknown;
  const told = withNews(before, request, context);
  const isJoining = request.memberEpoch === JOIN_EPOCH;
  const step = { group, before, member: told, topology, owned, isJoining };
  const { member, configured, statuses } = advanceStreams(core, turn, step);
  const { streamsSessionTimeoutMs } = core.settingsOf(group.groupId);
  startTimer(core, group.groupId, member.memberId, "session", turn.now + streamsSessionTimeoutMs);
  if (request.shutdownApplication) group.shutdownRequestedBy = member.memberId;
  return {
    response: answer(core, turn, group, request, { before, member, owned, topology }, statuses),
    missingTopics: configured.missing,
  };
}

/** The group that a member is in or joins. One without members of the classic protocol becomes a streams group. */
function groupFor(core: GroupCore, turn: Turn, request: StreamsGroupHeartbeatRequest): StreamsGroup | Refusal {
  const { groupId, memberEpoch } = request;
  const group = core.groups.get(groupId);
  if (group?.kind === "streams") return group;
  if (!group) {
    if (memberEpoch === JOIN_EPOCH) return new StreamsGroup(groupId);
    return refuse("GROUP_ID_NOT_FOUND", `Streams group ${groupId} not found.`);
  }
  if (memberEpoch !== JOIN_EPOCH || group.kind !== "classic" || group.state !== "Empty") {
    return refuse("GROUP_ID_NOT_FOUND", `Group ${groupId} is not a streams group.`);
  }
  turn.records.push(groupTombstone(groupId));
  return new StreamsGroup(groupId);
}

function findMember(
  core: GroupCore,
  group: StreamsGroup,
  request: StreamsGroupHeartbeatRequest,
): StreamsMember | Refusal {
  const { memberId, memberEpoch, groupId } = request;
  const member = group.members.get(memberId);
  if (member) return checkEpoch(member, request) ?? member;
  if (memberEpoch !== JOIN_EPOCH) {
    return refuse("UNKNOWN_MEMBER_ID", `Member ${memberId} is not a member of group ${groupId}.`);
  }
  if (group.members.size >= core.config.streamsMaxGroupSize) {
    const message = `The streams group has reached its maximum capacity of ${core.config.streamsMaxGroupSize} members.`;
    return refuse("GROUP_MAX_SIZE_REACHED", message);
  }
  return { ...UNKNOWN_MEMBER, ...NO_TASKS_ASSIGNED, memberId };
}

/** As in a consumer group. */
function checkEpoch(member: StreamsMember, request: StreamsGroupHeartbeatRequest): Refusal | undefined {
  const { memberEpoch: given } = request;
  const { memberEpoch, previousMemberEpoch, assigned } = member;
  if (given === memberEpoch || given === JOIN_EPOCH) return undefined;
  const owned = ownedBy(request);
  const isRetry = given === previousMemberEpoch && owned !== null && isSubsetOf(owned, assigned);
  if (given < memberEpoch && isRetry) return undefined;
  const relation = given > memberEpoch ? "greater" : "smaller";
  const message = `The streams group member has a ${relation} member epoch (${given}) than the one known by the group coordinator (${memberEpoch}). The member must abandon all its partitions and rejoin.`;
  return refuse("FENCED_MEMBER_EPOCH", message);
}

function ownedBy({ activeTasks, standbyTasks, warmupTasks }: StreamsGroupHeartbeatRequest): Tasks | null {
  if (!activeTasks || !standbyTasks || !warmupTasks) return null;
  return { active: taskSet(activeTasks), standby: taskSet(standbyTasks), warmup: taskSet(warmupTasks) };
}

/** A group keeps its topology while it has members; whoever comes with an older one is told so. */
function topologyFor(group: StreamsGroup, { topology: given }: StreamsGroupHeartbeatRequest): Topology | Refusal {
  const { topology } = group;
  if (!topology) return given ?? invalid("The group has no topology: the member must rejoin with its own.");
  if (!given || given.epoch < topology.epoch || sameTopology(given, topology)) return topology;
  return group.members.size === 0 ? given : invalid("Topology updates are not supported yet.");
}

/** What it was given is its own, even where the topics have become smaller. */
function checkOwned({ configuration }: StreamsGroup, member: StreamsMember, owned: Tasks): Refusal | undefined {
  const counts = configuration?.configured.taskCounts;
  if (!counts || isSubsetOf(owned, member.assigned) || overlap(owned, member.pendingRevocation)) return undefined;
  for (const tasks of [owned.active, owned.standby, owned.warmup]) {
    for (const [subtopologyId, partitions] of tasks) {
      const count = counts.get(subtopologyId);
      if (count === undefined) return invalid(`Subtopology ${subtopologyId} does not exist in the topology.`);
      const beyond = [...partitions].find((partition) => partition < 0 || partition >= count);
      if (beyond === undefined) continue;
      const message = `Task ${beyond} for subtopology ${subtopologyId} is invalid. Number of tasks for this subtopology: ${count}`;
      return invalid(message);
    }
  }
  return undefined;
}

/** The same member object when the request says nothing new. */
function withNews(
  member: StreamsMember,
  request: StreamsGroupHeartbeatRequest,
  { clientId, clientHost }: GroupRequestContext,
): StreamsMember {
  const said: StreamsMemberMetadata = {
    rackId: request.rackId ?? member.rackId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    topologyEpoch: request.topology?.epoch ?? member.topologyEpoch,
    processId: request.processId ?? member.processId,
    userEndpoint: request.userEndpoint ?? member.userEndpoint,
    clientTags: request.clientTags ?? member.clientTags,
  };
  return isSaid(member, said) ? member : { ...member, ...said };
}

function isSaid(member: StreamsMemberMetadata, said: StreamsMemberMetadata): boolean {
  const { userEndpoint, clientTags, ...rest } = said;
  return (
    isSame(userEndpoint, member.userEndpoint) &&
    isSame(clientTags, member.clientTags) &&
    (Object.keys(rest) as (keyof typeof rest)[]).every((key) => rest[key] === member[key])
  );
}

/** Hardly any heartbeat says it again, and it may be long. */
function isSame<T>(a: T, b: T): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

interface Exchange {
  readonly before: StreamsMember;
  readonly member: StreamsMember;
  readonly owned: Tasks | null;
  readonly topology: Topology;
}

function answer(
  core: GroupCore,
  turn: Turn,
  group: StreamsGroup,
  request: StreamsGroupHeartbeatRequest,
  { before, member, owned, topology }: Exchange,
  statuses: readonly Status[],
): StreamsGroupHeartbeatResponse {
  const { assigned } = member;
  const hasNews = request.memberEpoch === JOIN_EPOCH || !sameTasks(before.assigned, assigned);
  // One that says that it has something else may not have had the last answer.
  const tells = hasNews || (owned !== null && !sameTasks(owned, assigned));
  if (hasNews && member.userEndpoint) group.endpointEpoch = nextEndpointEpoch(group, turn.now);
  const knowsEndpoints = request.endpointInformationEpoch === group.endpointEpoch;
  return {
    ...NOTHING,
    errorCode: errorCodes.NONE,
    memberId: member.memberId,
    memberEpoch: member.memberEpoch,
    heartbeatIntervalMs: core.settingsOf(group.groupId).streamsHeartbeatIntervalMs,
    status: [...staleness(member, topology), ...statuses, ...shutdown(group)].map(({ statusCode, statusDetail }) => {
      return { statusCode, statusDetail: clipped(statusDetail) };
    }),
    activeTasks: tells ? toTaskIds(assigned.active) : null,
    standbyTasks: tells ? toTaskIds(assigned.standby) : null,
    warmupTasks: tells ? toTaskIds(assigned.warmup) : null,
    endpointInformationEpoch: group.endpointEpoch,
    partitionsByUserEndpoint: knowsEndpoints ? null : endpointsOf(core.topics, group, member),
  };
}

/** The second that it is: no coordinator after this one uses the same number for something else. */
function nextEndpointEpoch({ endpointEpoch }: StreamsGroup, now: number): number {
  return Math.max(endpointEpoch + 1, Math.floor(now / 1000) % 2 ** 31);
}

function staleness({ topologyEpoch }: StreamsMember, { epoch }: Topology): Status[] {
  if (topologyEpoch >= epoch) return [];
  const statusDetail = `The member's topology epoch ${topologyEpoch} is behind the group's topology epoch ${epoch}.`;
  return [{ statusCode: statusCodes.staleTopology, statusDetail }];
}

function shutdown({ shutdownRequestedBy }: StreamsGroup): Status[] {
  if (shutdownRequestedBy === undefined) return [];
  const statusDetail = `Streams group member ${shutdownRequestedBy} encountered a fatal error and requested a shutdown for the entire application.`;
  return [{ statusCode: statusCodes.shutdownApplication, statusDetail }];
}

function leave(core: GroupCore, turn: Turn, request: StreamsGroupHeartbeatRequest): Outcome {
  const { groupId, memberId } = request;
  const group = core.groups.get(groupId);
  if (!group) return refuse("GROUP_ID_NOT_FOUND", `Group ${groupId} not found.`);
  if (group.kind !== "streams") return refuse("GROUP_ID_NOT_FOUND", `Group ${groupId} is not a streams group.`);
  if (!group.members.has(memberId)) {
    return refuse("UNKNOWN_MEMBER_ID", `Member ${memberId} is not a member of group ${groupId}.`);
  }
  removeStreamsMember(core, turn, group, memberId, "it leaves");
  const response = { ...NOTHING, errorCode: errorCodes.NONE, memberId, memberEpoch: LEAVE_EPOCH };
  return { response, missingTopics: [] };
}
