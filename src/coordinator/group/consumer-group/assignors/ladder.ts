import { assert, defined } from "../../../../platform/assert.ts";

/** How much a member has. */
export interface Load {
  /** Changed by ladders' owners, who tell every ladder. */
  count: number;
}

/** Members in the order of what they have. Counts change by one at a time, so that every operation takes constant time. */
export class Ladder<L extends Load> {
  /** By count. */
  readonly #rungs: Set<L>[] = [];
  #size = 0;
  /** No load has less, or more. */
  #lowest = 0;
  #highest = 0;

  constructor(loads: Iterable<L>) {
    this.#lowest = Number.POSITIVE_INFINITY;
    for (const load of loads) {
      this.#put(load);
      this.#size++;
    }
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  get least(): L {
    assert(this.#size > 0);
    while (!this.#rungs[this.#lowest]?.size) this.#lowest++;
    return defined(this.#rungs[this.#lowest]?.values().next().value);
  }

  get most(): L {
    assert(this.#size > 0);
    while (!this.#rungs[this.#highest]?.size) this.#highest--;
    return defined(this.#rungs[this.#highest]?.values().next().value);
  }

  /** A load has changed from `before` to what it has now. One that is not on the ladder stays off it. */
  moved(load: L, before: number): void {
    if (this.#rungs[before]?.delete(load)) this.#put(load);
  }

  remove(load: L): void {
    if (this.#rungs[load.count]?.delete(load)) this.#size--;
  }

  #put(load: L): void {
    const { count } = load;
    while (this.#rungs.length <= count) this.#rungs.push(new Set());
    this.#rungs[count]?.add(load);
    this.#lowest = Math.min(this.#lowest, count);
    this.#highest = Math.max(this.#highest, count);
  }
}
