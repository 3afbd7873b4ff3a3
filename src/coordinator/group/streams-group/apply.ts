/** Records become state: after each step, and again for the whole log when the broker starts. */
import type { GroupCore } from "../core.ts";
import { stopTimers } from "../member-timers.ts";
import type { StreamsGroupRecord } from "./records.ts";
import { StreamsGroup } from "./streams-group.ts";
import { NO_TASKS_ASSIGNED, UNKNOWN_MEMBER } from "./streams-member.ts";

/** `retire` takes a group of whichever kind out of the coordinator's hands. */
export function applyStreamsGroupRecord(
  core: GroupCore,
  record: StreamsGroupRecord,
  retire: (groupId: string) => void,
): void {
  const { groupId, kind } = record;
  const present = core.groups.get(groupId);
  if (record.value === null) {
    if (kind === "epoch") core.assignmentDelays.delete(groupId);
    // The group is gone, or one of another kind has taken its place.
    if (present?.kind !== "streams") return;
    if (kind === "epoch") retire(groupId);
    else applyTombstone(core, present, record);
    return;
  }
  const group = present?.kind === "streams" ? present : new StreamsGroup(groupId);
  if (present !== group) {
    retire(groupId);
    core.groups.set(groupId, group);
  }
  applyValue(group, record);
}

function applyTombstone(core: GroupCore, group: StreamsGroup, record: StreamsGroupRecord): void {
  switch (record.kind) {
    case "member":
      group.members.delete(record.memberId);
      stopTimers(core, group.groupId, record.memberId);
      if (group.members.size === 0) group.shutdownRequestedBy = undefined;
      return;
    case "assignment": {
      const member = group.members.get(record.memberId);
      if (member) group.members.set(record.memberId, { ...member, ...NO_TASKS_ASSIGNED });
      return;
    }
    case "target":
      group.targets.delete(record.memberId);
      return;
    case "topology":
      group.topology = undefined;
      return;
    case "targetEpoch":
      group.assignmentEpoch = 0;
      group.assignedAtMs = 0;
  }
}

function applyValue(group: StreamsGroup, record: StreamsGroupRecord): void {
  switch (record.kind) {
    case "epoch":
      Object.assign(group, record.value);
      return;
    case "topology":
      group.topology = record.value ?? undefined;
      return;
    case "targetEpoch":
      group.assignmentEpoch = record.value?.assignmentEpoch ?? 0;
      group.assignedAtMs = record.value?.assignmentTimestamp ?? 0;
      return;
    case "member":
    case "assignment": {
      const { memberId, value } = record;
      const member = group.members.get(memberId) ?? { ...UNKNOWN_MEMBER, ...NO_TASKS_ASSIGNED, memberId };
      group.members.set(memberId, { ...member, ...value });
      return;
    }
    case "target":
      if (record.value) group.targets.set(record.memberId, record.value);
  }
}
