/** Cuts what arrives on a connection into frames: a length (int32), then that many bytes. Pure. */
import { allocate, free } from "../platform/memory.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";

const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/**
 * One turn is `push`, `next` until it gives undefined (or sooner, when the owner wants to wait), then `settle`. A frame
 * that lies whole in a chunk is given as a view of it; one that does not is gathered in a buffer of exactly its size,
 * so that each of its bytes is copied once.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  /** What is not given out yet; the reader's own between turns, the network's during one. */
  #chunk: Buffer = EMPTY;
  #position = 0;
  /** The frame that is being gathered. While there is one, `#chunk` is used up or continues it. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  /** The one that was given out in this turn. */
  #gathered: Buffer | undefined;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Takes in the bytes that arrived; they must stay unchanged until `settle`. */
  push(chunk: Uint8Array): void {
    const arrived = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const rest = this.#chunk.subarray(this.#position);
    this.#chunk = rest.length === 0 ? arrived : Buffer.concat([rest, arrived]);
    this.#position = 0;
  }

  /** The next whole frame, without its length; undefined when more bytes are needed. The view is valid until `settle`.
   * Throws ProtocolError on a length that cannot be one. */
  next(): Buffer | undefined {
    if (this.#partial) return this.#gather(this.#partial);
    const body = this.#position + LENGTH_BYTES;
    if (body > this.#chunk.length) return undefined;
    const end = body + this.#checkedLength();
    if (end > this.#chunk.length) return undefined;
    this.#position = end;
    return this.#chunk.subarray(body, end);
  }

  /** Whether part of a frame is there, and memory for all of it. */
  get isGathering(): boolean {
    return this.#partial !== undefined;
  }

  /** Memory taken for the frame that is being gathered. */
  get gatheringBytes(): number {
    return this.#partial?.length ?? 0;
  }

  /** Copies what must outlive the turn. Memory for a whole frame is only taken with `mayGather`; without it the turn is to
   * come again before more bytes do. */
  settle(mayGather = true): void {
    const rest = this.#chunk.subarray(this.#position);
    this.#position = 0;
    this.#chunk = EMPTY;
    if (this.#gathered) free(this.#gathered);
    this.#gathered = undefined;
    if (rest.length === 0) return;
    if (mayGather && rest.length >= LENGTH_BYTES && !this.#partial) {
      const length = rest.readInt32BE(0);
      if (length <= this.#maxFrameBytes && length > rest.length - LENGTH_BYTES) {
        this.#partial = allocate(length);
        this.#partialBytes = rest.copy(this.#partial, 0, LENGTH_BYTES);
        return;
      }
    }
    // Part of a length, or frames that the owner did not take yet.
    this.#chunk = Buffer.from(rest);
  }

  #checkedLength(): number {
    const length = this.#chunk.readInt32BE(this.#position);
    if (length < 0 || length > this.#maxFrameBytes) {
      throw new ProtocolError(`a frame of ${length} bytes; at most ${this.#maxFrameBytes} are allowed`);
    }
    return length;
  }

  #gather(partial: Buffer): Buffer | undefined {
    const copied = this.#chunk.copy(partial, this.#partialBytes, this.#position);
    this.#partialBytes += copied;
    this.#position += copied;
    if (this.#partialBytes < partial.length) return undefined;
    this.#partial = undefined;
    this.#gathered = partial;
    return partial;
  }
}
