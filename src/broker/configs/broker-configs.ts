/** The broker's own settings under Kafka's names, for DescribeConfigs. They are given at the start and do not change. */
import { type Endpoint, formatAddress } from "../listeners.ts";
import type { BrokerConfig } from "../options.ts";
import { type ConfigType, configTypeCodes } from "./definition.ts";
import { configSources, type DescribedConfig } from "./describe.ts";
import { effectiveConfig } from "./log-config.ts";
import { topicConfigDefinitions } from "./topic-configs.ts";

interface BrokerSetting {
  readonly name: string;
  readonly type: ConfigType;
  readonly value: string;
  readonly documentation: string;
}

export function describeBrokerConfigs(config: BrokerConfig, endpoints: readonly Endpoint[]): DescribedConfig[] {
  return [...ownSettings(config, endpoints), ...topicDefaults(config)]
    .map(({ type, ...setting }) => ({
      ...setting,
      readOnly: true,
      configSource: configSources.brokerStart,
      isSensitive: false,
      synonyms: [{ name: setting.name, value: setting.value, source: configSources.brokerStart }],
      configType: configTypeCodes[type],
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The settings of topics that a topic does not have itself. */
function topicDefaults(config: BrokerConfig): BrokerSetting[] {
  return topicConfigDefinitions.flatMap(({ name, brokerName, type, documentation }) =>
    brokerName === undefined
      ? []
      : [{ name: brokerName, type, value: effectiveConfig(name, new Map(), config), documentation }],
  );
}

function ownSettings(config: BrokerConfig, endpoints: readonly Endpoint[]): BrokerSetting[] {
  const text = (name: string, value: string, documentation: string): BrokerSetting => {
    return { name, type: "string", value, documentation };
  };
  const number = (name: string, type: "int" | "long", value: number, documentation: string): BrokerSetting => {
    return { name, type, value: String(value), documentation };
  };
  return [
    text(
      "advertised.listeners",
      endpoints.map((endpoint) => `${endpoint.listener}://${formatAddress(endpoint)}`).join(","),
      "Where clients connect to.",
    ),
    text(
      "listeners",
      config.listeners.map((listener) => `${listener.name}://${formatAddress(listener)}`).join(","),
      "Where the broker listens.",
    ),
    text(
      "listener.security.protocol.map",
      config.listeners.map(({ name }) => `${name}:PLAINTEXT`).join(","),
      "How clients of each listener are secured.",
    ),
    text("log.dirs", config.dataDir ?? "", "Where the logs are; empty when they are in memory."),
    {
      name: "auto.create.topics.enable",
      type: "boolean",
      value: String(config.autoCreateTopics),
      documentation: "Whether a topic is created when it is first asked for.",
    },
    number("broker.id", "int", config.nodeId, "The broker's id."),
    number("node.id", "int", config.nodeId, "The broker's id."),
    number("default.replication.factor", "int", 1, "Replicas of a new topic: there is one broker."),
    number("num.partitions", "int", config.defaultPartitions, "Partitions of a topic created without a number."),
    number("offsets.topic.num.partitions", "int", config.offsetsTopicPartitions, "Partitions of __consumer_offsets."),
    number(
      "transaction.state.log.num.partitions",
      "int",
      config.transactionTopicPartitions,
      "Partitions of __transaction_state.",
    ),
    number("transaction.max.timeout.ms", "int", config.transactionMaxTimeoutMs, "The longest transaction timeout."),
    number(
      "transactional.id.expiration.ms",
      "int",
      config.transactionalIdExpirationMs,
      "How long an unused transactional id is remembered.",
    ),
    number(
      "producer.id.expiration.ms",
      "int",
      config.producerIdExpirationMs,
      "How long the state of a silent idempotent producer is kept.",
    ),
    number(
      "group.initial.rebalance.delay.ms",
      "int",
      config.groupInitialRebalanceDelayMs,
      "How long the first member of a group waits for others.",
    ),
    number("group.min.session.timeout.ms", "int", config.groupMinSessionTimeoutMs, "The shortest session timeout."),
    number("group.max.session.timeout.ms", "int", config.groupMaxSessionTimeoutMs, "The longest session timeout."),
    number(
      "group.consumer.session.timeout.ms",
      "int",
      config.groupConsumerSessionTimeoutMs,
      "How long a member of the consumer protocol may be silent.",
    ),
    number(
      "group.consumer.heartbeat.interval.ms",
      "int",
      config.groupConsumerHeartbeatIntervalMs,
      "How often members of the consumer protocol send heartbeats.",
    ),
    text(
      "group.consumer.migration.policy",
      config.groupConsumerMigrationPolicy,
      "Whether groups with members may change between the classic and the consumer protocol.",
    ),
    number(
      "offsets.retention.minutes",
      "int",
      Math.floor(config.offsetsRetentionMs / 60_000),
      "How long offsets outlive their group.",
    ),
    {
      name: "log.cleaner.enable",
      type: "boolean",
      value: String(config.cleanerEnabled),
      documentation: "Whether compacted topics are compacted.",
    },
    number("log.cleaner.backoff.ms", "long", config.cleanerBackoffMs, "How long the cleaner rests."),
    number(
      "log.cleaner.dedupe.buffer.size",
      "long",
      config.cleanerDedupeBufferBytes,
      "The most memory for the keys of a log that is being compacted.",
    ),
    {
      name: "log.cleaner.io.max.bytes.per.second",
      type: "double",
      value: String(config.cleanerIoBytesPerSecond),
      documentation: "How much the cleaner reads and writes a second.",
    },
    number(
      "log.retention.check.interval.ms",
      "long",
      config.retentionCheckIntervalMs,
      "How often is looked for segments past their retention.",
    ),
    number("socket.request.max.bytes", "int", config.maxRequestBytes, "The largest request."),
    number("max.connections", "int", config.maxConnections, "Connections at a time."),
    number("max.connections.per.ip", "int", config.maxConnectionsPerAddress, "Connections from one address."),
    number("connections.max.idle.ms", "long", config.connectionsMaxIdleMs, "When an idle connection is closed."),
    number(
      "queued.max.request.bytes",
      "long",
      config.queuedMaxRequestBytes,
      "How much of requests is taken in before some are answered.",
    ),
    number(
      "max.incremental.fetch.session.cache.slots",
      "int",
      config.maxFetchSessions,
      "Clients whose fetches the broker remembers.",
    ),
    number("fetch.max.bytes", "int", config.maxFetchBytes, "The most that one fetch returns."),
  ];
}
