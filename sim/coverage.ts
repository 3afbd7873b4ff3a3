/** Counts rare things, so that a run can tell whether it has met them at all: a simulator that never meets one proves nothing
 * about it. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  hit(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  add(other: Iterable<readonly [string, number]>): void {
    for (const [what, times] of other) this.hit(what, times);
  }

  entries(): [string, number][] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
