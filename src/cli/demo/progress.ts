/** Live progress: one block that is redrawn on a terminal, a plain line now and then elsewhere. */

export interface Snapshot {
  readonly lines: number;
  readonly totalLines: number;
  readonly words: number;
  readonly totalWords: number;
  readonly rows: number;
  readonly commits: number;
  readonly aborts: number;
  readonly crashes: number;
  readonly totalCrashes: number;
  readonly restarts: number;
}

const PLAIN_INTERVAL_MS = 2_000;
const BAR_WIDTH = 30;

export class ProgressDisplay {
  readonly #out: NodeJS.WriteStream;
  #drawnRows = 0;
  #lastPlainAt = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  update(snapshot: Snapshot): void {
    if (this.#out.isTTY) this.#redraw(snapshot);
    else this.#plain(snapshot);
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

  #redraw(snapshot: Snapshot): void {
    this.clear();
    const rows = [
      `  lines in       ${bar(snapshot.lines, snapshot.totalLines)}`,
      `  words counted  ${bar(snapshot.words, snapshot.totalWords)}`,
      `  rows sunk      ${grouped(snapshot.rows)}`,
      `  commits ${grouped(snapshot.commits)}   aborts ${grouped(snapshot.aborts)}   crashes ${snapshot.crashes}/${snapshot.totalCrashes}   restarts ${snapshot.restarts}`,
    ];
    this.#out.write(`${rows.join("\n")}\n`);
    this.#drawnRows = rows.length;
  }

  #plain(snapshot: Snapshot): void {
    const now = Date.now();
    if (now - this.#lastPlainAt < PLAIN_INTERVAL_MS) return;
    this.#lastPlainAt = now;
    const { lines, words, rows, commits, aborts, crashes, restarts } = snapshot;
    this.#out.write(
      `lines ${lines}  words ${words}  rows ${rows}  commits ${commits}  aborts ${aborts}  crashes ${crashes}  restarts ${restarts}\n`,
    );
  }
}

function bar(value: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, value / total);
  const filled = Math.round(share * BAR_WIDTH);
  return `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${grouped(value)} of ${grouped(total)}`;
}

export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
