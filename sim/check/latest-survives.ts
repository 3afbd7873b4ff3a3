import type { Evidence, Invariant } from "../../src/cli/verify/check/invariant.ts";
import { visible } from "../../src/cli/verify/check/invariant.ts";

/** What was written to one key, by one producer, oldest first. */
export interface KeyStory {
  readonly key: string;
  readonly writes: Write[];
}

export interface Write {
  /** Undefined: a tombstone. */
  readonly value: string | undefined;
  /** `open`: it may be in the log, or come to be there. */
  outcome: "open" | "written" | "not written";
}

/** What a reader found under a key last; undefined: nothing, or a tombstone. */
export type Found = string | undefined;

/** What was certain when somebody began to read. */
export interface Floor {
  readonly story: KeyStory;
  /** Index of the last write of which that was certain; -1 when there was none. */
  readonly index: number;
}

export function floorOf(story: KeyStory): Floor {
  return { story, index: story.writes.findLastIndex(({ outcome }) => outcome === "written") };
}

/** Why what was found cannot be; undefined when it can. */
export function problemWith({ story, index }: Floor, found: Found): string | undefined {
  const candidates = story.writes.slice(Math.max(index, 0)).filter(({ outcome }) => outcome !== "not written");
  if (candidates.some(({ value }) => value === found) || (index < 0 && found === undefined)) return undefined;
  const expected = candidates.map(({ value }) => value ?? "nothing").join(" or ");
  return `${story.key} holds ${found ?? "nothing"}, and should hold ${expected || "nothing"}`;
}

/** Of each key of a compacted topic the latest record is there, and no older one has come back. */
export class LatestSurvives implements Invariant {
  readonly name = "latest survives";
  readonly promise = "of each key of a compacted topic the latest record is there, and no older one comes back";
  readonly #topic: string;
  readonly #stories: readonly KeyStory[];
  readonly #seen: readonly string[];

  /** `seen`: what readers found that cannot be. */
  constructor(topic: string, stories: readonly KeyStory[], seen: readonly string[]) {
    this.#topic = topic;
    this.#stories = stories;
    this.#seen = seen;
  }

  examined(): number {
    return this.#stories.reduce((sum, { writes }) => sum + writes.length, 0);
  }

  *violations({ stored }: Evidence): Iterable<string> {
    yield* this.#seen;
    const found = new Map<string, Found>();
    for (const partition of stored.values()) {
      if (partition.topic !== this.#topic) continue;
      for (const { key, value } of visible(partition, "read_committed")) {
        found.set(String(key), value === null ? undefined : String(value));
      }
    }
    for (const story of this.#stories) {
      const problem = problemWith(floorOf(story), found.get(story.key));
      if (problem) yield `in the log: ${problem}`;
    }
  }
}
