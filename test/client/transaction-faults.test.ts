import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Client, ConsumerRecord, Producer } from "../../src/client/index.ts";
import { addOffsetsToTxn } from "../../src/protocol/apis/add-offsets-to-txn.ts";
import { addPartitionsToTxn } from "../../src/protocol/apis/add-partitions-to-txn.ts";
import { apiVersions } from "../../src/protocol/apis/api-versions.ts";
import { endTxn } from "../../src/protocol/apis/end-txn.ts";
import { findCoordinator } from "../../src/protocol/apis/find-coordinator.ts";
import { initProducerId } from "../../src/protocol/apis/init-producer-id.ts";
import { produce } from "../../src/protocol/apis/produce.ts";
import { txnOffsetCommit } from "../../src/protocol/apis/txn-offset-commit.ts";
import { errorCodes } from "../../src/protocol/errors.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { createTopic, readAll, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { connectionFaults, FaultyNetwork } from "../support/faulty-network.ts";

let cluster: TestCluster;
let topic: string;
let groupId: string;
let transactionalId: string;
let network: FaultyNetwork;
let client: Client;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("faults");
  groupId = cluster.unique("group");
  transactionalId = cluster.unique("producer");
  await createTopic(cluster.client, topic, 2);
  network = new FaultyNetwork();
});

/** "classic" (KIP-98): the client does not see that the cluster speaks the newer protocol (KIP-890). */
const protocols = ["classic", "v2"] as const;
type Protocol = (typeof protocols)[number];

function connect(protocol: Protocol = "v2"): Client {
  if (protocol === "classic") network.rewrite(apiVersions, (response) => ({ ...response, finalizedFeatures: [] }));
  const options = { retryBackoffMs: 5, retryBackoffMaxMs: 20, requestTimeoutMs: 200 };
  client = cluster.connect({ platform: network.platform, ...options });
  return client;
}

async function start(protocol: Protocol): Promise<Producer> {
  const producer = connect(protocol).producer({ transactionalId, lingerMs: 0, batchSizeBytes: 100 });
  await producer.initTransactions();
  return producer;
}

/** Three batches in each partition, and an offset. */
async function fill(producer: Producer, value: string, offset: number): Promise<void> {
  for (let i = 0; i < 6; i++) producer.enqueue({ topic, partition: i % 2, value: `${value}${i}`.padEnd(60, " ") });
  const group = { groupId, generationId: -1, memberId: "", groupInstanceId: null };
  await producer.sendOffsetsToTransaction([{ topic, partition: 0, offset }], group);
}

function expected(...transactions: string[]): string[][] {
  return [0, 1].map((partition) =>
    transactions.flatMap((value) => [0, 2, 4].map((index) => `${value}${index + partition}`)),
  );
}

function byPartition(records: readonly ConsumerRecord[]): string[][] {
  const of = (partition: number): string[] =>
    records.filter((record) => record.partition === partition).map(({ value }) => text(value).trim());
  return [of(0), of(1)];
}

async function committedOffset(): Promise<number | undefined> {
  const offsets = await cluster.client.admin().listConsumerGroupOffsets(groupId, { requireStable: true });
  return offsets[0]?.offset;
}

const steps: readonly (readonly [string, Api, number, readonly Protocol[]])[] = [
  ["finding the transaction coordinator", findCoordinator, 1, protocols],
  ["InitProducerId", initProducerId, 1, protocols],
  ["AddPartitionsToTxn", addPartitionsToTxn, 1, ["classic"]],
  ["the first Produce", produce, 1, protocols],
  ["the second Produce", produce, 2, protocols],
  ["the third Produce", produce, 3, protocols],
  ["AddOffsetsToTxn", addOffsetsToTxn, 1, ["classic"]],
  ["finding the group coordinator", findCoordinator, 2, protocols],
  ["TxnOffsetCommit", txnOffsetCommit, 1, protocols],
  ["EndTxn", endTxn, 1, protocols],
  ["the second EndTxn", endTxn, 2, protocols],
];

