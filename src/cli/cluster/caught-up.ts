import type { Client, TopicPartition, TopicPartitionOffset } from "../../client/index.ts";
import { partitionsOf } from "./read-topic.ts";

/**
 * Whether `groupId` has committed its way behind the last record of `topic`, and no transaction is open there. An offset that only
 * aborted records and markers follow counts as the end.
 */
export async function isCaughtUp(client: Client, groupId: string, topic: string): Promise<boolean> {
  const partitions = await partitionsOf(client, topic);
  const group = client.consumer({ groupId, isolationLevel: "read_committed" });
  const reader = client.consumer({ isolationLevel: "read_committed" });
  const everything = client.consumer({ isolationLevel: "read_uncommitted" });
  try {
    const allEnds = await everything.endOffsets(partitions);
    const committed = await group.committed(partitions);
    const starts = await reader.beginningOffsets(partitions);
    const ends = await reader.endOffsets(partitions);
    // A transaction may have ended with the offsets of the stage before, and not here yet: markers are written one by one.
    if (ends.some((end, index) => end.offset < (allEnds[index]?.offset ?? 0))) return false;
    const open = partitions
      .map((partition) => ({
        ...partition,
        from: Math.max(offsetOf(committed, partition), offsetOf(starts, partition)),
        end: offsetOf(ends, partition),
      }))
      .filter(({ from, end }) => from < end);
    if (open.length === 0) return true;
    reader.assign(open.map(({ topic, partition }) => ({ topic, partition })));
    for (const { topic, partition, from } of open) reader.seek({ topic, partition }, from);
    while (true) {
      if ((await reader.poll({ timeoutMs: 100 })).length > 0) return false;
      const positions = await Promise.all(open.map((each) => reader.position(each)));
      if (open.every((each, index) => (positions[index] ?? 0) >= each.end)) return true;
    }
  } finally {
    await group.close();
    await reader.close();
    await everything.close();
  }
}

function offsetOf(offsets: readonly TopicPartitionOffset[], { partition }: TopicPartition): number {
  return offsets.find((each) => each.partition === partition)?.offset ?? 0;
}
