import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Client,
  type ConsumerRecord,
  type IsolationLevel,
  type Producer,
  type ProducerOptions,
  serdes,
} from "../../src/client/index.ts";
import { createTopic, readAll, startCluster, type TestCluster, text, until } from "../support/cluster.ts";

let cluster: TestCluster;
let client: Client;
let topic: string;
let transactionalId: string;

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client;
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("transactions");
  transactionalId = cluster.unique("producer");
  await createTopic(client, topic, 4);
});

async function start(options: ProducerOptions = {}): Promise<Producer> {
  const producer = client.producer({ transactionalId, ...options });
  await producer.initTransactions();
  return producer;
}

/** One record in each partition. */
function everywhere(producer: Producer, value: string): void {
  for (let partition = 0; partition < 4; partition++) producer.enqueue({ topic, partition, value });
}

/** Values of the whole topic, each once with the number of partitions in which it stands. */
function summary(records: readonly ConsumerRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { value } of records) counts[text(value)] = (counts[text(value)] ?? 0) + 1;
  return counts;
}

/** What there is to read from one partition on, until nothing more comes. */
async function readPartition(partition: number, isolationLevel: IsolationLevel): Promise<ConsumerRecord[]> {
  const consumer = client.consumer({ isolationLevel });
  const at = { topic, partition };
  consumer.assign([at]);
  const [end] = await consumer.endOffsets([at]);
  const records: ConsumerRecord[] = [];
  while ((await consumer.position(at)) < (end?.offset ?? 0)) records.push(...(await consumer.poll({ timeoutMs: 50 })));
  await consumer.close();
  return records;
}

