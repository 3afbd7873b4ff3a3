/** ConsumerGroupDescribe: what an administrator sees of a group of the new protocol. */
import { errorCodes } from "../../../protocol/errors.ts";
import { clipped } from "../../../protocol/strings.ts";
import type { GroupCore } from "../core.ts";
import type { DescribedConsumerGroup } from "../messages.ts";
import { ascending, each, type PartitionSet, partitionSet } from "../partitions.ts";
import type { TopicCatalog } from "../topic-catalog.ts";
import { electAssignor } from "./advance.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";

export function describeConsumerGroup(core: GroupCore, groupId: string): DescribedConsumerGroup {
  const group = core.groups.get(groupId);
  if (!group) return describeUnknown(groupId, `Group ${groupId} not found.`);
  if (group.kind !== "consumer") return describeUnknown(groupId, `Group ${groupId} is not a consumer group.`);
  return {
    errorCode: errorCodes.NONE,
    groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: electAssignor(group.members.values()).name,
    members: Array.from(group.members.values(), (member) => describeMember(core.topics, group, member)),
  };
}

function describeUnknown(groupId: string, errorMessage: string): DescribedConsumerGroup {
  return {
    errorCode: errorCodes.GROUP_ID_NOT_FOUND,
    errorMessage: clipped(errorMessage),
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
  };
}

type DescribedMember = DescribedConsumerGroup["members"][number];

function describeMember(topics: TopicCatalog, group: ConsumerGroup, member: ConsumerMember): DescribedMember {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: { topicPartitions: withNames(topics, everything(member)) },
    targetAssignment: { topicPartitions: withNames(topics, group.target(member.memberId)) },
    memberType: member.classic ? 0 : 1,
  };
}

/** What nobody else can have: what it has yet to give up too. */
function everything({ assigned, pendingRevocation }: ConsumerMember): PartitionSet {
  const topics = new Map<string, number[]>();
  for (const [topicId, partition] of [...each(assigned), ...each(pendingRevocation)]) {
    topics.set(topicId, [...(topics.get(topicId) ?? []), partition]);
  }
  return partitionSet(Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions })));
}

/** Without the topics that are gone. */
function withNames(topics: TopicCatalog, partitions: PartitionSet): DescribedMember["assignment"]["topicPartitions"] {
  return Array.from(partitions).flatMap(([topicId, indexes]) => {
    const topicName = topics.nameOf(topicId);
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: ascending(indexes) }];
  });
}
