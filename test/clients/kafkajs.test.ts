import { CompressionTypes, type Consumer, Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../../src/broker/index.ts";
import { RawSession } from "../support/raw-session.ts";
import { until } from "../support/until.ts";

let broker: Broker;
let kafka: Kafka;
let raw: RawSession;
let names = 0;

beforeAll(async () => {
  broker = await Broker.start({ groupMinSessionTimeoutMs: 100 });
  kafka = new Kafka({ brokers: [broker.address], clientId: "kafkajs", logLevel: logLevel.NOTHING });
  raw = await RawSession.open(broker.address);
});

afterAll(async () => {
  raw.close();
  await broker.stop();
});

function name(kind: string): string {
  return `${kind}-${names++}`;
}

function producerOf(transactionalId?: string): Producer {
  return kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    ...(transactionalId === undefined ? {} : { transactionalId }),
  });
}

interface Seen {
  readonly consumer: Consumer;
  /** `partition/offset key=value`, as they came. */
  readonly records: string[];
}

async function consume(topic: string, groupId: string): Promise<Seen> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50, heartbeatInterval: 50, sessionTimeout: 10_000 });
  const records: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      records.push(`${partition}/${message.offset} ${message.key}=${message.value}`);
    },
  });
  return { consumer, records };
}

describe("kafkajs", () => {
  it("produces idempotently and consumes in a group: every record once, in order", async () => {
    const topic = name("topic");
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
    const producer = producerOf();
    await producer.connect();
    const messages = Array.from({ length: 300 }, (_, i) => ({ key: `k${i % 7}`, value: `v${i}`, partition: i % 3 }));
    for (let i = 0; i < messages.length; i += 30) {
      await producer.send({
        topic,
        acks: -1,
        compression: i % 60 === 0 ? CompressionTypes.GZIP : CompressionTypes.None,
        messages: messages.slice(i, i + 30),
      });
    }
    const { consumer, records } = await consume(topic, name("group"));
    await until(() => records.length >= messages.length);
    await consumer.disconnect();
    const expected = messages.map(
      ({ key, value, partition }, i) => `${partition}/${Math.floor(i / 3)} ${key}=${value}`,
    );
    for (const partition of [0, 1, 2]) {
      const of = (all: string[]) => all.filter((record) => record.startsWith(`${partition}/`));
      expect(of(records)).toEqual(of(expected));
    }
    await producer.disconnect();
    await admin.disconnect();
  });

  it("a group is shared between two members, and goes on where they left off", async () => {
    const topic = name("topic");
    const groupId = name("group");
    await raw.createTopic(topic, 4);
    await raw.findCoordinator("group", groupId);
    const send = async (from: number, count: number): Promise<void> => {
      for (let i = from; i < from + count; i++) {
        await raw.produce({ name: topic, id: "" }, [`${i}`], { partition: i % 4 });
      }
    };
    await send(0, 40);
    const first = await consume(topic, groupId);
    await until(() => first.records.length === 40);
    const second = await consume(topic, groupId);
    const admin = kafka.admin();
    await admin.connect();
    await until(async () => {
      const { groups } = await admin.describeGroups([groupId]);
      return groups[0]?.state === "Stable" && groups[0].members.length === 2;
    });
    await send(40, 40);
    await until(() => first.records.length + second.records.length >= 80);
    // Each read some of it.
    expect(first.records.length).toBeGreaterThan(40);
    expect(second.records.length).toBeGreaterThan(0);
    await Promise.all([first.consumer.disconnect(), second.consumer.disconnect()]);

    await send(80, 4);
    const third = await consume(topic, groupId);
    await until(() => third.records.length >= 4);
    await third.consumer.disconnect();
    expect(third.records.map((record) => record.split("=")[1]).sort()).toEqual(["80", "81", "82", "83"]);
    const all = [...first.records, ...second.records, ...third.records].map((record) => record.split("=")[1]);
    expect([...new Set(all)].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 84 }, (_, i) => i));
    await admin.disconnect();
  });

  it("commits and aborts transactions; its consumer shows the committed ones", async () => {
    const topic = name("topic");
    await raw.createTopic(topic);
    const producer = producerOf(name("id"));
    await producer.connect();
    for (let i = 0; i < 10; i++) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: `${i}a` }, { value: `${i}b` }] });
      await (i % 3 === 2 ? transaction.abort() : transaction.commit());
    }
    const committed = Array.from({ length: 10 }, (_, i) => i).filter((i) => i % 3 !== 2);
    const expected = committed.flatMap((i) => [`${i}a`, `${i}b`]);
    const { consumer, records } = await consume(topic, name("group"));
    await until(() => records.length >= expected.length);
    await consumer.disconnect();
    expect(records.map((record) => record.split("=")[1])).toEqual(expected);
    await producer.disconnect();
  });

  it("consumes, transforms and produces: offsets and output commit together", async () => {
    const [input, output, groupId, id] = [name("input"), name("output"), name("group"), name("id")];
    await raw.createTopic(input);
    await raw.createTopic(output);
    await raw.findCoordinator("group", groupId);
    const source = { name: input, id: "" };
    for (let i = 0; i < 20; i++) await raw.produce(source, [`${i}`]);
    const producer = producerOf(id);
    await producer.connect();
    let position = 0;
    for (let round = 0; position < 20; round++) {
      const transaction = await producer.transaction();
      const values = Array.from({ length: 5 }, (_, i) => `${position + i}!`);
      await transaction.send({ topic: output, messages: values.map((value) => ({ value })) });
      const offset = String(position + 5);
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [{ topic: input, partitions: [{ partition: 0, offset }] }],
      });
      if (round % 2 === 0) {
        await transaction.abort();
        // What was aborted is done again.
        await until(async () => (await raw.committedOffset(groupId, source)) === (position === 0 ? -1 : position));
      } else {
        await transaction.commit();
        position += 5;
        await until(async () => (await raw.committedOffset(groupId, source)) === position);
      }
    }
    const { records, aborted } = await raw.fetch(
      { name: output, id: "" },
      { version: 12, isolation: "read_committed" },
    );
    expect(aborted).toHaveLength(4);
    expect(records.filter((record) => record.endsWith(":commit"))).toHaveLength(4);
    const { consumer, records: seen } = await consume(output, name("group"));
    await until(() => seen.length >= 20);
    await consumer.disconnect();
    expect(seen.map((record) => record.split("=")[1])).toEqual(Array.from({ length: 20 }, (_, i) => `${i}!`));
    await producer.disconnect();
  });

  it("an older producer of the same transactional id is fenced", async () => {
    const topic = name("topic");
    const id = name("id");
    await raw.createTopic(topic);
    const [older, newer] = [producerOf(id), producerOf(id)];
    await older.connect();
    const stale = await older.transaction();
    await stale.send({ topic, messages: [{ value: "stale" }] });
    await newer.connect();
    const transaction = await newer.transaction();
    await expect(stale.send({ topic, messages: [{ value: "late" }] })).rejects.toThrow(/epoch|fenced/i);
    await expect(stale.commit()).rejects.toThrow(/epoch|fenced/i);
    await transaction.send({ topic, messages: [{ value: "fresh" }] });
    await transaction.commit();
    await until(async () => (await raw.endOffset({ name: topic, id: "" }, "read_committed")) === 4);
    const { records } = await raw.fetch({ name: topic, id: "" }, { version: 12 });
    expect(records).toEqual(["0:stale", "1:abort", "2:fresh", "3:commit"]);
    await older.disconnect();
    await newer.disconnect();
  });

  it("administers topics, settings and groups", async () => {
    const topic = name("topic");
    const groupId = name("group");
    const admin = kafka.admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic }] })).toBe(false);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    expect((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions).toHaveLength(3);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries: [{ name: "retention.ms", value: "1000" }] }],
    });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ["retention.ms"] }],
    });
    expect(resources[0]?.configEntries[0]).toMatchObject({ configName: "retention.ms", configValue: "1000" });
    await raw.findCoordinator("group", groupId);
    await raw.commitOffset(groupId, { name: topic, id: "" }, 0);
    expect((await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]).toMatchObject({ offset: "0" });
    expect((await admin.listGroups()).groups.map((group) => group.groupId)).toContain(groupId);
    await admin.deleteGroups([groupId]);
    await admin.deleteTopics({ topics: [topic] });
    expect(await admin.listTopics()).not.toContain(topic);
    await admin.disconnect();
  });
});

