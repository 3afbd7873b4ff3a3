/** Sets of partitions, by topic id. */

/** No topic without partitions. */
export type PartitionSet = ReadonlyMap<string, ReadonlySet<number>>;

/** Partitions that a member holds, each with the epoch at which it got it (KIP-1251). No topic without partitions. */
export type HeldPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** As requests and responses have them. */
export interface TopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

/** What both kinds have in common. */
type Partitions = ReadonlyMap<
  string,
  { readonly size: number; has(partition: number): boolean; keys(): Iterable<number> }
>;

export const NO_PARTITIONS: ReadonlyMap<string, never> = new Map<string, never>();

export function contains(set: Partitions, topicId: string, partition: number): boolean {
  return set.get(topicId)?.has(partition) ?? false;
}

export function* each(set: Partitions): Generator<[topicId: string, partition: number]> {
  for (const [topicId, partitions] of set) for (const partition of partitions.keys()) yield [topicId, partition];
}

export function samePartitions(a: Partitions, b: Partitions): boolean {
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others?.size !== partitions.size) return false;
    for (const partition of partitions.keys()) if (!others.has(partition)) return false;
  }
  return true;
}

/** Partitions in ascending order. */
export function toTopicPartitions(set: Partitions): { topicId: string; partitions: number[] }[] {
  return Array.from(set, ([topicId, partitions]) => ({ topicId, partitions: ascending(partitions.keys()) }));
}

export function ascending(partitions: Iterable<number>): number[] {
  return [...partitions].sort((a, b) => a - b);
}

export function partitionSet(topics: readonly TopicPartitions[]): PartitionSet {
  const set = new Map<string, Set<number>>();
  for (const { topicId, partitions } of topics) if (partitions.length > 0) set.set(topicId, new Set(partitions));
  return set;
}

/** Puts a partition into a set that is being built. */
export function put<V>(set: Map<string, Map<number, V>>, topicId: string, partition: number, value: V): void {
  const partitions = set.get(topicId);
  if (partitions) partitions.set(partition, value);
  else set.set(topicId, new Map([[partition, value]]));
}

/** The same partitions, all of them got at `epoch`; the same object when they were. */
export function heldSince(held: HeldPartitions, epoch: number): HeldPartitions {
  const isSame = [...held.values()].every((partitions) => [...partitions.values()].every((since) => since === epoch));
  if (isSame) return held;
  const anew = new Map<string, Map<number, number>>();
  for (const [topicId, partition] of each(held)) put(anew, topicId, partition, epoch);
  return anew;
}

/** Whether all of `topics` is in `set`. */
export function isSubset(topics: readonly TopicPartitions[], set: Partitions): boolean {
  return topics.every(({ topicId, partitions }) => partitions.every((partition) => contains(set, topicId, partition)));
}

/** Whether any of `topics` is in `set`. */
export function overlaps(topics: readonly TopicPartitions[], set: Partitions): boolean {
  return topics.some(({ topicId, partitions }) => partitions.some((partition) => contains(set, topicId, partition)));
}
