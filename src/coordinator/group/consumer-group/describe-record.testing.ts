/** Records of consumer groups as lines of a story: "target of ann: t 0 1". Partitions are written "t 0 1, u 3". */

import { ascending } from "../partitions.ts";
import type { TopicCatalog } from "../topic-catalog.ts";
import type { MemberAssignment, MemberMetadata } from "./consumer-member.ts";
import type { ConsumerGroupRecord } from "./records.ts";

export function describeConsumerRecord(record: ConsumerGroupRecord, topics: TopicCatalog): string {
  const show = (partitions: Parameters<typeof describePartitions>[0]): string => describePartitions(partitions, topics);
  switch (record.kind) {
    case "epoch":
      return record.value ? `epoch ${record.value.epoch}` : "the consumer group is deleted";
    case "targetEpoch":
      return record.value ? `targets are of epoch ${record.value.assignmentEpoch}` : "no targets";
    case "target":
      return `target of ${record.memberId}: ${record.value ? show(record.value) : "deleted"}`;
    case "regex":
      return `${record.regex} is ${record.value ? [...record.value.topics].join(" ") || "nothing" : "forgotten"}`;
    case "member":
      return record.value ? `${record.memberId} ${describeMember(record.value)}` : `${record.memberId} is gone`;
    case "assignment":
      return record.value
        ? `${record.memberId} ${describeAssignment(record.value, show)}`
        : `${record.memberId} has nothing`;
  }
}

function describeMember({ subscribedTopicNames, subscribedTopicRegex, instanceId, classic }: MemberMetadata): string {
  const reads = [...subscribedTopicNames, subscribedTopicRegex].filter((text) => text !== "").join(" ");
  return [
    `reads ${reads || "nothing"}`,
    instanceId === null ? "" : ` as ${instanceId}`,
    classic ? `, classic ${classic.protocols.map(({ name }) => name).join(" ")}` : "",
  ].join("");
}

function describeAssignment(
  { memberEpoch, assigned, pendingRevocation }: MemberAssignment,
  show: (partitions: Parameters<typeof describePartitions>[0]) => string,
): string {
  const gives = pendingRevocation.size > 0 ? `, gives up ${show(pendingRevocation)}` : "";
  return `at ${memberEpoch} has ${show(assigned)}${gives}`;
}

export function describePartitions(
  partitions: ReadonlyMap<string, { keys(): Iterable<number> }>,
  topics: TopicCatalog,
): string {
  const parts = Array.from(partitions, ([topicId, indexes]) => {
    return `${topics.nameOf(topicId) ?? "a topic that is gone"} ${ascending(indexes.keys()).join(" ")}`;
  });
  return parts.sort().join(", ") || "nothing";
}