describe("a transaction", () => {
  it("is not committed without offsets that could not be sent, though nobody waits for both", async () => {
    const producer = await start();
    const group = { groupId: cluster.unique("group"), generationId: -1, memberId: "", groupInstanceId: null };
    const failed = producer.transaction(async (tx) => {
      everywhere(tx, "half");
      void tx.sendOffsetsToTransaction([{ topic, partition: 0, offset: Number.NaN }], group);
    });
    await expect(failed).rejects.toMatchObject({ code: "INVALID_ARGUMENT", abortable: true });
    await producer.transaction(async (tx) => everywhere(tx, "whole"));
    expect(summary(await readAll(client, topic))).toEqual({ whole: 4 });
    await producer.close();
  });

  it("shows all of its records once it is committed, and none when it is aborted", async () => {
    const producer = await start();
    const result = await producer.transaction(async (tx) => {
      everywhere(tx, "committed");
      return 5;
    });
    expect(result).toBe(5);
    const failed = producer.transaction(async (tx) => {
      everywhere(tx, "aborted");
      await tx.flush();
      throw new Error("not this one");
    });
    await expect(failed).rejects.toThrow("not this one");
    await producer.transaction(async (tx) => everywhere(tx, "again"));
    expect(summary(await readAll(client, topic))).toEqual({ committed: 4, again: 4 });
    expect((await readPartition(0, "read_uncommitted")).map(({ value }) => text(value))).toEqual([
      "committed",
      "aborted",
      "again",
    ]);
    await producer.close();
  });

  it("is invisible while it is open, and so is what comes behind it", async () => {
    const producer = await start();
    producer.beginTransaction();
    everywhere(producer, "open");
    await producer.flush();
    const other = client.producer();
    await other.send({ topic, partition: 0, value: "behind" });
    expect(await readPartition(0, "read_committed")).toEqual([]);
    expect((await readPartition(0, "read_uncommitted")).map(({ value }) => text(value))).toEqual(["open", "behind"]);
    await producer.commitTransaction();
    expect((await readPartition(0, "read_committed")).map(({ value }) => text(value))).toEqual(["open", "behind"]);
    await Promise.all([producer.close(), other.close()]);
  });

  it("interleaves with others, in one fetch and over many", async () => {
    const producers = await Promise.all(["a", "b", "c"].map((id) => start({ transactionalId: transactionalId + id })));
    const expected: string[] = [];
    for (let round = 0; round < 10; round++) {
      for (const producer of producers) producer.beginTransaction();
      for (const [i, producer] of producers.entries()) everywhere(producer, `${round}.${i}`);
      await Promise.all(producers.map((producer) => producer.flush()));
      await Promise.all(
        producers.map((producer, i) =>
          (round + i) % 3 === 0 ? producer.commitTransaction() : producer.abortTransaction(),
        ),
      );
      for (const i of [0, 1, 2]) if ((round + i) % 3 === 0) expected.push(`${round}.${i}`);
    }
    expect(summary(await readAll(client, topic))).toEqual(Object.fromEntries(expected.map((value) => [value, 4])));
    const consumer = client.consumer({ maxPartitionFetchBytes: 1, maxPollRecords: 1 });
    consumer.assign([{ topic, partition: 1 }]);
    const seen: string[] = [];
    while (seen.length < expected.length) seen.push(...(await consumer.poll()).map(({ value }) => text(value)));
    expect(seen.toSorted()).toEqual(expected.toSorted());
    await consumer.close();
    await Promise.all(producers.map((producer) => producer.close()));
  });

  it("may be empty, hold records only, or offsets only", async () => {
    const producer = await start();
    const group = { groupId: cluster.unique("offsets"), generationId: -1, memberId: "", groupInstanceId: null };
    await producer.transaction(async () => {});
    producer.beginTransaction();
    await producer.abortTransaction();
    await producer.transaction(async (tx) => tx.sendOffsetsToTransaction([], group));
    const offsets = Array.from({ length: 4 }, (_, partition) => ({ topic, partition, offset: 10 + partition }));
    await producer.transaction(async (tx) => tx.sendOffsetsToTransaction(offsets, group));
    const admin = client.admin();
    const stored = await admin.listConsumerGroupOffsets(group.groupId, { requireStable: true });
    expect(stored.toSorted((a, b) => a.partition - b.partition)).toMatchObject(offsets);
    await producer.close();
  });

  it("commits consumed offsets with the records, or neither", async () => {
    const input = cluster.unique("input");
    const groupId = cluster.unique("copy");
    await createTopic(client, input, 2);
    const feeder = client.producer();
    await feeder.sendAll(
      Array.from({ length: 100 }, (_, i) => ({ topic: input, partition: i % 2, key: `${i % 2}`, value: `${i}` })),
    );
    const consumer = client.consumer({ groupId, maxPollRecords: 10 });
    consumer.subscribe([input]);
    const producer = await start();
    let turns = 0;
    for (let copied = 0; copied < 100; ) {
      const records = await consumer.poll();
      if (records.length === 0) continue;
      producer.beginTransaction();
      for (const { key, value, partition } of records) producer.enqueue({ topic, partition, key, value });
      const offsets = consumer.positions();
      await producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
      if (turns++ % 3 === 1) {
        await producer.abortTransaction();
        consumer.seekToCommitted(consumer.assignment());
        continue;
      }
      await producer.commitTransaction();
      copied += records.length;
    }
    expect(turns).toBeGreaterThan(10);
    expect(summary(await readAll(client, topic))).toEqual(
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}`, 1])),
    );
    const committed = await consumer.committed(consumer.assignment());
    expect(committed.map(({ offset }) => offset)).toEqual([50, 50]);
    await Promise.all([consumer.close(), producer.close(), feeder.close()]);
  });

  it.each<IsolationLevel>(["read_committed", "read_uncommitted"])(
    "holds back its offsets from others until it ends, whatever they read: %s",
    async (isolationLevel) => {
      const producer = await start();
      const groupId = cluster.unique("pending");
      const at = { topic, partition: 0 };
      const consumer = client.consumer({ groupId, isolationLevel, defaultTimeoutMs: 300 });
      consumer.assign([at]);
      await consumer.commit([{ ...at, offset: 0 }]);
      producer.beginTransaction();
      await producer.sendOffsetsToTransaction([{ ...at, offset: 7 }], consumer.groupMetadata());
      const next = client.consumer({ groupId, isolationLevel });
      next.assign([at]);
      const position = next.position(at);
      const unstable = { code: "TIMEOUT", cause: { code: "UNSTABLE_OFFSET_COMMIT" } };
      await expect(consumer.committed([at])).rejects.toMatchObject(unstable);
      await producer.commitTransaction();
      await until(async () => (await consumer.committed([at]))[0]?.offset === 7);
      expect(await position).toBe(7);
      await Promise.all([consumer.close(), next.close(), producer.close()]);
    },
  );

  it("needs nobody to wait for its sends: what becomes of them is told by the commit", async () => {
    const producer = await start();
    const group = { groupId: cluster.unique("unawaited"), generationId: 1, memberId: "nobody", groupInstanceId: null };
    const failing: [(tx: Producer) => void, object][] = [
      [(tx) => void tx.send({ topic, value: Buffer.alloc(1_100_000) }), { code: "MESSAGE_TOO_LARGE" }],
      [
        (tx) => void tx.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], group),
        { code: "COMMIT_FAILED" },
      ],
      [
        (tx) => {
          void tx.send({ topic, value: "not wanted" });
          throw new Error("too much");
        },
        { message: "too much" },
      ],
    ];
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    for (const [work, told] of failing) {
      await expect(producer.transaction(async (tx) => work(tx))).rejects.toMatchObject(told);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
    await producer.close();
  });

  it("fences the older producer of an id, and aborts what it had open", async () => {
    const older = await start();
    older.beginTransaction();
    everywhere(older, "lost");
    await older.flush();
    const newer = await start();
    await newer.transaction(async (tx) => everywhere(tx, "kept"));
    const sent = older.send({ topic, partition: 0, value: "late" });
    await expect(sent).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/) });
    const aborted = older.abortTransaction();
    await expect(aborted).rejects.toMatchObject({ name: "FencedError", code: "PRODUCER_FENCED", fatal: true });
    expect(() => older.beginTransaction()).toThrow(expect.objectContaining({ name: "FencedError" }));
    expect(summary(await readAll(client, topic))).toEqual({ kept: 4 });
    await Promise.all([older.close(), newer.close()]);
  });

  it("fences a producer that commits too late", async () => {
    const older = await start();
    older.beginTransaction();
    everywhere(older, "lost");
    await older.flush();
    const newer = await start();
    await expect(older.commitTransaction()).rejects.toMatchObject({ name: "FencedError", fatal: true });
    expect(summary(await readAll(client, topic))).toEqual({});
    await Promise.all([older.close(), newer.close()]);
  });

  it("lets the last of many that start at once win", async () => {
    const producers = Array.from({ length: 4 }, () => client.producer({ transactionalId }));
    const started = await Promise.allSettled(producers.map((producer) => producer.initTransactions()));
    const outcomes = await Promise.allSettled(
      producers.map(async (producer, i) => {
        if (started[i]?.status === "rejected") throw started[i].reason;
        await producer.transaction(async (tx) => everywhere(tx, `${i}`));
        return `${i}`;
      }),
    );
    const committed = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ fatal: true });
    expect(committed.length).toBeGreaterThanOrEqual(1);
    expect(summary(await readAll(client, topic))).toEqual(Object.fromEntries(committed.map((value) => [value, 4])));
    await Promise.all(producers.map((producer) => producer.close()));
  });

  it("drops what was not sent when it is aborted", async () => {
    const producer = await start({ lingerMs: 60_000 });
    producer.beginTransaction();
    const sent = producer.send({ topic, partition: 0, value: "dropped" });
    const dropped = expect(sent).rejects.toMatchObject({ code: "TRANSACTION_ABORTED" });
    await producer.abortTransaction();
    await dropped;
    await producer.transaction(async (tx) => everywhere(tx, "kept"));
    expect(summary(await readAll(client, topic))).toEqual({ kept: 4 });
    await producer.close();
  });

  it("cannot be committed when one of its records failed, but the next one can", async () => {
    const producer = await start();
    producer.beginTransaction();
    everywhere(producer, "torn");
    const refused = producer.send({ topic, partition: 9, value: "nowhere" });
    await expect(refused).rejects.toMatchObject({ code: "INVALID_ARGUMENT", abortable: true });
    expect(() => producer.enqueue({ topic, value: "more" })).toThrow(expect.objectContaining({ abortable: true }));
    await expect(producer.commitTransaction()).rejects.toMatchObject({ code: "INVALID_ARGUMENT", abortable: true });
    await producer.abortTransaction();
    const again = producer.transaction(async (tx) => {
      everywhere(tx, "torn too");
      tx.enqueue({ topic, partition: 9 });
    });
    await expect(again).rejects.toMatchObject({ abortable: true });
    await producer.transaction(async (tx) => everywhere(tx, "whole"));
    expect(summary(await readAll(client, topic))).toEqual({ whole: 4 });
    await producer.close();
  });

  it("commits all that was given to send before, what waits for room too", async () => {
    const producer = await start({ bufferMemoryBytes: 2_000, batchSizeBytes: 500 });
    producer.beginTransaction();
    const sends = Array.from({ length: 40 }, (_, i) =>
      producer.send({ topic, partition: i % 4, value: "whole".padEnd(200, " ") }),
    );
    const sent = Promise.all(sends);
    sent.catch(() => {});
    await producer.commitTransaction();
    expect(summary(await readAll(client, topic))).toEqual({ ["whole".padEnd(200, " ")]: 40 });
    expect(await sent).toHaveLength(40);
    await producer.close();
  });

  it("drops what waits for room when it is aborted: nothing of it gets into the next one", async () => {
    const producer = await start({ bufferMemoryBytes: 2_000, batchSizeBytes: 500 });
    producer.beginTransaction();
    const sends = Array.from({ length: 40 }, () => producer.send({ topic, value: "dropped".padEnd(200, " ") }));
    const dropped = Promise.allSettled(sends);
    await producer.abortTransaction();
    await producer.transaction(async (tx) => everywhere(tx, "kept"));
    expect((await dropped).at(-1)).toMatchObject({ reason: { code: "TRANSACTION_ABORTED" } });
    expect(summary(await readAll(client, topic))).toEqual({ kept: 4 });
    await producer.close();
  });

  it.each([
    ["a serde does not take", "SERIALIZATION_FAILED", { value: "no number" }],
    ["no broker would take", "INVALID_ARGUMENT", { value: "1", partition: -1 }],
  ] as const)("cannot be committed without a record that %s, though nobody waited for it", async (_, code, record) => {
    const serialize = (text: string): Uint8Array => {
      if (text !== "no number") return Buffer.from(text);
      throw new Error(text);
    };
    const producer = client.producer({ transactionalId, serdes: { value: { ...serdes.string, serialize } } });
    await producer.initTransactions();
    producer.beginTransaction();
    const good = producer.send({ topic, value: "1" });
    const bad = producer.send({ topic, ...record });
    const told = Promise.allSettled([good, bad]);
    await expect(producer.commitTransaction()).rejects.toMatchObject({ code, abortable: true });
    expect((await told)[1]).toMatchObject({ reason: { code, abortable: true } });
    await producer.abortTransaction();
    await producer.transaction((tx) => tx.send({ topic, value: "2" }));
    expect(summary(await readAll(client, topic))).toEqual({ 2: 1 });
    await producer.close();
  });

  it("is aborted when the producer is closed", async () => {
    const producer = await start();
    producer.beginTransaction();
    everywhere(producer, "open");
    await producer.flush();
    await producer.close();
    expect(summary(await readAll(client, topic))).toEqual({});
  });

  it("that times out is aborted; its producer is told, and a new one goes on", async () => {
    const producer = await start({ transactionTimeoutMs: 100 });
    producer.beginTransaction();
    everywhere(producer, "too long");
    await producer.flush();
    const at = [0, 1, 2, 3].map((partition) => ({ topic, partition }));
    const consumer = client.consumer();
    const isEnded = async (): Promise<boolean> => (await consumer.endOffsets(at)).every(({ offset }) => offset === 2);
    await until(isEnded);
    await expect(producer.commitTransaction()).rejects.toMatchObject({ fatal: true });
    await producer.close();
    const next = await start();
    await next.transaction(async (tx) => everywhere(tx, "in time"));
    expect(summary(await readAll(client, topic))).toEqual({ "in time": 4 });
    await Promise.all([consumer.close(), next.close()]);
  });

  it("carries many sends at the same moment, to many partitions and topics", async () => {
    const topics = await Promise.all(
      Array.from({ length: 5 }, async (_, i) => {
        const name = cluster.unique(`many${i}`);
        await createTopic(client, name, 8);
        return name;
      }),
    );
    const producer = await start();
    for (const value of ["first", "second"]) {
      await producer.transaction(async (tx) => {
        const sends = topics.flatMap((name) =>
          Array.from({ length: 8 }, (_, partition) => tx.send({ topic: name, partition, value })),
        );
        await Promise.all(sends);
      });
    }
    for (const name of topics) expect(summary(await readAll(client, name))).toEqual({ first: 8, second: 8 });
    await producer.close();
  });

  it("goes through its states, and says what to do when a call does not fit", async () => {
    const producer = client.producer({ transactionalId });
    const invalid = expect.objectContaining({ code: "INVALID_STATE" });
    expect(() => producer.beginTransaction()).toThrow(invalid);
    expect(() => producer.enqueue({ topic })).toThrow("initTransactions");
    await producer.initTransactions();
    expect(() => producer.enqueue({ topic })).toThrow("beginTransaction");
    await expect(producer.send({ topic })).rejects.toThrow(invalid);
    await expect(producer.commitTransaction()).rejects.toThrow(invalid);
    await expect(producer.abortTransaction()).rejects.toThrow(invalid);
    producer.beginTransaction();
    expect(() => producer.beginTransaction()).toThrow(invalid);
    await expect(producer.initTransactions()).rejects.toThrow(invalid);
    await producer.commitTransaction();
    await producer.close();
    const plain = client.producer();
    expect(() => plain.beginTransaction()).toThrow("transactionalId");
    await expect(plain.transaction(async () => {})).rejects.toThrow(invalid);
    await plain.close();
  });
});
