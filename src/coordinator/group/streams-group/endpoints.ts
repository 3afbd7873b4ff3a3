/** Where the members' processes can be asked for what is in their stores. */
import type { StreamsGroupHeartbeatResponse } from "../messages.ts";
import { type HeldPartitions, type PartitionSet, toTopicPartitions } from "../partitions.ts";
import type { TopicCatalog } from "../topic-catalog.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { sourcesOf } from "./topology.ts";

type Endpoints = NonNullable<StreamsGroupHeartbeatResponse["partitionsByUserEndpoint"]>;

/** Of all members that have an endpoint; `latest` is newer than what the group knows of that member. */
export function endpointsOf(topics: TopicCatalog, group: StreamsGroup, latest: StreamsMember): Endpoints {
  const others = [...group.members.values()].filter(({ memberId }) => memberId !== latest.memberId);
  return [...others, latest].flatMap(({ userEndpoint, assigned }) => {
    if (!userEndpoint) return [];
    return [
      {
        userEndpoint,
        activePartitions: partitionsOf(topics, group, assigned.active),
        standbyPartitions: partitionsOf(topics, group, assigned.standby),
      },
    ];
  });
}

/** The partitions that tasks read. */
function partitionsOf(
  topics: TopicCatalog,
  { configuration }: StreamsGroup,
  tasks: PartitionSet | HeldPartitions,
): { topic: string; partitions: number[] }[] {
  const subtopologies = new Map(configuration?.topology.subtopologies.map((each) => [each.subtopologyId, each]));
  return toTopicPartitions(tasks).flatMap(({ topicId: subtopologyId, partitions }) => {
    const subtopology = subtopologies.get(subtopologyId);
    return (subtopology ? sourcesOf(subtopology) : []).map((topic) => {
      const count = topics.topic(topic)?.partitionCount ?? 0;
      return { topic, partitions: partitions.filter((partition) => partition < count) };
    });
  });
}
