/** Batches that were found and checked, and are read when they are sent. */
import { allocate } from "../platform/memory.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment-list.ts";
import type { LateRead } from "./types.ts";

interface Place {
  readonly segments: SegmentList;
  readonly segment: Segment;
  readonly position: number;
  readonly length: number;
  readonly readAhead: ReadAhead | undefined;
}

export class LateBatches implements LateRead {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  fill(target: Uint8Array, from: number): void {
    const { segments, segment, position } = this.#place;
    try {
      // Other reads of this turn may have taken its place among the open ones.
      segments.keepOpen(segment);
      segment.readInto(target, position + from);
    } catch (error) {
      segment.checked.forget();
      throw error;
    }
    this.#haveRead(from + target.length);
  }

  next(from: number, maxBytes: number): Uint8Array {
    const { segment, position, length, readAhead } = this.#place;
    const ahead = readAhead?.take(segment, position + from, maxBytes);
    if (ahead) {
      this.#haveRead(from + ahead.length);
      return ahead;
    }
    const bytes = allocate(Math.min(maxBytes, length - from));
    this.fill(bytes, from);
    return bytes;
  }

  #haveRead(end: number): void {
    const { segment, position, length, readAhead } = this.#place;
    if (end === length) readAhead?.start(segment, position + end, length);
  }
}
