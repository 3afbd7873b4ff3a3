import type { BrokerInfo, IsolationLevel, PartitionInfo, TopicPartition, TopicPartitionOffset } from "../types.ts";

export interface NewTopic {
  readonly topic: string;
  /** Default: the broker's. */
  readonly partitions?: number;
  /** Default: the broker's. */
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface TopicDescription {
  readonly topic: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionInfo[];
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly BrokerInfo[];
}

export interface ConfigResource {
  readonly type: "topic" | "broker" | "group";
  /** The topic's, broker's (node id) or group's name. */
  readonly name: string;
}

export interface ConfigEntry {
  readonly name: string;
  /** Null when the broker keeps it secret. */
  readonly value: string | null;
  readonly isDefault: boolean;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
}

export interface ConfigChange {
  readonly name: string;
  readonly operation: "set" | "delete" | "append" | "subtract";
  readonly value?: string;
}

export type OffsetSpec = "earliest" | "latest" | "max_timestamp" | { readonly timestamp: number };

export interface GroupListing {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: string;
}

export interface GroupDescription {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  /** The assignor's name. */
  readonly protocol: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly partitions: readonly TopicPartition[];
  }[];
}

/** Looks after topics, groups and configurations. Made by `client.admin()`. Every call retries what can be retried, up to
 * 60 s, and throws the first error that remains. */
export declare class Admin {
  /** Throws TOPIC_ALREADY_EXISTS when one of them exists; those before it are made. Resolves when all brokers know them. */
  createTopics(topics: readonly NewTopic[], options?: { readonly validateOnly?: boolean }): Promise<void>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  createPartitions(topic: string, totalPartitions: number): Promise<void>;
  /** Names, without internal topics unless asked. */
  listTopics(options?: { readonly includeInternal?: boolean }): Promise<string[]>;
  /** Topics that do not exist are left out. */
  describeTopics(topics: readonly string[]): Promise<TopicDescription[]>;
  describeCluster(): Promise<ClusterDescription>;
  describeConfigs(resource: ConfigResource): Promise<ConfigEntry[]>;
  alterConfigs(resource: ConfigResource, changes: readonly ConfigChange[]): Promise<void>;
  /** Partitions without an answer (no record so late) are left out. */
  listOffsets(
    partitions: readonly (TopicPartition & { readonly spec: OffsetSpec })[],
    options?: { readonly isolationLevel?: IsolationLevel },
  ): Promise<(TopicPartitionOffset & { readonly timestamp: number })[]>;
  /** Removes the records before each offset (-1: all of them); gives the new log starts. */
  deleteRecords(before: readonly TopicPartitionOffset[]): Promise<TopicPartitionOffset[]>;
  listGroups(): Promise<GroupListing[]>;
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]>;
  /** Only empty groups can be deleted. */
  deleteGroups(groupIds: readonly string[]): Promise<void>;
  /** All offsets that a group has stored. */
  listConsumerGroupOffsets(
    groupId: string,
    options?: { readonly requireStable?: boolean },
  ): Promise<TopicPartitionOffset[]>;
  /** Sets offsets of a group without members. */
  alterConsumerGroupOffsets(groupId: string, offsets: readonly TopicPartitionOffset[]): Promise<void>;
  close(): Promise<void>;
}
