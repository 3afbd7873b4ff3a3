import type { TopicPartitionOffset } from "../types.ts";

/**
 * A consumer's commits that are under way. They leave in the order of the calls, but one that has to be tried again would land behind
 * later ones: what those store is left to them. Pure.
 */
export class PendingCommits {
  /** By partition: the one that was begun last. */
  readonly #latest = new Map<string, PendingCommit>();

  /** `store` stores what `remaining` gives, and asks anew each time that it tries. Settles as it does, and behind the later commits
   * that something was left to. */
  run(
    offsets: readonly TopicPartitionOffset[],
    store: (remaining: () => readonly TopicPartitionOffset[]) => Promise<void>,
  ): Promise<void> {
    const commit: PendingCommit = { heirs: new Map(), outcome: undefined };
    for (const offset of offsets) {
      const key = keyOf(offset);
      this.#latest.get(key)?.heirs.set(key, commit);
      this.#latest.set(key, commit);
    }
    let isRetry = false;
    let leftTo: readonly PendingCommit[] = [];
    const stored = store(() => {
      if (!isRetry) {
        isRetry = true;
        return offsets;
      }
      leftTo = [...new Set(commit.heirs.values())];
      return offsets.filter((offset) => !commit.heirs.has(keyOf(offset)));
    });
    const end = (): void => {
      for (const key of offsets.map(keyOf)) if (this.#latest.get(key) === commit) this.#latest.delete(key);
    };
    commit.outcome = stored.then(
      () => {
        end();
        return leftTo.length > 0 ? waitFor(leftTo) : undefined;
      },
      (error: unknown) => {
        end();
        throw error;
      },
    );
    return commit.outcome;
  }
}

async function waitFor(commits: readonly PendingCommit[]): Promise<void> {
  await Promise.all(commits.map(({ outcome }) => outcome));
}

interface PendingCommit {
  /** By partition: the first later commit that stores an offset of its own. */
  readonly heirs: Map<string, PendingCommit>;
  outcome: Promise<void> | undefined;
}

function keyOf({ topic, partition }: TopicPartitionOffset): string {
  return `${topic}-${partition}`;
}
