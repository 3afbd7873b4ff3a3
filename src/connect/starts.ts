import type { Consumer, TopicPartition } from "../client/index.ts";
import { defined } from "../platform/assert.ts";

type OffsetsConsumer = Pick<Consumer, "committed" | "beginningOffsets" | "endOffsets">;

export interface StartRules {
  /** Where the target stands, partition by partition. */
  readonly ofSink: readonly (number | undefined)[];
  /** For a target that keeps no positions: the group's count. */
  readonly followsGroup: boolean;
  readonly startAt: "earliest" | "latest";
}

/** Where reading of each partition begins. */
export async function findStarts(
  consumer: OffsetsConsumer,
  partitions: readonly TopicPartition[],
  { ofSink, followsGroup, startAt }: StartRules,
): Promise<number[]> {
  const starts = [...ofSink];
  const unknown = (): TopicPartition[] => partitions.filter((_, index) => starts[index] === undefined);
  const take = (offsets: readonly (TopicPartition & { readonly offset: number })[]): void => {
    for (const [index, { topic, partition }] of partitions.entries()) {
      starts[index] ??= offsets.find((each) => each.topic === topic && each.partition === partition)?.offset;
    }
  };
  if (followsGroup && unknown().length > 0) take(await consumer.committed(unknown()));
  if (unknown().length > 0) {
    take(await (startAt === "latest" ? consumer.endOffsets(unknown()) : consumer.beginningOffsets(unknown())));
  }
  return starts.map((offset) => defined(offset, "every partition has a beginning and an end"));
}