describe.each(protocols)("a transaction by the %s protocol survives", (protocol) => {
  describe.each(connectionFaults)("the network: %s", (fault) => {
    const cases = steps.filter(([, , , by]) => by.includes(protocol));

    it.each(cases)("at %s, when it commits", async (_, api, nth) => {
      network.at(api, nth, fault);
      const producer = await start(protocol);
      for (const [i, value] of ["a", "b", "c"].entries()) {
        producer.beginTransaction();
        await fill(producer, value, i + 1);
        await producer.commitTransaction();
      }
      expect(network.hits).toBe(1);
      expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected("a", "b", "c"));
      expect(await committedOffset()).toBe(3);
      await client.close();
    });

    // Silence takes its time, and is no different here.
    it.each(fault === "silence" ? [] : cases)("at %s, when it aborts", async (_, api, nth) => {
      network.at(api, nth, fault);
      const producer = await start(protocol);
      producer.beginTransaction();
      await fill(producer, "x", 1);
      await producer.abortTransaction();
      producer.beginTransaction();
      await fill(producer, "a", 2);
      await producer.commitTransaction();
      producer.beginTransaction();
      await fill(producer, "y", 3);
      await producer.abortTransaction();
      expect(network.hits).toBe(1);
      expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected("a"));
      expect(await committedOffset()).toBe(2);
      await client.close();
    });
  });

  it("connections that break all the time", async () => {
    const producer = await start(protocol);
    const timer = setInterval(() => {
      network.down();
      network.up();
    }, 15);
    const values = Array.from({ length: 10 }, (_, i) => `${i}.`);
    for (const [i, value] of values.entries()) {
      producer.beginTransaction();
      await fill(producer, value, i + 1);
      if (i % 3 === 2) await producer.abortTransaction();
      else await producer.commitTransaction();
    }
    clearInterval(timer);
    const committed = values.filter((_, i) => i % 3 !== 2);
    expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected(...committed));
    expect(await committedOffset()).toBe(10);
    await client.close();
  });

  it.each(["COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "CONCURRENT_TRANSACTIONS"] as const)(
    "a coordinator that answers %s at first",
    async (error) => {
      const refuseOnce = (api: typeof initProducerId | typeof endTxn): void => {
        let answers = 0;
        network.rewrite(api as typeof endTxn, (response) =>
          answers++ % 2 === 0
            ? { ...response, errorCode: errorCodes[error], producerId: -1, producerEpoch: -1 }
            : undefined,
        );
      };
      refuseOnce(initProducerId);
      refuseOnce(endTxn);
      const producer = await start(protocol);
      for (const value of ["a", "b"]) {
        producer.beginTransaction();
        await fill(producer, value, 1);
        await producer.commitTransaction();
      }
      expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected("a", "b"));
      await client.close();
    },
  );

  it("a batch that is refused: it is aborted whole, and the next one is whole", async () => {
    const producer = await start(protocol);
    let answers = 0;
    network.rewrite(produce, (response) => {
      if (++answers !== 2) return undefined;
      const responses = response.responses.map((each) => ({
        ...each,
        partitionResponses: each.partitionResponses.map((partition) => ({
          ...partition,
          errorCode: errorCodes.INVALID_RECORD,
        })),
      }));
      return { ...response, responses };
    });
    producer.beginTransaction();
    await fill(producer, "torn", 1).catch(() => {});
    const committed = producer.commitTransaction();
    await expect(committed).rejects.toMatchObject({ code: "INVALID_RECORD", abortable: true, fatal: false });
    await producer.abortTransaction();
    producer.beginTransaction();
    await fill(producer, "whole", 2);
    await producer.commitTransaction();
    expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected("whole"));
    expect(await committedOffset()).toBe(2);
    await client.close();
  });
});

