/** What follows from what a member says: a new epoch when members, topology, topics or settings are others now, target tasks
 * for it, and the member's next step on its way there. */
import type { GroupCore } from "../core.ts";
import { startTimer, stopTimer } from "../member-timers.ts";
import { mayAssignAgain } from "../target-epoch.ts";
import { type TopicCatalog, topicsHash } from "../topic-catalog.ts";
import type { Turn } from "../turn.ts";
import { assignTasks } from "./assignor.ts";
import { type ConfiguredTopology, configureTopology, type Status, statusCodes } from "./configure-topology.ts";
import { beginAnew, reconcileTasks, type TaskTarget } from "./reconcile.ts";
import {
  streamsAssignmentRecord,
  streamsEpochRecord,
  streamsMemberRecord,
  streamsTargetEpochRecord,
  streamsTargetRecord,
  topologyRecord,
} from "./records.ts";
import type { Configuration, StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { NO_TASKS, sameTasks, type Tasks } from "./tasks.ts";
import { requiredTopics, type Topology } from "./topology.ts";

/** As Apache Kafka's, which leaves 1 for members that wait for their first assignment. */
const FIRST_EPOCH = 2;
const WAITING_EPOCH = 1;
const NOT_VALIDATED = -1;

export interface StreamsAdvance {
  /** May stand for itself until its records are applied: then `core` knows it. */
  readonly group: StreamsGroup;
  /** The member as the group knows it. */
  readonly before: StreamsMember;
  /** The same with what it says now. */
  readonly member: StreamsMember;
  /** The group's, or the one that it begins with now. */
  readonly topology: Topology;
  /** What it says it has; null when it does not say. */
  readonly owned: Tasks | null;
  /** It joins, once more if it is known. */
  readonly isJoining: boolean;
}

export interface Advanced {
  readonly member: StreamsMember;
  readonly configured: ConfiguredTopology;
  readonly statuses: readonly Status[];
}

export function advanceStreams(core: GroupCore, turn: Turn, step: StreamsAdvance): Advanced {
  const { group, before, member, topology, owned, isJoining } = step;
  const { groupId } = group;
  if (member !== before) turn.records.push(streamsMemberRecord(groupId, member));
  if (topology !== group.topology) turn.records.push(topologyRecord(groupId, topology));
  const configuration = configure(core, group, topology);
  const { configured } = configuration;
  const epoch = newEpoch(core, turn, step, configuration);
  const statuses: Status[] = [];
  const target = targetFor(core, turn, step, configured, epoch, statuses);
  const advanced = reconcileTasks(group, isJoining ? beginAnew(member, target.epoch) : member, target, owned);
  if (advanced !== member) {
    turn.records.push(streamsAssignmentRecord(groupId, advanced));
    timeRevocation(core, turn, group, advanced);
  }
  if (configured.status) statuses.push(configured.status);
  return { member: advanced, configured, statuses };
}

/** Made anew only when topology or topics are others. */
function configure({ topics }: GroupCore, group: StreamsGroup, topology: Topology): Configuration {
  const known = group.configuration;
  if (known?.topology === topology && known.topicsVersion === topics.version) return known;
  const configured = configureTopology(topology, topics);
  const configuration = { topology, topicsVersion: topics.version, configured, metadataHash: hashOf(topics, topology) };
  group.configuration = configuration;
  return configuration;
}

/** The settings that an assignment depends on: others make a new one. */
function assignmentConfigs(core: GroupCore, groupId: string): ReadonlyMap<string, string> {
  return new Map([["num.standby.replicas", String(core.settingsOf(groupId).streamsNumStandbyReplicas)]]);
}

function newEpoch(
  core: GroupCore,
  turn: Turn,
  { group, before, member, topology }: StreamsAdvance,
  { configured, metadataHash }: Configuration,
): number {
  const validatedTopologyEpoch = configured.taskCounts ? topology.epoch : NOT_VALIDATED;
  const configs = assignmentConfigs(core, group.groupId);
  const isSame =
    member === before &&
    topology === group.topology &&
    metadataHash === group.metadataHash &&
    validatedTopologyEpoch === group.validatedTopologyEpoch &&
    sameConfigs(configs, group.assignmentConfigs);
  if (isSame) return group.epoch;
  const epoch = group.epoch === 0 ? FIRST_EPOCH : group.epoch + 1;
  const begins = { epoch, metadataHash, validatedTopologyEpoch, assignmentConfigs: configs };
  turn.records.push(streamsEpochRecord(group.groupId, begins));
  return epoch;
}

function hashOf(catalog: TopicCatalog, topology: Topology): number {
  const topics = new Map<string, { id: string; partitionCount: number }>();
  for (const name of requiredTopics(topology)) {
    const topic = catalog.topic(name);
    if (topic) topics.set(name, topic);
  }
  return topicsHash(topics);
}

function sameConfigs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function targetFor(
  core: GroupCore,
  turn: Turn,
  step: StreamsAdvance,
  configured: ConfiguredTopology,
  epoch: number,
  statuses: Status[],
): TaskTarget {
  const { group, member } = step;
  if (epoch <= group.assignmentEpoch) return { epoch: group.assignmentEpoch, tasks: group.target(member.memberId) };
  if (isDelayed(core, turn, group)) {
    const statusDetail = "Assignment delayed due to the configured initial rebalance delay.";
    statuses.push({ statusCode: statusCodes.assignmentDelayed, statusDetail });
    return { epoch: Math.max(WAITING_EPOCH, group.assignmentEpoch), tasks: NO_TASKS };
  }
  if (!mayAssignAgain(group.assignedAtMs, core.settingsOf(group.groupId).streamsAssignmentIntervalMs, turn.now)) {
    const statusDetail = "Assignment delayed due to the configured assignment interval.";
    statuses.push({ statusCode: statusCodes.assignmentDelayed, statusDetail });
    return { epoch: group.assignmentEpoch, tasks: group.target(member.memberId) };
  }
  const members = new Map(group.members).set(member.memberId, member);
  const targets = assign(core, step, members, configured);
  for (const memberId of members.keys()) {
    const target = targets.get(memberId) ?? NO_TASKS;
    const known = group.targets.get(memberId);
    if (!known || !sameTasks(known, target)) turn.records.push(streamsTargetRecord(group.groupId, memberId, target));
  }
  turn.records.push(streamsTargetEpochRecord(group.groupId, epoch, turn.now));
  const { groupId } = group;
  core.logger.log("info", "a streams group has a new assignment", { groupId, epoch, members: members.size });
  return { epoch, tasks: targets.get(member.memberId) ?? NO_TASKS };
}

/** The first member of an empty group waits for others, and they with it. */
function isDelayed(core: GroupCore, turn: Turn, { groupId, members }: StreamsGroup): boolean {
  const { streamsInitialRebalanceDelayMs: delayMs } = core.settingsOf(groupId);
  // One that was over while the group was empty is not this one's.
  const isOver = (core.assignmentDelays.get(groupId) ?? 0) <= turn.now;
  if (members.size === 0 && delayMs > 0 && isOver) core.assignmentDelays.set(groupId, turn.now + delayMs);
  const endsAt = core.assignmentDelays.get(groupId);
  if (endsAt === undefined || turn.now < endsAt) return endsAt !== undefined;
  core.assignmentDelays.delete(groupId);
  return false;
}

/** Without tasks, while topics are missing, everybody has none. */
function assign(
  core: GroupCore,
  { group, topology }: StreamsAdvance,
  members: ReadonlyMap<string, StreamsMember>,
  { taskCounts }: ConfiguredTopology,
): ReadonlyMap<string, Tasks> {
  return assignTasks({
    members: Array.from(members.values(), ({ memberId, processId }) => {
      return { memberId, processId, target: group.target(memberId) };
    }),
    subtopologies: topology.subtopologies.map(({ subtopologyId, stateChangelogTopics }) => ({
      subtopologyId,
      taskCount: taskCounts?.get(subtopologyId) ?? 0,
      isStateful: stateChangelogTopics.length > 0,
    })),
    standbyReplicas: core.settingsOf(group.groupId).streamsNumStandbyReplicas,
  });
}

function timeRevocation(core: GroupCore, turn: Turn, { groupId }: StreamsGroup, member: StreamsMember): void {
  const { memberId, rebalanceTimeoutMs, state } = member;
  if (state === "UnrevokedPartitions") {
    startTimer(core, groupId, memberId, "revocation", turn.now + rebalanceTimeoutMs);
  } else stopTimer(core, groupId, memberId, "revocation");
}
