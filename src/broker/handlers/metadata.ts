/** Metadata: the broker, and which topics and partitions there are. Creates missing topics where that is allowed. */

import { metadata } from "../../protocol/apis/metadata.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Topic } from "../metadata/image.ts";
import { isInternalTopic, topicNameProblem } from "../metadata/topic-name.ts";
import type { Handler, RequestContext } from "../router.ts";
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "./authorized-operations.ts";
import { eachOnce } from "./duplicates.ts";

type MetadataRequest = RequestOf<typeof metadata>;
type MetadataResponse = ResponseBody<typeof metadata>;
type TopicResponse = MetadataResponse["topics"][number];
type PartitionResponse = TopicResponse["partitions"][number];

/** The first version that takes topic ids. */
const TOPIC_ID_VERSION = 12;

export function metadataHandler(services: BrokerServices): Handler<typeof metadata> {
  return {
    api: metadata,
    handle(asked, context, reply) {
      const request = {
        ...asked,
        topics: asked.topics && eachOnce(asked.topics, ({ topicId, name }) => `${topicId}/${name}`),
      };
      const missing = missingTopics(services, request);
      if (missing.length === 0) {
        reply(response(services, request, context));
        return undefined;
      }
      // Nothing in the response could tell of a refusal.
      const quota = services.quotas.mutations(context.clientId, false);
      return Promise.all(missing.map((name) => services.topics.ensure(name, quota))).then(() =>
        reply({ ...response(services, request, context), throttleTimeMs: quota.throttleTimeMs }),
      );
    },
  };
}

/** The topics to create. */
function missingTopics({ config, image }: BrokerServices, request: MetadataRequest): string[] {
  if (!request.allowAutoTopicCreation || !config.autoCreateTopics) return [];
  return (request.topics ?? []).flatMap(({ name, topicId }) => {
    const isThere = topicId !== ZERO_UUID || name === null || image.topic(name);
    return isThere || topicNameProblem(name) !== undefined ? [] : [name];
  });
}

function response(
  services: BrokerServices,
  request: MetadataRequest,
  { apiVersion, peer }: RequestContext,
): MetadataResponse {
  const { config, image } = services;
  const { host, port } = peer.endpoint;
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED;
  return {
    throttleTimeMs: 0,
    brokers: [{ nodeId: config.nodeId, host, port }],
    clusterId: image.clusterId,
    controllerId: config.nodeId,
    topics: topicsAsked(services, request, apiVersion).map((topic) => ({
      topicAuthorizedOperations: topic.errorCode === errorCodes.NONE ? operations : OPERATIONS_NOT_ASKED,
      ...topic,
    })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
  };
}

function topicsAsked(services: BrokerServices, { topics }: MetadataRequest, apiVersion: number): TopicResponse[] {
  const { image } = services;
  const isAll = topics === null || (apiVersion === 0 && topics.length === 0);
  if (isAll) return image.topics().map((topic) => describeTopic(services, topic));
  if (apiVersion < TOPIC_ID_VERSION && topics.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID)) {
    // As in Kafka, for all of them; and these versions have no null for a name.
    return topics.map(({ name, topicId }) => unknownTopic("INVALID_REQUEST", name ?? "", topicId));
  }
  return topics.map(({ name, topicId }) => {
    const topic = topicId === ZERO_UUID ? image.topic(name ?? "") : image.topicById(topicId);
    if (topic) return describeTopic(services, topic);
    if (topicId !== ZERO_UUID) return unknownTopic("UNKNOWN_TOPIC_ID", null, topicId);
    const isInvalid = topicNameProblem(name ?? "") !== undefined;
    return unknownTopic(isInvalid ? "INVALID_TOPIC_EXCEPTION" : "UNKNOWN_TOPIC_OR_PARTITION", name, topicId);
  });
}

function unknownTopic(error: ErrorName, name: string | null, topicId: string): TopicResponse {
  return { errorCode: errorCodes[error], name, topicId, isInternal: isInternalTopic(name ?? ""), partitions: [] };
}

function describeTopic(services: BrokerServices, topic: Topic): TopicResponse {
  return {
    errorCode: errorCodes.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: Array.from({ length: topic.partitionCount }, (_, index) => describePartition(services, topic, index)),
  };
}

/** Where a partition is: here, unless its log is broken. */
export function describePartition(
  { partitions, config, image }: BrokerServices,
  topic: Topic,
  partitionIndex: number,
): Required<PartitionResponse> {
  const isOnline = typeof partitions.findById(topic.id, partitionIndex) !== "string";
  const here = [config.nodeId];
  return {
    errorCode: errorCodes[isOnline ? "NONE" : "LEADER_NOT_AVAILABLE"],
    partitionIndex,
    leaderId: isOnline ? config.nodeId : -1,
    leaderEpoch: image.leaderEpoch,
    replicaNodes: here,
    isrNodes: isOnline ? here : [],
    offlineReplicas: isOnline ? [] : here,
  };
}
