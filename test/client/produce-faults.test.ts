import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/index.ts";
import { initProducerId } from "../../src/protocol/apis/init-producer-id.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { produce } from "../../src/protocol/apis/produce.ts";
import { type ErrorName, errorCodes } from "../../src/protocol/errors.ts";
import type { ResponseOf } from "../../src/protocol/schema.ts";
import { createTopic, readAll, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { connectionFaults, FaultyNetwork } from "../support/faulty-network.ts";

let cluster: TestCluster;
let topic: string;
let network: FaultyNetwork;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("faults");
  await createTopic(cluster.client, topic, 2);
  network = new FaultyNetwork();
});

function connect(): Client {
  return cluster.connect({
    platform: network.platform,
    retryBackoffMs: 5,
    retryBackoffMaxMs: 20,
    requestTimeoutMs: 200,
  });
}

/** Forty batches in two partitions, while `fault` strikes. The producer has written before, so that five are in flight. */
async function produceUnder(fault: () => void): Promise<void> {
  const client = connect();
  const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
  await Promise.all([0, 1].map((partition) => producer.send({ topic, partition, value: "first" })));
  fault();
  const sends = Array.from({ length: 40 }, (_, i) => producer.send({ topic, partition: i % 2, value: number(i) }));
  const offsets = (await Promise.all(sends)).map(({ offset }) => offset);
  // -1: the broker has forgotten where.
  for (const [i, offset] of offsets.entries()) expect([-1, 1 + Math.floor(i / 2)]).toContain(offset);
  await client.close();
}

/** As wide as a batch. */
function number(i: number): string {
  return `${i}`.padStart(60, " ");
}

/** Makes the answer an error: about all batches, or about the one at `offset`. */
function withError(
  response: ResponseOf<typeof produce>,
  error: ErrorName,
  offset?: number,
): ResponseOf<typeof produce> {
  const responses = response.responses.map((each) => ({
    ...each,
    partitionResponses: each.partitionResponses.map((partition) =>
      offset === undefined || partition.baseOffset === offset
        ? { ...partition, errorCode: errorCodes[error], baseOffset: -1 }
        : partition,
    ),
  }));
  return { ...response, responses };
}

async function expectOnceAndInOrder(): Promise<void> {
  const records = await readAll(cluster.client, topic);
  for (const partition of [0, 1]) {
    const values = records.filter((record) => record.partition === partition).map(({ value }) => text(value).trim());
    expect(values).toEqual(["first", ...Array.from({ length: 20 }, (_, i) => `${2 * i + partition}`)]);
  }
}

