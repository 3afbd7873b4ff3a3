/** What is known of the cluster: brokers, and which of them leads which partition. Pure. */
import type { metadata } from "../../protocol/apis/metadata.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { ResponseOf } from "../../protocol/schema.ts";
import type { BrokerInfo, PartitionInfo, TopicPartition } from "../types.ts";

export interface TopicMetadata {
  readonly name: string;
  /** ZERO_UUID when the broker is too old to tell. */
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By partition number. */
  readonly partitions: readonly PartitionInfo[];
}

type MetadataResponse = ResponseOf<typeof metadata>;
type TopicResponse = MetadataResponse["topics"][number];

export class MetadataCache {
  clusterId = "";
  controllerId = -1;
  readonly #brokers = new Map<number, BrokerInfo>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #namesById = new Map<string, string>();
  readonly #errors = new Map<string, Exclude<ErrorName, "NONE">>();
  #newsCount = 0;

  /** How often an answer told something new of a topic. */
  get newsCount(): number {
    return this.#newsCount;
  }

  get brokers(): readonly BrokerInfo[] {
    return [...this.#brokers.values()];
  }

  broker(nodeId: number): BrokerInfo | undefined {
    return this.#brokers.get(nodeId);
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  get topicNames(): readonly string[] {
    return [...this.#topics.keys()];
  }

  nameOf(topicId: string): string | undefined {
    return this.#namesById.get(topicId);
  }

  partition(topic: string, partition: number): PartitionInfo | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }

  /** The broker that leads the partition, when it is known and there is one. */
  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.partition(topic, partition)?.leader ?? -1;
    return leader < 0 ? undefined : leader;
  }

  /** -1: not known. */
  leaderEpochOf({ topic, partition }: TopicPartition): number {
    return this.partition(topic, partition)?.leaderEpoch ?? -1;
  }

  get hasErrors(): boolean {
    return this.#errors.size > 0;
  }

  /** What the last answer about a topic that has no entry said. */
  errorOf(topic: string): Exclude<ErrorName, "NONE"> | undefined {
    return this.#errors.get(topic);
  }

  /** A broker that was named outside of metadata: by FindCoordinator, or as a new leader. */
  learnBroker(broker: BrokerInfo): void {
    if (broker.nodeId >= 0) this.#brokers.set(broker.nodeId, broker);
  }

  /** Takes an answer over: all brokers, and the topics that it speaks of. */
  update(response: MetadataResponse): void {
    this.clusterId = response.clusterId ?? "";
    this.controllerId = response.controllerId;
    this.#brokers.clear();
    for (const { nodeId, host, port } of response.brokers) this.#brokers.set(nodeId, { nodeId, host, port });
    for (const topic of response.topics) this.#updateTopic(topic);
  }

  /** A leader that a broker named in an error (KIP-951). Older news is ignored. */
  updateLeader(topic: string, partition: number, leader: number, leaderEpoch: number): void {
    const known = this.#topics.get(topic);
    const old = known?.partitions[partition];
    if (!known || !old || leaderEpoch <= old.leaderEpoch || !this.#brokers.has(leader)) return;
    const partitions = known.partitions.with(partition, { ...old, leader, leaderEpoch });
    this.#topics.set(topic, { ...known, partitions });
  }

  #updateTopic(response: TopicResponse): void {
    // It was asked for by its id, and there is none.
    if (response.name === null) return;
    const error = errorName(response.errorCode);
    const old = this.#topics.get(response.name);
    if (error !== "NONE") {
      if (this.#errors.get(response.name) !== error) this.#newsCount++;
      this.#errors.set(response.name, error);
      // Without a leader the rest is still known.
      if (error !== "LEADER_NOT_AVAILABLE" && old) this.#forget(old);
      return;
    }
    this.#errors.delete(response.name);
    if (old && old.topicId !== response.topicId) this.#forget(old);
    const topic = toTopic(response.name, response, old?.topicId === response.topicId ? old : undefined);
    this.#topics.set(topic.name, topic);
    if (!old || isNews(topic, old)) this.#newsCount++;
    if (topic.topicId !== ZERO_UUID) this.#namesById.set(topic.topicId, topic.name);
  }

  #forget(topic: TopicMetadata): void {
    this.#topics.delete(topic.name);
    this.#namesById.delete(topic.topicId);
  }
}

function isNews(topic: TopicMetadata, old: TopicMetadata): boolean {
  if (topic.topicId !== old.topicId || topic.partitions.length !== old.partitions.length) return true;
  return topic.partitions.some(({ partition, leader, leaderEpoch }) => {
    const before = old.partitions[partition];
    return leader !== before?.leader || leaderEpoch !== before.leaderEpoch;
  });
}

/** A broker that lags behind may answer with an older leader epoch than one already seen: what is newer stays (KIP-320). */
function toTopic(name: string, response: TopicResponse, old: TopicMetadata | undefined): TopicMetadata {
  const partitions: PartitionInfo[] = [];
  for (const each of response.partitions) {
    const known = old?.partitions[each.partitionIndex];
    const isOlder = known !== undefined && each.leaderEpoch >= 0 && each.leaderEpoch < known.leaderEpoch;
    partitions[each.partitionIndex] = isOlder
      ? known
      : {
          topic: name,
          partition: each.partitionIndex,
          leader: each.leaderId,
          leaderEpoch: each.leaderEpoch,
          replicas: each.replicaNodes,
          inSyncReplicas: each.isrNodes,
        };
  }
  return { name, topicId: response.topicId, isInternal: response.isInternal, partitions };
}
