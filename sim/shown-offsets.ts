/** What answers to fetches told of a log is there when it is opened again: it did not rest on anything that a crash could take. */
import type { PartitionLogOptions } from "../src/log/types.ts";

export interface Offsets {
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
}

const kinds = ["logStartOffset", "lastStableOffset", "highWatermark"] as const;

export class ShownOffsets {
  readonly #report: (problem: string) => void;
  /** The highest of each kind. */
  readonly #highest = new Map<string, Offsets>();

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  /** True when more is stable than any answer had told. */
  note(topicId: string, partition: number, told: Offsets): boolean {
    const key = `${topicId}-${partition}`;
    const isNews = told.lastStableOffset > (this.#highest.get(key)?.lastStableOffset ?? 0);
    const known = this.#highest.get(key) ?? told;
    this.#highest.set(key, {
      logStartOffset: Math.max(known.logStartOffset, told.logStartOffset),
      lastStableOffset: Math.max(known.lastStableOffset, told.lastStableOffset),
      highWatermark: Math.max(known.highWatermark, told.highWatermark),
    });
    return isNews;
  }

  /** `log`: as it was just opened. */
  check({ topicId, topicPartition }: PartitionLogOptions, log: Offsets): void {
    const { topic, partition } = topicPartition;
    const told = this.#highest.get(`${topicId}-${partition}`);
    if (!told) return;
    for (const kind of kinds) {
      if (log[kind] >= told[kind]) continue;
      this.#report(`${topic}-${partition} is opened with the ${kind} ${log[kind]}, and had told ${told[kind]}`);
    }
  }
}
