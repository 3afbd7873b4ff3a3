/** oncilla/streams: topologies of typed functions over topics, with state, exactly once. */
export { StreamsApp, type StreamsAppState, type StreamsCloseOptions, type StreamsMetrics } from "./app.ts";
export { KGroupedStream, type Materialized } from "./dsl/kgrouped-stream.ts";
export { type Branches, KStream, type Named, type StreamSerdes } from "./dsl/kstream.ts";
export { KTable } from "./dsl/ktable.ts";
export { type KeyValueSource, StreamsBuilder, type ValueSource } from "./dsl/streams-builder.ts";
export { StreamsError, type StreamsErrorCode } from "./errors.ts";
export type { StreamsAppOptions } from "./options.ts";
export type { StreamRecord } from "./record.ts";
export type { TaskPhase } from "./runtime/assigned-task.ts";
export type { Guarantee } from "./runtime/commit.ts";
export type { StreamsAdmin, StreamsClient, StreamsConsumer, StreamsProducer } from "./runtime/ports.ts";
export { nullable } from "./serde.ts";
export type { ReadonlyKeyValueStore } from "./stores/committed-view.ts";
export {
  type ChangelogPosition,
  type StoreChange,
  StoreDamagedError,
  type StoreEngine,
  type StoreEngines,
  type StoreEntry,
} from "./stores/engine.ts";
export { memoryEngines } from "./stores/memory-engine.ts";
export { sqliteEngines } from "./stores/sqlite-engine.ts";
export type { ErrorDecision, ErrorHandlers, ErrorSource, RefusedRecord } from "./tasks/error-handlers.ts";
export type { QueuedRecord } from "./tasks/partition-queues.ts";
export type { OffsetReset } from "./topology/node.ts";
export type { Topology } from "./topology/topology.ts";
