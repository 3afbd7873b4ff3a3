import { Client, type ClientOptions } from "../client/index.ts";
import { type Logger, silentLogger } from "../platform/logger.ts";
import { nodePlatform } from "../platform/node/index.ts";
import type { Platform } from "../platform/platform.ts";
import { StreamsError } from "./errors.ts";
import type { Guarantee } from "./runtime/commit.ts";
import type { StreamsClient } from "./runtime/ports.ts";
import type { StoreEngines } from "./stores/engine.ts";
import { memoryEngines } from "./stores/memory-engine.ts";
import { sqliteEngines } from "./stores/sqlite-engine.ts";
import type { ErrorHandlers } from "./tasks/error-handlers.ts";

export interface StreamsAppOptions extends ErrorHandlers {
  /** Names the consumer group, the transactional ids and the internal topics: the same for all workers of an application, and
   * for no other. */
  readonly applicationId: string;
  /** "host:port", several separated by commas or in an array. */
  readonly brokers: string | readonly string[];
  /** Default "exactly_once_v2". */
  readonly guarantee?: Guarantee;
  /** How much time lies between two commits: output shows no sooner. Default 100. */
  readonly commitIntervalMs?: number;
  /** The folder for stores and for the worker's name, which any number of workers of a machine may share. Without it stores are
   * in memory, and are restored from their changelogs at each start. */
  readonly stateDir?: string;
  /**
   * The worker's name, which it has in all its lives and no other worker has. A worker that comes back under its name within
   * the session timeout goes on with its tasks at once, without a rebalance (KIP-345), and ends the transaction that its last
   * life left open. Of two workers with one name the older one ends, with FENCED_INSTANCE_ID. Default: a name that is kept in
   * the stateDir, a different one for each worker that uses the folder; without a folder, a new name at each start.
   */
  readonly groupInstanceId?: string;
  /** What stores are made of. Default: SQLite with a stateDir, else memory. */
  readonly stores?: StoreEngines;
  /** Of the internal topics. Default: the broker's. */
  readonly replicationFactor?: number;
  /** An open transaction of a worker that died holds others up for as long, unless the worker comes back sooner. Default 10,000. */
  readonly transactionTimeoutMs?: number;
  /** The tasks of a worker that died go to others after this long. Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** Records read at a time. Default 1,000. */
  readonly maxPollRecords?: number;
  /** Default: the application id. */
  readonly clientId?: string;
  /** Default: Node's. */
  readonly platform?: Platform;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Makes the way to the cluster. Default: oncilla's client. */
  readonly connect?: (options: ClientOptions) => StreamsClient;
}

/** The options with all defaults filled in. */
export interface StreamsConfig {
  readonly applicationId: string;
  readonly client: ClientOptions;
  readonly connect: (options: ClientOptions) => StreamsClient;
  readonly guarantee: Guarantee;
  readonly commitIntervalMs: number;
  readonly stateDir: string | undefined;
  readonly groupInstanceId: string | undefined;
  readonly engines: StoreEngines;
  readonly replicationFactor: number | undefined;
  readonly transactionTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly maxPollRecords: number;
  readonly handlers: ErrorHandlers;
  readonly platform: Platform;
  readonly logger: Logger;
}

export function resolveOptions(options: StreamsAppOptions): StreamsConfig {
  const { applicationId, stateDir, groupInstanceId, platform = nodePlatform, logger = silentLogger } = options;
  checkName("applicationId", applicationId);
  if (groupInstanceId !== undefined) checkName("groupInstanceId", groupInstanceId);
  const engines = options.stores ?? (stateDir === undefined ? memoryEngines : sqliteEngines(platform.disk));
  if (engines.persistent && stateDir === undefined) throw invalid("stores on disk need a stateDir");
  const commitIntervalMs = options.commitIntervalMs ?? 100;
  const transactionTimeoutMs = options.transactionTimeoutMs ?? 10_000;
  if (commitIntervalMs >= transactionTimeoutMs) throw invalid("commitIntervalMs must be below transactionTimeoutMs");
  return {
    applicationId,
    client: { brokers: options.brokers, clientId: options.clientId ?? applicationId, platform, logger },
    connect: options.connect ?? ((clientOptions) => new Client(clientOptions)),
    guarantee: options.guarantee ?? "exactly_once_v2",
    commitIntervalMs,
    stateDir,
    groupInstanceId,
    engines,
    replicationFactor: options.replicationFactor,
    transactionTimeoutMs,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
    maxPollRecords: options.maxPollRecords ?? 1_000,
    handlers: options,
    platform,
    logger,
  };
}

/** Names become parts of topics' names and of ids. */
function checkName(option: string, name: string): void {
  if (/^[A-Za-z0-9._-]{1,150}$/.test(name)) return;
  throw invalid(`${option} "${name}" must be up to 150 letters, digits, ".", "_" and "-"`);
}

function invalid(message: string): StreamsError {
  return new StreamsError("INVALID_ARGUMENT", message);
}
