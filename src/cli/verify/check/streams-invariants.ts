/** Streams: the counts are those of the lines, and every store is what its changelog says. */
import { crc32c } from "@node-rs/crc32";
import { serdes } from "../../../client/index.ts";
import type { ChangelogPosition, StoreEntry } from "../../../streams/index.ts";
import { encodeStored } from "../../../streams/stores/stored-value.ts";
import { type Evidence, type Invariant, nameOf, visible } from "./invariant.ts";
import { keyText, partitionsOf, visibleCount } from "./pipeline-invariants.ts";
import type { StoredPartition } from "./stored-partition.ts";

export interface WordCountPlan {
  readonly lines: string;
  readonly counts: string;
  readonly application: string;
}

/** Each word of each line that counts was counted once: the output of a word only goes up, to its number in the lines. Of
 * several changes within a commit the last one may stand for all. */
export class WordCounts implements Invariant {
  readonly name = "exact counts";
  readonly promise =
    "each word of each line that counts was counted once: counts only go up, to their number in the lines";
  readonly #plan: WordCountPlan;

  constructor(plan: WordCountPlan) {
    this.#plan = plan;
  }

  examined({ stored }: Evidence): number {
    return visibleCount(stored, this.#plan.lines);
  }

  *violations({ stored, committed }: Evidence): Iterable<string> {
    const { lines, counts, application } = this.#plan;
    const expected = new Map<string, number>();
    for (const partition of partitionsOf(stored, lines)) {
      const position = committed.get(application)?.get(nameOf(partition)) ?? 0;
      for (const { value, offset } of visible(partition, "read_committed")) {
        if (offset >= position)
          yield `${nameOf(partition)} offset ${offset} is not counted: the group is at ${position}`;
        for (const word of keyText(value).split(" ")) expected.set(word, (expected.get(word) ?? 0) + 1);
      }
    }
    const counted = new Map<string, number>();
    for (const partition of partitionsOf(stored, counts)) {
      for (const { key, value, offset } of visible(partition, "read_committed")) {
        const word = keyText(key);
        const times = serdes.int64.deserialize(value ?? Buffer.alloc(8));
        const before = counted.get(word) ?? 0;
        if (times <= before)
          yield `${nameOf(partition)} offset ${offset}: ${word} goes from ${before} back to ${times}`;
        counted.set(word, times);
      }
    }
    for (const word of new Set([...expected.keys(), ...counted.keys()])) {
      const [times, due] = [counted.get(word) ?? 0, expected.get(word) ?? 0];
      if (times !== due) yield `${word} was counted ${times} times, and is in the lines ${due} times`;
    }
  }
}

/** What a store held at one moment of its life. */
export interface StoreCommit {
  readonly host: string;
  /** The folder and the store's name: "state/word-count/1_0/counts". */
  readonly path: string;
  readonly position: ChangelogPosition;
  /** Of the values, by key. */
  readonly contents: ReadonlyMap<string, number>;
}

/** A store's contents, as a commit notes them. */
export function contentsOf(entries: Iterable<StoreEntry>): ReadonlyMap<string, number> {
  return new Map([...entries].map(({ key, value }) => [keyText(key), crc32c(value)]));
}

export interface StorePlan {
  readonly changelog: string;
  readonly commits: () => readonly StoreCommit[];
}

/** A store's contents at each commit of its life are those of the committed changelog below the position that it states. */
export class StoreEqualsChangelog implements Invariant {
  readonly name = "store equals changelog";
  readonly promise =
    "what a store held, whenever its worker died, is the committed changelog below the position it states";
  readonly #plan: StorePlan;

  constructor(plan: StorePlan) {
    this.#plan = plan;
  }

  examined(): number {
    return this.#plan.commits().length;
  }

  *violations({ stored }: Evidence): Iterable<string> {
    const byPartition = Map.groupBy(this.#plan.commits(), ({ path }) => partitionIn(path));
    for (const partition of partitionsOf(stored, this.#plan.changelog)) {
      const commits = byPartition.get(partition.partition) ?? [];
      yield* this.#check(
        partition,
        commits.toSorted((a, b) => a.position.offset - b.position.offset),
      );
    }
  }

  /** `commits` by position. Compaction may have taken a change that a commit still held: only if a later one is there. */
  *#check(changelog: StoredPartition, commits: readonly StoreCommit[]): Iterable<string> {
    const changes = visible(changelog, "read_committed");
    const lastOffsets = new Map(changes.map(({ key, offset }) => [keyText(key), offset]));
    /** Undefined: deleted. */
    const expected = new Map<string, number | undefined>();
    let next = 0;
    for (const { host, path, position, contents } of commits) {
      for (let change = changes[next]; change && change.offset < position.offset; change = changes[++next]) {
        const { key, value, timestamp } = change;
        expected.set(keyText(key), value ? crc32c(encodeStored(value, timestamp)) : undefined);
      }
      const isWrong = (key: string): boolean =>
        expected.has(key)
          ? contents.get(key) !== expected.get(key)
          : (lastOffsets.get(key) ?? Number.NEGATIVE_INFINITY) < position.offset;
      const wrong = [...new Set([...expected.keys(), ...contents.keys()])].filter(isWrong);
      if (wrong.length === 0) continue;
      yield `${path} on ${host} is not what ${nameOf(changelog)} holds below ${position.offset}: ${wrong.join(", ")}`;
    }
  }
}

/** "state/word-count/1_0/counts" is of partition 0. */
function partitionIn(path: string): number {
  return Number(/_(\d+)\/[^/]+$/.exec(path)?.[1]);
}
