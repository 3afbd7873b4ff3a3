/** What follows from what a member says: a new epoch when somebody reads something else now, a target assignment for it,
 * and the member's next step on its way there. */
import type { GroupCore } from "../core.ts";
import { startTimer, stopTimer } from "../member-timers.ts";
import { NO_PARTITIONS, type PartitionSet, samePartitions, type TopicPartitions } from "../partitions.ts";
import { mayAssignAgain } from "../target-epoch.ts";
import type { Turn } from "../turn.ts";
import type { Assignor } from "./assignors/assignor.ts";
import { assignorNamed, defaultAssignor } from "./assignors/index.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { type ConsumerMember, sameSubscription } from "./consumer-member.ts";
import { beginAnew, reconcile, type Target } from "./reconcile.ts";
import {
  assignmentRecord,
  epochRecord,
  memberRecord,
  regexRecord,
  regexTombstone,
  targetEpochRecord,
  targetRecord,
} from "./records.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The epoch of a group that has members and nothing to read. */
const FIRST_EPOCH = 1;

export interface Advance {
  /** May stand for itself until its records are applied: then `core` knows it. */
  readonly group: ConsumerGroup;
  /** The member as the group knows it; one without a subscription when it is new. */
  readonly before: ConsumerMember;
  /** The same with what it says now. */
  readonly member: ConsumerMember;
  /** The member whose place it takes: a static one's last life. Its records are written already. */
  readonly replaced: ConsumerMember | undefined;
  /** What it says it has; null when it does not say. */
  readonly owned: readonly TopicPartitions[] | null;
  /** It joins, once more if it is known. */
  readonly isJoining?: boolean;
}

export interface Advanced {
  /** As it is now. */
  readonly member: ConsumerMember;
  /** The group's epoch by now. The member goes on to it with the next assignment, which may be this step's. */
  readonly epoch: number;
}

export function advance(core: GroupCore, turn: Turn, step: Advance): Advanced {
  const { group, before, member, owned, isJoining } = step;
  if (member !== before) turn.records.push(memberRecord(group.groupId, member));
  const epoch = writeNews(core, turn, step);
  const mustAssign = epoch > group.assignmentEpoch && isDue(core, turn, group);
  const target = mustAssign ? newTarget(core, turn, step, epoch) : presentTarget(core, step);
  const advanced = reconcile(group, isJoining ? beginAnew(member, target.epoch) : member, target, owned);
  if (advanced === member) return { member, epoch };
  turn.records.push(assignmentRecord(group.groupId, advanced));
  timeRevocation(core, turn, group, advanced);
  return { member: advanced, epoch };
}

/** Gives the group's epoch, a new one when the member reads something else or topics have changed. */
function writeNews(core: GroupCore, turn: Turn, step: Advance): number {
  const { group, before, member } = step;
  const isSame = sameSubscription(before, member);
  if (isSame && group.epoch > 0 && group.topicsVersion === core.topics.version) return group.epoch;
  const subscriptions = subscriptionsWith(core, step);
  group.topicsVersion = core.topics.version;
  const hasChanged = !isSame || subscriptions.hash !== group.metadataHash;
  const epoch = Math.max(group.epoch, FIRST_EPOCH) + (hasChanged ? 1 : 0);
  writeSubscriptions(turn, group, epoch, subscriptions);
  return epoch;
}

/** While the next assignment is not made yet, a member does not keep what it has ceased to read. */
function presentTarget(core: GroupCore, { group, member, replaced }: Advance): Target {
  const epoch = group.assignmentEpoch;
  const partitions = group.target(replaced?.memberId ?? member.memberId);
  if (group.epoch === epoch && member === group.members.get(member.memberId)) return { epoch, partitions };
  const read = new Subscriptions([member], group.regexes, core.topics).topicIdsOf(member);
  const kept = new Map([...partitions].filter(([topicId]) => read.has(topicId)));
  return kept.size === partitions.size ? { epoch, partitions } : { epoch, partitions: kept, isCut: true };
}

