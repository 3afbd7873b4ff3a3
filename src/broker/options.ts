/** What `Broker.start` takes: checked here, once, so that the rest can rely on it. */
import { defaultGroupCoordinatorConfig, type MigrationPolicy } from "../coordinator/group/config.ts";
import { defaultTransactionCoordinatorConfig } from "../coordinator/transaction/config.ts";
import type { Logger } from "../platform/logger.ts";
import type { Platform } from "../platform/platform.ts";
import { BrokerError } from "./broker-error.ts";
import { checkTopicConfigs, topicConfigDefinition, topicConfigsConflict } from "./configs/topic-configs.ts";
import { type ListenerConfig, type ListenerOptions, listenersProblem } from "./listeners.ts";

/** `fsync`: a record is acknowledged (acks=all) and shown to consumers once it survives a power loss. `os`: once the
 * operating system has it, which survives the end of the process only; as Apache Kafka does by default. */
export type Durability = "fsync" | "os";

export interface BrokerOptions {
  /** Where the logs are kept; made when missing. Without it everything is kept in memory and gone after `stop`. */
  readonly dataDir?: string;
  /** The address to listen on. Default "127.0.0.1". */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What clients are told to connect to, when that is another address than the one listened on. */
  readonly advertisedHost?: string;
  readonly advertisedPort?: number;
  /** Several addresses to listen on, in place of the four options above. Default: one, with the name "PLAINTEXT". */
  readonly listeners?: readonly ListenerOptions[];
  /** Default "fsync". */
  readonly durability?: Durability;
  /** What to do with a partition whose folder, or every segment in it, was there and is gone. false (default): it is offline,
   * and answers KAFKA_STORAGE_ERROR, until the folder is back or the topic is deleted. true: it begins anew, empty. */
  readonly recreateLostLogs?: boolean;
  /** The broker's id in the protocol. Default 1. */
  readonly nodeId?: number;
  /** Whether a topic is created when a producer or consumer first asks for it. Default true. */
  readonly autoCreateTopics?: boolean;
  /** Partitions of a topic that is created without a number of its own. Default 1. */
  readonly defaultPartitions?: number;
  /** Settings of every topic that does not set its own, by Kafka's names: `{ "retention.ms": 3600000 }`. */
  readonly topicDefaults?: Readonly<Record<string, string | number | boolean>>;
  /** Partitions of `__consumer_offsets` and `__transaction_state`, when those are created. Default 4. */
  readonly offsetsTopicPartitions?: number;
  readonly transactionTopicPartitions?: number;
  /** The longest transaction timeout that a producer may ask for, ms. Default 15 minutes. */
  readonly transactionMaxTimeoutMs?: number;
  /** How long a transactional id that is not used is remembered, ms. Default 7 days. */
  readonly transactionalIdExpirationMs?: number;
  /** How long the state of an idempotent producer that sends nothing is kept, ms. Default 1 day. */
  readonly producerIdExpirationMs?: number;
  /** How long the first member of an empty group waits for others, ms. Default 0. */
  readonly groupInitialRebalanceDelayMs?: number;
  /** The bounds of a member's session timeout, ms. Default 6 seconds and 30 minutes. */
  readonly groupMinSessionTimeoutMs?: number;
  readonly groupMaxSessionTimeoutMs?: number;
  /** The most members of a classic group, of one of the consumer protocol (KIP-848) and of a streams group (KIP-1071).
   * Default: any number. */
  readonly groupMaxSize?: number;
  readonly groupConsumerMaxSize?: number;
  readonly groupStreamsMaxSize?: number;
  /** How long a member of the consumer protocol (KIP-848) may be silent, and how often it sends heartbeats, ms, where its
   * group has no setting of its own. Default 45 and 5 seconds. */
  readonly groupConsumerSessionTimeoutMs?: number;
  readonly groupConsumerHeartbeatIntervalMs?: number;
  /** How long such a group keeps an assignment before it makes the next one, ms, where it has no setting of its own: less
   * work where many members come and go, and a later part for each. Default 0; Apache Kafka's is 1 second. */
  readonly groupConsumerAssignmentIntervalMs?: number;
  /** The same of streams groups (KIP-1071). */
  readonly groupStreamsSessionTimeoutMs?: number;
  readonly groupStreamsHeartbeatIntervalMs?: number;
  readonly groupStreamsAssignmentIntervalMs?: number;
  /** Copies of a task's state beside the active one, where a streams group has no setting of its own. Default 0. */
  readonly groupStreamsNumStandbyReplicas?: number;
  /** How long the first member of an empty streams group waits for others, ms. Default 0. */
  readonly groupStreamsInitialRebalanceDelayMs?: number;
  /** Whether a group with members goes from the classic to the consumer protocol with the first member that speaks it
   * ("upgrade"), and back when the last one leaves ("downgrade"). Default "bidirectional". */
  readonly groupConsumerMigrationPolicy?: MigrationPolicy;
  /** How long committed offsets outlive their group, ms. Default 7 days. */
  readonly offsetsRetentionMs?: number;
  /** Whether topics with cleanup.policy=compact are compacted, Kafka's log.cleaner.enable. Default true. */
  readonly cleanerEnabled?: boolean;
  /** How long the cleaner rests when nothing is to be compacted, ms. Default 15 seconds. */
  readonly cleanerBackoffMs?: number;
  /** The most memory for the keys of a log that is being compacted; one with more keys takes several passes. Default
   * 128 MiB. */
  readonly cleanerDedupeBufferBytes?: number;
  /** How much the cleaner reads and writes a second at most. Default: no limit. */
  readonly cleanerIoBytesPerSecond?: number;
  /** How often is looked for segments past their retention and for producers that have expired, ms. Default 30,000. */
  readonly retentionCheckIntervalMs?: number;
  /** How much of a partition's log a start after a crash checks, about, beside what was not synced. Less is a faster start, and
   * more syncs of small files. Default 64 MiB. */
  readonly recoveryPointIntervalBytes?: number;
  /** The largest request that is taken. Default 100 MiB. */
  readonly maxRequestBytes?: number;
  /** Connections at a time, and those from one address; more are refused. Default: any number. */
  readonly maxConnections?: number;
  readonly maxConnectionsPerAddress?: number;
  /** A connection on which nothing is sent, asked or answered for so long is closed, ms. Default 10 minutes. */
  readonly connectionsMaxIdleMs?: number;
  /** Once all connections' requests that are being received or served take up that much, no further one is read until
   * some are answered. Default 256 MiB. */
  readonly queuedMaxRequestBytes?: number;
  /** The closer all replies that clients have not taken come to that much, the less a fetch returns; down to one batch. Once they take
   * up that much, clients with replies to take are not served further: each can have one reply more. Default 512 MiB. */
  readonly queuedMaxReplyBytes?: number;
  /** The most that one Fetch returns, whatever it asks for. Default 4 MiB: what was read is sent while the processor still has
   * it in its caches, and partitions take turns from one Fetch to the next. More is faster over long distances. */
  readonly maxFetchBytes?: number;
  /** Clients whose fetches the broker remembers, so that they need name only what changes (KIP-227). Default 1000. */
  readonly maxFetchSessions?: number;
  /** Shows metrics at http://metricsHost:metricsPort/metrics, in Prometheus' format; 0: any free port. Default: none are
   * shown. */
  readonly metricsPort?: number;
  /** Default "127.0.0.1". */
  readonly metricsHost?: string;
  /** The world outside; Node's when absent. Without `dataDir` its disk is not touched. */
  readonly platform?: Platform;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}

