/** Tasks: a subtopology and a partition. Sets of them are kept like sets of partitions, by the subtopology's id. */
import {
  each,
  type HeldPartitions,
  isSubset,
  NO_PARTITIONS,
  overlaps,
  type PartitionSet,
  partitionSet,
  samePartitions,
  toTopicPartitions,
} from "../partitions.ts";

/** What a member should have. */
export interface Tasks {
  readonly active: PartitionSet;
  readonly standby: PartitionSet;
  /** Standbys that are to become active. */
  readonly warmup: PartitionSet;
}

/** What a member has; active tasks with the epoch at which it got them (KIP-1251). */
export interface HeldTasks {
  readonly active: HeldPartitions;
  readonly standby: PartitionSet;
  readonly warmup: PartitionSet;
}

/** As requests, responses and records have them. */
export interface TaskIds {
  readonly subtopologyId: string;
  readonly partitions: readonly number[];
}

export const NO_TASKS: {
  readonly active: ReadonlyMap<string, never>;
  readonly standby: ReadonlyMap<string, never>;
  readonly warmup: ReadonlyMap<string, never>;
} = { active: NO_PARTITIONS, standby: NO_PARTITIONS, warmup: NO_PARTITIONS };

export function taskSet(tasks: readonly TaskIds[]): PartitionSet {
  return partitionSet(tasks.map(({ subtopologyId, partitions }) => ({ topicId: subtopologyId, partitions })));
}

/** Partitions in ascending order. */
export function toTaskIds(tasks: PartitionSet | HeldPartitions): { subtopologyId: string; partitions: number[] }[] {
  return toTopicPartitions(tasks).map(({ topicId, partitions }) => ({ subtopologyId: topicId, partitions }));
}

export function sameTasks(a: Tasks | HeldTasks, b: Tasks | HeldTasks): boolean {
  return (
    samePartitions(a.active, b.active) && samePartitions(a.standby, b.standby) && samePartitions(a.warmup, b.warmup)
  );
}

/** Whether all of `tasks` are in `others`, each in its role. */
export function isSubsetOf(tasks: Tasks, others: HeldTasks): boolean {
  return (
    isSubset(toTopicPartitions(tasks.active), others.active) &&
    isSubset(toTopicPartitions(tasks.standby), others.standby) &&
    isSubset(toTopicPartitions(tasks.warmup), others.warmup)
  );
}

/** Whether any of `tasks` is in `others`, in its role. */
export function overlap(tasks: Tasks, others: HeldTasks): boolean {
  return (
    overlaps(toTopicPartitions(tasks.active), others.active) ||
    overlaps(toTopicPartitions(tasks.standby), others.standby) ||
    overlaps(toTopicPartitions(tasks.warmup), others.warmup)
  );
}

export function isNone({ active, standby, warmup }: HeldTasks): boolean {
  return active.size === 0 && standby.size === 0 && warmup.size === 0;
}

/** A task as a key of a set. */
export function taskKey(subtopologyId: string, partition: number): string {
  return `${subtopologyId}_${partition}`;
}

export function* keysOf(tasks: PartitionSet | HeldPartitions): Generator<string> {
  for (const [subtopologyId, partition] of each(tasks)) yield taskKey(subtopologyId, partition);
}
