/** oncilla/client: producer, consumer and admin for any broker that speaks Apache Kafka's protocol. */
export { Admin } from "./admin/admin.ts";
export type {
  HangingSearch,
  HangingTransaction,
  PartitionProducer,
  TransactionDescription,
  TransactionFilter,
  TransactionListing,
  TransactionToAbort,
} from "./admin/transaction-types.ts";
export type {
  ClusterDescription,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  GroupDescription,
  GroupListing,
  NewTopic,
  OffsetSpec,
  StreamsTask,
  TopicDescription,
} from "./admin/types.ts";
export { Client, type ClientOptions, type CloseOptions } from "./client.ts";
export type {
  Assignor,
  AssignorCluster,
  GroupMember,
  MemberAssignment,
  RebalanceProtocol,
} from "./consumer/assignor.ts";
export { cooperativeStickyAssignor } from "./consumer/assignors/cooperative-sticky.ts";
export { rangeAssignor } from "./consumer/assignors/range.ts";
export { roundRobinAssignor } from "./consumer/assignors/round-robin.ts";
export { Consumer } from "./consumer/consumer.ts";
export type { ConsumerCloseOptions, ConsumerOptions, RebalanceListener, TopicPattern } from "./consumer/options.ts";
export {
  type ClientErrorCode,
  CommitFailedError,
  type ErrorCode,
  FencedError,
  OffsetOutOfRangeError,
  OncillaError,
  RecordDeserializationError,
  TimeoutError,
} from "./errors.ts";
export type { DeliveryCallback } from "./producer/batch.ts";
export type { ProducerOptions } from "./producer/options.ts";
export type { Partitioner } from "./producer/partitioner.ts";
export { Producer } from "./producer/producer.ts";
export { type RecordSerdes, type Serde, serdes } from "./serde.ts";
export type {
  BrokerInfo,
  BytesLike,
  ConsumerGroupMetadata,
  ConsumerRecord,
  IsolationLevel,
  PartitionInfo,
  ProducerRecord,
  RecordHeader,
  RecordMetadata,
  TopicPartition,
  TopicPartitionOffset,
  TransactionMarker,
} from "./types.ts";
