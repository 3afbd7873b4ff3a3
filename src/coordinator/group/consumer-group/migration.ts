/**
 * A group goes from one protocol to the other while it works (KIP-848): to the new one with the first member that speaks
 * it, back when the last such member goes. Members that speak the classic protocol meanwhile stay in the group and are
 * led by answers to the classic requests.
 */
import { defined } from "../../../platform/assert.ts";
import type { CoordinatorRecord } from "../../coordinator.ts";
import { Deadline } from "../../deadlines.ts";
import type { ClassicGroup } from "../classic-group.ts";
import type { ClassicMember } from "../classic-member.ts";
import type { GroupCore } from "../core.ts";
import { startTimer } from "../member-timers.ts";
import { dropMember, joinError, syncError, touchSession } from "../members.ts";
import { each, NO_PARTITIONS, type PartitionSet, partitionSet, put } from "../partitions.ts";
import { ProtocolTally, selectProtocol } from "../protocol-tally.ts";
import { groupRecord, groupTombstone } from "../records.ts";
import { proceedWithout } from "../sessions.ts";
import { isConsumerGroup } from "../subscriptions.ts";
import type { Turn } from "../turn.ts";
import { readAssignment, readSubscription, writeAssignment, writeSubscription } from "./classic-subscription.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import { type ConsumerMember, isReconciled, NOTHING_ASSIGNED } from "./consumer-member.ts";
import {
  assignmentRecord,
  consumerGroupTombstones,
  epochRecord,
  memberRecord,
  memberTombstones,
  targetEpochRecord,
  targetRecord,
} from "./records.ts";

/** A group of the new protocol in the place of a classic one, or of none. Until the records are applied the coordinator
 * knows the former. Undefined when it cannot be: its members are no consumers, or upgrades are not allowed. */
export function upgradeToConsumerGroup(
  core: GroupCore,
  turn: Turn,
  groupId: string,
  classic: ClassicGroup | undefined,
): ConsumerGroup | undefined {
  if (!classic) return new ConsumerGroup(groupId);
  if (classic.members.size === 0) {
    turn.records.push(groupTombstone(groupId));
    return new ConsumerGroup(groupId);
  }
  const { consumerMigrationPolicy: policy, consumerMaxGroupSize } = core.config;
  const isAllowed = policy === "upgrade" || policy === "bidirectional";
  if (!isAllowed || !isConsumerGroup(classic) || classic.members.size > consumerMaxGroupSize) return undefined;
  const members = Array.from(classic.members.values(), (member) => convert(core, classic, member));
  if (!members.every((member) => member !== undefined)) return undefined;
  const group = newConsumerGroup(classic, members);
  turn.records.push(groupTombstone(groupId), ...everyRecord(group));
  sendBack(core, turn, classic, members);
  core.logger.log("info", "a classic group goes on with the consumer protocol", { groupId, epoch: group.epoch });
  return group;
}

/** Undefined when what the member says cannot be read. */
function convert(core: GroupCore, group: ClassicGroup, member: ClassicMember): ConsumerMember | undefined {
  const { memberId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = member;
  const metadata = member.metadata(group.protocolName) ?? protocols[0]?.metadata;
  const subscription = metadata && readSubscription(metadata, core.topics);
  const assignment = readAssignment(member.assignment, core.topics);
  if (!subscription || !assignment) return undefined;
  const assigned = new Map<string, Map<number, number>>();
  for (const [topicId, partition] of each(partitionSet(assignment))) {
    put(assigned, topicId, partition, group.generationId);
  }
  return {
    memberId,
    instanceId: member.groupInstanceId,
    rackId: subscription.rackId,
    clientId,
    clientHost,
    subscribedTopicNames: subscription.topics,
    subscribedTopicRegex: "",
    rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs, protocols },
    memberEpoch: group.generationId,
    previousMemberEpoch: group.generationId,
    state: "Stable",
    assigned,
    pendingRevocation: NO_PARTITIONS,
  };
}

/** The last generation becomes the first epoch: every member has what it has. The hash of what they read stays open, so that the
 * first member of the new protocol makes an epoch, even one that only takes a static member's place: a cooperative rebalance
 * that was under way may have left partitions with nobody. */
function newConsumerGroup({ groupId, generationId }: ClassicGroup, members: readonly ConsumerMember[]): ConsumerGroup {
  const group = new ConsumerGroup(groupId);
  group.epoch = generationId;
  group.assignmentEpoch = generationId;
  for (const member of members) {
    group.putMember(member);
    const target = Array.from(member.assigned, ([topicId, epochs]) => [topicId, new Set(epochs.keys())] as const);
    group.setTarget(member.memberId, new Map(target));
  }
  return group;
}

function everyRecord(group: ConsumerGroup): CoordinatorRecord[] {
  const { groupId, epoch, metadataHash, assignmentEpoch, assignedAtMs } = group;
  const members = [...group.members.values()];
  return [
    ...members.map((member) => memberRecord(groupId, member)),
    epochRecord(groupId, epoch, metadataHash),
    ...members.map(({ memberId }) => targetRecord(groupId, memberId, group.target(memberId))),
    targetEpochRecord(groupId, assignmentEpoch, assignedAtMs),
    ...members.map((member) => assignmentRecord(groupId, member)),
  ];
}