describe("known defects of kafkajs 2.2.4", () => {
  it("it leaks an aborted record when it begins to read behind the first offsets of two aborted transactions", async () => {
    const topic = name("topic");
    await raw.createTopic(topic);
    const target = { name: topic, id: "" };
    const [idA, idB] = [name("id"), name("id")];
    const a = await raw.newTransactional(idA);
    const b = await raw.newTransactional(idB);
    await raw.produce(target, ["a"], { producer: a, transactionalId: idA });
    await raw.produce(target, ["b0"], { producer: b, transactionalId: idB });
    await raw.produce(target, ["b1"], { producer: b, transactionalId: idB, sequence: 1 });
    await raw.endTransaction(idA, a, "abort");
    await raw.endTransaction(idB, b, "abort");
    await raw.produce(target, ["end"]);
    await until(async () => (await raw.endOffset(target, "read_committed")) === 6);
    const groupId = name("group");
    await raw.findCoordinator("group", groupId);
    await raw.commitOffset(groupId, target, 2);
    const { consumer, records } = await consume(topic, groupId);
    await until(() => records.some((record) => record.endsWith("=end")));
    await consumer.disconnect();
    // It takes one aborted transaction off the list for each record. Rightly, "end" would be all.
    expect(records).toEqual(["0/2 null=b1", "0/5 null=end"]);
  });

  it("it takes a record with four zero bytes as its key for an abort marker, and leaks what follows", async () => {
    const topic = name("topic");
    await raw.createTopic(topic);
    const producer = producerOf(name("id"));
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ key: Buffer.alloc(4), value: "zeros" }, { value: "leaked" }] });
    await transaction.abort();
    await raw.produce({ name: topic, id: "" }, ["end"]);
    const { consumer, records } = await consume(topic, name("group"));
    await until(() => records.some((record) => record.endsWith("=end")));
    await consumer.disconnect();
    expect(records.map((record) => record.split("=")[1])).toEqual(["zeros", "leaked", "end"]);
    await producer.disconnect();
  });
});
