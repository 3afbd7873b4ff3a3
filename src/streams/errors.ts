/** What streams throws on purpose. Every error has a stable code and says what happened, to what, and what to do. */
import { OncillaError } from "../client/index.ts";
import { AssertionError } from "../platform/assert.ts";
import { StoreDamagedError } from "./stores/engine.ts";

export type StreamsErrorCode =
  /** The topology contradicts itself, or leaves something open. */
  | "INVALID_TOPOLOGY"
  | "INVALID_ARGUMENT"
  | "INVALID_STATE"
  /** A source topic does not exist. */
  | "MISSING_TOPIC"
  /** An internal topic exists, but not as the topology needs it. */
  | "INTERNAL_TOPIC_MISMATCH"
  /** A consumed record's bytes are not what the serde expects. */
  | "DESERIALIZATION_FAILED"
  /** A function of the topology threw. */
  | "PROCESSING_FAILED"
  /** An output record was not taken. */
  | "PRODUCTION_FAILED"
  /** The state on disk cannot be read or written. */
  | "STORE_FAILED"
  /** Another worker runs under this one's name. */
  | "REPLACED"
  /** The work since the last commit was rolled back too often in a row for a passing fault. */
  | "NO_PROGRESS";

export class StreamsError extends Error {
  override readonly name: string = "StreamsError";
  readonly code: StreamsErrorCode;

  constructor(code: StreamsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `thrown` as an Error, whatever it is. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Whether an error comes from the broker, the stores or oncilla itself rather than from a record or a user's function:
 * no handler can decide about it. */
export function isInfrastructureError(thrown: unknown): boolean {
  if (thrown instanceof StreamsError) return thrown.code === "STORE_FAILED" || thrown.code === "PRODUCTION_FAILED";
  return thrown instanceof OncillaError || thrown instanceof StoreDamagedError || thrown instanceof AssertionError;
}
