const TWO_32 = 4294967296;
/** Longer byte fields are passed on as they are instead of being copied into the frame. */
const ATTACH_FROM_BYTES = 2048;

/** Writes the wire's primitive types. Grows as needed; large byte fields stay where they are. Pure. */
export class Writer {
  #buffer: Buffer;
  #position = 0;
  /** Where the bytes that are not in `#done` yet begin. */
  #start = 0;
  #done: Uint8Array[] = [];
  #doneBytes = 0;

  constructor(initialBytes = 512) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#doneBytes + this.#position - this.#start;
  }

  #reserve(length: number): number {
    const at = this.#position;
    const needed = at + length;
    if (needed > this.#buffer.length) {
      const pending = this.#buffer.subarray(this.#start, at);
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, pending.length + length));
      grown.set(pending);
      this.#buffer = grown;
      this.#start = 0;
      this.#position = pending.length + length;
      return pending.length;
    }
    this.#position = needed;
    return at;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }
  int8(value: number): void {
    const at = this.#reserve(1);
    this.#buffer.writeInt8(value, at);
  }
  int16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeInt16BE(value, at);
  }
  uint16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
  }
  int32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeInt32BE(value, at);
  }
  uint32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }
  int64(value: number): void {
    const at = this.#reserve(8);
    writeInt64(this.#buffer, value, at);
  }
  float64(value: number): void {
    const at = this.#reserve(8);
    this.#buffer.writeDoubleBE(value, at);
  }

  unsignedVarint(value: number): void {
    let at = this.#reserve(unsignedVarintSize(value));
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[at] = rest;
  }

  utf8(value: string, byteLength: number): void {
    const at = this.#reserve(byteLength);
    this.#buffer.write(value, at, byteLength, "utf8");
  }

  uuid(value: string): void {
    const at = this.#reserve(16);
    if (this.#buffer.write(value, at, 16, "base64url") !== 16) throw new RangeError(`"${value}" is not a UUID`);
  }

  bytes(value: Uint8Array): void {
    if (value.length < ATTACH_FROM_BYTES) {
      const at = this.#reserve(value.length);
      this.#buffer.set(value, at);
      return;
    }
    this.#flush();
    this.#done.push(value);
    this.#doneBytes += value.length;
  }

  /** Everything written, as pieces to send one behind the other. The writer must not be used afterwards. */
  finish(): Uint8Array[] {
    this.#flush();
    return this.#done;
  }

  /** Like `finish`, for a frame: the int32 it began with becomes the length of what follows it. */
  finishFrame(): Uint8Array[] {
    const length = this.length - 4;
    const pieces = this.finish();
    (pieces[0] as Buffer).writeInt32BE(length);
    return pieces;
  }

  #flush(): void {
    if (this.#position === this.#start) return;
    this.#done.push(this.#buffer.subarray(this.#start, this.#position));
    this.#doneBytes += this.#position - this.#start;
    this.#start = this.#position;
  }
}

export function unsignedVarintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  return 5;
}

/** Writes a 64-bit integer, big-endian. */
export function writeInt64(target: Buffer, value: number, at: number): void {
  if (value === (value | 0)) {
    target.writeInt32BE(value < 0 ? -1 : 0, at);
    target.writeInt32BE(value, at + 4);
    return;
  }
  if (!Number.isInteger(value)) throw new RangeError(`${value} is not an integer`);
  if (!Number.isSafeInteger(value)) {
    target.writeBigInt64BE(clampToInt64(value), at);
    return;
  }
  const high = Math.floor(value / TWO_32);
  target.writeInt32BE(high, at);
  target.writeUInt32BE(value - high * TWO_32, at + 4);
}

/** 2^63 - 1 reads as the double 2^63, and must go out again as what came in. */
function clampToInt64(value: number): bigint {
  const max = 2n ** 63n - 1n;
  const exact = BigInt(value);
  return exact > max ? max : exact < -max - 1n ? -max - 1n : exact;
}

/** All pieces as one. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const first = pieces[0];
  return pieces.length === 1 && first ? first : Buffer.concat(pieces);
}
