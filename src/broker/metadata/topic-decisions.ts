/** What requests about topics mean for the metadata. Pure: each gives the topic as it will be, or why not. The messages
 * follow Apache Kafka's, since people search for them. */
import type { createPartitions } from "../../protocol/apis/create-partitions.ts";
import type { createTopics } from "../../protocol/apis/create-topics.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import { effectiveConfig } from "../configs/log-config.ts";
import { checkTopicConfigs, topicConfigsConflict } from "../configs/topic-configs.ts";
import type { BrokerConfig } from "../options.ts";
import type { MetadataImage, Topic } from "./image.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { areColliding, isInternalTopic, METADATA_TOPIC, topicNameProblem } from "./topic-name.ts";

export type TopicOutcome = { readonly ok: true; readonly topic: Topic } | Refusal;

type TopicLimits = Pick<BrokerConfig, "nodeId" | "defaultPartitions" | "topicDefaults">;

type CreatableTopic = RequestOf<typeof createTopics>["topics"][number];
type CreatablePartitions = RequestOf<typeof createPartitions>["topics"][number];

/** Of one request, as in Kafka; more are more likely a mistake than a wish. */
export const MAX_NEW_PARTITIONS = 10_000;

/** How many partitions a request asks for, whatever becomes of it. */
export function partitionsAskedFor(
  requests: readonly CreatableTopic[],
  { defaultPartitions }: Pick<TopicLimits, "defaultPartitions">,
): number {
  return requests.reduce((sum, { numPartitions, assignments }) => {
    if (assignments.length > 0) return sum + assignments.length;
    return sum + (numPartitions === -1 ? defaultPartitions : Math.max(0, numPartitions));
  }, 0);
}

export function decideCreate(
  image: MetadataImage,
  request: CreatableTopic,
  limits: TopicLimits,
  newId: () => string,
): TopicOutcome {
  const { name } = request;
  const problem = topicNameProblem(name);
  if (problem !== undefined) return refuse("INVALID_TOPIC_EXCEPTION", problem);
  if (name === METADATA_TOPIC) return refuse("INVALID_REQUEST", `Creation of internal topic ${name} is prohibited.`);
  if (image.topic(name)) return refuse("TOPIC_ALREADY_EXISTS", `Topic '${name}' already exists.`);
  const other = collidingTopic(image, name);
  if (other !== undefined) {
    return refuse("INVALID_TOPIC_EXCEPTION", `Topic '${name}' collides with existing topic: ${other}`);
  }
  const partitionCount = newPartitionCount(request, limits);
  if (typeof partitionCount !== "number") return partitionCount;
  const checked = checkTopicConfigs(request.configs.map(({ name: config, value }) => [config, value]));
  if (!checked.ok) return refuse(checked.error, checked.message);
  const conflict = topicConfigsConflict((config) => effectiveConfig(config, checked.configs, limits));
  if (conflict !== undefined && !isInternalTopic(name)) return refuse("INVALID_CONFIG", conflict);
  return {
    ok: true,
    topic: { id: newId(), name, partitionCount, configs: checked.configs, isDeleted: false, openedCount: 0 },
  };
}

/** The broker needs its own topics, whatever there is. */
function collidingTopic(image: MetadataImage, name: string): string | undefined {
  if (isInternalTopic(name) || !/[._]/.test(name)) return undefined;
  for (const other of image.topicNames()) if (areColliding(name, other)) return other;
  return undefined;
}

function newPartitionCount(request: CreatableTopic, limits: TopicLimits): number | Refusal {
  const { numPartitions, replicationFactor, assignments } = request;
  if (assignments.length > 0) return assignedPartitionCount(request, limits);
  if (replicationFactor < -1 || replicationFactor === 0) {
    return refuse(
      "INVALID_REPLICATION_FACTOR",
      "Replication factor must be larger than 0, or -1 to use the default value.",
    );
  }
  if (replicationFactor > 1) {
    return refuse(
      "INVALID_REPLICATION_FACTOR",
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ` +
        `${replicationFactor} cannot be reached because only 1 broker(s) are registered.`,
    );
  }
  if (numPartitions < -1 || numPartitions === 0) {
    return refuse("INVALID_PARTITIONS", "Number of partitions was set to an invalid non-positive value.");
  }
  return numPartitions === -1 ? limits.defaultPartitions : numPartitions;
}

function assignedPartitionCount(request: CreatableTopic, limits: TopicLimits): number | Refusal {
  const { numPartitions, replicationFactor, assignments } = request;
  if (replicationFactor !== -1 || numPartitions !== -1) {
    const field = replicationFactor !== -1 ? "replication factor" : "numPartitions";
    return refuse("INVALID_REQUEST", `A manual partition assignment was specified, but ${field} was not set to -1.`);
  }
  const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
  if (indexes.size !== assignments.length) {
    return refuse("INVALID_REPLICA_ASSIGNMENT", "Found multiple manual partition assignments for one partition.");
  }
  if (assignments.some((_assignment, index) => !indexes.has(index))) {
    return refuse("INVALID_REPLICA_ASSIGNMENT", "Partitions should be a consecutive 0-based integer sequence.");
  }
  return checkReplicas(assignments, limits) ?? assignments.length;
}

export function decideNewPartitions(
  image: MetadataImage,
  request: CreatablePartitions,
  limits: TopicLimits,
): TopicOutcome {
  const { name, count, assignments } = request;
  const topic = image.topic(name);
  if (!topic) return refuse("UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition.");
  if (isInternalTopic(name)) {
    return refuse("INVALID_REQUEST", `The partitions of ${name} cannot change: groups would lose their coordinator.`);
  }
  const { partitionCount } = topic;
  if (count === partitionCount) return refuse("INVALID_PARTITIONS", `Topic already has ${count} partition(s).`);
  if (count < partitionCount) {
    return refuse(
      "INVALID_PARTITIONS",
      `The topic ${name} currently has ${partitionCount} partition(s); ${count} would not be an increase.`,
    );
  }
  if (assignments) {
    if (assignments.length !== count - partitionCount) {
      return refuse(
        "INVALID_REPLICA_ASSIGNMENT",
        `Attempted to add ${count - partitionCount} additional partition(s), but only ${assignments.length} assignment(s) were specified.`,
      );
    }
    const problem = checkReplicas(assignments, limits);
    if (problem) return problem;
  }
  return { ok: true, topic: { ...topic, partitionCount: count } };
}

function checkReplicas(
  assignments: readonly { readonly brokerIds: readonly number[] }[],
  { nodeId }: TopicLimits,
): Refusal | undefined {
  const isHere = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId);
  if (isHere) return undefined;
  return refuse("INVALID_REPLICA_ASSIGNMENT", `Each partition must be assigned to the one broker there is, ${nodeId}.`);
}

export function tooManyPartitions(): Refusal {
  return refuse("POLICY_VIOLATION", `At most ${MAX_NEW_PARTITIONS} partitions can be created at once.`);
}
