/** The commit: the one place where output, input positions and state become final, in an order that survives a crash at each
 * point. */
import type { ConsumerGroupMetadata, TopicPartitionOffset } from "../../client/index.ts";
import type { Task } from "../tasks/task.ts";

/** What a commit goes through, in the order in which it does. */
export interface CommitPath {
  readonly guarantee: Guarantee;
  /** Resolves when all output is acknowledged. */
  flush(): Promise<void>;
  /** With transactions: ends the transaction, offsets included. */
  commitTransaction(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void>;
  /** Without: stores the offsets for the group. */
  commitOffsets(offsets: readonly TopicPartitionOffset[]): Promise<void>;
  /** The membership in which the tasks were given. */
  readonly group: ConsumerGroupMetadata;
  now(): number;
}

/** "exactly_once_v2": output, state and input positions commit together or not at all. "at_least_once": after a crash, what
 * followed the last commit is done again, on top of what is there. */
export type Guarantee = "exactly_once_v2" | "at_least_once";

/**
 * Commits what `tasks` have done. All tasks of a worker share the transaction.
 *
 * - Exactly once: until the transaction ends, nothing is visible and the stores on disk know nothing of it. From then on it is
 *   final, and a store that did not get its part before a crash is one commit behind: it replays it from the changelog. Had the
 *   stores gone first, a crash would leave them holding what was aborted.
 * - At least once: output and stores come before the positions, so that nothing is lost.
 *
 * When it throws, the outcome may be unknown: the tasks must be dropped, and made anew from what is committed.
 */
export async function commitTasks(tasks: readonly Task[], path: CommitPath): Promise<void> {
  for (const task of tasks) task.flush();
  await path.flush();
  const offsets = tasks.flatMap((task) => task.offsetsToCommit());
  if (path.guarantee === "exactly_once_v2") {
    // The group's metadata lets the coordinator refuse a member whose partitions others have by now (KIP-447).
    await path.commitTransaction(offsets, path.group);
    for (const task of tasks) task.commit(path.now());
  } else {
    for (const task of tasks) task.commit(path.now());
    await path.commitOffsets(offsets);
  }
}
