/** Streams: the counts are those of the lines, and every store is what its changelog says. */
import { crc32c } from "@node-rs/crc32";
import { serdes } from "../../../client/index.ts";
import type { ChangelogPosition, StoreChange } from "../../../streams/index.ts";
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
    for (const [word, times] of expected) {
      if (counted.get(word) !== times)
        yield `${word} was counted ${counted.get(word) ?? 0} times, and is in the lines ${times} times`;
    }
  }
}

/** What a store held at one moment of its life. */
export interface StoreCommit {
  readonly host: string;
  /** The folder and the store's name: "state/word-count/1_0/counts". */
  readonly path: string;
  readonly position: ChangelogPosition;
  /** Of the contents, in any order. */
  readonly digest: number;
}

/** The same for the same contents, whatever their order. */
export function digestOf(entries: Iterable<StoreChange>): number {
  let digest = 0;
  for (const { key, value } of entries) digest ^= crc32c(value ?? "", crc32c(key));
  return digest >>> 0;
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

  /** `commits` by position. */
  *#check(changelog: StoredPartition, commits: readonly StoreCommit[]): Iterable<string> {
    const contents = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>();
    const changes = visible(changelog, "read_committed");
    let next = 0;
    for (const { host, path, position, digest } of commits) {
      for (let change = changes[next]; change && change.offset < position.offset; change = changes[++next]) {
        const { key, value, timestamp } = change;
        if (value && key) contents.set(keyText(key), { key, value: encodeStored(value, timestamp) });
        else contents.delete(keyText(key));
      }
      if (digestOf(contents.values()) === digest) continue;
      yield `${path} on ${host} is not what ${nameOf(changelog)} holds below ${position.offset}`;
    }
  }
}

/** "state/word-count/1_0/counts" is of partition 0. */
function partitionIn(path: string): number {
  return Number(/_(\d+)\/[^/]+$/.exec(path)?.[1]);
}
