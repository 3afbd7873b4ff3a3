// What is in the broker, as our own client sees it.

import type { Client, IsolationLevel, ProducerRecord } from "../../src/client/index.ts";
import type { ReadRecord } from "./driver.ts";
import type { Codec } from "./records.ts";

/** Writes records in order, acknowledged. */
export async function write(
  client: Client,
  records: readonly ProducerRecord[],
  compression: Codec = "none",
): Promise<void> {
  const producer = client.producer({ compression, lingerMs: 20 });
  await producer.sendAll(records);
  await producer.close();
}

/** All that a topic shows at this moment. */
export async function readTopic(client: Client, topic: string, isolationLevel: IsolationLevel): Promise<ReadRecord[]> {
  const [description] = await client.admin().describeTopics([topic]);
  const partitions = (description?.partitions ?? []).map(({ partition }) => ({ topic, partition }));
  const consumer = client.consumer({ isolationLevel });
  try {
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    const records: ReadRecord[] = [];
    // Positions, not records, say when the end is reached: the last ones may be markers, or aborted.
    for (let open = await consumer.endOffsets(partitions); open.length > 0; ) {
      for (const record of await consumer.poll({ timeoutMs: 50 })) {
        const headers = record.headers.map(({ key, value }) => ({ key, value: value && Buffer.from(value) }));
        records.push({ ...record, headers });
      }
      const positions = await Promise.all(open.map((end) => consumer.position(end)));
      open = open.filter((end, index) => (positions[index] ?? 0) < end.offset);
    }
    return records;
  } finally {
    await consumer.close();
  }
}

/** By partition; of a group that reads one topic. */
export async function committedOffsets(client: Client, group: string): Promise<Map<number, number>> {
  const offsets = await client.admin().listConsumerGroupOffsets(group);
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
}
