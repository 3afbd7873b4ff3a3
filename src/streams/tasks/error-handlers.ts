import { StreamsError } from "../errors.ts";
import type { QueuedRecord } from "./partition-queues.ts";

/** "fail": roll back and stop the application. "continue": go on without the record; it is logged and counted. */
export type ErrorDecision = "fail" | "continue";

/** What was being done when a function of the topology threw: a record was processed, or a store's change handed on. */
export type ErrorSource = { readonly record: QueuedRecord } | { readonly store: string };

/** An output record that was not taken. */
export interface RefusedRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** What happens to records that cannot be handled. Each default: "fail". */
export interface ErrorHandlers {
  /** A consumed record's key or value could not be read. */
  readonly onDeserializationError?: (error: Error, record: QueuedRecord) => ErrorDecision;
  /** A function or an output serde of the topology threw. What the record had already caused before stays. */
  readonly onProcessingError?: (error: Error, source: ErrorSource) => ErrorDecision;
  /** An output record is too large. */
  readonly onProductionError?: (error: Error, record: RefusedRecord) => ErrorDecision;
}

export function deserializationFailure(error: Error, { topic, partition, offset }: QueuedRecord): StreamsError {
  return new StreamsError(
    "DESERIALIZATION_FAILED",
    `${topic}-${partition}, offset ${offset}: the record cannot be read: ${error.message}`,
    { cause: error },
  );
}

export function processingFailure(error: Error, source: ErrorSource): StreamsError {
  const where =
    "store" in source
      ? `a change of store ${source.store}`
      : `${source.record.topic}-${source.record.partition}, offset ${source.record.offset}`;
  return new StreamsError("PROCESSING_FAILED", `${where}: processing failed: ${error.message}`, { cause: error });
}

export function productionFailure(error: Error, { topic }: RefusedRecord): StreamsError {
  return new StreamsError("PRODUCTION_FAILED", `a record for ${topic} was refused: ${error.message}`, { cause: error });
}
