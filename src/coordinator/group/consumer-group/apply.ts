/** Records become state: after each step, and again for the whole log when the broker starts. */
import type { GroupCore } from "../core.ts";
import { stopTimers } from "../member-timers.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import { NOTHING_ASSIGNED, NOTHING_SAID } from "./consumer-member.ts";
import type { ConsumerGroupRecord } from "./records.ts";

/** `retire` takes a classic group, or a consumer group, out of the coordinator's hands. */
export function applyConsumerGroupRecord(
  core: GroupCore,
  record: ConsumerGroupRecord,
  retire: (groupId: string) => void,
): void {
  const { groupId, kind } = record;
  const present = core.groups.get(groupId);
  if (record.value === null) {
    // The group has changed its protocol since, or is gone.
    if (present?.kind !== "consumer") return;
    if (kind === "epoch") retire(groupId);
    else applyTombstone(core, present, record);
    return;
  }
  const group = present?.kind === "consumer" ? present : new ConsumerGroup(groupId);
  if (present !== group) {
    retire(groupId);
    core.groups.set(groupId, group);
  }
  applyValue(group, record);
}

function applyTombstone(core: GroupCore, group: ConsumerGroup, record: ConsumerGroupRecord): void {
  switch (record.kind) {
    case "member":
      group.removeMember(record.memberId);
      stopTimers(core, group.groupId, record.memberId);
      return;
    case "assignment": {
      const member = group.members.get(record.memberId);
      if (member) group.putMember({ ...member, ...NOTHING_ASSIGNED });
      return;
    }
    case "target":
      group.setTarget(record.memberId, null);
      return;
    case "regex":
      group.setRegex(record.regex, null);
      return;
    case "targetEpoch":
      group.assignmentEpoch = 0;
      group.assignedAtMs = 0;
  }
}

function applyValue(group: ConsumerGroup, record: ConsumerGroupRecord): void {
  switch (record.kind) {
    case "epoch":
      group.epoch = record.value?.epoch ?? 0;
      group.metadataHash = record.value?.metadataHash ?? 0;
      return;
    case "targetEpoch":
      group.assignmentEpoch = record.value?.assignmentEpoch ?? 0;
      group.assignedAtMs = record.value?.assignmentTimestamp ?? 0;
      return;
    case "member":
    case "assignment": {
      const { memberId, value } = record;
      const member = group.members.get(memberId) ?? { ...NOTHING_SAID, ...NOTHING_ASSIGNED, memberId };
      group.putMember({ ...member, ...value });
      return;
    }
    case "target":
      group.setTarget(record.memberId, record.value);
      return;
    case "regex":
      group.setRegex(record.regex, record.value);
  }
}