function newTarget(core: GroupCore, turn: Turn, step: Advance, epoch: number): Target {
  const { group, member } = step;
  const members = membersWith(step);
  const targets = assign(step, members, subscriptionsWith(core, step));
  for (const memberId of members.keys()) {
    const target = targets.get(memberId) ?? NO_PARTITIONS;
    const known = targetOf(step, memberId);
    if (!known || !samePartitions(known, target)) turn.records.push(targetRecord(group.groupId, memberId, target));
  }
  turn.records.push(targetEpochRecord(group.groupId, epoch, turn.now));
  const { groupId } = group;
  core.logger.log("info", "a consumer group has a new assignment", { groupId, epoch, members: members.size });
  return { epoch, partitions: targets.get(member.memberId) ?? NO_PARTITIONS };
}

/** Whether it is time for a new assignment. Until then members keep to the present one, and somebody's heartbeat comes
 * after it. */
function isDue(core: GroupCore, turn: Turn, { groupId, assignedAtMs }: ConsumerGroup): boolean {
  return mayAssignAgain(assignedAtMs, core.settingsOf(groupId).consumerAssignmentIntervalMs, turn.now);
}

/** The epoch that a member can go on to: that of the next assignment, if it may be made now. */
export function reachableEpoch(core: GroupCore, turn: Turn, group: ConsumerGroup): number {
  return isDue(core, turn, group) ? group.epoch : group.assignmentEpoch;
}

/** Writes down what has changed of what the group reads. */
export function writeSubscriptions(
  turn: Turn,
  group: ConsumerGroup,
  epoch: number,
  { regexes, hash }: Subscriptions,
): void {
  const { groupId } = group;
  for (const [regex, resolved] of regexes) {
    if (group.regexes.get(regex) !== resolved) turn.records.push(regexRecord(groupId, regex, resolved, turn.now));
  }
  for (const regex of group.regexes.keys()) {
    if (!regexes.has(regex)) turn.records.push(regexTombstone(groupId, regex));
  }
  if (epoch !== group.epoch) turn.records.push(epochRecord(groupId, epoch, hash));
}

function membersWith({ group, member, replaced }: Advance): Map<string, ConsumerMember> {
  const members = new Map(group.members);
  if (replaced) members.delete(replaced.memberId);
  return members.set(member.memberId, member);
}

function subscriptionsWith(core: GroupCore, step: Advance): Subscriptions {
  return new Subscriptions(membersWith(step).values(), step.group.regexes, core.topics);
}

/** A static member's new life has been given the target of the one before. */
function targetOf({ group, member, replaced }: Advance, memberId: string): PartitionSet | undefined {
  return group.targets.get(replaced && memberId === member.memberId ? replaced.memberId : memberId);
}

function assign(
  step: Advance,
  members: ReadonlyMap<string, ConsumerMember>,
  subscriptions: Subscriptions,
): ReadonlyMap<string, PartitionSet> {
  const topics = new Map(Array.from(subscriptions.topics.values(), ({ id, partitionCount }) => [id, partitionCount]));
  return electAssignor(members.values()).assign({
    topics,
    members: Array.from(members.values(), (member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      topicIds: subscriptions.topicIdsOf(member),
      target: targetOf(step, member.memberId) ?? NO_PARTITIONS,
    })),
  });
}

/** The assignor that most of those members want who want a certain one. */
export function electAssignor(members: Iterable<ConsumerMember>): Assignor {
  const votes = new Map<string, number>();
  for (const { serverAssignor } of members) {
    if (serverAssignor !== null) votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1);
  }
  let elected = defaultAssignor;
  let most = 0;
  for (const [name, count] of votes) {
    const assignor = assignorNamed(name);
    if (!assignor || count <= most) continue;
    elected = assignor;
    most = count;
  }
  return elected;
}

/** A member that speaks the classic protocol has its time to join again instead. */
function timeRevocation(core: GroupCore, turn: Turn, { groupId }: ConsumerGroup, member: ConsumerMember): void {
  const { memberId, classic, rebalanceTimeoutMs } = member;
  if (classic) return;
  if (member.state === "UnrevokedPartitions") {
    startTimer(core, groupId, memberId, "revocation", turn.now + rebalanceTimeoutMs);
  } else stopTimer(core, groupId, memberId, "revocation");
}