describe("a transaction by the classic protocol of which it is not known whether it has begun", () => {
  const group = { groupId: "readers", generationId: -1, memberId: "", groupInstanceId: null };

  /** Aborts it: then the coordinator has nothing open, and refuses what may still come; and the producer goes on. */
  async function expectToEnd(producer: Producer, epochBefore: number): Promise<void> {
    await producer.abortTransaction();
    const [found] = await cluster.client.admin().describeTransactions([transactionalId]);
    expect(found?.state).not.toBe("Ongoing");
    expect(found?.producerEpoch).toBeGreaterThan(epochBefore);
    await producer.transaction((tx) => fill(tx, "next", 1));
    expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected("next"));
    await client.close();
  }

  async function epoch(): Promise<number> {
    const [found] = await cluster.client.admin().describeTransactions([transactionalId]);
    return found?.producerEpoch ?? -1;
  }

  describe.each(["is its first", "follows one that was committed"])("%s", (place) => {
    it.each(["lose request", "lose answer"] as const)("%s of AddOffsetsToTxn, time after time", async (fault) => {
      const producer = connect("classic").producer({ transactionalId, maxBlockMs: 300 });
      await producer.initTransactions();
      if (place !== "is its first") {
        await producer.transaction((tx) => tx.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], group));
      }
      const before = await epoch();
      let isFaulty = true;
      const strike = (): void => {
        if (isFaulty) network.at(addOffsetsToTxn, 1, fault, strike);
      };
      strike();
      producer.beginTransaction();
      const sent = producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 2 }], group);
      await expect(sent).rejects.toMatchObject({ code: "TIMEOUT", abortable: true });
      isFaulty = false;
      await expectToEnd(producer, before);
    });

    it("AddPartitionsToTxn, whose answer is lost and which is then refused", async () => {
      const producer = await start("classic");
      if (place !== "is its first") {
        await producer.transaction((tx) => tx.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], group));
      }
      const before = await epoch();
      network.at(addPartitionsToTxn, 1, "lose answer");
      network.rewrite(addPartitionsToTxn, (response) => ({
        ...response,
        resultsByTopicV3AndBelow: response.resultsByTopicV3AndBelow.map((each) => ({
          ...each,
          resultsByPartition: each.resultsByPartition.map((result) => ({
            ...result,
            partitionErrorCode: errorCodes.TOPIC_AUTHORIZATION_FAILED,
          })),
        })),
      }));
      producer.beginTransaction();
      const sent = producer.send({ topic, partition: 0, value: "refused" });
      await expect(sent).rejects.toMatchObject({ code: "TOPIC_AUTHORIZATION_FAILED", abortable: true });
      network.rewrite(addPartitionsToTxn, () => undefined);
      await expectToEnd(producer, before);
    });
  });
});

it("gives a member's offsets to no broker that is too old to look who commits them (KIP-447)", async () => {
  network.rewrite(apiVersions, (response) => ({
    ...response,
    finalizedFeatures: [],
    apiKeys: response.apiKeys.map((api) => (api.apiKey === txnOffsetCommit.key ? { ...api, maxVersion: 2 } : api)),
  }));
  const producer = connect().producer({ transactionalId });
  await producer.initTransactions();
  const outsider = { groupId, generationId: -1, memberId: "", groupInstanceId: null };
  const offsets = [{ topic, partition: 0, offset: 7 }];
  await producer.transaction((tx) => tx.sendOffsetsToTransaction(offsets, outsider));
  const zombie = { ...outsider, generationId: 3, memberId: "zombie" };
  await expect(
    producer.transaction((tx) => tx.sendOffsetsToTransaction([{ topic, partition: 0, offset: 5 }], zombie)),
  ).rejects.toMatchObject({ code: "UNSUPPORTED_VERSION", fatal: true });
  await client.close();
  expect(await cluster.client.admin().listConsumerGroupOffsets(groupId)).toMatchObject(offsets);
});

describe("a producer whose cluster goes over to the newer protocol", () => {
  const sent = (api: Api): number => network.sent.get(api.key) ?? 0;

  /** The client finds out. */
  async function upgrade(): Promise<void> {
    network.rewrite(apiVersions, () => undefined);
    network.down();
    network.up();
    const asked = sent(apiVersions);
    await client.admin().listTopics();
    expect(sent(apiVersions)).toBeGreaterThan(asked);
  }

  /** Runs a transaction. Only classic ones have partitions added. */
  async function protocolOf(producer: Producer, value: string, offset: number): Promise<Protocol> {
    const added = sent(addPartitionsToTxn);
    await producer.transaction((tx) => fill(tx, value, offset));
    return sent(addPartitionsToTxn) > added ? "classic" : "v2";
  }

  // A marker of the epoch before may not be written yet: records at the same epoch would join its transaction.
  it("between two transactions: it takes a new epoch before its first one without AddPartitionsToTxn", async () => {
    const producer = await start("classic");
    expect(await protocolOf(producer, "a", 1)).toBe("classic");
    await upgrade();
    const before = sent(initProducerId);
    expect(await protocolOf(producer, "b", 2)).toBe("classic");
    const after = sent(initProducerId);
    expect(after).toBeGreaterThan(before);
    for (const value of ["c", "d"]) expect(await protocolOf(producer, value, 3)).toBe("v2");
    expect(sent(initProducerId)).toBe(after);
    expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected("a", "b", "c", "d"));
    await client.close();
  });

  it.each(["commitTransaction", "abortTransaction"] as const)(
    "in the middle of one: %s gets a new epoch",
    async (end) => {
      const producer = await start("classic");
      producer.beginTransaction();
      await fill(producer, "a", 1);
      await producer.flush();
      await upgrade();
      const before = sent(initProducerId);
      await producer[end]();
      expect(sent(initProducerId)).toBeGreaterThan(before);
      expect(await protocolOf(producer, "b", 2)).toBe("v2");
      const values = end === "commitTransaction" ? ["a", "b"] : ["b"];
      expect(byPartition(await readAll(cluster.client, topic))).toEqual(expected(...values));
      await client.close();
    },
  );

  it("before its first transaction: it keeps its epoch", async () => {
    const producer = await start("classic");
    producer.beginTransaction();
    await producer.commitTransaction();
    await upgrade();
    const before = sent(initProducerId);
    expect(await protocolOf(producer, "a", 1)).toBe("v2");
    expect(sent(initProducerId)).toBe(before);
    await client.close();
  });

  it("not at all: it keeps its epoch from one classic transaction to the next", async () => {
    const producer = await start("classic");
    const before = sent(initProducerId);
    for (const value of ["a", "b"]) expect(await protocolOf(producer, value, 1)).toBe("classic");
    expect(sent(initProducerId)).toBe(before);
    await client.close();
  });
});

