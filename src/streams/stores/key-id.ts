/** Bytes as a string with one character a byte: equal and ordered as the bytes are, and fit for a Map's key. */
export function keyId(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1");
}