/** The options with every default filled in, but for the world outside. */
export interface BrokerConfig {
  readonly dataDir: string | undefined;
  /** One at least. */
  readonly listeners: readonly ListenerConfig[];
  readonly durability: Durability;
  readonly recreateLostLogs: boolean;
  readonly nodeId: number;
  readonly autoCreateTopics: boolean;
  readonly defaultPartitions: number;
  readonly topicDefaults: ReadonlyMap<string, string>;
  readonly offsetsTopicPartitions: number;
  readonly transactionTopicPartitions: number;
  readonly transactionMaxTimeoutMs: number;
  readonly transactionalIdExpirationMs: number;
  readonly producerIdExpirationMs: number;
  readonly groupInitialRebalanceDelayMs: number;
  readonly groupMinSessionTimeoutMs: number;
  readonly groupMaxSessionTimeoutMs: number;
  readonly groupMaxSize: number;
  readonly groupConsumerMaxSize: number;
  readonly groupStreamsMaxSize: number;
  readonly groupConsumerSessionTimeoutMs: number;
  readonly groupConsumerHeartbeatIntervalMs: number;
  readonly groupConsumerAssignmentIntervalMs: number;
  readonly groupStreamsSessionTimeoutMs: number;
  readonly groupStreamsHeartbeatIntervalMs: number;
  readonly groupStreamsAssignmentIntervalMs: number;
  readonly groupStreamsNumStandbyReplicas: number;
  readonly groupStreamsInitialRebalanceDelayMs: number;
  readonly groupConsumerMigrationPolicy: MigrationPolicy;
  readonly offsetsRetentionMs: number;
  readonly cleanerEnabled: boolean;
  readonly cleanerBackoffMs: number;
  readonly cleanerDedupeBufferBytes: number;
  readonly cleanerIoBytesPerSecond: number;
  readonly retentionCheckIntervalMs: number;
  readonly recoveryPointIntervalBytes: number;
  readonly maxRequestBytes: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly connectionsMaxIdleMs: number;
  readonly queuedMaxRequestBytes: number;
  readonly queuedMaxReplyBytes: number;
  readonly maxFetchBytes: number;
  readonly maxFetchSessions: number;
  readonly metricsPort: number | undefined;
  readonly metricsHost: string;
}

