import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../../src/broker/index.ts";
import { Client } from "../../src/client/index.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";

let broker: Broker;
let client: Client;

beforeAll(async () => {
  broker = await Broker.start({ autoCreateTopics: false });
  client = new Client({ brokers: broker.address, missingTopicTimeoutMs: 200 });
  await client.admin().createTopics([{ topic: "there", partitions: 1 }]);
});
afterAll(async () => {
  await client.close();
  await broker.stop();
});

const absent = { topic: "absent", partition: 0 };

function told(what: string) {
  return {
    code: "UNKNOWN_TOPIC_OR_PARTITION",
    message: `${what}: UNKNOWN_TOPIC_OR_PARTITION: brokers have said so for 200 ms: create it first, with admin.createTopics()`,
  };
}

describe("a topic that does not exist", () => {
  it("is an error of send, and of flush, that names it", async () => {
    const producer = client.producer();
    await expect(producer.send({ topic: "absent", value: "v" })).rejects.toMatchObject(
      told("metadata of topic absent"),
    );
    producer.enqueue({ topic: "absent", value: "v" });
    await expect(producer.flush()).rejects.toMatchObject(told("metadata of topic absent"));
    await expect(producer.partitionsFor("absent")).rejects.toMatchObject(told("metadata of topic absent"));
    await producer.close();
  });

  it("is the cause when records for a topic that was deleted are given up", async () => {
    await client.admin().createTopics([{ topic: "gone", partitions: 1 }]);
    const producer = client.producer({ deliveryTimeoutMs: 500 });
    await producer.send({ topic: "gone", value: "v" });
    await client.admin().deleteTopics(["gone"]);
    await expect(producer.send({ topic: "gone", value: "v" })).rejects.toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining("UNKNOWN_TOPIC_OR_PARTITION"),
      cause: { code: "UNKNOWN_TOPIC_OR_PARTITION" },
    });
    await producer.close();
  });

  it("costs a transaction, and not the producer", async () => {
    const producer = client.producer({ transactionalId: "t" });
    await producer.initTransactions();
    const failed = producer.transaction((tx) => tx.send({ topic: "absent", value: "v" }));
    const { code, message } = told("metadata of topic absent");
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringContaining(message), abortable: true });
    await producer.transaction((tx) => tx.send({ topic: "there", value: "v" }));
    await producer.close();
  });

  it("is an error of poll and position for a consumer that was given its partition", async () => {
    const consumer = client.consumer();
    consumer.assign([{ topic: "there", partition: 0 }, absent]);
    await expect(consumer.position(absent)).rejects.toMatchObject(told("offset of absent-0"));
    consumer.assign([absent]);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(consumer.poll({ timeoutMs: 10_000 })).rejects.toMatchObject(told("offset of absent-0"));
    }
    await consumer.close();
  });

  it("is asked for less and less often while a consumer waits for it to come back", async () => {
    const network = new FaultyNetwork();
    const other = new Client({ brokers: broker.address, platform: network.platform });
    await other.admin().createTopics([{ topic: "left", partitions: 1 }]);
    const consumer = other.consumer();
    consumer.assign([{ topic: "left", partition: 0 }]);
    await consumer.position({ topic: "left", partition: 0 });
    await other.admin().deleteTopics(["left"]);
    const asked = (): number => network.sent.get(metadata.key) ?? 0;
    const before = asked();
    for (let i = 0; i < 6; i++) await consumer.poll({ timeoutMs: 500 });
    expect(asked() - before).toBeLessThan(10);
    await other.admin().createTopics([{ topic: "left", partitions: 1 }]);
    await other.producer().send({ topic: "left", value: "v" });
    expect((await consumer.poll({ timeoutMs: 10_000 })).map(({ value }) => `${value}`)).toEqual(["v"]);
    await other.close();
  });

  it("so is a partition that a topic does not have", async () => {
    const consumer = client.consumer();
    consumer.assign([{ topic: "there", partition: 7 }]);
    await expect(consumer.poll({ timeoutMs: 10_000 })).rejects.toMatchObject(told("offset of there-7"));
    await consumer.close();
  });

  it("is an error where its offsets are asked for", async () => {
    const admin = client.admin();
    await expect(admin.listOffsets([{ ...absent, spec: "latest" }])).rejects.toMatchObject(told("offset of absent-0"));
    const consumer = client.consumer();
    await expect(consumer.endOffsets([absent])).rejects.toMatchObject(told("offset of absent-0"));
    await consumer.close();
  });

  it("is waited for by a group, and by what was asked for in time", async () => {
    const patient = new Client({ brokers: broker.address });
    const consumer = patient.consumer({ groupId: "early", heartbeatIntervalMs: 50 });
    consumer.subscribe(["late"]);
    expect(await consumer.poll({ timeoutMs: 500 })).toEqual([]);
    const producer = patient.producer();
    const sent = producer.send({ topic: "late", value: "v" });
    await patient.admin().createTopics([{ topic: "late", partitions: 1 }]);
    expect(await sent).toMatchObject({ topic: "late", offset: 0 });
    expect((await consumer.poll({ timeoutMs: 10_000 })).map(({ value }) => `${value}`)).toEqual(["v"]);
    await patient.close();
  });
});
