/** Live progress: one block that is redrawn on a terminal, a plain line now and then elsewhere. */

const PLAIN_INTERVAL_MS = 2_000;
const BAR_WIDTH = 30;

export class LiveDisplay {
  readonly #out: NodeJS.WriteStream;
  #drawnRows = 0;
  #lastPlainAt = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  update({ rows, plain }: { readonly rows: readonly string[]; readonly plain: string }): void {
    if (this.#out.isTTY) this.#redraw(rows);
    else this.#plain(plain);
  }

  /** A line that stays. */
  note(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  clear(): void {
    if (this.#drawnRows > 0) this.#out.write(`\x1b[${this.#drawnRows}A\x1b[J`);
    this.#drawnRows = 0;
  }

  #redraw(rows: readonly string[]): void {
    this.clear();
    // One that goes on in the next line of the terminal would not be cleared in full.
    const width = Math.max(1, (this.#out.columns || Number.POSITIVE_INFINITY) - 1);
    this.#out.write(`${rows.map((row) => row.slice(0, width)).join("\n")}\n`);
    this.#drawnRows = rows.length;
  }

  #plain(line: string): void {
    const now = Date.now();
    if (now - this.#lastPlainAt < PLAIN_INTERVAL_MS) return;
    this.#lastPlainAt = now;
    this.#out.write(`${line}\n`);
  }
}

export function bar(value: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, value / total);
  const filled = Math.round(share * BAR_WIDTH);
  return `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
}

export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
