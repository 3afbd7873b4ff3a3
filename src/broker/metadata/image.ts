/** What the cluster is: its topics, ids and epochs. A pure state that the metadata log's records build up. */
import { type ClientQuota, entityKey } from "../quotas/quota-entity.ts";
import type { ConfigResource, ConfigResourceKind } from "./config-resource.ts";
import type { FeatureLevels } from "./features.ts";
import type { MetadataRow } from "./records.ts";

export interface Topic {
  /** Base64url, as on the wire. */
  readonly id: string;
  readonly name: string;
  readonly partitionCount: number;
  /** Settings of its own, in canonical form. */
  readonly configs: ReadonlyMap<string, string>;
  /** No longer part of the cluster; the record stays until its files are gone. */
  readonly isDeleted: boolean;
  /** The logs of so many partitions, from 0 on, were opened, and that is durable: when one is gone, so is what was
   * acknowledged. Those behind may never have been made. */
  readonly openedCount: number;
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

/** Values never change in place: what `topics` gave stays what it was. */
export class MetadataImage {
  #clusterId = "";
  #leaderEpoch = -1;
  // Ids begin with 1: some clients (@platformatic/kafka) write 0 for none.
  #nextProducerId = 1;
  /** Ids to what a group has settings of its own for. */
  readonly #configs: { readonly [K in ConfigResourceKind]: Map<string, ReadonlyMap<string, string>> } = {
    broker: new Map(),
    "client-metrics": new Map(),
    group: new Map(),
  };
  #topicsVersion = 0;
  #clientMetricsVersion = 0;
  readonly #topicsByName = new Map<string, Topic>();
  /** With the deleted ones. */
  readonly #topicsById = new Map<string, Topic>();
  #features: FeatureLevels = { epoch: 0, levels: new Map() };
  #quotas: ReadonlyMap<string, ClientQuota> = new Map();

  /** Base64url; empty on a folder that was never used. */
  get clusterId(): string {
    return this.#clusterId;
  }
  /** The epoch of every partition's leader, which is this broker: one more with each start. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }
  /** Every id below may have been given to a producer. */
  get nextProducerId(): number {
    return this.#nextProducerId;
  }

  /** Grows with every change of topics. */
  get topicsVersion(): number {
    return this.#topicsVersion;
  }

  /** Grows with every change of what is wanted of clients' metrics. */
  get clientMetricsVersion(): number {
    return this.#clientMetricsVersion;
  }

  /** Settings of its own, in canonical form. */
  configsOf(kind: ConfigResourceKind, name: string): ReadonlyMap<string, string> {
    return this.#configs[kind].get(name) ?? NO_CONFIGS;
  }

  /** What has settings of its own, in the order of the names. */
  configured(kind: ConfigResourceKind): string[] {
    return [...this.#configs[kind].keys()].sort();
  }

  get features(): FeatureLevels {
    return this.#features;
  }

  /** By the key of their entity. Another map after each change. */
  get quotas(): ReadonlyMap<string, ClientQuota> {
    return this.#quotas;
  }

  topic(name: string): Topic | undefined {
    return this.#topicsByName.get(name);
  }

  topicById(id: string): Topic | undefined {
    const topic = this.#topicsById.get(id);
    return topic?.isDeleted ? undefined : topic;
  }

  topicNames(): Iterable<string> {
    return this.#topicsByName.keys();
  }

  /** In the order of their names. */
  topics(): Topic[] {
    return [...this.#topicsByName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Topics whose files have to go. */
  deletedTopics(): Topic[] {
    return [...this.#topicsById.values()].filter((topic) => topic.isDeleted);
  }

  apply(row: MetadataRow): void {
    switch (row.kind) {
      case "cluster":
        this.#clusterId = row.clusterId;
        return;
      case "epoch":
        this.#leaderEpoch = row.leaderEpoch;
        return;
      case "producer-ids":
        this.#nextProducerId = row.nextProducerId;
        return;
      case "topic":
        this.#putTopic(row.topic);
        return;
      case "configs":
        this.#putConfigs(row.resource, row.configs);
        return;
      case "topic-gone":
        this.#topicsById.delete(row.topicId);
        return;
      case "features":
        this.#features = row.features;
        return;
      case "quota":
        this.#putQuota(row.quota);
    }
  }

  #putConfigs({ kind, name }: ConfigResource, configs: ReadonlyMap<string, string>): void {
    if (kind === "client-metrics" && !areSame(configs, this.configsOf(kind, name))) this.#clientMetricsVersion++;
    if (configs.size === 0) this.#configs[kind].delete(name);
    else this.#configs[kind].set(name, configs);
  }

  #putQuota(quota: ClientQuota): void {
    const quotas = new Map(this.#quotas);
    if (quota.limits.size > 0) quotas.set(entityKey(quota.entity), quota);
    else quotas.delete(entityKey(quota.entity));
    this.#quotas = quotas;
  }

  #putTopic(topic: Topic): void {
    this.#topicsVersion++;
    this.#topicsById.set(topic.id, topic);
    if (!topic.isDeleted) this.#topicsByName.set(topic.name, topic);
    else if (this.#topicsByName.get(topic.name)?.id === topic.id) this.#topicsByName.delete(topic.name);
  }
}

function areSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
