/** How long the wire's strings may be. Pure. */
import { ProtocolError } from "./protocol-error.ts";
import type { Reader } from "./reader.ts";

/** What the old encoding can say. Apache Kafka's readers hold the compact one to it too, since what comes in one has to fit into
 * records and answers in the other. */
const MAX_STRING_BYTES = 0x7fff;
/** A byte that is no UTF-8 is read as a character of three bytes. */
const MAX_GROWTH = 3;

/** A string of `length` bytes, which may be said to be longer than any is. */
export function readString(reader: Reader, length: number): string {
  if (reader.hasLongStrings) return reader.utf8(length);
  if (length > MAX_STRING_BYTES) throw tooLong(length);
  const text = reader.utf8(length);
  if (length * MAX_GROWTH <= MAX_STRING_BYTES) return text;
  const lengthAsRead = Buffer.byteLength(text);
  if (lengthAsRead > MAX_STRING_BYTES) throw tooLong(lengthAsRead);
  return text;
}

/** Of a string that is to be written, in either encoding; throws a RangeError when nobody could read it. */
export function sizeOfString(text: string): number {
  const length = Buffer.byteLength(text);
  if (length > MAX_STRING_BYTES) throw new RangeError(tooLong(length).message);
  return length;
}

export function fitsIntoString(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_STRING_BYTES;
}

function tooLong(length: number): ProtocolError {
  return new ProtocolError(`a string of ${length} bytes; at most ${MAX_STRING_BYTES} are allowed`);
}

/** As much of a message to a human as a string may hold. */
export function clipped(text: string): string {
  if (text.length * MAX_GROWTH <= MAX_STRING_BYTES) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_STRING_BYTES) return text;
  // Of a character that is cut through the bytes that are left become one of three bytes each.
  return `${bytes.toString("utf8", 0, MAX_STRING_BYTES - 16)}…`;
}
