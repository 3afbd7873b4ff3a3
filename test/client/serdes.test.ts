import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Client, type ConsumerRecord, RecordDeserializationError, serdes } from "../../src/client/index.ts";
import { createTopic, startCluster, type TestCluster } from "../support/cluster.ts";

interface Order {
  readonly item: string;
  readonly cups: number;
}

const orderSerdes = { key: serdes.string, value: serdes.json<Order>() };

let cluster: TestCluster;
let client: Client;
let topic: string;

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client;
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("serdes");
  await createTopic(client, topic, 1);
});

describe("serdes of producer and consumer", () => {
  it("give keys and values types of their own; null stays null", async () => {
    const producer = client.producer({ serdes: orderSerdes });
    await producer.sendAll([
      { topic, key: "anna", value: { item: "tea", cups: 2 } },
      { topic, key: "anna", value: null },
      { topic, value: { item: "coffee", cups: 1 } },
    ]);
    await producer.close();

    const consumer = client.consumer({ serdes: orderSerdes });
    consumer.assign([{ topic, partition: 0 }]);
    const records: ConsumerRecord<string, Order>[] = [];
    while (records.length < 3) records.push(...(await consumer.poll()));
    await consumer.close();
    const cups: number | undefined = records[0]?.value?.cups; // typed
    expect(cups).toBe(2);
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      ["anna", { item: "tea", cups: 2 }],
      ["anna", null],
      [null, { item: "coffee", cups: 1 }],
    ]);
  });

  it("may be given for the value alone: keys stay bytes", async () => {
    const producer = client.producer({ serdes: { value: serdes.int64 } });
    await producer.send({ topic, key: "a", value: 7 });
    await producer.close();
    const consumer = client.consumer({ serdes: { value: serdes.int64 } });
    consumer.assign([{ topic, partition: 0 }]);
    const [record] = await consumer.poll({ timeoutMs: 5_000 });
    await consumer.close();
    expect(record?.key).toEqual(Buffer.from("a"));
    expect(record?.value).toBe(7);
  });

  it("a record that cannot be read: those before it come first, then the error tells where it is, until one seeks behind it", async () => {
    const producer = client.producer();
    for (const value of ['{"item":"tea","cups":1}', "tea, please", '{"item":"tea","cups":3}']) {
      producer.enqueue({ topic, key: "anna", value });
    }
    await producer.close();

    const consumer = client.consumer({ serdes: orderSerdes });
    consumer.assign([{ topic, partition: 0 }]);
    const before: ConsumerRecord<string, Order>[] = [];
    while (before.length === 0) before.push(...(await consumer.poll()));
    expect(before.map(({ value }) => value?.cups)).toEqual([1]);
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await consumer.poll({ timeoutMs: 5_000 }).then(
        () => undefined,
        (caught: unknown) => caught,
      );
      expect(error).toBeInstanceOf(RecordDeserializationError);
      expect(error).toMatchObject({ code: "DESERIALIZATION_FAILED", topic, partition: 0, offset: 1 });
      expect((error as Error).message).toContain(`the value at offset 1 of ${topic}-0 cannot be read`);
    }
    expect(consumer.positions()).toMatchObject([{ offset: 1 }]);
    consumer.seek({ topic, partition: 0 }, 2);
    expect((await consumer.poll({ timeoutMs: 5_000 })).map(({ value }) => value?.cups)).toEqual([3]);
    await consumer.close();
  });

  it("a value that cannot be written fails the transaction that send was given it in; enqueue says so at once, and it goes on", async () => {
    const producer = client.producer({ transactionalId: cluster.unique("tx"), serdes: { value: serdes.int32 } });
    await producer.initTransactions();
    producer.beginTransaction();
    await producer.send({ topic, value: 1 });
    await expect(producer.send({ topic, value: 2 ** 40 })).rejects.toMatchObject({ code: "SERIALIZATION_FAILED" });
    await expect(producer.commitTransaction()).rejects.toMatchObject({ code: "SERIALIZATION_FAILED", abortable: true });
    await producer.abortTransaction();
    producer.beginTransaction();
    await producer.send({ topic, value: 2 });
    expect(() => producer.enqueue({ topic, value: 0.5 ** -99 })).toThrow(`the value of a record for ${topic}`);
    await producer.send({ topic, value: 3 });
    await producer.commitTransaction();
    await producer.close();

    const consumer = client.consumer({ serdes: { value: serdes.int32 } });
    consumer.assign([{ topic, partition: 0 }]);
    const values: (number | null)[] = [];
    while (values.length < 2) values.push(...(await consumer.poll()).map(({ value }) => value));
    await consumer.close();
    expect(values).toEqual([2, 3]);
  });
});
