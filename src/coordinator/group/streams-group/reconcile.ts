/** How a member comes to have its target tasks, as in ../consumer-group/reconcile.ts: it gives up what it should not have, then
 * goes on to the target's epoch and gets what is free. An active task is free when nobody else has it active; and no two
 * members of a process have the same task in any role, since they share its directory. Pure. */
import { isReconciled } from "../consumer-group/consumer-member.ts";
import { contains, each, type HeldPartitions, heldSince, type PartitionSet, put } from "../partitions.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { type HeldTasks, isNone, NO_TASKS, overlap, sameTasks, type Tasks, taskKey } from "./tasks.ts";

export interface TaskTarget {
  readonly epoch: number;
  readonly tasks: Tasks;
}

/** The member's next state. `owned` is what it says it has: null when it does not say. */
export function reconcileTasks(
  group: StreamsGroup,
  member: StreamsMember,
  target: TaskTarget,
  owned: Tasks | null,
): StreamsMember {
  if (isReconciled(member, target.epoch)) return member;
  const isRevoking = member.state === "UnrevokedPartitions";
  if (isRevoking && stillOwns(owned, member.pendingRevocation)) return member;
  const advanced = next(group, member, member.memberEpoch + (isRevoking ? 1 : 0), target, owned);
  return isSame(advanced, member) ? member : advanced;
}

/** As in a consumer group: what a member that joins once more read at an epoch before must not be committed any more. */
export function beginAnew(member: StreamsMember, epoch: number): StreamsMember {
  const active = heldSince(member.assigned.active, epoch);
  return active === member.assigned.active ? member : { ...member, assigned: { ...member.assigned, active } };
}

function isSame(a: StreamsMember, b: StreamsMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameTasks(a.assigned, b.assigned) &&
    sameTasks(a.pendingRevocation, b.pendingRevocation)
  );
}

/** A member that does not say what it has still has everything. */
function stillOwns(owned: Tasks | null, pending: HeldTasks): boolean {
  return owned === null || overlap(owned, pending);
}

function next(
  group: StreamsGroup,
  member: StreamsMember,
  reachedEpoch: number,
  { epoch, tasks }: TaskTarget,
  owned: Tasks | null,
): StreamsMember {
  const active = split(member.assigned.active, tasks.active);
  const standby = splitSet(member.assigned.standby, tasks.standby);
  const warmup = splitSet(member.assigned.warmup, tasks.warmup);
  const revoked = { active: active.revoked, standby: standby.revoked, warmup: warmup.revoked };
  const kept = { active: active.kept, standby: standby.kept, warmup: warmup.kept };
  if (!isNone(revoked) && stillOwns(owned, revoked)) {
    return {
      ...member,
      ...epochs(member, reachedEpoch),
      state: "UnrevokedPartitions",
      assigned: kept,
      pendingRevocation: revoked,
    };
  }
  const isComplete = addFree(group, member, kept, tasks, epoch);
  return {
    ...member,
    ...epochs(member, epoch),
    state: isComplete ? "Stable" : "UnreleasedPartitions",
    assigned: kept,
    pendingRevocation: NO_TASKS,
  };
}

/** As in a consumer group: a late heartbeat must not seem to give up what was got since. */
function epochs(
  { memberEpoch }: StreamsMember,
  reached: number,
): Pick<StreamsMember, "memberEpoch" | "previousMemberEpoch"> {
  return { memberEpoch: reached, previousMemberEpoch: memberEpoch };
}

function split(
  held: HeldPartitions,
  target: PartitionSet,
): Record<"kept" | "revoked", Map<string, Map<number, number>>> {
  const parts = { kept: new Map<string, Map<number, number>>(), revoked: new Map<string, Map<number, number>>() };
  for (const [subtopologyId, partitions] of held) {
    for (const [partition, epoch] of partitions) {
      put(contains(target, subtopologyId, partition) ? parts.kept : parts.revoked, subtopologyId, partition, epoch);
    }
  }
  return parts;
}

function splitSet(held: PartitionSet, target: PartitionSet): Record<"kept" | "revoked", Map<string, Set<number>>> {
  const parts = { kept: new Map<string, Set<number>>(), revoked: new Map<string, Set<number>>() };
  for (const [subtopologyId, partition] of each(held)) {
    add(contains(target, subtopologyId, partition) ? parts.kept : parts.revoked, subtopologyId, partition);
  }
  return parts;
}

function add(set: Map<string, Set<number>>, subtopologyId: string, partition: number): void {
  const partitions = set.get(subtopologyId);
  if (partitions) partitions.add(partition);
  else set.set(subtopologyId, new Set([partition]));
}

interface Growing {
  readonly active: Map<string, Map<number, number>>;
  readonly standby: Map<string, Set<number>>;
  readonly warmup: Map<string, Set<number>>;
}

/** Whether that was all of the target. */
function addFree(group: StreamsGroup, member: StreamsMember, kept: Growing, target: Tasks, epoch: number): boolean {
  const { active, activeInProcess, inProcess } = group.heldByOthers(member.memberId, member.processId);
  let isComplete = true;
  for (const [id, partition] of each(target.active)) {
    const key = taskKey(id, partition);
    if (contains(kept.active, id, partition)) continue;
    if (active.has(key) || inProcess.has(key)) isComplete = false;
    else put(kept.active, id, partition, epoch);
  }
  for (const role of ["standby", "warmup"] as const) {
    for (const [id, partition] of each(target[role])) {
      const key = taskKey(id, partition);
      if (contains(kept[role], id, partition)) continue;
      if (activeInProcess.has(key) || inProcess.has(key)) isComplete = false;
      else add(kept[role], id, partition);
    }
  }
  return isComplete;
}
