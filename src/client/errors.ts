/** What the client throws. Every error has a stable code and says what happened, to what, and what to do. */
import { type ErrorName, isRetriable } from "../protocol/errors.ts";

/** Codes of errors that the client itself finds; all others are the wire's names (PRODUCER_FENCED …). */
export type ClientErrorCode =
  /** Not done in time; for what was sent, whether it took effect is unknown. */
  | "TIMEOUT"
  /** No broker could be reached, or the connection broke. */
  | "DISCONNECTED"
  /** The client, producer, consumer or admin was closed. */
  | "CLOSED"
  /** The call does not fit what was called before. */
  | "INVALID_STATE"
  | "INVALID_ARGUMENT"
  /** The record was not sent because its transaction is aborted. */
  | "TRANSACTION_ABORTED"
  /** The group has moved on without this member: its offsets were not stored. */
  | "COMMIT_FAILED"
  /** A partition has neither a committed offset nor a reset policy. */
  | "NO_OFFSET"
  /** A key or value that its serde cannot turn into bytes. */
  | "SERIALIZATION_FAILED"
  /** Bytes that the serde cannot read. */
  | "DESERIALIZATION_FAILED"
  /** Records that were consumed are no longer in the log. */
  | "LOG_TRUNCATED"
  /** Bytes that do not follow the protocol, or a batch whose checksum is wrong. */
  | "CORRUPT_DATA";

export type ErrorCode = ErrorName | ClientErrorCode;

export interface ErrorTraits extends ErrorOptions {
  readonly retriable?: boolean;
  readonly fatal?: boolean;
  readonly abortable?: boolean;
}

/** The base of all errors thrown on purpose by oncilla's client. */
export class OncillaError extends Error {
  override readonly name: string = "OncillaError";
  readonly code: ErrorCode;
  /** The same call may succeed later. */
  readonly retriable: boolean;
  /** The producer or consumer that threw it is of no more use: close it. */
  readonly fatal: boolean;
  /** The open transaction cannot be committed; abort it and go on. */
  readonly abortable: boolean;

  constructor(code: ErrorCode, message: string, traits: ErrorTraits = {}) {
    super(message, traits);
    this.code = code;
    this.retriable = traits.retriable ?? false;
    this.fatal = traits.fatal ?? false;
    this.abortable = traits.abortable ?? false;
  }
}

/** What a function threw over what it was given, as an INVALID_ARGUMENT; an OncillaError as it is. */
export function asOncillaError(error: unknown): OncillaError {
  if (error instanceof OncillaError) return error;
  return new OncillaError("INVALID_ARGUMENT", error instanceof Error ? error.message : String(error), { cause: error });
}

/** Another producer or consumer has taken this one's place (its transactional id or group instance id). */
export class FencedError extends OncillaError {
  override readonly name = "FencedError";

  constructor(code: ErrorCode, message: string, traits: ErrorTraits = {}) {
    super(code, message, { ...traits, fatal: true });
  }
}

/** Not done in time. Whether what was asked took effect is unknown. */
export class TimeoutError extends OncillaError {
  override readonly name = "TimeoutError";

  constructor(message: string, traits: ErrorTraits = {}) {
    super("TIMEOUT", message, { retriable: true, ...traits });
  }
}

/** The group has given this member's partitions to others: the offsets were not stored. Drop the work since the last
 * commit; the next `poll` rejoins the group. */
export class CommitFailedError extends OncillaError {
  override readonly name = "CommitFailedError";
}

/** The position is not in the log, and no reset policy says where to go on. */
export class OffsetOutOfRangeError extends OncillaError {
  override readonly name = "OffsetOutOfRangeError";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;

  constructor(topic: string, partition: number, offset: number) {
    super(
      "OFFSET_OUT_OF_RANGE",
      `offset ${offset} is not in ${topic}-${partition}: seek to an offset that is, or set autoOffsetReset`,
    );
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

/** A consumed record's key or value is not what the serde expects. Nothing behind it is handed out: `seek` behind `offset` to go on
 * without it. */
export class RecordDeserializationError extends OncillaError {
  override readonly name = "RecordDeserializationError";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;

  constructor(topic: string, partition: number, offset: number, part: "key" | "value", cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      "DESERIALIZATION_FAILED",
      `the ${part} at offset ${offset} of ${topic}-${partition} cannot be read: ${reason}: seek behind it to go on`,
      { cause },
    );
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

const fencing: ReadonlySet<ErrorName> = new Set<ErrorName>(["PRODUCER_FENCED", "FENCED_INSTANCE_ID"]);

/** The exception for an error off the wire. `what` says what was tried, to what ("commit of group g"). */
export function wireError(
  name: ErrorName,
  what: string,
  detail?: string | null,
  traits: ErrorTraits = {},
): OncillaError {
  const message = `${what}: ${name}${detail ? `: ${detail}` : ""}`;
  if (fencing.has(name))
    return new FencedError(name, `${message} (another instance has taken over; close this one)`, traits);
  return new OncillaError(name, message, { retriable: isRetriable(name), ...traits });
}
