/** DescribeTopicPartitions: topics and their partitions, page by page. */
import { describeTopicPartitions } from "../../protocol/apis/describe-topic-partitions.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { isInternalTopic, topicNameProblem } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";
import { OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "./authorized-operations.ts";
import { describePartition } from "./metadata.ts";

type DescribeRequest = RequestOf<typeof describeTopicPartitions>;
type DescribeResponse = ResponseBody<typeof describeTopicPartitions>;
type TopicResponse = DescribeResponse["topics"][number];

const MAX_PARTITIONS = 2000;

export function describeTopicPartitionsHandler(services: BrokerServices): Handler<typeof describeTopicPartitions> {
  return {
    api: describeTopicPartitions,
    handle: (request, _context, reply) => reply(page(services, request)),
  };
}

function page(services: BrokerServices, request: DescribeRequest): DescribeResponse {
  const { image } = services;
  const { cursor } = request;
  const asked = request.topics.map(({ name }) => name);
  if (cursor !== null && isStrange(cursor, asked)) return strangeCursor(asked);
  const all = asked.length > 0 ? asked : image.topics().map(({ name }) => name);
  const names = [...new Set(all)].sort().filter((name) => cursor === null || name >= cursor.topicName);
  let left = Math.min(Math.max(1, request.responsePartitionLimit), MAX_PARTITIONS);
  const topics: TopicResponse[] = [];
  for (const name of names) {
    const topic = image.topic(name);
    const first = topic && cursor?.topicName === name ? cursor.partitionIndex : 0;
    if (topic && left === 0)
      return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: first } };
    const end = topic ? Math.min(topic.partitionCount, first + left) : 0;
    topics.push({
      errorCode: errorCodes[topic ? "NONE" : problemOf(name)],
      name,
      topicId: topic?.id ?? ZERO_UUID,
      isInternal: isInternalTopic(name),
      partitions: topic
        ? range(first, end).map((index) => ({
            ...describePartition(services, topic, index),
            // Null would be allowed, but the Java client cannot read it.
            eligibleLeaderReplicas: [],
            lastKnownElr: [],
          }))
        : [],
      topicAuthorizedOperations: TOPIC_OPERATIONS,
    });
    if (!topic) continue;
    left -= Math.max(0, end - first);
    if (end < topic.partitionCount)
      return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: end } };
  }
  return { throttleTimeMs: 0, topics, nextCursor: null };
}

/** Of another list, or of no partition. */
function isStrange(cursor: NonNullable<DescribeRequest["cursor"]>, asked: readonly string[]): boolean {
  return cursor.partitionIndex < 0 || (asked.length > 0 && !asked.includes(cursor.topicName));
}

function strangeCursor(asked: readonly string[]): DescribeResponse {
  const topics = [...new Set(asked)].sort().map((name) => ({
    errorCode: errorCodes.INVALID_REQUEST,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }));
  return { throttleTimeMs: 0, topics, nextCursor: null };
}

function problemOf(name: string): "INVALID_TOPIC_EXCEPTION" | "UNKNOWN_TOPIC_OR_PARTITION" {
  return topicNameProblem(name) === undefined ? "UNKNOWN_TOPIC_OR_PARTITION" : "INVALID_TOPIC_EXCEPTION";
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}
