/** Records of streams groups as lines of a story. Tasks are written "0_1 1_1", those of standbys "standby 1_0". */

import type { StreamsGroupRecord } from "./records.ts";
import type { StreamsMemberAssignment } from "./streams-member.ts";
import { type HeldTasks, keysOf, type Tasks } from "./tasks.ts";

export function describeStreamsRecord(record: StreamsGroupRecord): string {
  switch (record.kind) {
    case "epoch": {
      if (!record.value) return "the streams group is deleted";
      const { epoch, validatedTopologyEpoch } = record.value;
      return `epoch ${epoch}, ${validatedTopologyEpoch < 0 ? "not ready" : "ready"}`;
    }
    case "topology":
      return record.value ? `topology ${record.value.epoch}` : "no topology";
    case "targetEpoch":
      return record.value ? `targets are of epoch ${record.value.assignmentEpoch}` : "no targets";
    case "target":
      return `target of ${record.memberId}: ${record.value ? describeTasks(record.value) : "deleted"}`;
    case "member":
      return record.value ? `${record.memberId} in process ${record.value.processId}` : `${record.memberId} is gone`;
    case "assignment":
      return record.value ? `${record.memberId} ${describeAssignment(record.value)}` : `${record.memberId} has nothing`;
  }
}

function describeAssignment({ memberEpoch, assigned, pendingRevocation }: StreamsMemberAssignment): string {
  const gives = describeTasks(pendingRevocation);
  return `at ${memberEpoch} has ${describeTasks(assigned)}${gives === "nothing" ? "" : `, gives up ${gives}`}`;
}

export function describeTasks({ active, standby, warmup }: Tasks | HeldTasks): string {
  const words = (role: string, tasks: Tasks["active"] | HeldTasks["active"]): string[] => {
    const keys = [...keysOf(tasks)].sort();
    return keys.length > 0 ? [`${role}${keys.join(" ")}`] : [];
  };
  return [...words("", active), ...words("standby ", standby), ...words("warmup ", warmup)].join(", ") || "nothing";
}
