/** DescribeQuorum (KIP-595): the broker is its own quorum, of one. */
import { describeQuorum } from "../../protocol/apis/describe-quorum.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { METADATA_TOPIC } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";

type PartitionResponse = ResponseBody<typeof describeQuorum>["topics"][number]["partitions"][number];

export function describeQuorumHandler(services: BrokerServices): Handler<typeof describeQuorum> {
  const { config, endpoints } = services;
  return {
    api: describeQuorum,
    handle(request, _context, reply) {
      const topics = request.topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) =>
          topicName === METADATA_TOPIC && partitionIndex === 0 ? quorum(services) : unknown(partitionIndex),
        ),
      }));
      const isAsked = topics.some(({ partitions }) =>
        partitions.some(({ errorCode }) => errorCode === errorCodes.NONE),
      );
      const listeners = endpoints.map(({ listener, host, port }) => ({ name: listener, host, port }));
      const nodes = isAsked ? [{ nodeId: config.nodeId, listeners }] : [];
      reply({ errorCode: errorCodes.NONE, errorMessage: "", topics, nodes });
    },
  };
}

function quorum({ config, image, metadata, clock }: BrokerServices): PartitionResponse {
  const now = clock.now();
  const { endOffset } = metadata;
  const self = {
    replicaId: config.nodeId,
    logEndOffset: endOffset,
    lastFetchTimestamp: now,
    lastCaughtUpTimestamp: now,
  };
  return {
    partitionIndex: 0,
    errorCode: errorCodes.NONE,
    errorMessage: "",
    leaderId: config.nodeId,
    leaderEpoch: image.leaderEpoch,
    highWatermark: endOffset,
    currentVoters: [self],
    observers: [],
  };
}

function unknown(partitionIndex: number): PartitionResponse {
  return {
    partitionIndex,
    errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
    errorMessage: "This server does not host this topic-partition.",
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0,
    currentVoters: [],
    observers: [],
  };
}
