/** How a member comes to have its target assignment: it gives up what it should not have, and only then goes on to the
 * target's epoch and gets what nobody else has any more. Pure. */

import {
  type HeldPartitions,
  heldSince,
  NO_PARTITIONS,
  overlaps,
  type PartitionSet,
  put,
  samePartitions,
  type TopicPartitions,
} from "../partitions.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { type ConsumerMember, isReconciled } from "./consumer-member.ts";

export interface Target {
  readonly epoch: number;
  readonly partitions: PartitionSet;
  /** Whether the member does not read all that was assigned to it at that epoch, and so may have to give something up. */
  readonly isCut?: boolean;
}

/** The member's next state. `owned` is what it says it has: null when it does not say. */
export function reconcile(
  group: ConsumerGroup,
  member: ConsumerMember,
  target: Target,
  owned: readonly TopicPartitions[] | null,
): ConsumerMember {
  if (isReconciled(member, target.epoch) && !target.isCut) return member;
  const isRevoking = member.state === "UnrevokedPartitions";
  if (isRevoking && stillOwns(owned, member.pendingRevocation)) return member;
  const advanced = next(group, member, target, owned);
  return isSame(advanced, member) ? member : advanced;
}

/** Who joins once more has lost what it had, and reads what it gets again from the committed offsets on: what it read at an
 * epoch before must not be committed behind that. */
export function beginAnew(member: ConsumerMember, epoch: number): ConsumerMember {
  const assigned = heldSince(member.assigned, epoch);
  return assigned === member.assigned ? member : { ...member, assigned };
}

function isSame(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    samePartitions(a.assigned, b.assigned) &&
    samePartitions(a.pendingRevocation, b.pendingRevocation)
  );
}

/** A member that does not say what it has still has everything. */
function stillOwns(owned: readonly TopicPartitions[] | null, pending: HeldPartitions): boolean {
  return owned === null || overlaps(owned, pending);
}

function next(
  group: ConsumerGroup,
  member: ConsumerMember,
  target: Target,
  owned: readonly TopicPartitions[] | null,
): ConsumerMember {
  const { kept, revoked } = split(member.assigned, target.partitions);
  if (revoked.size > 0 && stillOwns(owned, revoked)) {
    return {
      ...member,
      ...epochs(member, member.memberEpoch),
      state: "UnrevokedPartitions",
      assigned: kept,
      pendingRevocation: revoked,
    };
  }
  const { assigned, isComplete } = addFree(group, member.memberId, kept, target);
  return {
    ...member,
    ...epochs(member, target.epoch),
    state: isComplete ? "Stable" : "UnreleasedPartitions",
    assigned,
    pendingRevocation: NO_PARTITIONS,
  };
}

/** The epoch before is good for one step, though the next one be at the same epoch: a late heartbeat of it might else seem
 * to say that what was held meanwhile is given up. */
function epochs(
  { memberEpoch }: ConsumerMember,
  reached: number,
): Pick<ConsumerMember, "memberEpoch" | "previousMemberEpoch"> {
  return { memberEpoch: reached, previousMemberEpoch: memberEpoch };
}

function split(
  assigned: HeldPartitions,
  target: PartitionSet,
): { kept: Map<string, Map<number, number>>; revoked: HeldPartitions } {
  const kept = new Map<string, Map<number, number>>();
  const revoked = new Map<string, Map<number, number>>();
  for (const [topicId, partitions] of assigned) {
    const wanted = target.get(topicId);
    for (const [partition, epoch] of partitions)
      put(wanted?.has(partition) ? kept : revoked, topicId, partition, epoch);
  }
  return { kept, revoked };
}

function addFree(
  group: ConsumerGroup,
  memberId: string,
  assigned: Map<string, Map<number, number>>,
  target: Target,
): { assigned: HeldPartitions; isComplete: boolean } {
  let isComplete = true;
  for (const [topicId, partitions] of target.partitions) {
    for (const partition of partitions) {
      if (assigned.get(topicId)?.has(partition)) continue;
      if (group.isFreeFor(memberId, topicId, partition)) put(assigned, topicId, partition, target.epoch);
      else isComplete = false;
    }
  }
  return { assigned, isComplete };
}
