/** oncilla/connect: records from topics into other systems, exactly once. */
export type { SinkAdmin } from "./catch-up.ts";
export { ConnectError, type ConnectErrorCode } from "./errors.ts";
export type { Sink, SinkBatch, SinkOutcome, SinkPartition } from "./sink.ts";
export {
  type SinkClient,
  type SinkConsumer,
  type SinkMetrics,
  SinkRuntime,
  type SinkRuntimeOptions,
  type SinkState,
} from "./sink-runtime.ts";
export { type Row, RowDeletion, type RowMapping, type SinkRecord, type SqlValue } from "./sqlite/rows.ts";
export { SqliteSink, type SqliteSinkOptions } from "./sqlite/sqlite-sink.ts";
export type { TableOptions, WriteMode } from "./sqlite/table.ts";
