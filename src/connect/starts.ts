import type { Consumer, TopicPartition, TopicPartitionOffset } from "../client/index.ts";
import { defined } from "../platform/assert.ts";

type OffsetsConsumer = Pick<Consumer, "committed" | "beginningOffsets" | "endOffsets">;

export interface StartRules {
  /** Where the target stands, partition by partition. */
  readonly ofSink: readonly (number | undefined)[];
  /** For a target that keeps no positions: the group's count. */
  readonly followsGroup: boolean;
  readonly startAt: "earliest" | "latest";
}

export interface Starts {
  /** Where reading of each partition begins. */
  readonly offsets: readonly number[];
  /** The partitions that nobody has begun with yet. */
  readonly first: readonly TopicPartition[];
}

export async function findStarts(
  consumer: OffsetsConsumer,
  partitions: readonly TopicPartition[],
  { ofSink, followsGroup, startAt }: StartRules,
): Promise<Starts> {
  const found = [...ofSink];
  const unknown = (): TopicPartition[] => partitions.filter((_, index) => found[index] === undefined);
  const take = (offsets: readonly TopicPartitionOffset[]): void => {
    for (const [index, { topic, partition }] of partitions.entries()) {
      found[index] ??= offsets.find((each) => each.topic === topic && each.partition === partition)?.offset;
    }
  };
  if (followsGroup && unknown().length > 0) take(await consumer.committed(unknown()));
  const first = unknown();
  if (first.length > 0) {
    take(await (startAt === "latest" ? consumer.endOffsets(first) : consumer.beginningOffsets(first)));
  }
  return { offsets: found.map((offset) => defined(offset, "every partition has a beginning and an end")), first };
}
