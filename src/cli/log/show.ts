/** Values as `oncilla log dump` shows them. Pure. */

/** Text in quotes when it is that, else the bytes in hexadecimal. */
export function showBytes(bytes: Uint8Array | null): string {
  if (bytes === null) return "null";
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("utf8");
  return isText(text, buffer) ? JSON.stringify(text) : `0x${buffer.toString("hex")}`;
}

function isText(text: string, bytes: Buffer): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells bytes from text
  return !/[\u0000-\u0008\u000e-\u001f]/.test(text) && Buffer.from(text).equals(bytes);
}

/** "2026-01-31T12:00:00.000Z"; a number that is no time stays one. */
export function showTime(timestamp: number): string {
  return timestamp < 0 || timestamp > 8.64e15 ? String(timestamp) : new Date(timestamp).toISOString();
}

/** One line of JSON; maps and bytes too. */
export function showValue(value: unknown): string {
  return JSON.stringify(value, (_key, each) => {
    if (each instanceof Map) return Object.fromEntries(each);
    if (each instanceof Set) return [...each];
    if (each instanceof Uint8Array) return `0x${Buffer.from(each).toString("hex")}`;
    // A Buffer has turned into this already.
    if (each?.type === "Buffer" && Array.isArray(each.data)) return `0x${Buffer.from(each.data).toString("hex")}`;
    return each;
  });
}
