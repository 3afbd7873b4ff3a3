import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, type ConsumerRecord } from "../../src/client/index.ts";
import { createTopic, readAll, text, until } from "../support/cluster.ts";
import { RestartingBroker } from "../support/restarting-broker.ts";

const topic = "restarts";
let broker: RestartingBroker;
let client: Client;

beforeEach(async () => {
  broker = await RestartingBroker.start();
  client = new Client({ brokers: broker.address, retryBackoffMs: 10, retryBackoffMaxMs: 50 });
  await createTopic(client, topic, 2);
});
afterEach(async () => {
  await client.close();
  await broker.stop();
});

const ends = ["stops", "crashes"] as const;
type End = (typeof ends)[number];

async function restart(end: End): Promise<void> {
  if (end === "stops") await broker.down();
  else await broker.crash();
  await broker.up();
}

function valuesOf(records: readonly ConsumerRecord[], partition: number): string[] {
  return records.filter((record) => record.partition === partition).map(({ value }) => text(value));
}

describe.each(ends)("when the broker %s and starts again", (end) => {
  it("an idempotent producer goes on: each record once, in order", async () => {
    const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
    const sends: Promise<unknown>[] = [];
    let acknowledged = 0;
    let next = 0;
    const produceUntil = async (count: number): Promise<void> => {
      while (acknowledged < count) {
        for (let i = 0; i < 20; i++, next++) {
          const sent = producer.send({ topic, partition: next % 2, value: `${next}` });
          sends.push(sent.then(() => acknowledged++));
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let round = 1; round <= 3; round++) {
      await produceUntil(round * 200);
      const restarted = restart(end);
      for (let i = 0; i < 20; i++, next++) sends.push(producer.send({ topic, partition: next % 2, value: `${next}` }));
      await restarted;
    }
    await Promise.all(sends);
    const records = await readAll(client, topic);
    for (const partition of [0, 1]) {
      const expected = Array.from({ length: next / 2 }, (_, i) => `${2 * i + partition}`);
      expect(valuesOf(records, partition)).toEqual(expected);
    }
  });

  it("a transactional producer goes on, wherever it was", async () => {
    const producer = client.producer({ transactionalId: "restarts" });
    await producer.initTransactions();
    const group = { groupId: "restarts", generationId: -1, memberId: "", groupInstanceId: null };
    const steps = ["begin", "send", "offsets", "commit", "never"] as const;
    const committed: string[] = [];
    for (const [i, restartAt] of [...steps, ...steps].entries()) {
      const value = `${i}`;
      let restarted = Promise.resolve();
      const at = (step: string): void => {
        if (step === restartAt) restarted = restart(end);
      };
      await producer.transaction(async (tx) => {
        at("begin");
        for (const partition of [0, 1]) tx.enqueue({ topic, partition, value });
        at("send");
        await tx.flush();
        const sent = tx.sendOffsetsToTransaction([{ topic, partition: 0, offset: i + 1 }], group);
        at("offsets");
        await sent;
        // In the same turn as the commit that follows.
        at("commit");
      });
      await restarted;
      committed.push(value);
    }
    const records = await readAll(client, topic);
    for (const partition of [0, 1]) expect(valuesOf(records, partition)).toEqual(committed);
    const offsets = await client.admin().listConsumerGroupOffsets("restarts", { requireStable: true });
    expect(offsets[0]?.offset).toBe(committed.length);
  });

  it("a group's members go on, and each record is processed once", async () => {
    const output = "restarts-output";
    await createTopic(client, output, 1);
    const total = 400;
    let isRunning = true;
    const work = async (id: number): Promise<void> => {
      const consumer = client.consumer({ groupId: "copy", maxPollRecords: 7, heartbeatIntervalMs: 50 });
      const producer = client.producer({ transactionalId: `copy-${id}` });
      consumer.subscribe([topic]);
      await producer.initTransactions();
      while (isRunning) {
        const records = await consumer.poll({ timeoutMs: 50 });
        if (records.length === 0) continue;
        producer.beginTransaction();
        try {
          for (const { value } of records) producer.enqueue({ topic: output, value });
          await producer.sendOffsetsToTransaction(consumer.positions(), consumer.groupMetadata());
          await producer.commitTransaction();
        } catch (error) {
          // The group moved on: what was consumed under the old membership is for others.
          expect(error).toMatchObject({ abortable: true });
          await producer.abortTransaction();
          consumer.seekToCommitted();
        }
      }
      await Promise.all([consumer.close(), producer.close()]);
    };
    const workers = [work(1), work(2)];
    const feeder = client.producer({ lingerMs: 0 });
    for (let i = 0; i < total; i++) {
      feeder.enqueue({ topic, partition: i % 2, value: `${i}` });
      if (i % 100 === 50) await Promise.all([feeder.flush(), restart(end)]);
    }
    await feeder.flush();
    const copied = async (): Promise<number> => {
      const positions = await client.admin().listConsumerGroupOffsets("copy", { requireStable: true });
      return positions.reduce((sum, { offset }) => sum + offset, 0);
    };
    await until(async () => (await copied()) >= total);
    isRunning = false;
    await Promise.all(workers);
    const values = (await readAll(client, output)).map(({ value }) => Number(text(value)));
    expect(values.sort((a, b) => a - b)).toEqual([...Array(total).keys()]);
  });

  it("a consumer of chosen partitions reads on", async () => {
    const producer = client.producer();
    const consumer = client.consumer();
    consumer.assign([{ topic, partition: 0 }]);
    const seen: string[] = [];
    for (let round = 0; round < 3; round++) {
      await producer.sendAll(Array.from({ length: 10 }, (_, i) => ({ topic, partition: 0, value: `${round}.${i}` })));
      while (seen.length < 10 * round + 5) {
        seen.push(...(await consumer.poll({ timeoutMs: 100 })).map(({ value }) => text(value)));
      }
      await restart(end);
    }
    while (seen.length < 30) seen.push(...(await consumer.poll()).map(({ value }) => text(value)));
    expect(seen).toEqual([0, 1, 2].flatMap((round) => Array.from({ length: 10 }, (_, i) => `${round}.${i}`)));
  });
});
