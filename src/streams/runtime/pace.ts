/** How many records to process in one go. Functions of a topology take microseconds, or half a second, and neither heartbeats nor
 * answers get their turn meanwhile. Pure. */

/** After so much work the event loop gets its turn. */
export const MAX_WORK_MS = 50;
const MAX_SLICE_RECORDS = 100;

export class Pace {
  /** The first one may be slow. */
  #sliceRecords = 1;

  get sliceRecords(): number {
    return this.#sliceRecords;
  }

  /** Learns how long records took. */
  note(records: number, tookMs: number): void {
    const fitting = tookMs > MAX_WORK_MS ? Math.floor((records * MAX_WORK_MS) / tookMs) : 2 * this.#sliceRecords;
    this.#sliceRecords = Math.min(MAX_SLICE_RECORDS, Math.max(1, fitting));
  }
}
