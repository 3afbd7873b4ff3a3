/**
 * The records of the metadata log. The log is a table: a record's key names a row, its value replaces the row, and a
 * null value removes it. So the last record of each key is all there is to know, as in a compacted topic. Pure.
 */
import { decodeStored, encodeVersioned } from "../../protocol/codec.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { type ClientQuota, entityKey, entityOf } from "../quotas/quota-entity.ts";
import { type ConfigResource, configResourceKinds } from "./config-resource.ts";
import type { FeatureLevels } from "./features.ts";
import type { Topic } from "./image.ts";

export interface MetadataRecord {
  readonly key: string;
  readonly value: Uint8Array | null;
}

const clusterValue = {
  name: "ClusterValue",
  versions: [0, 0],
  flexible: 0,
  fields: { clusterId: "uuid" },
} as const;

const epochValue = {
  name: "EpochValue",
  versions: [0, 0],
  flexible: 0,
  fields: { leaderEpoch: "int32" },
} as const;

const producerIdsValue = {
  name: "ProducerIdsValue",
  versions: [0, 0],
  flexible: 0,
  fields: { nextProducerId: "int64" },
} as const;

const topicValue = {
  name: "TopicValue",
  versions: [0, 1],
  flexible: 0,
  fields: {
    name: "string",
    partitionCount: "int32",
    configs: { array: { name: "string", value: "string" } },
    isDeleted: "bool",
    openedCount: { type: "int32", versions: "1+" },
  },
} as const;

const configsValue = {
  name: "ConfigsValue",
  versions: [0, 0],
  flexible: 0,
  fields: { configs: { array: { name: "string", value: "string" } } },
} as const;

const quotaValue = {
  name: "QuotaValue",
  versions: [0, 0],
  flexible: 0,
  fields: { limits: { array: { key: "string", limit: "float64" } } },
} as const;

const featuresValue = {
  name: "FeaturesValue",
  versions: [0, 0],
  flexible: 0,
  fields: { epoch: "int64", levels: { array: { name: "string", level: "int16" } } },
} as const;

const CLUSTER_KEY = "cluster";
const EPOCH_KEY = "epoch";
const PRODUCER_IDS_KEY = "producer-ids";
const FEATURES_KEY = "features";
const TOPIC_KEY_PREFIX = "topic/";
const QUOTA_KEY_PREFIX = "quota/";

export function clusterRecord(clusterId: string): MetadataRecord {
  return { key: CLUSTER_KEY, value: encodeVersioned(clusterValue, 0, { clusterId }) };
}

export function epochRecord(leaderEpoch: number): MetadataRecord {
  return { key: EPOCH_KEY, value: encodeVersioned(epochValue, 0, { leaderEpoch }) };
}

export function producerIdsRecord(nextProducerId: number): MetadataRecord {
  return { key: PRODUCER_IDS_KEY, value: encodeVersioned(producerIdsValue, 0, { nextProducerId }) };
}

export function featuresRecord({ epoch, levels }: FeatureLevels): MetadataRecord {
  const list = Array.from(levels, ([name, level]) => ({ name, level }));
  return { key: FEATURES_KEY, value: encodeVersioned(featuresValue, 0, { epoch, levels: list }) };
}

export function topicRecord(topic: Topic): MetadataRecord {
  const { id, name, partitionCount, isDeleted, openedCount } = topic;
  const configs = [...topic.configs].map(([config, value]) => ({ name: config, value }));
  return {
    key: TOPIC_KEY_PREFIX + id,
    value: encodeVersioned(topicValue, 1, { name, partitionCount, configs, isDeleted, openedCount }),
  };
}

/** A deleted topic's files are gone too. */
export function topicGoneRecord(topicId: string): MetadataRecord {
  return { key: TOPIC_KEY_PREFIX + topicId, value: null };
}

/** What has no settings of its own has no record. */
export function configsRecord({ kind, name }: ConfigResource, configs: ReadonlyMap<string, string>): MetadataRecord {
  const key = `${kind}/${name}`;
  if (configs.size === 0) return { key, value: null };
  const list = Array.from(configs, ([config, value]) => ({ name: config, value }));
  return { key, value: encodeVersioned(configsValue, 0, { configs: list }) };
}

/** Without limits the row goes. */
export function quotaRecord({ entity, limits }: ClientQuota): MetadataRecord {
  const fields = { limits: [...limits].map(([key, limit]) => ({ key, limit })) };
  return {
    key: QUOTA_KEY_PREFIX + entityKey(entity),
    value: limits.size > 0 ? encodeVersioned(quotaValue, 0, fields) : null,
  };
}

/** What a record says. */
export type MetadataRow =
  | { readonly kind: "cluster"; readonly clusterId: string }
  | { readonly kind: "epoch"; readonly leaderEpoch: number }
  | { readonly kind: "producer-ids"; readonly nextProducerId: number }
  | { readonly kind: "features"; readonly features: FeatureLevels }
  | { readonly kind: "topic"; readonly topic: Topic }
  | { readonly kind: "topic-gone"; readonly topicId: string }
  | { readonly kind: "configs"; readonly resource: ConfigResource; readonly configs: ReadonlyMap<string, string> }
  | { readonly kind: "quota"; readonly quota: ClientQuota };

/** Throws ProtocolError on a record that this version does not know. */
export function readMetadataRecord({ key, value }: MetadataRecord): MetadataRow {
  if (key.startsWith(TOPIC_KEY_PREFIX)) return readTopic(key.slice(TOPIC_KEY_PREFIX.length), value);
  const kind = configResourceKinds.find((each) => key.startsWith(`${each}/`));
  if (kind) return readConfigs({ kind, name: key.slice(kind.length + 1) }, value);
  if (key.startsWith(QUOTA_KEY_PREFIX)) return readQuota(key.slice(QUOTA_KEY_PREFIX.length), value);
  if (value !== null) {
    if (key === CLUSTER_KEY) return { kind: "cluster", ...decodeStored(clusterValue, value) };
    if (key === EPOCH_KEY) return { kind: "epoch", ...decodeStored(epochValue, value) };
    if (key === PRODUCER_IDS_KEY) return { kind: "producer-ids", ...decodeStored(producerIdsValue, value) };
    if (key === FEATURES_KEY) return readFeatures(value);
  }
  throw new ProtocolError(`a metadata record with the key "${key}"`);
}

function readFeatures(value: Uint8Array): MetadataRow {
  const { epoch, levels } = decodeStored(featuresValue, value);
  return { kind: "features", features: { epoch, levels: new Map(levels.map(({ name, level }) => [name, level])) } };
}

function readTopic(id: string, value: Uint8Array | null): MetadataRow {
  if (value === null) return { kind: "topic-gone", topicId: id };
  const { configs, ...topic } = decodeStored(topicValue, value);
  return {
    kind: "topic",
    topic: { id, ...topic, configs: new Map(configs.map((config) => [config.name, config.value])) },
  };
}

function readConfigs(resource: ConfigResource, value: Uint8Array | null): MetadataRow {
  const { configs } = value ? decodeStored(configsValue, value) : { configs: [] };
  return { kind: "configs", resource, configs: new Map(configs.map((config) => [config.name, config.value])) };
}

function readQuota(key: string, value: Uint8Array | null): MetadataRow {
  const limits = value === null ? [] : decodeStored(quotaValue, value).limits;
  return {
    kind: "quota",
    quota: { entity: entityOf(key), limits: new Map(limits.map((each) => [each.key, each.limit])) },
  };
}
