/** Puts frames together out of the chunks of a stream. Pure. */
import { ProtocolError } from "../../protocol/protocol-error.ts";

const LENGTH_BYTES = 4;

/** Each frame goes to `onFrame` once it is whole, in memory of its own: a decoded answer may keep views of it. */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (frame: Buffer) => void;
  readonly #length: Buffer = Buffer.alloc(LENGTH_BYTES);
  /** How many bytes of the length, then of the frame, are there. */
  #filled = 0;
  /** Undefined while the length is not complete. */
  #frame: Buffer | undefined;

  constructor(maxFrameBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Takes what arrived. Throws ProtocolError on a length that cannot be one. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const target = this.#frame ?? this.#length;
      const take = Math.min(target.length - this.#filled, chunk.length - at);
      target.set(chunk.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled === target.length) this.#completed();
    }
  }

  #completed(): void {
    const frame = this.#frame;
    this.#filled = 0;
    if (!frame) {
      this.#frame = this.#allocate(this.#length.readInt32BE());
      return;
    }
    this.#frame = undefined;
    this.#onFrame(frame);
  }

  #allocate(length: number): Buffer {
    // A response holds its correlation id at least.
    if (length < 4 || length > this.#maxFrameBytes) {
      throw new ProtocolError(`a frame of ${length} bytes, where 4 to ${this.#maxFrameBytes} are allowed`);
    }
    return Buffer.allocUnsafe(length);
  }
}
