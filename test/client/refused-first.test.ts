import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Broker } from "../../src/broker/index.ts";
import { Client } from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import { createTopic, readAll, text } from "../support/cluster.ts";
import { GatedDisk } from "../support/gated-disk.ts";

const TOPIC = "topic";
const RECORDS = 20;

let disk: GatedDisk;
let broker: Broker;
let client: Client;

beforeEach(async () => {
  disk = new GatedDisk();
  const options = { offsetsTopicPartitions: 1, transactionTopicPartitions: 1 };
  broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk }, ...options });
  client = new Client({ brokers: broker.address, retryBackoffMs: 5, retryBackoffMaxMs: 20 });
  await createTopic(client, TOPIC, 2);
});
afterEach(async () => {
  await client.close();
  await broker.stop();
});

/** Each a batch of its own. */
function records(partition: number) {
  return Array.from({ length: RECORDS }, (_, i) => ({ topic: TOPIC, partition, value: `${i}`.padStart(60, " ") }));
}

async function expectOnceAndInOrder(partition: number): Promise<void> {
  const read = (await readAll(client, TOPIC)).filter((record) => record.partition === partition);
  expect(read.map(({ value }) => text(value).trim())).toEqual(Array.from({ length: RECORDS }, (_, i) => `${i}`));
}

// A broker that has nothing of a producer accepts any first sequence: a second batch that is on its way already would be let
// in before the first, and the retry of that one be out of order.
describe.each([1, 2, 5])(
  "when the disk has no room for a producer's first batches in a partition, %d times,",
  (times) => {
    it("an idempotent producer stores each record once, in order", async () => {
      const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
      for (const partition of [0, 1]) {
        disk.fill(`${TOPIC}-${partition}/`, times);
        await producer.sendAll(records(partition));
        await expectOnceAndInOrder(partition);
      }
    });

    it("a transactional producer stores each record once, in order", async () => {
      const producer = client.producer({ transactionalId: "id", lingerMs: 0, batchSizeBytes: 100 });
      await producer.initTransactions();
      for (const partition of [0, 1]) {
        producer.beginTransaction();
        disk.fill(`${TOPIC}-${partition}/`, times);
        await producer.sendAll(records(partition));
        await producer.commitTransaction();
        await expectOnceAndInOrder(partition);
      }
    });
  },
);
