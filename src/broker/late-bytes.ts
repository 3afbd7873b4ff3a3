/** Sends what is still in a file part by part: the client has the first ones while the others are read. */
import { allocate, free } from "../platform/memory.ts";
import type { Connection } from "../platform/network.ts";

/** Pieces of a reply that nothing was read into yet, and what reads them, from the byte `from` on, into `target`. It can do
 * so until the turn of the event loop ends, and throws when it cannot. */
export type LateBytes = ReadonlyMap<Uint8Array, (target: Uint8Array, from: number) => void>;

/** Larger ones let the client wait, smaller ones cost a system call and a wake-up each. Fits into second-level caches. */
const PART_BYTES = 512 * 1024;

/** Reads what `late` has of `pieces`. */
export function readLate(pieces: readonly Uint8Array[], late: LateBytes): void {
  for (const piece of pieces) late.get(piece)?.(piece, 0);
}

/** Like `connection.write`, and reads what is late: as long as the operating system takes what it gets, right before. */
export function writeLate(
  connection: Connection,
  pieces: readonly Uint8Array[],
  late: LateBytes,
  onSent?: () => void,
): boolean {
  let ready: Uint8Array[] = [];
  for (const piece of pieces) {
    const read = late.get(piece);
    let at = 0;
    if (read) {
      while (piece.length - at > PART_BYTES && connection.unsentBytes === 0) {
        const part = allocate(PART_BYTES);
        read(part, at);
        ready.push(part);
        connection.write(ready);
        // For the next part. What the system has not taken is left to the garbage collector.
        if (connection.unsentBytes === 0) free(part);
        ready = [];
        at += PART_BYTES;
      }
      read(piece.subarray(at), at);
    }
    ready.push(at === 0 ? piece : piece.subarray(at));
  }
  return connection.write(ready, onSent);
}
