import { ProtocolError } from "./protocol-error.ts";

const TWO_32 = 4294967296;

/** Reads the wire's primitive types out of bytes, in order. Pure; throws ProtocolError at the end of the bytes. */
export class Reader {
  readonly #buffer: Buffer;
  #position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = start;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#end - this.#position;
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
    return this.#buffer.readInt32BE(at) * TWO_32 + this.#buffer.readUInt32BE(at + 4);
  }
  float64(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** Base-128, least significant group first, 5 bytes at most. */
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer[this.#take(1)] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value >= TWO_32) break;
        return value;
      }
    }
    throw new ProtocolError(`a varint before position ${this.#position} is too long`);
  }

  /** Zigzag-encoded 32-bit integer. */
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** Zigzag-encoded 64-bit integer, rounded to the nearest double beyond 2^53. */
  varlong(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#buffer[this.#take(1)] ?? 0;
      const group = byte & 0x7f;
      // Two halves of 28 and 36 bits keep every intermediate value exact.
      if (shift < 28) low += group * 2 ** shift;
      else high += group * 2 ** (shift - 28);
      if (byte < 0x80) return unzigzag(low, high);
    }
    throw new ProtocolError(`a varlong before position ${this.#position} is too long`);
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
  const negative = (low & 1) === 1;
  // Halved: `high` is at most 2^36, so that high * 2^27 is a sum of exact terms.
  const magnitude = high * 2 ** 27 + (low - (low & 1)) / 2;
  return negative ? -magnitude - 1 : magnitude;
}
