/** The broker's own settings under Kafka's names. All can be looked at; those that have `apply` can change while it runs. */
import { type Endpoint, formatAddress } from "../listeners.ts";
import type { BrokerConfig } from "../options.ts";
import type { ConfigDefinition } from "./definition.ts";
import { groupConfigBounds } from "./group-configs.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface BrokerSetting extends Omit<ConfigDefinition, "defaultValue"> {
  read(config: BrokerConfig, endpoints: readonly Endpoint[]): string;
  readonly apply?: (config: Mutable<BrokerConfig>, value: string) => void;
}

/** The options that are numbers. */
type NumberOption = { [N in keyof BrokerConfig]: BrokerConfig[N] extends number ? N : never }[keyof BrokerConfig];

function number(
  name: string,
  type: "int" | "long" | "double",
  option: NumberOption,
  documentation: string,
): BrokerSetting {
  return { name, type, documentation, read: (config) => String(config[option]) };
}

function dynamicNumber(
  name: string,
  type: "int" | "long" | "double",
  option: NumberOption,
  min: number,
  documentation: string,
): BrokerSetting {
  const apply = (config: Mutable<BrokerConfig>, value: string): void => {
    config[option] = Number(value);
  };
  return { ...number(name, type, option, documentation), min, apply };
}

export const brokerSettings: readonly BrokerSetting[] = [
  {
    name: "advertised.listeners",
    type: "string",
    documentation: "Where clients connect to.",
    read: (_config, endpoints) =>
      endpoints.map((endpoint) => `${endpoint.listener}://${formatAddress(endpoint)}`).join(","),
  },
  {
    name: "auto.create.topics.enable",
    type: "boolean",
    documentation: "Whether a topic is created when it is first asked for.",
    read: ({ autoCreateTopics }) => String(autoCreateTopics),
  },
  number("broker.id", "int", "nodeId", "The broker's id."),
  number("connections.max.idle.ms", "long", "connectionsMaxIdleMs", "When an idle connection is closed."),
  {
    name: "default.replication.factor",
    type: "int",
    documentation: "Replicas of a new topic: there is one broker.",
    read: () => "1",
  },
  number("fetch.max.bytes", "int", "maxFetchBytes", "The most that one fetch returns."),
  dynamicNumber(
    "group.consumer.assignment.interval.ms",
    "int",
    "groupConsumerAssignmentIntervalMs",
    0,
    "How long a group of the consumer protocol keeps an assignment before it makes the next one.",
  ),
  number(
    "group.consumer.heartbeat.interval.ms",
    "int",
    "groupConsumerHeartbeatIntervalMs",
    "How often members of the consumer protocol send heartbeats.",
  ),
  number(
    "group.consumer.max.size",
    "int",
    "groupConsumerMaxSize",
    "The most members of a group of the consumer protocol.",
  ),
  {
    name: "group.consumer.migration.policy",
    type: "string",
    documentation: "Whether groups with members may change between the classic and the consumer protocol.",
    read: ({ groupConsumerMigrationPolicy }) => groupConsumerMigrationPolicy,
  },
  number(
    "group.consumer.session.timeout.ms",
    "int",
    "groupConsumerSessionTimeoutMs",
    "How long a member of the consumer protocol may be silent.",
  ),
  number(
    "group.initial.rebalance.delay.ms",
    "int",
    "groupInitialRebalanceDelayMs",
    "How long the first member of a group waits for others.",
  ),
  number("group.max.size", "int", "groupMaxSize", "The most members of a classic group."),
  number("group.max.session.timeout.ms", "int", "groupMaxSessionTimeoutMs", "The longest session timeout."),
  number("group.min.session.timeout.ms", "int", "groupMinSessionTimeoutMs", "The shortest session timeout."),
  dynamicNumber(
    "group.streams.assignment.interval.ms",
    "int",
    "groupStreamsAssignmentIntervalMs",
    0,
    "How long a streams group keeps an assignment before it makes the next one.",
  ),
  number(
    "group.streams.heartbeat.interval.ms",
    "int",
    "groupStreamsHeartbeatIntervalMs",
    "How often members of streams groups send heartbeats.",
  ),
  number(
    "group.streams.initial.rebalance.delay.ms",
    "int",
    "groupStreamsInitialRebalanceDelayMs",
    "How long the first member of a streams group waits for others.",
  ),
  number("group.streams.max.size", "int", "groupStreamsMaxSize", "The most members of a streams group."),
  number(
    "group.streams.num.standby.replicas",
    "int",
    "groupStreamsNumStandbyReplicas",
    "How many copies of a task's state are kept beside the active one.",
  ),
  number(
    "group.streams.session.timeout.ms",
    "int",
    "groupStreamsSessionTimeoutMs",
    "How long a member of a streams group may be silent.",
  ),
  {
    name: "listener.security.protocol.map",
    type: "string",
    documentation: "How clients of each listener are secured.",
    read: ({ listeners }) => listeners.map(({ name }) => `${name}:PLAINTEXT`).join(","),
  },
  {
    name: "listeners",
    type: "string",
    documentation: "Where the broker listens.",
    read: ({ listeners }) => listeners.map((listener) => `${listener.name}://${formatAddress(listener)}`).join(","),
  },
  dynamicNumber("log.cleaner.backoff.ms", "long", "cleanerBackoffMs", 1, "How long the cleaner rests."),
  dynamicNumber(
    "log.cleaner.dedupe.buffer.size",
    "long",
    "cleanerDedupeBufferBytes",
    1024,
    "The most memory for the keys of a log that is being compacted.",
  ),
  {
    name: "log.cleaner.enable",
    type: "boolean",
    documentation: "Whether compacted topics are compacted.",
    read: ({ cleanerEnabled }) => String(cleanerEnabled),
  },
  dynamicNumber(
    "log.cleaner.io.max.bytes.per.second",
    "double",
    "cleanerIoBytesPerSecond",
    1024,
    "How much the cleaner reads and writes a second.",
  ),
  {
    name: "log.dirs",
    type: "string",
    documentation: "Where the logs are; empty when they are in memory.",
    read: ({ dataDir }) => dataDir ?? "",
  },
  dynamicNumber("max.connections", "int", "maxConnections", 1, "Connections at a time."),
  dynamicNumber("max.connections.per.ip", "int", "maxConnectionsPerAddress", 1, "Connections from one address."),
  number(
    "max.incremental.fetch.session.cache.slots",
    "int",
    "maxFetchSessions",
    "Clients whose fetches the broker remembers.",
  ),
  number("node.id", "int", "nodeId", "The broker's id."),
  number("num.partitions", "int", "defaultPartitions", "Partitions of a topic created without a number."),
  {
    name: "offsets.retention.minutes",
    type: "int",
    documentation: "How long offsets outlive their group.",
    read: ({ offsetsRetentionMs }) => String(Math.floor(offsetsRetentionMs / 60_000)),
  },
  number("offsets.topic.num.partitions", "int", "offsetsTopicPartitions", "Partitions of __consumer_offsets."),
  dynamicNumber(
    "producer.id.expiration.ms",
    "int",
    "producerIdExpirationMs",
    1,
    "How long the state of a silent idempotent producer is kept.",
  ),
  number(
    "queued.max.request.bytes",
    "long",
    "queuedMaxRequestBytes",
    "How much of requests is taken in before some are answered.",
  ),
  number("socket.request.max.bytes", "int", "maxRequestBytes", "The largest request."),
  number("transaction.max.timeout.ms", "int", "transactionMaxTimeoutMs", "The longest transaction timeout."),
  number(
    "transaction.state.log.num.partitions",
    "int",
    "transactionTopicPartitions",
    "Partitions of __transaction_state.",
  ),
  number(
    "transactional.id.expiration.ms",
    "int",
    "transactionalIdExpirationMs",
    "How long an unused transactional id is remembered.",
  ),
  ...groupConfigBounds.map(
    ({ name, read }): BrokerSetting => ({
      name,
      type: "int",
      documentation: "A bound of what single groups may have.",
      read: (config) => String(read(config)),
    }),
  ),
];
