/** StreamsGroupDescribe: what an administrator sees of a streams group. */
import { errorCodes } from "../../../protocol/errors.ts";
import { clipped } from "../../../protocol/strings.ts";
import type { GroupCore } from "../core.ts";
import type { DescribedStreamsGroup } from "../messages.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { type HeldTasks, type Tasks, toTaskIds } from "./tasks.ts";
import type { InternalTopic } from "./topology.ts";

export function describeStreamsGroup(core: GroupCore, groupId: string): DescribedStreamsGroup {
  const group = core.groups.get(groupId);
  if (!group) return describeUnknown(groupId, `Group ${groupId} not found.`);
  if (group.kind !== "streams") return describeUnknown(groupId, `Group ${groupId} is not a streams group.`);
  return {
    errorCode: errorCodes.NONE,
    groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    topology: describeTopology(group),
    members: Array.from(group.members.values(), (member) => describeMember(group, member)),
  };
}

function describeUnknown(groupId: string, errorMessage: string): DescribedStreamsGroup {
  return {
    errorCode: errorCodes.GROUP_ID_NOT_FOUND,
    errorMessage: clipped(errorMessage),
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    members: [],
  };
}

/** Internal topics with the number of partitions that they have, once that is known. */
function describeTopology({
  topology,
  configuration,
}: StreamsGroup): NonNullable<DescribedStreamsGroup["topology"]> | null {
  if (!topology) return null;
  const counts = configuration?.configured.taskCounts ? configuration.configured.partitionCounts : undefined;
  const sized = (topic: InternalTopic): InternalTopic => {
    return { ...topic, partitions: counts?.get(topic.name) ?? topic.partitions };
  };
  return {
    epoch: topology.epoch,
    subtopologies: topology.subtopologies.map((subtopology) => ({
      ...subtopology,
      stateChangelogTopics: subtopology.stateChangelogTopics.map(sized),
      repartitionSourceTopics: subtopology.repartitionSourceTopics.map(sized),
    })),
  };
}

type DescribedMember = DescribedStreamsGroup["members"][number];

function describeMember(group: StreamsGroup, member: StreamsMember): DescribedMember {
  const { memberId, memberEpoch, rackId, clientId, clientHost, topologyEpoch, processId } = member;
  const { userEndpoint, clientTags, assigned } = member;
  return {
    memberId,
    memberEpoch,
    rackId,
    clientId,
    clientHost,
    topologyEpoch,
    processId,
    userEndpoint,
    clientTags,
    taskOffsets: [],
    taskEndOffsets: [],
    assignment: describeTasks(assigned),
    targetAssignment: describeTasks(group.target(memberId)),
    isClassic: false,
  };
}

function describeTasks({ active, standby, warmup }: Tasks | HeldTasks): DescribedMember["assignment"] {
  return { activeTasks: toTaskIds(active), standbyTasks: toTaskIds(standby), warmupTasks: toTaskIds(warmup) };
}
