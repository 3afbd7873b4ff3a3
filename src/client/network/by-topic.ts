import type { TopicPartition } from "../types.ts";

/** Items of topics' partitions as the wire groups them, in the order of their first appearance. */
export function groupByTopic<T extends TopicPartition>(items: Iterable<T>): { topic: string; items: T[] }[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.topic);
    if (group) group.push(item);
    else groups.set(item.topic, [item]);
  }
  return [...groups].map(([topic, grouped]) => ({ topic, items: grouped }));
}