describe("an idempotent producer with five requests in flight stores each record once, in order, when", () => {
  describe.each(connectionFaults)("the network: %s", (fault) => {
    it.each([1, 2, 3, 5, 6, 11])("at the Produce request number %d", async (nth) => {
      await produceUnder(() => network.at(produce, nth, fault));
      expect(network.hits).toBe(1);
      await expectOnceAndInOrder();
    });
  });

  it("every third answer is lost", async () => {
    await produceUnder(() => {
      let answers = 0;
      network.rewrite(produce, () => {
        if (++answers % 3 === 0) network.at(produce, 1, "lose answer");
        return undefined;
      });
      network.at(produce, 2, "lose answer");
    });
    expect(network.hits).toBeGreaterThan(3);
    await expectOnceAndInOrder();
  });

  it.each([
    // Written, and said not to be sure.
    "REQUEST_TIMED_OUT",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    "KAFKA_STORAGE_ERROR",
    "NOT_LEADER_OR_FOLLOWER",
    "CORRUPT_MESSAGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
  ] as const)("some answers are %s although the records were written", async (error: ErrorName) => {
    await produceUnder(() => {
      let answers = 0;
      network.rewrite(produce, (response) => {
        if (++answers % 4 !== 1 || answers > 12) return undefined;
        return withError(response, error);
      });
    });
    await expectOnceAndInOrder();
  });

  it("nothing is sure about one batch, again and again, while those behind it are acknowledged", async () => {
    await produceUnder(() => {
      let answers = 0;
      network.rewrite(produce, (response) =>
        ++answers <= 12 ? withError(response, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", 1) : undefined,
      );
    });
    await expectOnceAndInOrder();
  });

  it("the network is down for a while", async () => {
    await produceUnder(() => {
      let answers = 0;
      network.rewrite(produce, () => {
        if (++answers === 3) {
          network.down();
          setTimeout(() => network.up(), 100);
        }
        return undefined;
      });
    });
    await expectOnceAndInOrder();
  });
});

describe("a batch that was stored, which its answer did not say, is refused when it is sent again:", () => {
  /** All batches are stored, and said not to be sure; the first one's second answer is `error`. */
  async function produceUnsure(batches: readonly string[][], error: ErrorName): Promise<string[]> {
    const client = connect();
    const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
    await producer.send({ topic, partition: 0, value: "first" });
    let answers = 0;
    network.rewrite(produce, (response) => {
      if (++answers <= batches.length) return withError(response, "REQUEST_TIMED_OUT");
      return answers === batches.length + 1 ? withError(response, error) : undefined;
    });
    const values = [...batches.flat(), "next"];
    const sends = batches.map((batch) => producer.sendAll(batch.map((value) => ({ topic, partition: 0, value }))));
    const [refused, ...others] = await Promise.allSettled(sends);
    expect(refused).toMatchObject({ status: "rejected", reason: { code: error } });
    for (const each of others) expect(each.status).toBe("fulfilled");
    const { offset } = await producer.send({ topic, partition: 0, value: "next" });
    expect(offset).toBe(values.length);
    await client.close();
    return ["first", ...values];
  }

  async function stored(): Promise<string[]> {
    return (await readAll(cluster.client, topic)).map(({ value }) => text(value));
  }

  it.each(["INVALID_TIMESTAMP", "TOPIC_AUTHORIZATION_FAILED", "MESSAGE_TOO_LARGE"] as const)(
    "%s, and its numbers are not given to the next one",
    async (error) => {
      const values = await produceUnsure([[number(1)]], error);
      expect(await stored()).toEqual(values);
    },
  );

  it("the one behind it, of which the same is true, is not stored a second time", async () => {
    const values = await produceUnsure([[number(1)], [number(2)]], "INVALID_TIMESTAMP");
    expect(await stored()).toEqual(values);
  });

  it("its halves are not stored behind it", async () => {
    const values = await produceUnsure([["a", "b"]], "MESSAGE_TOO_LARGE");
    expect(await stored()).toEqual(values);
  });
});

it("a batch that may be in the log keeps its numbers when the one behind it is refused", async () => {
  const client = connect();
  const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
  await producer.send({ topic, partition: 0, value: "first" });
  let isSure = false;
  network.rewrite(produce, (response) => {
    if (isSure) return undefined;
    isSure = true;
    return withError(response, "REQUEST_TIMED_OUT");
  });
  const tomorrow = Date.now() + 2 * 86_400_000;
  const [a, b, c] = await Promise.allSettled([
    producer.send({ topic, partition: 0, value: number(1) }),
    producer.send({ topic, partition: 0, value: number(2), timestamp: tomorrow }),
    producer.send({ topic, partition: 0, value: number(3) }),
  ]);
  expect(a).toMatchObject({ status: "fulfilled", value: { offset: 1 } });
  expect(b).toMatchObject({ status: "rejected", reason: { code: "INVALID_TIMESTAMP" } });
  expect(c).toMatchObject({ status: "fulfilled", value: { offset: 2 } });
  expect((await readAll(cluster.client, topic)).map(({ value }) => text(value))).toEqual([
    "first",
    number(1),
    number(3),
  ]);
  await client.close();
});

it("a topic made anew, whose log knows no producer, gets the records in the order in which they were given", async () => {
  const client = connect();
  const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
  await producer.send({ topic, partition: 0, value: "first" });
  const aRoundTrip = async (): Promise<void> => {
    const other = cluster.unique("other");
    await createTopic(cluster.client, other, 1);
    // Reads the metadata of all topics that are known.
    await producer.partitionsFor(other);
  };
  network.at(produce, 1, "hold");
  const a = producer.send({ topic, partition: 0, value: number(1) });
  await aRoundTrip();
  expect(network.hits).toBe(1);
  await cluster.client.admin().deleteTopics([topic]);
  await createTopic(cluster.client, topic, 2);
  await aRoundTrip();
  const b = producer.send({ topic, partition: 0, value: number(2) });
  await aRoundTrip();
  network.release();
  expect(await Promise.allSettled([a, b])).toMatchObject([
    { status: "fulfilled", value: { offset: 0 } },
    { status: "fulfilled", value: { offset: 1 } },
  ]);
  expect((await readAll(cluster.client, topic)).map(({ value }) => text(value))).toEqual([number(1), number(2)]);
  await client.close();
});

/** From now on metadata tell of a second broker, at the same address, which leads all partitions. */
function moveLeaders(): void {
  network.rewrite(metadata, (response) => {
    const [first] = response.brokers;
    if (!first) return undefined;
    const nodeId = first.nodeId + 1;
    const topics = response.topics.map((each) => ({
      ...each,
      partitions: each.partitions.map((partition) => ({
        ...partition,
        leaderId: nodeId,
        leaderEpoch: partition.leaderEpoch + 1,
      })),
    }));
    return { ...response, brokers: [first, { ...first, nodeId }], topics };
  });
}

it("with one request in flight and without idempotence, a new leader gets nothing before the old one's answer", async () => {
  const client = connect();
  const producer = client.producer({ idempotent: false, maxInFlight: 1, lingerMs: 0 });
  await producer.send({ topic, partition: 0, value: "first" });
  network.at(produce, 1, "hold");
  const a = producer.send({ topic, partition: 0, value: "a" });
  await until(() => network.hits === 1);
  moveLeaders();
  const other = cluster.unique("other");
  await createTopic(cluster.client, other, 1);
  // Reads the metadata of all topics that are known.
  await producer.partitionsFor(other);
  const b = producer.send({ topic, partition: 0, value: "b" });
  // A round trip to the new leader.
  await producer.send({ topic: other, partition: 0, value: "other" });
  network.release();
  await Promise.all([a, b]);
  expect((await readAll(cluster.client, topic)).map(({ value }) => text(value))).toEqual(["first", "a", "b"]);
  await client.close();
});

describe("with acks 0", () => {
  it("the buffer holds what the system has not taken yet", async () => {
    const client = connect();
    const producer = client.producer({ acks: 0, lingerMs: 0, bufferMemoryBytes: 1_000 });
    await producer.send({ topic, partition: 0, value: "first" });
    network.at(produce, 1, "hold");
    for (let i = 0; i < 2; i++) producer.enqueue({ topic, partition: 0, value: "x".repeat(1_000) });
    let isFlushed = false;
    const flushed = producer.flush().then(() => {
      isFlushed = true;
    });
    await until(() => network.hits === 1);
    expect(producer.ready()).toBeInstanceOf(Promise);
    expect(isFlushed).toBe(false);
    network.release();
    await flushed;
    expect(producer.ready()).toBeUndefined();
    await until(async () => (await readAll(cluster.client, topic)).length === 3);
    await client.close();
  });

  it("what a lost connection did not take goes out again", async () => {
    const client = connect();
    const producer = client.producer({ acks: 0, lingerMs: 0 });
    await producer.send({ topic, partition: 0, value: "first" });
    network.at(produce, 1, "silence");
    await producer.send({ topic, partition: 0, value: "second" });
    expect(network.hits).toBe(1);
    await until(async () => (await readAll(cluster.client, topic)).length === 2);
    await client.close();
  });
});

describe("a producer begins its work all the same when", () => {
  it.each(
    [metadata, initProducerId].flatMap((api) => connectionFaults.map((fault) => [api.name, fault, api] as const)),
  )("at its first %s request: %s", async (_, fault, api) => {
    network.at(api, 1, fault);
    const client = connect();
    const producer = client.producer();
    await Promise.all([0, 1].map((partition) => producer.send({ topic, partition, value: "first" })));
    expect(network.hits).toBe(1);
    expect(await readAll(cluster.client, topic)).toHaveLength(2);
    await client.close();
  });

  it.each(connectionFaults)("at the very first Produce request to a partition: %s", async (fault) => {
    network.at(produce, 1, fault);
    const client = connect();
    const producer = client.producer({ lingerMs: 0, batchSizeBytes: 100 });
    await producer.sendAll(Array.from({ length: 10 }, (_, i) => ({ topic, partition: 0, value: number(i) })));
    expect(network.hits).toBe(1);
    const records = await readAll(cluster.client, topic);
    expect(records.map(({ value }) => Number(text(value)))).toEqual([...Array(10).keys()]);
    await client.close();
  });
});
