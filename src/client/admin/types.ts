/** What goes in and out of the admin. */
import type { BrokerInfo, PartitionInfo, TopicPartition } from "../types.ts";

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
  /** "classic", "consumer", "share", "streams"; empty with brokers older than Kafka 3.7. */
  readonly type: string;
  readonly protocolType: string;
  readonly state: string;
}

export interface GroupDescription {
  readonly groupId: string;
  readonly type: "classic" | "consumer" | "streams";
  readonly state: string;
  readonly protocolType: string;
  /** The assignor's name; empty for streams groups. */
  readonly protocol: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    /** None for members of streams groups: these have tasks. */
    readonly partitions: readonly TopicPartition[];
    /** None for members of other groups. */
    readonly tasks: readonly StreamsTask[];
  }[];
}

/** A task of Kafka Streams (KIP-1071). */
export interface StreamsTask {
  readonly role: "active" | "standby" | "warmup";
  readonly subtopologyId: string;
  readonly partition: number;
}
