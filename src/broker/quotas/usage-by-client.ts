/** What clients used, each by itself; those that were not there for a while are forgotten. Pure. */

const KEPT_MS = 60 * 60 * 1000;
/** Names are free to choose: the longest unused are forgotten before there are too many. */
const MAX_CLIENTS = 10_000;

export class UsageByClient<M> {
  readonly #create: () => M;
  /** The one that was not used for the longest time comes first. */
  readonly #byName = new Map<string, { readonly meter: M; usedMs: number }>();

  constructor(create: () => M) {
    this.#create = create;
  }

  of(name: string, nowMs: number): M {
    const entry = this.#byName.get(name) ?? { meter: this.#create(), usedMs: nowMs };
    this.#byName.delete(name);
    entry.usedMs = nowMs;
    this.#byName.set(name, entry);
    this.#forgetOldest(nowMs);
    return entry.meter;
  }

  #forgetOldest(nowMs: number): void {
    for (const [name, { usedMs }] of this.#byName) {
      if (nowMs - usedMs < KEPT_MS && this.#byName.size <= MAX_CLIENTS) return;
      this.#byName.delete(name);
    }
  }
}
