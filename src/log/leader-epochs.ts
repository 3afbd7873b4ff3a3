import type { RecordBatch } from "../protocol/records/batch.ts";
import type { EpochEndOffset } from "./types.ts";

/** What stands in a batch that is older than epochs are. */
const NO_EPOCH = -1;

interface EpochStart {
  readonly leaderEpoch: number;
  readonly startOffset: number;
}

/** Which leader epoch wrote which part of the log (KIP-101). Pure. Epochs and start offsets both only grow. */
export class LeaderEpochs {
  #starts: EpochStart[];
  /** The last one that there can be, where no checkpoint tells, and the batches themselves do. */
  readonly #lastEpoch: number | undefined;
  #areSure = true;

  constructor(starts: readonly EpochStart[] = [], lastEpoch?: number) {
    this.#starts = [...starts];
    this.#lastEpoch = lastEpoch;
  }

  /** Of a log without a checkpoint, to `learn` from its batches. None is later than `lastEpoch`. */
  static ofBatches(lastEpoch: number): LeaderEpochs {
    return new LeaderEpochs([], lastEpoch);
  }

  /** They may be held against batches, also by a later start. */
  get areSure(): boolean {
    return this.#areSure;
  }

  /** Something is wrong with the batches that tell them. */
  doubt(): void {
    this.#areSure = false;
  }

  /** Notes what a batch tells, where no checkpoint does. False when that does not fit to what others told: one of them is wrong, and
   * nobody knows which. */
  learn({ leaderEpoch, baseOffset }: RecordBatch): boolean {
    if (this.#lastEpoch === undefined || leaderEpoch === (this.epochAt(baseOffset) ?? NO_EPOCH)) return true;
    const isBehind = baseOffset > (this.#starts.at(-1)?.startOffset ?? -1);
    if (isBehind && leaderEpoch <= this.#lastEpoch && this.assign(leaderEpoch, baseOffset)) return true;
    return false;
  }

  /** Notes that `leaderEpoch` writes from `startOffset` on. True when that was not known. */
  assign(leaderEpoch: number, startOffset: number): boolean {
    const last = this.#starts.at(-1);
    if (leaderEpoch < 0 || (last && leaderEpoch <= last.leaderEpoch)) return false;
    // An epoch that wrote nothing ends where it began.
    this.truncateFromEnd(startOffset);
    this.#starts.push({ leaderEpoch, startOffset });
    return true;
  }

  /** Where the highest epoch up to `leaderEpoch` ends; undefined for -1, which stands for no epoch. */
  endOffsetFor(leaderEpoch: number, logEndOffset: number): EpochEndOffset | undefined {
    const last = this.#starts.at(-1);
    if (!last || leaderEpoch < 0 || leaderEpoch > last.leaderEpoch) return undefined;
    // In doubt it may end too late: who is told of an end too early reads again, or takes records for lost.
    if (leaderEpoch === last.leaderEpoch || !this.#areSure) return { leaderEpoch, endOffset: logEndOffset };
    const next = this.#starts.findIndex((each) => each.leaderEpoch > leaderEpoch);
    const floor = this.#starts[next - 1];
    const endOffset = this.#starts[next]?.startOffset ?? logEndOffset;
    return { leaderEpoch: floor?.leaderEpoch ?? leaderEpoch, endOffset };
  }

  /** Undefined when none is known. */
  get latest(): number | undefined {
    return this.#starts.at(-1)?.leaderEpoch;
  }

  /** Which epoch wrote `offset`; undefined below the first one known. */
  epochAt(offset: number): number | undefined {
    // Readers ask for each batch that they check.
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as EpochStart).startOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#starts[low - 1]?.leaderEpoch;
  }

  /** Why a batch of the log cannot be of the epoch that stands in it, which no CRC covers. By its last offset: the log's start, where
   * what is known begins, may lie within it. What was learned from batches is not held against batches: a wrong one among them would
   * make others look so. */
  problemOf({ leaderEpoch, lastOffset }: RecordBatch): string | undefined {
    if (this.#lastEpoch !== undefined) {
      const isPossible = leaderEpoch >= NO_EPOCH && leaderEpoch <= this.#lastEpoch;
      return isPossible
        ? undefined
        : `a batch of leader epoch ${leaderEpoch}, where the last one is ${this.#lastEpoch}`;
    }
    const epoch = this.epochAt(lastOffset);
    if (leaderEpoch === epoch) return undefined;
    const latestBelow = this.#starts[0]?.leaderEpoch ?? NO_EPOCH;
    if (epoch === undefined && leaderEpoch >= NO_EPOCH && leaderEpoch <= latestBelow) return undefined;
    return `a batch of leader epoch ${leaderEpoch}, where epoch ${epoch ?? `${latestBelow} or an earlier one`} wrote`;
  }

  /** Forgets epochs that begin at `endOffset` or behind. */
  truncateFromEnd(endOffset: number): void {
    while ((this.#starts.at(-1)?.startOffset ?? -1) >= endOffset) this.#starts.pop();
  }

  /** Forgets epochs that end at `startOffset` or before; the one that holds it begins there from now on. */
  truncateFromStart(startOffset: number): void {
    let first = this.#starts.findLastIndex((each) => each.startOffset <= startOffset);
    if (first < 0) first = 0;
    this.#starts = this.#starts
      .slice(first)
      .map((each) => (each.startOffset < startOffset ? { ...each, startOffset } : each));
  }

  /** The file `leader-epoch-checkpoint`: version 0, count, then "epoch offset" a line. */
  encode(): string {
    const lines = this.#starts.map((each) => `${each.leaderEpoch} ${each.startOffset}\n`);
    return `0\n${lines.length}\n${lines.join("")}`;
  }

  /** Undefined when `text` is no such file. */
  static decode(text: string): LeaderEpochs | undefined {
    const [version, count, ...lines] = text.split("\n");
    if (version !== "0" || lines.pop() !== "" || lines.length !== Number(count)) return undefined;
    const starts: EpochStart[] = [];
    for (const line of lines) {
      const match = /^(\d+) (\d+)$/.exec(line);
      if (!match) return undefined;
      const start = { leaderEpoch: Number(match[1]), startOffset: Number(match[2]) };
      const last = starts.at(-1);
      if (last && (start.leaderEpoch <= last.leaderEpoch || start.startOffset < last.startOffset)) return undefined;
      starts.push(start);
    }
    return new LeaderEpochs(starts);
  }
}
