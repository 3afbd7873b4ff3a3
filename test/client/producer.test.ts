import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Client, type OncillaError, Producer, type RecordMetadata } from "../../src/client/index.ts";
import { createTopic, readAll, startCluster, type TestCluster, text, until } from "../support/cluster.ts";

let cluster: TestCluster;
let client: Client;
let topic: string;

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client;
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("produce");
  await createTopic(client, topic, 3);
});

function numbered(
  count: number,
  partition?: number,
): { topic: string; partition: number | undefined; value: string }[] {
  return Array.from({ length: count }, (_, i) => ({ topic, partition, value: `${i}` }));
}

async function valuesOf(partition: number): Promise<string[]> {
  const records = await readAll(client, topic);
  return records.filter((record) => record.partition === partition).map(({ value }) => text(value));
}

describe("a producer", () => {
  it.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)("compresses by %s", async (compression) => {
    const producer = client.producer({ compression });
    const records = numbered(1_000, 1).map((record) => ({ ...record, key: "k".repeat(50) }));
    const metadata = await producer.sendAll(records);
    expect(metadata.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
    expect(await valuesOf(1)).toEqual(records.map(({ value }) => value));
    await producer.close();
  });

  it("keeps the order of what it was given, over many batches in flight", async () => {
    const producer = client.producer({ batchSizeBytes: 200, lingerMs: 0 });
    for (const record of numbered(3_000, 0)) producer.enqueue(record);
    await producer.flush();
    expect(await valuesOf(0)).toEqual(numbered(3_000).map(({ value }) => value));
    await producer.close();
  });

  it("stores every part of a record as it was given", async () => {
    const producer = client.producer();
    const bytes = new Uint8Array([0, 255, 128]);
    await producer.sendAll([
      { topic, partition: 2, key: "kéy", value: bytes, headers: { a: "b", c: bytes }, timestamp: 1_700_000_000_123 },
      { topic, partition: 2, key: null, value: null, headers: [{ key: "x", value: null }] },
      { topic, partition: 2, key: "", value: "" },
    ]);
    const records = await readAll(client, topic);
    expect(records.map(({ offset, leaderEpoch, timestamp, ...rest }) => rest)).toEqual([
      {
        topic,
        partition: 2,
        key: Buffer.from("kéy"),
        value: Buffer.from(bytes),
        headers: [
          { key: "a", value: Buffer.from("b") },
          { key: "c", value: Buffer.from(bytes) },
        ],
      },
      { topic, partition: 2, key: null, value: null, headers: [{ key: "x", value: null }] },
      { topic, partition: 2, key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [] },
    ]);
    expect(records[0]?.timestamp).toBe(1_700_000_000_123);
    expect(Math.abs((records[1]?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000);
    await producer.close();
  });

  it("puts keys where the Java client does, and spreads records without a key over all partitions", async () => {
    const producer = client.producer({ batchSizeBytes: 1_000 });
    const keyed = await producer.sendAll(["a", "b", "kafka", "oncilla"].map((key) => ({ topic, key })));
    expect(keyed.map(({ partition }) => partition)).toEqual([1, 2, 1, 2]);
    // A hundred choices: with ten, one run in some hundreds would leave a partition out.
    const rest = await producer.sendAll(numbered(10_000));
    expect(new Set(rest.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
    await producer.close();
  });

  it("finds partitions that are added while it runs, as metadata grows old", async () => {
    const other = cluster.connect({ metadataMaxAgeMs: 50 });
    const producer = other.producer({ batchSizeBytes: 1, lingerMs: 0 });
    await producer.send({ topic });
    await client.admin().createPartitions(topic, 4);
    await until(async () => (await producer.send({ topic })).partition === 3);
    await other.close();
  });

  it("finds a partition that is new when it is asked for", async () => {
    const other = cluster.connect();
    const producer = other.producer();
    await producer.send({ topic });
    await client.admin().createPartitions(topic, 4);
    const takes = (): Promise<boolean> =>
      producer.send({ topic, partition: 3 }).then(
        () => true,
        () => false,
      );
    await until(takes);
    await other.close();
  });

  it("asks its own partitioner", async () => {
    const producer = client.producer({ partitioner: { partition: (_, key, count) => (key?.length ?? 0) % count } });
    const metadata = await producer.sendAll(["", "a", "ab", "abc"].map((key) => ({ topic, key })));
    expect(metadata.map(({ partition }) => partition)).toEqual([0, 1, 2, 0]);
    await producer.close();
  });

  it("tells what its partitioner throws, also of a record that had to wait for its topic", async () => {
    const other = cluster.connect();
    const bug = new RangeError("no partition will do");
    const partition = (_: string, key: Uint8Array | null): number => {
      if (key?.length === 1) throw bug;
      return 2;
    };
    const producer = other.producer({ partitioner: { partition } });
    for (let i = 0; i < 2; i++) {
      const [bad, good] = [producer.send({ topic, key: "x" }), producer.send({ topic, key: "good" })];
      await expect(bad).rejects.toThrow("no partition will do");
      expect(await good).toMatchObject({ partition: 2, offset: i });
    }
    await producer.flush();
    await other.close();
  });

  it("takes a record as it is when it is given, also for a topic that is not known yet", async () => {
    const other = cluster.connect();
    const producer = other.producer();
    const [key, value, header] = ["k", "v", "h"].map((letter) => Buffer.from(letter)) as [Buffer, Buffer, Buffer];
    producer.enqueue({ topic, key, value, headers: { header } });
    producer.enqueue({ topic, key, value, headers: [{ key: "header", value: header }] });
    for (const each of [key, value, header]) each.fill(0);
    await producer.flush();
    for (const record of await readAll(client, topic)) {
      expect([text(record.key), text(record.value), text(record.headers[0]?.value ?? null)]).toEqual(["k", "v", "h"]);
    }
    await other.close();
  });

  it("refuses a header without a key, and nothing else of a topic that is not known yet", async () => {
    const other = cluster.connect();
    const producer = other.producer();
    const sent = [producer.send({ topic, value: "before" })];
    const bad = producer.send({ topic, value: "bad", headers: [{ key: undefined as unknown as string, value: null }] });
    sent.push(producer.send({ topic, value: "behind" }));
    await expect(bad).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining("key") });
    await Promise.all(sent);
    const values = (await readAll(client, topic)).map(({ value }) => text(value));
    expect(values.sort()).toEqual(["before", "behind"]);
    await other.close();
  });

  it.each([1, 0] as const)("produces with acks %d", async (acks) => {
    const producer = client.producer({ acks });
    // What is lost with acks 0 is not sent again: the leader has to be up by now.
    await client.producer().send({ topic, partition: 1 });
    const metadata: RecordMetadata[] = await producer.sendAll(numbered(10, 0));
    expect(metadata.map(({ offset }) => offset)).toEqual(metadata.map((_, i) => (acks === 1 ? i : -1)));
    await producer.close();
    await expect.poll(() => valuesOf(0)).toEqual(numbered(10).map(({ value }) => value));
  });

  it("refuses what no broker would take, and goes on", async () => {
    const producer = client.producer();
    const refused = (record: object): Promise<OncillaError> =>
      producer.send({ topic, ...record }).then(
        () => expect.unreachable(),
        (error: OncillaError) => error,
      );
    expect(await refused({ partition: 3 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await refused({ partition: -1 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await refused({ topic: "" })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await refused({ timestamp: -5 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    // From programs without types.
    for (const wrong of [5, { a: 1 }, new Float64Array(1), new ArrayBuffer(1)]) {
      for (const part of ["key", "value"]) {
        expect(await refused({ [part]: wrong })).toMatchObject({ code: "INVALID_ARGUMENT" });
      }
      expect(await refused({ headers: { h: wrong } })).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(await refused({ headers: [{ key: "h", value: wrong }] })).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    expect(await refused({ value: Buffer.alloc(1_100_000) })).toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    expect(await producer.send({ topic, partition: 0, value: "0" })).toMatchObject({ offset: 0 });
    await producer.close();
  });

  it("splits batches that are too large for the topic", async () => {
    await client
      .admin()
      .alterConfigs({ type: "topic", name: topic }, [{ name: "max.message.bytes", operation: "set", value: "2000" }]);
    const producer = client.producer({ batchSizeBytes: 16_000 });
    const records = numbered(1_000, 0);
    const metadata = await producer.sendAll(records);
    expect(metadata.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
    const tooLarge = producer.send({ topic, partition: 0, value: "x".repeat(3_000) });
    await expect(tooLarge).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    await producer.send({ topic, partition: 0, value: "1000" });
    expect(await valuesOf(0)).toEqual([...records.map(({ value }) => value), "1000"]);
    await producer.close();
  });

  it("tells of records without a callback in flush, once", async () => {
    const producer = client.producer();
    producer.enqueue({ topic, partition: 7 });
    producer.enqueue({ topic, partition: 0, value: "good" });
    await expect(producer.flush()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await producer.flush();
    expect(await valuesOf(0)).toEqual(["good"]);
    await producer.close();
  });

  it("waits for room when the buffer is full", async () => {
    const producer = client.producer({ bufferMemoryBytes: 10_000, batchSizeBytes: 1_000, lingerMs: 50 });
    let waits = 0;
    for (const record of numbered(2_000, 0)) {
      const room = producer.ready();
      if (room) {
        waits++;
        await room;
      }
      producer.enqueue({ ...record, key: "x".repeat(100) });
    }
    await producer.flush();
    expect(waits).toBeGreaterThan(10);
    const sent = await producer.sendAll(numbered(300, 0).map((record) => ({ ...record, key: "x".repeat(100) })));
    expect(sent.at(-1)?.offset).toBe(2_299);
    await producer.close();
  });

  it("flushes what waits for room too, and sends it before it closes", async () => {
    const open = (): Producer => client.producer({ bufferMemoryBytes: 1_000, batchSizeBytes: 500, lingerMs: 50 });
    const flushed = open();
    const closed = open();
    let acknowledged = 0;
    const send = (producer: Producer): Promise<void>[] =>
      numbered(50, 0).map(async (record) => {
        await producer.send({ ...record, key: "x".repeat(100) });
        acknowledged++;
      });
    const first = send(flushed);
    await flushed.flush();
    expect(acknowledged).toBe(50);
    const second = send(closed);
    await closed.close();
    expect(acknowledged).toBe(100);
    await Promise.all([...first, ...second]);
    await flushed.close();
  });

  it("keeps the order when the buffer is full before the topic is known", async () => {
    const fresh = cluster.connect();
    const sent = await fresh.producer({ bufferMemoryBytes: 10_000, batchSizeBytes: 1_000 }).sendAll(numbered(1_000, 0));
    expect(sent.map(({ offset }) => offset)).toEqual(sent.map((_, i) => i));
    expect(await valuesOf(0)).toEqual(numbered(1_000).map(({ value }) => value));
    await fresh.close();
  });

  it("says what is missing when a topic does not exist", async () => {
    const producer = client.producer({ maxBlockMs: 300 });
    // Brokers may create what is asked for, but not under this name.
    const sent = producer.send({ topic: `${topic} `, value: "x" });
    await expect(sent).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_TOPIC_EXCEPTION|TIMEOUT/) });
    await producer.close();
  });

  it("sends what is left when it is closed, and takes nothing afterwards", async () => {
    const producer: Producer = client.producer({ lingerMs: 60_000 });
    expect(producer).toBeInstanceOf(Producer);
    const sent = producer.send({ topic, partition: 0, value: "last" });
    const closed = producer.close();
    await expect(producer.send({ topic, value: "late" })).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => producer.enqueue({ topic, value: "late" })).toThrow("closed");
    expect(await sent).toMatchObject({ offset: 0 });
    await closed;
    await producer.close();
  });

  it("refuses options that contradict each other", () => {
    const refused = { code: "INVALID_ARGUMENT" };
    const attempt = (options: object) => () => client.producer(options);
    expect(attempt({ transactionalId: "" })).toThrow(expect.objectContaining(refused));
    expect(attempt({ transactionalId: "t", acks: 1 })).toThrow(expect.objectContaining(refused));
    expect(attempt({ idempotent: true, acks: 1 })).toThrow(expect.objectContaining(refused));
    expect(attempt({ maxInFlight: 6 })).toThrow(expect.objectContaining(refused));
    expect(attempt({ maxInFlight: 0, idempotent: false })).toThrow(expect.objectContaining(refused));
  });
});
