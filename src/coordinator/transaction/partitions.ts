/** Sets of partitions: which ones by topic. Immutable. */

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Topic to its partitions. No topic without one. */
export type Partitions = ReadonlyMap<string, ReadonlySet<number>>;

export const noPartitions: Partitions = new Map();

export function includesPartition(partitions: Partitions, { topic, partition }: TopicPartition): boolean {
  return partitions.get(topic)?.has(partition) ?? false;
}

/** `partitions` and `added` together; `partitions` itself when it has them all. */
export function withPartitions(partitions: Partitions, added: readonly TopicPartition[]): Partitions {
  const missing = added.filter((topicPartition) => !includesPartition(partitions, topicPartition));
  if (missing.length === 0) return partitions;
  const result = new Map(partitions);
  const copied = new Map<string, Set<number>>();
  for (const { topic, partition } of missing) {
    let ofTopic = copied.get(topic);
    if (!ofTopic) {
      ofTopic = new Set(partitions.get(topic));
      copied.set(topic, ofTopic);
      result.set(topic, ofTopic);
    }
    ofTopic.add(partition);
  }
  return result;
}

export function listPartitions(partitions: Partitions): TopicPartition[] {
  return [...partitions].flatMap(([topic, ofTopic]) => [...ofTopic].map((partition) => ({ topic, partition })));
}