/** Members that wait for the classic group's next generation join again, like the others. */
function sendBack(core: GroupCore, turn: Turn, classic: ClassicGroup, members: readonly ConsumerMember[]): void {
  for (const member of classic.members.values()) {
    const join = classic.takeJoin(member);
    if (join) turn.answer(join, joinError("REBALANCE_IN_PROGRESS", member.memberId));
    if (member.parkedSync) turn.answer(member.parkedSync, syncError("REBALANCE_IN_PROGRESS"));
    member.parkedSync = undefined;
  }
  for (const { memberId, classic: said } of members) {
    const timeoutMs = defined(said).sessionTimeoutMs;
    startTimer(core, classic.groupId, memberId, "session", turn.now + timeoutMs);
  }
}

/** Whether a group with these members can be a classic one: all of them speak that protocol. */
export function canDowngrade({ config }: GroupCore, members: Iterable<ConsumerMember>): boolean {
  const { consumerMigrationPolicy: policy, maxGroupSize } = config;
  if (policy !== "downgrade" && policy !== "bidirectional") return false;
  const all = [...members];
  return all.length > 0 && all.length <= maxGroupSize && all.every(({ classic }) => classic !== null);
}

/** Who is the last to leave the new protocol: members that go, or one whose new life speaks the classic protocol. */
export type Downgrade =
  | { readonly leaving: readonly ConsumerMember[] }
  | {
      readonly joining: ConsumerMember;
      readonly replaced: ConsumerMember;
      /** The group's, after what the joining member says. */
      readonly epoch: number;
    };

/**
 * Makes a group classic. The record of the classic group still has the members that go: as always in that protocol, the
 * record of a generation lags behind. Once it is applied they are dropped, and the others called to join again; should
 * the broker die before they have, the sessions of those that go end. The others are also called when they were on their
 * way to a new assignment: each goes on with what it has, and what somebody was to give up would have stayed with it, or
 * with nobody. (Apache Kafka 4.3 gives everybody its target at once, while others are still at work on it.)
 */
export function downgrade(core: GroupCore, turn: Turn, group: ConsumerGroup, change: Downgrade): void {
  const { groupId } = group;
  const generationId = "joining" in change ? change.epoch : group.epoch;
  const members = new Map(group.members);
  if ("joining" in change) {
    const { joining, replaced } = change;
    members.delete(replaced.memberId);
    members.set(joining.memberId, joining);
    turn.records.push(...memberTombstones(groupId, joining.memberId));
  }
  const going = "joining" in change ? restOf(change, generationId, members.values()) : change.leaving;
  for (const member of going) members.set(member.memberId, member);
  turn.records.push(
    ...consumerGroupTombstones(group),
    classicRecord(core, turn, group, generationId, [...members.values()]),
  );
  const goingIds = going.map(({ memberId }) => memberId);
  core.deadlines.set(new Deadline<Turn>((later) => goOnAsClassic(core, later, groupId, goingIds)), turn.now);
  core.logger.log("info", "a consumer group goes on with the classic protocol", { groupId, generationId });
}

/** What a static member's last life leaves behind when not everybody has what it should: its place and all that it had are its
 * successor's. */
function restOf(
  { replaced }: Downgrade & { readonly replaced: ConsumerMember },
  epoch: number,
  members: Iterable<ConsumerMember>,
): ConsumerMember[] {
  const isSettled = [...members].every((member) => isReconciled(member, epoch));
  return isSettled ? [] : [{ ...replaced, ...NOTHING_ASSIGNED, instanceId: null }];
}

function classicRecord(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  generationId: number,
  members: readonly ConsumerMember[],
): CoordinatorRecord {
  const protocol = electProtocol(members);
  const leader = defined(members.find(({ classic }) => classic !== null));
  return groupRecord(group.groupId, {
    protocolType: "consumer",
    generation: generationId,
    protocol,
    leader: leader.memberId,
    currentStateTimestamp: turn.now,
    members: members.map((member) => {
      const subscription = subscriptionIn(member, protocol);
      return {
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.classic?.sessionTimeoutMs ?? core.settingsOf(group.groupId).consumerSessionTimeoutMs,
        subscription,
        assignment: writeAssignment(heldBy(member), subscription, core.topics),
      };
    }),
  });
}

/** What the member may be at work on. Nobody else may be: the members' sets are disjoint. */
function heldBy({ assigned, pendingRevocation }: ConsumerMember): PartitionSet {
  const held = new Map<string, Set<number>>();
  for (const [topicId, partition] of [...each(assigned), ...each(pendingRevocation)]) {
    const partitions = held.get(topicId) ?? new Set();
    held.set(topicId, partitions.add(partition));
  }
  return held;
}

/** Every classic member was let in with a protocol that the others have. */
function electProtocol(members: readonly ConsumerMember[]): string {
  const lists = members.flatMap(({ classic }) => (classic ? [classic.protocols] : []));
  const tally = new ProtocolTally();
  for (const protocols of lists) tally.add(protocols);
  return defined(selectProtocol(lists, (name) => tally.has(name, lists.length)));
}

function subscriptionIn({ classic, subscribedTopicNames }: ConsumerMember, protocol: string): Uint8Array {
  if (!classic) return writeSubscription(subscribedTopicNames);
  return defined(classic.protocols.find(({ name }) => name === protocol)).metadata;
}

function goOnAsClassic(core: GroupCore, turn: Turn, groupId: string, goingIds: readonly string[]): void {
  const group = core.groups.get(groupId);
  if (group?.kind !== "classic") return;
  for (const member of [...group.members.values()]) {
    if (goingIds.includes(member.memberId)) dropMember(core, turn, group, member);
    else if (!member.isWaitingForUs) touchSession(core, member, turn.now);
  }
  if (goingIds.length > 0) proceedWithout(core, turn, group, "members of the consumer protocol have left");
}