/** Gives the value to use, or throws; `undefined` stands for an option that was left out. */
type OptionCheck<T> = (name: string, given: unknown) => T;
type Checks<T> = { readonly [N in keyof T]-?: OptionCheck<T[N]> };

const INT_MAX = 2 ** 31 - 1;
const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

/** The parts of a listener; those of the one and only can be given as options of the broker. */
const addressChecks: Checks<Omit<ListenerConfig, "name">> = {
  host: withDefault("127.0.0.1", text),
  port: withDefault(0, wholeNumber(0, 65535)),
  advertisedHost: optional(text),
  advertisedPort: optional(wholeNumber(1, 65535)),
};

const checks: Checks<Omit<BrokerConfig, "listeners">> = {
  dataDir: optional(text),
  durability: withDefault("fsync", oneOf<Durability>("fsync", "os")),
  recreateLostLogs: withDefault(false, flag),
  nodeId: withDefault(1, wholeNumber(0, INT_MAX)),
  autoCreateTopics: withDefault(true, flag),
  defaultPartitions: withDefault(1, wholeNumber(1, 10_000)),
  topicDefaults,
  offsetsTopicPartitions: withDefault(4, wholeNumber(1, 1000)),
  transactionTopicPartitions: withDefault(4, wholeNumber(1, 1000)),
  transactionMaxTimeoutMs: withDefault(
    defaultTransactionCoordinatorConfig.maxTransactionTimeoutMs,
    wholeNumber(1, INT_MAX),
  ),
  transactionalIdExpirationMs: withDefault(
    defaultTransactionCoordinatorConfig.transactionalIdExpirationMs,
    wholeNumber(1, INT_MAX),
  ),
  producerIdExpirationMs: withDefault(DAY_MS, wholeNumber(1, INT_MAX)),
  groupInitialRebalanceDelayMs: withDefault(0, wholeNumber(0, INT_MAX)),
  groupMinSessionTimeoutMs: withDefault(defaultGroupCoordinatorConfig.minSessionTimeoutMs, wholeNumber(1, INT_MAX)),
  groupMaxSessionTimeoutMs: withDefault(defaultGroupCoordinatorConfig.maxSessionTimeoutMs, wholeNumber(1, INT_MAX)),
  groupMaxSize: withDefault(defaultGroupCoordinatorConfig.maxGroupSize, wholeNumber(1, INT_MAX)),
  groupConsumerMaxSize: withDefault(defaultGroupCoordinatorConfig.consumerMaxGroupSize, wholeNumber(1, INT_MAX)),
  groupStreamsMaxSize: withDefault(defaultGroupCoordinatorConfig.streamsMaxGroupSize, wholeNumber(1, INT_MAX)),
  groupConsumerSessionTimeoutMs: withDefault(
    defaultGroupCoordinatorConfig.consumerSessionTimeoutMs,
    wholeNumber(1, INT_MAX),
  ),
  groupConsumerHeartbeatIntervalMs: withDefault(
    defaultGroupCoordinatorConfig.consumerHeartbeatIntervalMs,
    wholeNumber(1, INT_MAX),
  ),
  groupConsumerAssignmentIntervalMs: withDefault(0, wholeNumber(0, INT_MAX)),
  groupStreamsSessionTimeoutMs: withDefault(
    defaultGroupCoordinatorConfig.streamsSessionTimeoutMs,
    wholeNumber(1, INT_MAX),
  ),
  groupStreamsHeartbeatIntervalMs: withDefault(
    defaultGroupCoordinatorConfig.streamsHeartbeatIntervalMs,
    wholeNumber(1, INT_MAX),
  ),
  groupStreamsAssignmentIntervalMs: withDefault(0, wholeNumber(0, INT_MAX)),
  groupStreamsNumStandbyReplicas: withDefault(
    defaultGroupCoordinatorConfig.streamsNumStandbyReplicas,
    wholeNumber(0, 100),
  ),
  groupStreamsInitialRebalanceDelayMs: withDefault(0, wholeNumber(0, INT_MAX)),
  groupConsumerMigrationPolicy: withDefault(
    defaultGroupCoordinatorConfig.consumerMigrationPolicy,
    oneOf("disabled", "upgrade", "downgrade", "bidirectional"),
  ),
  offsetsRetentionMs: withDefault(defaultGroupCoordinatorConfig.offsetsRetentionMs, wholeNumber(1, 2 ** 53 - 1)),
  cleanerEnabled: withDefault(true, flag),
  cleanerBackoffMs: withDefault(15_000, wholeNumber(1, INT_MAX)),
  cleanerDedupeBufferBytes: withDefault(128 * MIB, wholeNumber(1024, INT_MAX)),
  cleanerIoBytesPerSecond: withDefault(Number.MAX_SAFE_INTEGER, wholeNumber(1024, Number.MAX_SAFE_INTEGER)),
  retentionCheckIntervalMs: withDefault(30_000, wholeNumber(1, INT_MAX)),
  recoveryPointIntervalBytes: withDefault(64 * MIB, wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  maxRequestBytes: withDefault(100 * MIB, wholeNumber(1024, INT_MAX)),
  maxConnections: withDefault(INT_MAX, wholeNumber(1, INT_MAX)),
  maxConnectionsPerAddress: withDefault(INT_MAX, wholeNumber(1, INT_MAX)),
  connectionsMaxIdleMs: withDefault(10 * 60 * 1000, wholeNumber(1, INT_MAX)),
  queuedMaxRequestBytes: withDefault(256 * MIB, wholeNumber(1024, Number.MAX_SAFE_INTEGER)),
  queuedMaxReplyBytes: withDefault(512 * MIB, wholeNumber(1024, Number.MAX_SAFE_INTEGER)),
  maxFetchBytes: withDefault(4 * MIB, wholeNumber(1024, INT_MAX)),
  maxFetchSessions: withDefault(1000, wholeNumber(0, INT_MAX)),
  metricsPort: optional(wholeNumber(0, 65_535)),
  metricsHost: withDefault("127.0.0.1", text),
};

/** What is used as it is given, and what it must have. */
const surroundings = { platform: ["clock", "disk", "network", "random"], logger: ["log"] } as const;

/** Every option there is. */
export const brokerOptionNames: readonly string[] = [
  ...Object.keys(checks),
  ...Object.keys(addressChecks),
  "listeners",
  ...Object.keys(surroundings),
];

/** Throws a BrokerError, INVALID_OPTION, that names the option. */
export function resolveOptions(options: BrokerOptions): BrokerConfig {
  if (!isPlainObject(options)) throw invalid("the broker's options must be a plain object");
  const given: Readonly<Record<string, unknown>> = { ...options };
  refuseUnknown(Object.keys(given), brokerOptionNames, "broker option");
  for (const [name, members] of Object.entries(surroundings)) checkMembers(name, given[name], members);
  const config: BrokerConfig = { ...checkAll(checks, given, quoted), listeners: listeners(given) };
  if (config.groupMinSessionTimeoutMs > config.groupMaxSessionTimeoutMs) {
    throw invalid('broker option "groupMinSessionTimeoutMs" must not be above "groupMaxSessionTimeoutMs"');
  }
  for (const kind of ["groupConsumer", "groupStreams"] as const) {
    const [interval, timeout] = [`${kind}HeartbeatIntervalMs`, `${kind}SessionTimeoutMs`] as const;
    // Every member's session would end before its next heartbeat.
    if (config[interval] >= config[timeout]) throw invalid(`${quoted(interval)} must be below "${timeout}"`);
  }
  return config;
}

/** What counts where no option is given. */
export const defaultConfig: BrokerConfig = resolveOptions({});

function checkMembers(name: string, given: unknown, members: readonly string[]): void {
  if (given === undefined) return;
  const isWhole =
    typeof given === "object" && given !== null && members.every((member) => isUsable(Reflect.get(given, member)));
  if (!isWhole) throw invalid(`${quoted(name)} must be an object with ${members.join(", ")}`);
}

/** A function, or something that has some. */
function isUsable(member: unknown): boolean {
  return typeof member === "function" || (typeof member === "object" && member !== null);
}

function listeners(given: Readonly<Record<string, unknown>>): ListenerConfig[] {
  const resolved =
    given.listeners === undefined
      ? [{ name: "PLAINTEXT", ...checkAll(addressChecks, given, quoted) }]
      : severalListeners(given);
  const problem = listenersProblem(resolved);
  if (problem !== undefined) throw invalid(problem);
  return resolved;
}

function severalListeners(given: Readonly<Record<string, unknown>>): ListenerConfig[] {
  const single = Object.keys(addressChecks).find((name) => given[name] !== undefined);
  if (single !== undefined) throw invalid(`broker options "listeners" and "${single}" exclude each other`);
  const list = given.listeners;
  if (!Array.isArray(list) || list.length === 0) throw invalid('broker option "listeners" must be a list of listeners');
  return list.map((listener: unknown, i) => {
    const path = (name: string): string => `"listeners[${i}].${name}"`;
    if (!isPlainObject(listener)) throw invalid(`"listeners[${i}]" must be a plain object`);
    const parts: Readonly<Record<string, unknown>> = { ...listener };
    const partChecks: Checks<ListenerConfig> = { name: listenerName, ...addressChecks };
    refuseUnknown(Object.keys(parts), Object.keys(partChecks), "part of a listener");
    return checkAll(partChecks, parts, path);
  });
}

function checkAll<T>(
  checksByName: Checks<T>,
  given: Readonly<Record<string, unknown>>,
  pathOf: (name: string) => string,
): T {
  const entries = Object.entries<OptionCheck<unknown>>(checksByName);
  return Object.fromEntries(entries.map(([name, check]) => [name, check(pathOf(name), given[name])])) as T;
}

function refuseUnknown(names: readonly string[], known: readonly string[], what: string): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`there is no ${what} "${unknown}"`);
}

