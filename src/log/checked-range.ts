/**
 * Which part of a segment's file was seen to hold what was written, since the log was opened: from a position on all that was
 * appended or scanned, and below it one stretch that readers went over. Nobody checks twice what many read.
 */
export class CheckedRange {
  #appendedFrom = Number.POSITIVE_INFINITY;
  #readFrom = 0;
  #readTo = 0;

  /** Everything from there on is appended, or scanned, and checked with that. */
  appendFrom(position: number): void {
    this.#appendedFrom = position;
    this.#readFrom = 0;
    this.#readTo = 0;
  }

  /** Something does not hold after all. */
  forget(): void {
    this.appendFrom(Number.POSITIVE_INFINITY);
  }

  covers(from: number, to: number): boolean {
    return from >= this.#appendedFrom || (from >= this.#readFrom && Math.min(to, this.#appendedFrom) <= this.#readTo);
  }

  /** A reader has checked it. */
  add(from: number, to: number): void {
    const touches = from <= this.#readTo && to >= this.#readFrom;
    this.#readFrom = touches ? Math.min(from, this.#readFrom) : from;
    this.#readTo = touches ? Math.max(to, this.#readTo) : to;
  }
}