describe("late requests of a transaction", () => {
  it("a Produce that arrives after the abort is refused", async () => {
    const producer = await start("v2");
    producer.beginTransaction();
    await producer.send({ topic, partition: 1, value: "kept open" });
    network.at(produce, 1, "hold");
    producer.enqueue({ topic, partition: 0, value: "late" });
    await until(() => network.hits === 1);
    // The client gives the request up after its timeout, and goes on.
    await producer.abortTransaction();
    network.release();
    await producer.transaction(async (tx) => {
      await tx.send({ topic, partition: 0, value: "next" });
    });
    expect(byPartition(await readAll(cluster.client, topic))).toEqual([["next"], []]);
    await client.close();
  });

  it("a commit whose outcome is not known for long can be asked for again", async () => {
    const slow = connect().producer({ transactionalId, maxBlockMs: 400 });
    await slow.initTransactions();
    slow.beginTransaction();
    await slow.send({ topic, partition: 0, value: "once" });
    network.down();
    await expect(slow.commitTransaction()).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(() => slow.beginTransaction()).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    await expect(slow.abortTransaction()).rejects.toMatchObject({ code: "INVALID_STATE" });
    network.up();
    await slow.commitTransaction();
    await slow.transaction(async (tx) => {
      await tx.send({ topic, partition: 0, value: "twice" });
    });
    expect(byPartition(await readAll(cluster.client, topic))).toEqual([["once", "twice"], []]);
    await client.close();
  });

  it("a commit that was carried out and whose producer died counts", async () => {
    const producer = await start("v2");
    network.at(endTxn, 1, "lose answer", () => network.down());
    producer.beginTransaction();
    await producer.send({ topic, partition: 0, value: "committed" });
    const lost = producer.commitTransaction();
    lost.catch(() => {});
    await until(() => network.hits === 1);
    const next = cluster.client.producer({ transactionalId });
    await next.initTransactions();
    await next.transaction(async (tx) => {
      await tx.send({ topic, partition: 0, value: "next" });
    });
    network.up();
    // The coordinator knows that it is about a transaction of before.
    await expect(lost).rejects.toMatchObject({ name: "FencedError", fatal: true });
    expect(byPartition(await readAll(cluster.client, topic))).toEqual([["committed", "next"], []]);
    await Promise.all([client.close(), next.close()]);
  });
});

it("a producer that cannot settle its transaction for a bug lets go of everything all the same", async () => {
  let bug: Error | undefined;
  const { connect } = network.platform.network;
  const faulty = {
    ...network.platform.network,
    connect: (to: Parameters<typeof connect>[0]) => (bug ? Promise.reject(bug) : connect(to)),
  };
  client = cluster.connect({ platform: { ...network.platform, network: faulty } });
  const producer = client.producer({ transactionalId });
  await producer.initTransactions();
  producer.beginTransaction();
  await producer.send({ topic, value: "a" });
  bug = new TypeError("a bug");
  network.down();
  await expect(producer.close()).rejects.toBe(bug);
  // Would ask the producer to close, which would throw again.
  await client.close();
});