/** Of another one, a Map for one, what it holds would be overlooked. */
function isPlainObject(given: unknown): given is object {
  if (typeof given !== "object" || given === null) return false;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function quoted(name: string): string {
  return `broker option "${name}"`;
}

function invalid(message: string): BrokerError {
  return new BrokerError("INVALID_OPTION", message);
}

function withDefault<T>(value: T, check: OptionCheck<T>): OptionCheck<T> {
  return (path, given) => (given === undefined ? value : check(path, given));
}

function optional<T>(check: OptionCheck<T>): OptionCheck<T | undefined> {
  return (path, given) => (given === undefined ? undefined : check(path, given));
}

function text(path: string, given: unknown): string {
  if (typeof given !== "string" || given === "") throw invalid(`${path} must be a text`);
  return given;
}

function listenerName(path: string, given: unknown): string {
  if (typeof given !== "string" || !/^[\w.-]+$/.test(given)) {
    throw invalid(`${path} must be a name of letters, digits, ".", "_" and "-"`);
  }
  return given;
}

function flag(path: string, given: unknown): boolean {
  if (typeof given !== "boolean") throw invalid(`${path} must be true or false`);
  return given;
}

function wholeNumber(min: number, max: number): OptionCheck<number> {
  return (path, given) => {
    if (typeof given === "number" && Number.isInteger(given) && given >= min && given <= max) return given;
    throw invalid(`${path} must be a whole number from ${min} to ${max}, not ${String(given)}`);
  };
}

function oneOf<T extends string>(...values: readonly T[]): OptionCheck<T> {
  return (path, given) => {
    const value = values.find((each) => each === given);
    if (value !== undefined) return value;
    throw invalid(`${path} must be one of ${values.join(", ")}, not ${String(given)}`);
  };
}

function topicDefaults(path: string, given: unknown): ReadonlyMap<string, string> {
  if (given === undefined) return new Map();
  if (!isPlainObject(given)) throw invalid(`${path} must be a plain object`);
  const checked = checkTopicConfigs(Object.entries(given).map(([config, value]) => [config, String(value)]));
  if (!checked.ok) throw invalid(`${path}: ${checked.message}`);
  const { configs } = checked;
  const conflict = topicConfigsConflict((name) => configs.get(name) ?? topicConfigDefinition(name)?.defaultValue ?? "");
  if (conflict !== undefined) throw invalid(`${path}: ${conflict}`);
  return configs;
}
