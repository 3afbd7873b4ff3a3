/**
 * Large buffers that are given back by hand and used again. V8 collects its whole heap for every 64 MiB or so of new ones,
 * however short they lived, and the system zeroes each page anew: at hundreds of MiB a second that was half of a broker's
 * CPU time.
 */

/** Sizes are powers of two with some room: what is read of a log is a little more than a power of two. No buffer of another
 * origin has such a size, so that it tells whose a buffer is. */
const ROOM_BYTES = 4 * 1024;
const SMALLEST_POWER = 14;
const LARGEST_POWER = 23;
/** Of memory that waits to be used again. */
const MAX_IDLE_BYTES = 32 * 1024 * 1024;
/** For what is smaller, a new buffer is cheaper. */
const WORTH_KEEPING_BYTES = 8 * 1024;

/** By power, from the smallest one on. */
const idle: ArrayBuffer[][] = Array.from({ length: LARGEST_POWER - SMALLEST_POWER + 1 }, () => []);
let idleBytes = 0;

/** Memory that no other buffer shares. It is not zeroed. */
export function allocate(sizeBytes: number): Buffer<ArrayBuffer> {
  const kept = sizeBytes < WORTH_KEEPING_BYTES ? undefined : idle[indexFor(sizeBytes)];
  if (!kept) return Buffer.allocUnsafeSlow(sizeBytes);
  const memory = kept.pop();
  if (!memory) return Buffer.allocUnsafeSlow(bytesAt(indexFor(sizeBytes))).subarray(0, sizeBytes);
  idleBytes -= memory.byteLength;
  return Buffer.from(memory, 0, sizeBytes);
}

/** Gives back what `allocate` gave, as a whole, by any view of it. A view that is left is empty from then on: who uses it too
 * late finds nothing, and never what somebody else put there. */
export function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const { byteLength } = buffer;
  const index = indexFor(byteLength);
  const kept = byteLength === bytesAt(index) && idleBytes + byteLength <= MAX_IDLE_BYTES ? idle[index] : undefined;
  if (!kept || !(buffer instanceof ArrayBuffer)) {
    discard(bytes);
    return;
  }
  kept.push(buffer.transfer());
  idleBytes += byteLength;
}

/** Of memory that waits to be used again: what a measure of leaks has to leave out. */
export function idleMemoryBytes(): number {
  return idleBytes;
}

/** Gives the memory behind `bytes` back to the system. Nothing else may share it. */
export function discard({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= WORTH_KEEPING_BYTES) buffer.transfer(0);
}

/** Of the smallest size that holds so much. */
function indexFor(sizeBytes: number): number {
  return Math.max(SMALLEST_POWER, 32 - Math.clz32(Math.max(0, sizeBytes - ROOM_BYTES - 1))) - SMALLEST_POWER;
}

function bytesAt(index: number): number {
  return 2 ** (index + SMALLEST_POWER) + ROOM_BYTES;
}
