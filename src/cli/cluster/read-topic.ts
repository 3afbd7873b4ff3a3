/** Whole topics, read from outside any group. */
import type { Client, ConsumerRecord, TopicPartition, TransactionMarker } from "../../client/index.ts";

/**
 * Gives every record that is visible at read_committed now, of all partitions of `topic`, to `onRecord`, in each
 * partition's order.
 */
export async function readTopic(
  client: Client,
  topic: string,
  onRecord: (record: ConsumerRecord) => void,
  onMarker?: (marker: TransactionMarker) => void,
): Promise<void> {
  const consumer = client.consumer({ isolationLevel: "read_committed", ...(onMarker && { onMarker }) });
  try {
    const partitions = await partitionsOf(client, topic);
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    const ends = await consumer.endOffsets(partitions);
    let open = ends;
    while (open.length > 0) {
      for (const record of await consumer.poll({ timeoutMs: 100 })) onRecord(record);
      const positions = await Promise.all(open.map((end) => consumer.position(end)));
      open = open.filter((end, index) => (positions[index] ?? 0) < end.offset);
    }
  } finally {
    await consumer.close();
  }
}

async function partitionsOf(client: Client, topic: string): Promise<TopicPartition[]> {
  const admin = client.admin();
  const [description] = await admin.describeTopics([topic]);
  return (description?.partitions ?? []).map(({ partition }) => ({ topic, partition }));
}
