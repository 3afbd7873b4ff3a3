/** The plain values that go in and out of the client. Offsets are numbers, exact up to 2^53; timestamps are ms since 1970. */

/** What may be given as a key, a value or a header's value: a string goes out as UTF-8. */
export type BytesLike = Uint8Array | string;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A position in a partition, as it is committed: the offset of the next record to read. */
export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: number;
  /** The leader epoch of the record before `offset`, when known: lets a reader notice a truncated log (KIP-320). */
  readonly leaderEpoch?: number | undefined;
  /** Free text stored beside the offset; default "". */
  readonly metadata?: string | undefined;
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record to produce. Keys and values are of the types of the producer's serdes. */
export interface ProducerRecord<K = BytesLike, V = BytesLike> {
  readonly topic: string;
  /** Chosen by the producer's partitioner when not given. */
  readonly partition?: number | undefined;
  /** Default null. */
  readonly key?: K | null | undefined;
  /** Default null: a tombstone in a compacted topic. */
  readonly value?: V | null | undefined;
  readonly headers?: Readonly<Record<string, BytesLike>> | readonly RecordHeader[] | undefined;
  /** Default: the time of the call. */
  readonly timestamp?: number | undefined;
}

/** Where an acknowledged record lies. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the broker did not say: with acks 0, or for a retry of a batch so old that the broker has forgotten where
   * it put it (the record is in the log all the same). */
  readonly offset: number;
  /** The record's own, or the broker's when the topic stamps records on append. */
  readonly timestamp: number;
}

/** A record as it is consumed. Without serdes, key and value are views into the fetched bytes, as header values are: a record that
 * is kept keeps its whole fetch in memory; copy what must live long. */
export interface ConsumerRecord<K = Buffer, V = Buffer> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: K | null;
  readonly value: V | null;
  readonly headers: readonly RecordHeader[];
  /** Of the batch; -1 when the broker does not tell. */
  readonly leaderEpoch: number;
}

export interface PartitionInfo extends TopicPartition {
  /** The node id of the leader; -1 while there is none. */
  readonly leader: number;
  /** -1 when unknown. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface BrokerInfo {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** What a consumer tells a transactional producer about its membership, so that the coordinator can refuse the offsets
 * of a member that has been replaced (KIP-447). */
export interface ConsumerGroupMetadata {
  readonly groupId: string;
  /** -1 without a membership. */
  readonly generationId: number;
  /** "" without a membership. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** The marker that ends a producer's transaction in one partition. Under transactions v2 (KIP-890) every transaction of a
 * producer has an epoch of its own, so that id and epoch name the transaction. */
export interface TransactionMarker extends TopicPartition {
  readonly offset: number;
  readonly type: "commit" | "abort";
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** "read_committed" shows neither aborted nor open transactions' records. */
export type IsolationLevel = "read_committed" | "read_uncommitted";
