import { ProtocolError } from "./protocol-error.ts";

const TWO_32 = 4294967296;

/** Reads the wire's primitive types out of bytes, in order. Pure; throws ProtocolError at the end of the bytes. */
export class Reader {
  /** Strings may have any length that the compact encoding can say. */
  readonly hasLongStrings: boolean;
  readonly #buffer: Buffer;
  #position: number;
  readonly #end: number;
  #elementsLeft = Number.POSITIVE_INFINITY;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length, hasLongStrings = false) {
    this.hasLongStrings = hasLongStrings;
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = start;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  /** How many elements all arrays together may have. A byte of the wire may become an object of a hundred. */
  limitElements(count: number): void {
    this.#elementsLeft = count;
  }

  /** An array of so many elements begins. */
  countElements(count: number): void {
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) throw new ProtocolError(`${-this.#elementsLeft} array elements too many`);
  }

  /** Moves over `length` bytes and returns where they start. */
  #take(length: number): number {
    const at = this.#position;
    if (length < 0 || length > this.#end - at) {
      throw new ProtocolError(`${length} bytes wanted at position ${at}, ${this.#end - at} are left`);
    }
    this.#position = at + length;
    return at;
  }

  bool(): boolean {
    return this.#buffer[this.#take(1)] !== 0;
  }
  int8(): number {
    return this.#buffer.readInt8(this.#take(1));
  }
  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2));
  }
  uint16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }
  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }
  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }
  int64(): number {
    const at = this.#take(8);
    return readInt64(this.#buffer, at);
  }
  float64(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** Base-128, least significant group first, 32 bits at most. */
  unsignedVarint(): number {
    let byte = this.#byte();
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = this.#byte();
      if (shift === 28 && byte > 0x0f) throw new ProtocolError(`a varint at ${this.#position} is beyond 32 bits`);
      value |= (byte & 0x7f) << shift;
    }
    return value >>> 0;
  }

  /** Zigzag-encoded 32-bit integer. */
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** Zigzag-encoded 64-bit integer, rounded to the nearest double beyond 2^53. */
  varlong(): number {
    let byte = this.#byte();
    let low = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
      byte = this.#byte();
      low |= (byte & 0x7f) << shift;
    }
    // Two halves of 28 and 36 bits keep every intermediate value exact.
    let high = 0;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      byte = this.#byte();
      if (shift === 35 && byte > 1) throw new ProtocolError(`a varlong at ${this.#position} is beyond 64 bits`);
      high += (byte & 0x7f) * 2 ** shift;
    }
    return unzigzag(low, high);
  }

  #byte(): number {
    if (this.#position >= this.#end) throw new ProtocolError(`the bytes end at ${this.#end}, inside a varint`);
    return this.#buffer[this.#position++] as number;
  }

  utf8(length: number): string {
    const at = this.#take(length);
    return this.#buffer.toString("utf8", at, at + length);
  }

  uuid(): string {
    const at = this.#take(16);
    return this.#buffer.toString("base64url", at, at + 16);
  }

  /** A view of the next `length` bytes. */
  view(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#take(length);
  }
}

/** The zigzag value `high * 2^28 + low` as a signed number. */
function unzigzag(low: number, high: number): number {
  if (high === 0) return (low >>> 1) ^ -(low & 1);
  const negative = (low & 1) === 1;
  // Halved: `high` is at most 2^36, so that high * 2^27 is a sum of exact terms.
  const magnitude = high * 2 ** 27 + (low - (low & 1)) / 2;
  return negative ? -magnitude - 1 : magnitude;
}

/** Reads a 64-bit integer, big-endian; rounded to the nearest double beyond 2^53. */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * TWO_32 + buffer.readUInt32BE(at + 4);
}
