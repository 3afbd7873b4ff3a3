/** Sends what is still in a file part by part: the client has the first ones while the others are read. */
import type { LateRead } from "../log/types.ts";
import { free } from "../platform/memory.ts";
import type { Connection } from "../platform/network.ts";

/** Pieces of a reply that nothing was read into yet, and what reads them. */
export type LateBytes = ReadonlyMap<Uint8Array, LateRead>;

/** Larger ones let the client wait, smaller ones cost a system call and a wake-up each. */
const PART_BYTES = 512 * 1024;

/** Reads what `late` has of `pieces`. */
export function readLate(pieces: readonly Uint8Array[], late: LateBytes): void {
  for (const piece of pieces) late.get(piece)?.fill(piece, 0);
}

/** Like `connection.write`, and reads what is late: as long as the operating system takes all that it gets, right before, part
 * by part into little memory, which stays in the processor's cache; but for what was read ahead. */
export function writeLate(
  connection: Connection,
  pieces: readonly Uint8Array[],
  late: LateBytes,
  onSent?: () => void,
): boolean {
  let ready: Uint8Array[] = [];
  let part: Uint8Array | undefined;
  for (const piece of pieces) {
    const read = late.get(piece);
    let at = 0;
    while (read && at < piece.length) {
      if (part) {
        connection.write(ready);
        ready = [];
        // What the system has not taken is left to the garbage collector.
        if (connection.unsentBytes === 0) free(part);
        part = undefined;
      }
      if (connection.unsentBytes > 0) break;
      part = read.next(at, Math.min(PART_BYTES, piece.length - at));
      ready.push(part);
      at += part.length;
    }
    if (at === piece.length) continue;
    const rest = piece.subarray(at);
    read?.fill(rest, at);
    ready.push(rest);
  }
  const hasRoom = connection.write(ready, onSent);
  if (part && connection.unsentBytes === 0) free(part);
  return hasRoom;
}
