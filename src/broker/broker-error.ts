/** Why a broker could not start, or cannot go on. */
export type BrokerErrorCode =
  /** An option is unknown or its value is not allowed. */
  | "INVALID_OPTION"
  /** Another program listens on the address. */
  | "PORT_IN_USE"
  /** The address cannot be listened on for another reason. */
  | "CANNOT_LISTEN"
  /** Another broker holds the data folder. */
  | "DATA_DIR_IN_USE"
  /** The data folder cannot be read, written or understood. */
  | "DATA_DIR_UNUSABLE";

/** Thrown by `Broker.start`. The message is one line: what happened, to what, and what to do. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
