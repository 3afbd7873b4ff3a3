import type { Evidence, Invariant } from "../../src/cli/verify/check/invariant.ts";

/** What became of one topic's name. */
export interface TopicStory {
  readonly topic: string;
  /** The last deletion was acknowledged, and nobody has made the topic since. */
  isDeleted: boolean;
  /** What somebody saw and should not have, each in a sentence. */
  readonly ghosts: string[];
  /** How often it was. */
  deletions: number;
}

/** A topic that was deleted is gone, with everything in it, also when another one takes its name. */
export class DeletedStaysDeleted implements Invariant {
  readonly name = "deleted stays deleted";
  readonly promise = "a topic that was deleted is gone, with all that was in it, also when another takes its name";
  readonly #story: TopicStory;

  constructor(story: TopicStory) {
    this.#story = story;
  }

  examined(): number {
    return this.#story.deletions;
  }

  *violations({ stored }: Evidence): Iterable<string> {
    const { topic, isDeleted, ghosts } = this.#story;
    yield* ghosts;
    for (const [name, partition] of stored) {
      if (isDeleted && partition.topic === topic) yield `${name} is on disk, and its topic was deleted`;
    }
  }
}
