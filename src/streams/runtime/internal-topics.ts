/** The topics that a topology needs: the inputs are there, and its own are made when they are not. */
import { type NewTopic, OncillaError, type TopicDescription } from "../../client/index.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import { StreamsError } from "../errors.ts";
import type { Topology } from "../topology/topology.ts";
import type { Inputs } from "./assignor.ts";
import type { StreamsAdmin } from "./ports.ts";
import { type InternalTopic, internalTopics } from "./topic-plan.ts";

/** How long a changelog keeps tombstones: a store that has been away for longer may miss deletions. */
export const CHANGELOG_DELETE_RETENTION_MS = 86_400_000;

/** What is left out is the broker's to say. */
const CONFIGS: Readonly<Record<InternalTopic["kind"], Readonly<Record<string, string>>>> = {
  // Kept until the application itself removes what it has committed.
  repartition: {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
  },
  // Records and rows keep the time that they have in the application.
  changelog: {
    "cleanup.policy": "compact",
    "delete.retention.ms": String(CHANGELOG_DELETE_RETENTION_MS),
    "message.timestamp.type": "CreateTime",
  },
};

const WAIT_MS = 50;
const MAX_WAITS = 200;

export interface InternalTopicsOptions {
  readonly topology: Topology;
  readonly applicationId: string;
  /** The broker's default when undefined. */
  readonly replicationFactor: number | undefined;
  readonly admin: StreamsAdmin;
  readonly clock: Clock;
}

export interface Topics {
  /** Descriptions of the application's own topics, by topic. */
  readonly internal: ReadonlyMap<string, TopicDescription>;
  /** How many partitions each topic has that the topology reads, in the order in which the data goes through them. */
  readonly inputs: Inputs;
}

/** Makes the internal topics that do not exist and checks those that do. Any number of workers may do this at the same time. */
export async function ensureInternalTopics(options: InternalTopicsOptions): Promise<Topics> {
  const { topology, applicationId, admin, replicationFactor } = options;
  const inputs = topology.inputTopics;
  const found = await describe(
    admin,
    inputs.filter((topic) => !topology.isInternal(topic)),
  );
  const needed = internalTopics(topology, applicationId, (topic) => found.get(topic)?.partitions.length ?? 0);
  const existing = await describe(
    admin,
    needed.map(({ topic }) => topic),
  );
  for (const topic of needed) {
    if (!existing.has(topic.topic)) await create(admin, topic, replicationFactor);
  }
  const internal = await untilAllExist(options, needed);
  const names = inputs.map((topic) => topology.topicName(applicationId, topic));
  const partitionsOf = (topic: string): number => (internal.get(topic) ?? found.get(topic))?.partitions.length ?? 0;
  return { internal, inputs: new Map(names.map((topic) => [topic, partitionsOf(topic)])) };
}

async function describe(admin: StreamsAdmin, topics: readonly string[]): Promise<Map<string, TopicDescription>> {
  if (topics.length === 0) return new Map();
  const descriptions = await admin.describeTopics(topics);
  return new Map(descriptions.map((description) => [description.topic, description]));
}

async function create(
  admin: StreamsAdmin,
  { topic, kind, partitions }: InternalTopic,
  replicationFactor: number | undefined,
): Promise<void> {
  const newTopic: NewTopic = {
    topic,
    partitions,
    configs: CONFIGS[kind],
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  };
  try {
    await admin.createTopics([newTopic]);
  } catch (error) {
    // Another worker was faster.
    if (!(error instanceof OncillaError) || error.code !== "TOPIC_ALREADY_EXISTS") throw error;
  }
}

async function untilAllExist(
  { admin, clock }: InternalTopicsOptions,
  needed: readonly InternalTopic[],
): Promise<Map<string, TopicDescription>> {
  for (let waits = 0; ; waits++) {
    const descriptions = await describe(
      admin,
      needed.map(({ topic }) => topic),
    );
    const missing = needed.filter(({ topic }) => !descriptions.has(topic));
    if (missing.length === 0) {
      for (const topic of needed) checkPartitions(topic, descriptions.get(topic.topic)?.partitions.length ?? 0);
      return descriptions;
    }
    if (waits === MAX_WAITS) {
      const names = missing.map(({ topic }) => topic).join(", ");
      throw new StreamsError("MISSING_TOPIC", `created, but not to be seen on the cluster: ${names}`);
    }
    await sleep(clock, WAIT_MS);
  }
}

function checkPartitions({ topic, partitions }: InternalTopic, found: number): void {
  if (found === partitions) return;
  throw new StreamsError(
    "INTERNAL_TOPIC_MISMATCH",
    `${topic} has ${found} partitions and needs ${partitions}: the inputs' partitions have changed since it was made. ` +
      "Use another application id, or delete the application's internal topics and offsets and begin anew",
  );
}
