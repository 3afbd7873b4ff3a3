/** What happened in a world, event by event: for people to read, and to tell whether two runs were the same. */
import { createHash } from "node:crypto";

export interface TraceOptions {
  /** Called for each line. */
  readonly print?: (line: string) => void;
  /** So many of the last lines are kept. */
  readonly keep: number;
}

export class Trace {
  readonly #options: TraceOptions;
  readonly #nowMs: () => number;
  readonly #hash = createHash("sha256");
  #last: string[] = [];
  #count = 0;

  constructor(nowMs: () => number, options: TraceOptions) {
    this.#nowMs = nowMs;
    this.#options = options;
  }

  note(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(3).padStart(12)} ${who.padEnd(12)} ${what}`;
    this.#count++;
    this.#hash.update(line).update("\n");
    this.#options.print?.(line);
    const { keep } = this.#options;
    if (keep === 0) return;
    this.#last.push(line);
    if (this.#last.length > 2 * keep) this.#last = this.#last.slice(-keep);
  }

  /** Of everything noted so far. To be asked once, at the end. */
  digest(): string {
    return `${this.#count}:${this.#hash.digest("hex")}`;
  }

  last(): readonly string[] {
    const { keep } = this.#options;
    return keep === 0 ? [] : this.#last.slice(-keep);
  }
}
