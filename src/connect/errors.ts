/** What connect throws on purpose. Every error has a stable code and says what happened, to what, and what to do. */

export type ConnectErrorCode =
  | "INVALID_ARGUMENT"
  | "INVALID_STATE"
  /** A topic to read does not exist. */
  | "MISSING_TOPIC"
  /** The target cannot give the guarantee that was asked for. */
  | "GUARANTEE_IMPOSSIBLE"
  /** The log no longer has what is to be read next. */
  | "RECORDS_GONE"
  /** A record could not be turned into what the target holds. */
  | "RECORD_FAILED"
  /** The target refused. */
  | "TARGET_FAILED";

export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code: ConnectErrorCode;
  /** The same write may succeed later. */
  readonly retriable: boolean;

  constructor(code: ConnectErrorCode, message: string, options: ErrorOptions & { readonly retriable?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.retriable = options.retriable ?? false;
  }
}
