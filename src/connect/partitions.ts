import type { TopicDescription } from "../client/index.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import type { SinkPartition } from "./sink.ts";

/** The partitions of topics, with what tells the topics apart. */
export function partitionsOf(topics: readonly TopicDescription[]): SinkPartition[] {
  return topics.flatMap(({ topicId, partitions }) => {
    const id = topicId === ZERO_UUID ? "" : topicId;
    return partitions.map(({ topic, partition }) => ({ topic, partition, topicId: id }));
  });
}
