/** Cuts what arrives on a connection into frames: a length (int32), then that many bytes. Pure. */
import { allocate, free } from "../platform/memory.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";

const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);
/** A frame that does not come at once is gathered in so much memory, and in four times more when that is full: what it announces
 * is no more than a promise. */
export const FIRST_GATHERING_BYTES: number = 64 * 1024;
const GROWTH = 4;

/**
 * One turn is `push`, `next` until it gives undefined (or sooner, when the owner wants to wait), then `settle`. A frame
 * that lies whole in a chunk is given as a view of it; one that does not is gathered in a buffer of its own.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  /** What is not given out yet; the reader's own between turns, the network's during one. */
  #chunk: Buffer = EMPTY;
  #position = 0;
  /** The frame that is being gathered, or its beginning. While there is one, `#chunk` is used up or continues it. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #frameBytes = 0;
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

  /** Whether part of a frame is there, and memory for more of it. */
  get isGathering(): boolean {
    return this.#partial !== undefined;
  }

  /** Memory taken for the frame that is being gathered. */
  get gatheringBytes(): number {
    return this.#partial?.length ?? 0;
  }

  /** What `next` or `settle` takes up beyond that, with the bytes that are there. */
  get wantedBytes(): number {
    const restBytes = this.#chunk.length - this.#position;
    if (this.#partial) {
      return Math.max(0, this.#memoryFor(this.#partialBytes + restBytes, this.#frameBytes) - this.#partial.length);
    }
    if (restBytes < LENGTH_BYTES) return 0;
    const length = this.#chunk.readInt32BE(this.#position);
    if (!this.#isLength(length)) return 0;
    const bodyBytes = restBytes - LENGTH_BYTES;
    return bodyBytes >= length ? length : this.#memoryFor(bodyBytes, length);
  }

  /** Copies what must outlive the turn. A frame is only begun to be gathered with `mayGather`; without it the turn is to come
   * again before more bytes do. */
  settle(mayGather = true): void {
    const rest = this.#chunk.subarray(this.#position);
    this.#position = 0;
    this.#chunk = EMPTY;
    if (this.#gathered) free(this.#gathered);
    this.#gathered = undefined;
    if (rest.length === 0) return;
    if (mayGather && rest.length >= LENGTH_BYTES && !this.#partial) {
      const length = rest.readInt32BE(0);
      const bodyBytes = rest.length - LENGTH_BYTES;
      if (this.#isLength(length) && length > bodyBytes) {
        this.#partial = allocate(this.#memoryFor(bodyBytes, length));
        this.#partialBytes = rest.copy(this.#partial, 0, LENGTH_BYTES);
        this.#frameBytes = length;
        return;
      }
    }
    // Part of a length, or frames that the owner did not take yet.
    this.#chunk = Buffer.from(rest);
  }

  #checkedLength(): number {
    const length = this.#chunk.readInt32BE(this.#position);
    if (!this.#isLength(length)) {
      throw new ProtocolError(`a frame of ${length} bytes; at most ${this.#maxFrameBytes} are allowed`);
    }
    return length;
  }

  #isLength(length: number): boolean {
    return length >= 0 && length <= this.#maxFrameBytes;
  }

  /** Of a frame, when so many of its bytes are there. */
  #memoryFor(bytes: number, frameBytes: number): number {
    let size = FIRST_GATHERING_BYTES;
    while (size < bytes) size *= GROWTH;
    return Math.min(size, frameBytes);
  }

  #gather(partial: Buffer): Buffer | undefined {
    const wantedBytes = this.wantedBytes;
    const target = wantedBytes > 0 ? this.#grown(partial, partial.length + wantedBytes) : partial;
    const copied = this.#chunk.copy(target, this.#partialBytes, this.#position);
    this.#partialBytes += copied;
    this.#position += copied;
    if (this.#partialBytes < this.#frameBytes) return undefined;
    this.#partial = undefined;
    this.#gathered = target;
    return target;
  }

  #grown(partial: Buffer, sizeBytes: number): Buffer {
    const larger = allocate(sizeBytes);
    partial.copy(larger, 0, 0, this.#partialBytes);
    free(partial);
    this.#partial = larger;
    return larger;
  }
}
