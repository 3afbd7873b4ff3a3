import { createPartitions } from "../../protocol/apis/create-partitions.ts";
import { createTopics } from "../../protocol/apis/create-topics.ts";
import { deleteRecords } from "../../protocol/apis/delete-records.ts";
import { deleteTopics } from "../../protocol/apis/delete-topics.ts";
import { describeCluster } from "../../protocol/apis/describe-cluster.ts";
import { describeConfigs } from "../../protocol/apis/describe-configs.ts";
import { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import { metadata } from "../../protocol/apis/metadata.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorName } from "../../protocol/errors.ts";
import type { Api, RequestBody, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import { askLeaders, type LeaderAnswer } from "../network/ask-leaders.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { Cluster } from "../network/cluster.ts";
import type { Lane } from "../network/lane.ts";
import { findOffsets, LATEST, offsetError } from "../network/list-offsets.ts";
import { type RetryScope, retrying } from "../network/retry.ts";
import type { IsolationLevel, TopicPartition, TopicPartitionOffset } from "../types.ts";
import { isAtEnd } from "./at-end.ts";
import { configOperations, resourceTypes, SOURCE_DEFAULT, timestampOf } from "./codes.ts";
import { GroupAdmin } from "./groups.ts";
import { findHanging } from "./hanging-transactions.ts";
import { changeTopics, type TopicChange } from "./topic-changes.ts";
import type {
  HangingSearch,
  HangingTransaction,
  PartitionProducer,
  TransactionDescription,
  TransactionFilter,
  TransactionListing,
  TransactionToAbort,
} from "./transaction-types.ts";
import { TransactionAdmin } from "./transactions.ts";
import type {
  ClusterDescription,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  GroupDescription,
  GroupListing,
  NewTopic,
  OffsetSpec,
  TopicDescription,
} from "./types.ts";

const TIMEOUT_MS = 60_000;
/** What a broker may take for a change, before it answers all the same. */
const BROKER_TIMEOUT_MS = 30_000;
/** The default of transaction.max.timeout.ms. */
const MAX_TRANSACTION_TIMEOUT_MS = 15 * 60_000;

/** Looks after topics, groups, transactions and configurations. Made by `client.admin()`. Every call repeats what may succeed later, for up
 * to 60 s, and throws the first error that remains. */
export class Admin implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #closing = new AbortController();
  readonly #scope: RetryScope;
  readonly #groups: GroupAdmin;
  readonly #transactions: TransactionAdmin;
  readonly #onClosed: () => void;

  /** @internal Admins are made by `client.admin()`. */
  constructor(cluster: Cluster, onClosed: () => void) {
    this.#cluster = cluster;
    this.#lane = cluster.openLane();
    this.#scope = cluster.retryScope(this.#closing.signal);
    const retrying = <T>(what: string, attempt: () => Promise<T>): Promise<T> => this.#retrying(what, attempt);
    this.#groups = new GroupAdmin(cluster, this.#lane, retrying);
    this.#transactions = new TransactionAdmin(cluster, this.#lane, retrying);
    this.#onClosed = onClosed;
  }

  /** Throws TOPIC_ALREADY_EXISTS when one of them exists; the others are made. An attempt of this call may have made it, when its answer
   * was lost: the message says so. Resolves when each partition has a leader. */
  async createTopics(topics: readonly NewTopic[], options: { readonly validateOnly?: boolean } = {}): Promise<void> {
    const { validateOnly = false } = options;
    const asked = topics.map(({ topic, partitions = -1, replicationFactor = -1, configs = {} }) => ({
      name: topic,
      numPartitions: partitions,
      replicationFactor,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }));
    const names = topics.map(({ topic }) => topic);
    await this.#changeTopics({
      what: "creating topic",
      topics: names,
      doneError: validateOnly ? undefined : "TOPIC_ALREADY_EXISTS",
      ask: async (open) => {
        const due = asked.filter(({ name }) => open.has(name));
        const body = { topics: due, timeoutMs: BROKER_TIMEOUT_MS, validateOnly };
        return (await this.#toController(createTopics, body)).topics;
      },
    });
    if (!validateOnly) await this.#awaitLeaders(names);
  }

  /** Throws UNKNOWN_TOPIC_OR_PARTITION when one of them does not exist; the others are deleted. An attempt of this call may have
   * deleted it, when its answer was lost: the message says so. */
  async deleteTopics(topics: readonly string[]): Promise<void> {
    await this.#changeTopics({
      what: "deleting topic",
      topics,
      doneError: "UNKNOWN_TOPIC_OR_PARTITION",
      ask: async (open) => {
        const topicNames = topics.filter((name) => open.has(name));
        const named = topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
        const body = { topics: named, topicNames, timeoutMs: BROKER_TIMEOUT_MS };
        return (await this.#toController(deleteTopics, body)).responses;
      },
    });
    await this.#retrying("deleteTopics", () => this.#cluster.refresh(topics));
  }

  /** Adds partitions: `totalPartitions` is how many there are to be. Throws INVALID_PARTITIONS when there are so many already. An
   * attempt of this call may have added them, when its answer was lost: the message says so. */
  async createPartitions(topic: string, totalPartitions: number): Promise<void> {
    const topics = [{ name: topic, count: totalPartitions, assignments: null }];
    const body = { topics, timeoutMs: BROKER_TIMEOUT_MS, validateOnly: false };
    await this.#changeTopics({
      what: "adding partitions to",
      topics: [topic],
      doneError: "INVALID_PARTITIONS",
      ask: async () => (await this.#toController(createPartitions, body)).results,
    });
    await this.#awaitLeaders([topic], totalPartitions);
  }

  /** Names, without internal topics unless asked. */
  async listTopics({ includeInternal = false }: { readonly includeInternal?: boolean } = {}): Promise<string[]> {
    const { topics } = await this.#metadata(null);
    const shown = topics.filter(({ isInternal }) => includeInternal || !isInternal);
    return shown.flatMap(({ name }) => name ?? []).toSorted();
  }

  /** Topics that do not exist are left out. */
  async describeTopics(topics: readonly string[]): Promise<TopicDescription[]> {
    const response = await this.#metadata(topics.map((name) => ({ name })));
    const found: TopicDescription[] = [];
    for (const { name, errorCode, topicId, isInternal, partitions } of response.topics) {
      if (name === null || errorName(errorCode) === "UNKNOWN_TOPIC_OR_PARTITION") continue;
      check(errorCode, `metadata of topic ${name}`);
      const infos = partitions.map(({ partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes }) => ({
        topic: name,
        partition: partitionIndex,
        leader: leaderId,
        leaderEpoch,
        replicas: replicaNodes,
        inSyncReplicas: isrNodes,
      }));
      found.push({ topic: name, topicId, isInternal, partitions: infos.sort((a, b) => a.partition - b.partition) });
    }
    return found;
  }

  async describeCluster(): Promise<ClusterDescription> {
    return this.#retrying("describeCluster", async () => {
      const body = { includeClusterAuthorizedOperations: false };
      const response = await this.#cluster.requestAny(this.#lane, describeCluster, body);
      check(response.errorCode, "describeCluster", response.errorMessage);
      const { clusterId, controllerId, brokers } = response;
      return {
        clusterId,
        controllerId,
        brokers: brokers.map(({ brokerId, host, port }) => ({ nodeId: brokerId, host, port })),
      };
    });
  }

  async describeConfigs(resource: ConfigResource): Promise<ConfigEntry[]> {
    const body = {
      resources: [{ ...wireResource(resource), configurationKeys: null }],
      includeSynonyms: false,
    };
    return this.#retrying("describeConfigs", async () => {
      const response = await this.#toOwner(resource, describeConfigs, body);
      return response.results.flatMap(({ errorCode, errorMessage, configs }) => {
        check(errorCode, `configuration of ${resource.type} ${resource.name}`, errorMessage);
        return configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
          name,
          value,
          isReadOnly: readOnly,
          isSensitive,
          isDefault: configSource === SOURCE_DEFAULT,
        }));
      });
    });
  }

  async alterConfigs(resource: ConfigResource, changes: readonly ConfigChange[]): Promise<void> {
    const configs = changes.map(({ name, operation, value = null }) => ({
      name,
      configOperation: configOperations[operation],
      value,
    }));
    const body = { resources: [{ ...wireResource(resource), configs }], validateOnly: false };
    await this.#retrying("alterConfigs", async () => {
      const response = await this.#toOwner(resource, incrementalAlterConfigs, body);
      for (const { errorCode, errorMessage } of response.responses) {
        check(errorCode, `configuring ${resource.type} ${resource.name}`, errorMessage);
      }
    });
  }

  /** Partitions without an answer (no record so late) are left out. */
  async listOffsets(
    partitions: readonly (TopicPartition & { readonly spec: OffsetSpec })[],
    options: { readonly isolationLevel?: IsolationLevel } = {},
  ): Promise<(TopicPartitionOffset & { readonly timestamp: number })[]> {
    this.#requireOpen();
    const { isolationLevel = "read_uncommitted" } = options;
    const queries = partitions.map(({ topic, partition, spec }) => ({
      topic,
      partition,
      timestamp: timestampOf(spec),
    }));
    const found = await findOffsets(this.#cluster, this.#lane, this.#scope, TIMEOUT_MS, queries, isolationLevel);
    return found.filter(({ offset }) => offset >= 0);
  }

  /** Whether nothing is left to read at these positions and behind: no record that counts, and no transaction that is open. Markers
   * and aborted records may lie there, which nobody reads. */
  isAtEnd(positions: readonly TopicPartitionOffset[]): Promise<boolean> {
    this.#requireOpen();
    return isAtEnd(this.#cluster, (...query) => this.#findOffsets(...query), positions, TIMEOUT_MS);
  }

  /** Whether the group has read all of these topics, and committed that: see `isAtEnd`. Looks at one topic after the other: when the
   * group writes to a topic what it makes of another, give them in that order. */
  async isCaughtUp(groupId: string, topics: readonly string[]): Promise<boolean> {
    for (const name of topics) {
      const [topic] = await this.describeTopics([name]);
      if (!topic) throw wireError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${name}`);
      const stored = await this.listConsumerGroupOffsets(groupId, { requireStable: true });
      const positions = topic.partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        offset: stored.find((each) => each.topic === topic && each.partition === partition)?.offset ?? 0,
      }));
      if (!(await this.isAtEnd(positions))) return false;
    }
    return true;
  }

  /** Removes the records before each offset (-1: all that there are at the call); gives the new log starts. */
  async deleteRecords(before: readonly TopicPartitionOffset[]): Promise<TopicPartitionOffset[]> {
    const whole = before.filter(({ offset }) => offset === -1);
    // Brokers know -1 too, but then a retry would take what was written since.
    const ends = whole.length === 0 ? [] : await this.#findOffsets(whole, LATEST, "read_uncommitted");
    const exact = [...before.filter(({ offset }) => offset !== -1), ...ends];
    return this.#retrying("deleteRecords", async () => {
      const results = await askLeaders(this.#cluster, exact, (nodeId, asked) => this.#askToDelete(nodeId, asked));
      return results.map((result) => {
        if (result.error !== "NONE") throw offsetError(result.query, result.error);
        const { topic, partition } = result.query;
        return { topic, partition, offset: result.answer };
      });
    });
  }

  listGroups(): Promise<GroupListing[]> {
    return this.#groups.list();
  }

  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return this.#groups.describe(groupIds);
  }

  /** Only empty groups can be deleted. */
  deleteGroups(groupIds: readonly string[]): Promise<void> {
    return this.#groups.delete(groupIds);
  }

  /** All offsets that a group has stored. `requireStable`: waits for open transactions that hold offsets. */
  listConsumerGroupOffsets(
    groupId: string,
    { requireStable = false }: { readonly requireStable?: boolean } = {},
  ): Promise<TopicPartitionOffset[]> {
    return this.#groups.offsets(groupId, requireStable);
  }

  /** Sets offsets of a group without members. */
  alterConsumerGroupOffsets(groupId: string, offsets: readonly TopicPartitionOffset[]): Promise<void> {
    return this.#groups.setOffsets(groupId, offsets);
  }

  /** The transactional ids that the brokers know, all of them without a filter. Throws UNSUPPORTED_VERSION when a broker is too old
   * for a filter. */
  listTransactions(filter: TransactionFilter = {}): Promise<TransactionListing[]> {
    return this.#transactions.list(filter);
  }

  /** Ids that are not known are left out. */
  describeTransactions(transactionalIds: readonly string[]): Promise<TransactionDescription[]> {
    return this.#transactions.describe(transactionalIds);
  }

  /** The producers that are known in partitions, and which of them have a transaction open there. */
  describeProducers(partitions: readonly TopicPartition[]): Promise<PartitionProducer[]> {
    return this.#transactions.producersOf(partitions);
  }

  /** Open transactions that no coordinator knows of, and that hold back readers at read_committed for ever. Throws where there is no such
   * topic, partition or broker. */
  async findHangingTransactions(search: HangingSearch = {}): Promise<HangingTransaction[]> {
    const { topic, partition, brokerId, maxTransactionTimeoutMs = MAX_TRANSACTION_TIMEOUT_MS } = search;
    const topics = topic === undefined ? await this.listTopics({ includeInternal: true }) : [topic];
    const descriptions = await this.describeTopics(topics);
    if (topic !== undefined && descriptions.length === 0)
      throw wireError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${topic}`);
    const named = descriptions
      .flatMap((description) => description.partitions)
      .filter((each) => partition === undefined || each.partition === partition);
    if (partition !== undefined && named.length === 0)
      throw wireError("UNKNOWN_TOPIC_OR_PARTITION", `partition ${topic}-${partition}`);
    await this.#requireBroker(brokerId);
    const partitions = named.filter(({ leader }) => brokerId === undefined || leader === brokerId);
    return findHanging(this.#transactions, partitions, this.#scope.clock.now() - maxTransactionTimeoutMs);
  }

  /** Ends a transaction in one partition, without its coordinator, unless it has ended. Only for one that hangs: one that is alive would be
   * torn. */
  abortTransaction(transaction: TransactionToAbort): Promise<void> {
    return this.#transactions.abort(transaction);
  }

  async close(): Promise<void> {
    this.#closing.abort(new OncillaError("CLOSED", "the admin is closed: make a new one with client.admin()"));
    this.#cluster.closeLane(this.#lane);
    this.#onClosed();
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #findOffsets(
    partitions: readonly TopicPartition[],
    timestamp: number,
    isolationLevel: IsolationLevel,
  ): Promise<TopicPartitionOffset[]> {
    const queries = partitions.map(({ topic, partition }) => ({ topic, partition, timestamp }));
    return findOffsets(this.#cluster, this.#lane, this.#scope, TIMEOUT_MS, queries, isolationLevel);
  }

  async #requireBroker(brokerId: number | undefined): Promise<void> {
    if (brokerId === undefined) return;
    const { brokers } = await this.describeCluster();
    if (brokers.some(({ nodeId }) => nodeId === brokerId)) return;
    throw new OncillaError("INVALID_ARGUMENT", `there is no broker ${brokerId}`);
  }

  #requireOpen(): void {
    this.#closing.signal.throwIfAborted();
  }

  #retrying<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return retrying(this.#scope, what, TIMEOUT_MS, attempt);
  }

  #changeTopics(change: TopicChange): Promise<void> {
    // Another broker may be the controller by now.
    const refreshing = (attempt: () => Promise<void>): Promise<void> =>
      attempt().catch((error: unknown) => {
        this.#cluster.requestRefresh();
        throw error;
      });
    return changeTopics((what, attempt) => this.#retrying(what, () => refreshing(attempt)), change);
  }

  /** Brokers that are not the controller may pass requests on or not: the controller takes them for sure. */
  async #toController<A extends Api>(api: A, body: RequestBody<A>): Promise<ResponseOf<A>> {
    if (this.#cluster.metadata.controllerId < 0) await this.#cluster.refresh();
    const { controllerId } = this.#cluster.metadata;
    if (controllerId < 0) return this.#cluster.requestAny(this.#lane, api, body);
    return this.#lane.request(controllerId, api, body);
  }

  /** A broker's configuration is asked of itself, all others of any. */
  async #toOwner<A extends Api>(resource: ConfigResource, api: A, body: RequestBody<A>): Promise<ResponseOf<A>> {
    if (resource.type !== "broker" || resource.name === "") return this.#cluster.requestAny(this.#lane, api, body);
    const owner = Number(resource.name);
    if (!this.#cluster.metadata.brokers.some(({ nodeId }) => nodeId === owner)) await this.#cluster.refresh();
    return this.#lane.request(owner, api, body);
  }

  #metadata(topics: readonly { readonly name: string }[] | null): Promise<ResponseOf<typeof metadata>> {
    return this.#retrying("metadata", async () => {
      const body = { topics, allowAutoTopicCreation: false };
      const response = await this.#cluster.requestAny(this.#lane, metadata, body);
      check(response.errorCode, "metadata");
      return response;
    });
  }

  async #awaitLeaders(topics: readonly string[], atLeast = 1): Promise<void> {
    await this.#retrying(`leaders of ${topics.join()}`, async () => {
      await this.#cluster.refresh(topics);
      for (const topic of topics) {
        const partitions = this.#cluster.metadata.topic(topic)?.partitions ?? [];
        if (partitions.length < atLeast || partitions.some(({ leader }) => leader < 0)) {
          throw wireError("LEADER_NOT_AVAILABLE", `topic ${topic}`);
        }
      }
    });
  }

  async #askToDelete(
    nodeId: number,
    asked: readonly TopicPartitionOffset[],
  ): Promise<LeaderAnswer<TopicPartitionOffset, number>[]> {
    const topics = groupByTopic(asked).map(({ topic, items }) => ({
      name: topic,
      partitions: items.map(({ partition, offset }) => ({ partitionIndex: partition, offset })),
    }));
    const response = await this.#lane.request(nodeId, deleteRecords, { topics, timeoutMs: BROKER_TIMEOUT_MS });
    const results = response.topics.flatMap(({ name, partitions }) => partitions.map((each) => ({ name, ...each })));
    return asked.map((query) => {
      const result = results.find((each) => each.name === query.topic && each.partitionIndex === query.partition);
      const error = result ? errorName(result.errorCode) : "DISCONNECTED";
      return error === "NONE" ? { query, error, answer: result?.lowWatermark ?? -1 } : { query, error };
    });
  }
}

function check(code: number, what: string, detail?: string | null): void {
  const error = errorName(code);
  if (error !== "NONE") throw wireError(error, what, detail);
}

function wireResource({ type, name }: ConfigResource): { resourceType: number; resourceName: string } {
  return { resourceType: resourceTypes[type], resourceName: name };
}
