/** CreateTopics. */
import { createTopics } from "../../protocol/apis/create-topics.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { describeTopicConfigs } from "../configs/describe.ts";
import { refuse } from "../metadata/refusal.ts";
import type { TopicOutcome } from "../metadata/topic-decisions.ts";
import type { Handler } from "../router.ts";
import { layersOf } from "./describe-configs.ts";
import { duplicatesOf } from "./duplicates.ts";

type Result = ResponseBody<typeof createTopics>["topics"][number];

/** The first version that may be told THROTTLING_QUOTA_EXCEEDED (KIP-599). */
const STRICT_QUOTA_VERSION = 6;

/**
 * As in Apache Kafka a topic is created once the metadata says so durably, whatever becomes of its partitions: one that could not
 * be opened, for want of room or descriptors say, is offline (LEADER_NOT_AVAILABLE in Metadata, which clients wait out), and the
 * maintenance opens it. An error would have the client create the topic again, and be told that it exists.
 */
export function createTopicsHandler(services: BrokerServices): Handler<typeof createTopics> {
  const { topics, quotas } = services;
  return {
    api: createTopics,
    async handle(request, { clientId, apiVersion }, reply) {
      const duplicates = duplicatesOf(request.topics.map(({ name }) => name));
      const wanted = request.topics.filter(({ name }) => !duplicates.has(name));
      const quota = quotas.mutations(clientId, apiVersion >= STRICT_QUOTA_VERSION);
      const outcomes = await topics.create(wanted, request.validateOnly, quota);
      const result = (name: string, outcome: TopicOutcome): Result => {
        if (!outcome.ok) return failed(name, outcome.error, outcome.message);
        const { id, partitionCount, configs } = outcome.topic;
        return {
          name,
          topicId: request.validateOnly ? ZERO_UUID : id,
          errorCode: errorCodes.NONE,
          errorMessage: null,
          numPartitions: partitionCount,
          replicationFactor: 1,
          configs: describeTopicConfigs(configs, layersOf(services)),
        };
      };
      reply({
        throttleTimeMs: quota.throttleTimeMs,
        topics: [
          ...wanted.map(({ name }, i) => result(name, outcomes[i] ?? refuse("UNKNOWN_SERVER_ERROR", "no outcome"))),
          ...[...duplicates].map((name) => failed(name, "INVALID_REQUEST", "Duplicate topic name.")),
        ],
      });
    },
  };
}

function failed(name: string, error: keyof typeof errorCodes, errorMessage: string): Result {
  return { name, errorCode: errorCodes[error], errorMessage, configs: [] };
}
