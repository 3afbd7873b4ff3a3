/** Reads what sequential readers are about to ask for, while they take in what they have. */
import type { Clock, Timer } from "../platform/clock.ts";
import { allocate, free } from "../platform/memory.ts";
import type { Segment } from "./segment.ts";

/** At most: with less the reader has to wait for the next part; more holds up others, and costs memory. */
const PART_BYTES = 512 * 1024;
/** For less, nobody waits. */
const MIN_BYTES = 128 * 1024;
/** Of all readers together. */
const MAX_PARTS = 32;
/** At least: whoever has not come back by then may not come at all. */
const KEPT_MS = 1_000;

interface Place {
  readonly segment: Segment;
  readonly position: number;
}

interface Wanted extends Place {
  readonly length: number;
}

interface Part extends Place {
  readonly bytes: Buffer;
  readonly readAtMs: number;
}

/** One for all logs of a broker. What it holds is a guess: whoever asks for something else reads it as ever. */
export class ReadAhead {
  readonly #clock: Clock;
  /** Read in one turn of the event loop each. */
  #wanted: Wanted[] = [];
  #isReading = false;
  /** Oldest first. */
  #parts: Part[] = [];
  #expiry: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes from `position` on, `maxBytes` at most, if they were read: in memory from `allocate`, which is the caller's then. */
  take(segment: Segment, position: number, maxBytes: number): Buffer | undefined {
    const isIt = (place: Place): boolean => place.position === position && place.segment === segment;
    const index = this.#parts.findIndex(isIt);
    if (index >= 0) return this.#parts.splice(index, 1)[0]?.bytes.subarray(0, maxBytes);
    const wanted = this.#wanted.findIndex(isIt);
    if (wanted >= 0) this.#wanted.splice(wanted, 1);
    return undefined;
  }

  /** Somebody has read all in front of `position`, and may ask for as much as `length` there. */
  start(segment: Segment, position: number, length: number): void {
    const there = Math.min(length, PART_BYTES, segment.sizeBytes - position);
    if (there < MIN_BYTES || this.#parts.length + this.#wanted.length >= MAX_PARTS) return;
    this.#wanted.push({ segment, position, length: there });
    if (this.#isReading) return;
    this.#isReading = true;
    this.#clock.setImmediate(this.#readNext);
  }

  /** Gives all memory back. */
  close(): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
    for (const { bytes } of this.#parts) free(bytes);
    this.#parts = [];
    this.#wanted = [];
  }

  readonly #readNext = (): void => {
    const next = this.#wanted.shift();
    this.#isReading = next !== undefined;
    if (!next) return;
    this.#read(next);
    this.#clock.setImmediate(this.#readNext);
  };

  #read({ segment, position, length }: Wanted): void {
    // A file that was closed meanwhile may be gone.
    if (!segment.openLog) return;
    const bytes = allocate(length);
    try {
      segment.readInto(bytes, position);
    } catch {
      // Whoever asks for it reads it again, and hears what is wrong.
      free(bytes);
      return;
    }
    this.#parts.push({ segment, position, bytes, readAtMs: this.#clock.monotonic() });
    this.#expiry ??= this.#clock.setTimer(KEPT_MS, this.#expire);
  }

  readonly #expire = (): void => {
    const now = this.#clock.monotonic();
    const isOld = ({ readAtMs }: Part): boolean => now - readAtMs >= KEPT_MS;
    for (const { bytes } of this.#parts.filter(isOld)) free(bytes);
    this.#parts = this.#parts.filter((part) => !isOld(part));
    this.#expiry = this.#parts.length > 0 ? this.#clock.setTimer(KEPT_MS, this.#expire) : undefined;
  };
}
