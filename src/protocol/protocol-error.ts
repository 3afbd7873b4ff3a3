/** Bytes that do not follow the protocol: truncated, of an unknown version, or nonsense. The connection that sent them
 * cannot be trusted any further. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
