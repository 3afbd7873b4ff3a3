/** OffsetFetch: the offsets that a group has committed. */
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import { checkConsumerFetch } from "./consumer-group/commit-check.ts";
import type { GroupCore } from "./core.ts";
import type { Group } from "./group.ts";
import type {
  OffsetFetchGroup,
  OffsetFetchGroupResult,
  OffsetFetchPartitionResult,
  OffsetFetchTopicResult,
} from "./messages.ts";
import type { CommittedOffset } from "./offset-store.ts";
import type { OffsetKey } from "./records.ts";
import { checkStreamsFetch } from "./streams-group/commit-check.ts";
import type { Respond, Turn } from "./turn.ts";

/** What a partition without a committed offset has. */
const NO_OFFSET = { committedOffset: -1, committedLeaderEpoch: -1, metadata: "" };

/** A group that does not exist has no offsets, which is no error. Members of a consumer or streams group must say who
 * they are. */
export function fetchOffsets(
  core: GroupCore,
  turn: Turn,
  request: OffsetFetchGroup,
  requireStable: boolean,
  respond: Respond<OffsetFetchGroupResult>,
): void {
  const group = core.groups.get(request.groupId);
  const error = checkFetch(group, request);
  if (error !== "NONE") {
    turn.answer(respond, { groupId: request.groupId, topics: [], errorCode: errorCodes[error] });
    return;
  }
  const topics = request.topics
    ? request.topics.map((topic) => fetchTopic(core, request.groupId, topic, requireStable))
    : fetchAll(core, request.groupId, requireStable);
  turn.answer(respond, { groupId: request.groupId, topics, errorCode: errorCodes.NONE });
}

function checkFetch(group: Group | undefined, { memberId, memberEpoch }: OffsetFetchGroup): ErrorName {
  if (group?.kind === "consumer") return checkConsumerFetch(group, memberId, memberEpoch);
  return group?.kind === "streams" ? checkStreamsFetch(group, memberId, memberEpoch) : "NONE";
}

type RequestedTopic = NonNullable<OffsetFetchGroup["topics"]>[number];

function fetchTopic(
  core: GroupCore,
  groupId: string,
  { name, topicId, partitionIndexes }: RequestedTopic,
  requireStable: boolean,
): OffsetFetchTopicResult {
  return {
    name,
    topicId,
    partitions: partitionIndexes.map((partition) => {
      const key = { groupId, topic: name, partition };
      const committed = core.offsets.get(key);
      const isOfThisTopic = committed !== undefined && isSameTopic(topicId, committed.topicId);
      return fetchPartition(core, key, isOfThisTopic ? committed : undefined, requireStable);
    }),
  };
}

/** False when the topic was deleted and another one has its name now: offsets of the former mean nothing there. They go with it,
 * unless the broker died in between. */
function isSameTopic(a: string, b: string): boolean {
  return a === b || a === ZERO_UUID || b === ZERO_UUID;
}

function fetchPartition(
  core: GroupCore,
  key: OffsetKey,
  committed: CommittedOffset | undefined,
  requireStable: boolean,
): OffsetFetchPartitionResult {
  const partitionIndex = key.partition;
  // An open transaction may move the offset: whoever goes on from the present one may process records twice (KIP-447).
  if (requireStable && core.offsets.hasPending(key)) {
    return { partitionIndex, ...NO_OFFSET, errorCode: errorCodes.UNSTABLE_OFFSET_COMMIT };
  }
  if (!committed) return { partitionIndex, ...NO_OFFSET, errorCode: errorCodes.NONE };
  return {
    partitionIndex,
    committedOffset: committed.offset,
    committedLeaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    errorCode: errorCodes.NONE,
  };
}

function fetchAll(core: GroupCore, groupId: string, requireStable: boolean): OffsetFetchTopicResult[] {
  const topics = new Map<string, { topicId: string; partitions: Map<number, OffsetFetchPartitionResult> }>();
  const add = (topic: string, partition: number, committed?: CommittedOffset): void => {
    const key = { groupId, topic, partition };
    const found = topics.get(topic) ?? { topicId: committed?.topicId ?? ZERO_UUID, partitions: new Map() };
    if (!found.partitions.has(partition)) {
      found.partitions.set(partition, fetchPartition(core, key, committed, requireStable));
    }
    topics.set(topic, found);
  };
  for (const [topic, partition, committed] of core.offsets.committed(groupId)) {
    if (isSameTopic(core.topics.topic(topic)?.id ?? ZERO_UUID, committed.topicId)) add(topic, partition, committed);
  }
  // Partitions that only an open transaction has offsets for are not left out: they are unstable like others.
  if (requireStable) for (const [topic, partition] of core.offsets.pending(groupId)) add(topic, partition);
  return Array.from(topics, ([name, { topicId, partitions }]) => ({
    name,
    topicId,
    partitions: [...partitions.values()],
  }));
}
