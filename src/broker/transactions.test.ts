import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  batchOf,
  type ProduceOptions,
  type RawProducer,
  RawSession,
  type RawTopic,
} from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import { addPartitionsToTxn } from "../protocol/apis/add-partitions-to-txn.ts";
import { describeProducers } from "../protocol/apis/describe-producers.ts";
import { describeTransactions } from "../protocol/apis/describe-transactions.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { listTransactions } from "../protocol/apis/list-transactions.ts";
import { produce } from "../protocol/apis/produce.ts";
import { txnOffsetCommit } from "../protocol/apis/txn-offset-commit.ts";
import { writeTxnMarkers } from "../protocol/apis/write-txn-markers.ts";
import { errorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";

let broker: Broker;
let session: RawSession;
let names = 0;

beforeAll(async () => {
  broker = await Broker.start();
  session = await RawSession.open(broker.address);
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

function newTopic(partitions = 1): Promise<RawTopic> {
  return session.createTopic(`topic-${names++}`, partitions);
}

function newId(): string {
  return `id-${names++}`;
}

/** The version of Produce is that of the classic protocol. */
const CLASSIC = 11;

/** The marker may come a moment after the answer to EndTxn. */
async function untilDecided(topic: RawTopic, endOffset: number, partition = 0): Promise<void> {
  await until(async () => (await session.endOffset(topic, "read_committed", partition)) === endOffset);
}

describe("transactions v2", () => {
  it("a committed transaction is seen once it is committed, with a marker in each partition", async () => {
    const topic = await newTopic(2);
    const id = newId();
    const producer = await session.newTransactional(id);
    const options = { producer, transactionalId: id };
    expect(await session.produce(topic, ["a", "b"], options)).toEqual({ error: "NONE", baseOffset: 0 });
    expect(await session.produce(topic, ["c"], { ...options, sequence: 2 })).toEqual({ error: "NONE", baseOffset: 2 });
    expect(await session.produce(topic, ["d"], { ...options, partition: 1 })).toEqual({ error: "NONE", baseOffset: 0 });
    expect(await session.fetch(topic, { isolation: "read_committed" })).toMatchObject({
      records: [],
      aborted: [],
      highWatermark: 3,
      lastStableOffset: 0,
    });
    expect((await session.fetch(topic)).records).toEqual(["0:a", "1:b", "2:c"]);

    const next = await session.endTransaction(id, producer, "commit");
    expect(next).toEqual({ error: "NONE", producerId: producer.producerId, producerEpoch: 1 });
    await untilDecided(topic, 4);
    await untilDecided(topic, 2, 1);
    const first = await session.fetch(topic, { isolation: "read_committed" });
    expect(first).toMatchObject({ records: ["0:a", "1:b", "2:c", "3:commit"], aborted: [], lastStableOffset: 4 });
    const second = await session.fetch(topic, { isolation: "read_committed", partition: 1 });
    expect(second.records).toEqual(["0:d", "1:commit"]);
  });

  it("an aborted transaction is listed for read_committed, and not for read_uncommitted", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["before"]);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    await session.produce(topic, ["after"]);
    await session.endTransaction(id, producer, "abort");
    await untilDecided(topic, 4);
    const { producerId } = producer;
    expect(await session.fetch(topic, { isolation: "read_committed" })).toMatchObject({
      records: ["0:before", "1:a", "2:after", "3:abort"],
      aborted: [{ producerId, firstOffset: 1 }],
    });
    expect((await session.fetch(topic)).aborted).toBeNull();
    // Behind the transaction's end, it does not concern a reader any more.
    expect((await session.fetch(topic, { isolation: "read_committed", offset: 4 })).aborted).toEqual([]);
  });

  it("each transaction has the next epoch, and its sequences begin anew", async () => {
    const topic = await newTopic();
    const id = newId();
    let producer: RawProducer = await session.newTransactional(id);
    for (let epoch = 0; epoch < 5; epoch++) {
      expect(producer.producerEpoch).toBe(epoch);
      const { error } = await session.produce(topic, [`${epoch}`], { producer, transactionalId: id });
      expect(error).toBe("NONE");
      producer = await session.endTransaction(id, producer, "commit");
    }
    await untilDecided(topic, 10);
    expect(await session.readCommitted(topic)).toEqual(["0", "1", "2", "3", "4"]);
  });

  it("a Produce of an ended transaction comes too late: nothing is appended (KIP-890)", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    await session.endTransaction(id, producer, "abort");
    await untilDecided(topic, 2);
    const late = await session.produce(topic, ["b"], { producer, transactionalId: id, sequence: 1 });
    expect(late.error).toBe("INVALID_PRODUCER_EPOCH");
    expect(await session.endOffset(topic, "read_committed")).toBe(2);
    expect(await session.endOffset(topic, "read_uncommitted")).toBe(2);
  });

  it("a Produce of an ended transaction in a partition that it never wrote to comes too late as well", async () => {
    const topic = await newTopic(2);
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    await session.endTransaction(id, producer, "commit");
    const late = await session.produce(topic, ["b"], { producer, transactionalId: id, partition: 1 });
    expect(late.error).toBe("INVALID_PRODUCER_EPOCH");
    expect(await session.endOffset(topic, "read_uncommitted", 1)).toBe(0);
  });

  it("Produce and EndTxn sent at once, then a late Produce: the log is never torn", async () => {
    const topic = await newTopic(4);
    const id = newId();
    let producer: RawProducer = await session.newTransactional(id);
    const late = await RawSession.open(broker.address);
    for (let round = 0; round < 20; round++) {
      const options = { producer, transactionalId: id };
      const all = [0, 1, 2].map((partition) => session.produce(topic, [`${round}`], { ...options, partition }));
      const ended = session.endTransaction(id, producer, "commit");
      const straggler = late.produce(topic, ["late"], { ...options, partition: 3 });
      expect((await Promise.all(all)).map(({ error }) => error)).toEqual(["NONE", "NONE", "NONE"]);
      producer = await ended;
      // It came in time, and is part of the transaction, or it is refused.
      expect(["NONE", "INVALID_PRODUCER_EPOCH"]).toContain((await straggler).error);
    }
    late.close();
    for (const partition of [0, 1, 2, 3]) {
      await untilDecided(topic, await session.endOffset(topic, "read_uncommitted", partition), partition);
    }
    for (const partition of [0, 1, 2]) {
      expect(await session.readCommitted(topic, partition)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    }
    // What has no marker behind it would hold every reader back.
    const { records } = await session.fetch(topic, { partition: 3 });
    expect(records.filter((_record, i) => i % 2 === 1).every((record) => record.endsWith(":commit"))).toBe(true);
  });

  it("a lost reply to EndTxn: the retry succeeds, and tells the same epoch", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    const first = await session.endTransaction(id, producer, "commit");
    expect(await session.endTransaction(id, producer, "commit")).toEqual(first);
    expect((await session.endTransaction(id, producer, "abort")).error).toBe("INVALID_TXN_STATE");
    await untilDecided(topic, 2);
    expect((await session.fetch(topic)).records).toEqual(["0:a", "1:commit"]);
  });

  it("the next transaction begins while the last one is being completed: it waits, and nothing is refused", async () => {
    const topic = await newTopic(4);
    const id = newId();
    let producer: RawProducer = await session.newTransactional(id);
    for (let round = 0; round < 30; round++) {
      const { error } = await session.produce(topic, ["a"], { producer, transactionalId: id, partition: round % 4 });
      expect(error).toBe("NONE");
      producer = await session.endTransaction(id, producer, "commit");
      expect(producer).toMatchObject({ error: "NONE", producerEpoch: round + 1 });
    }
  });

  it("one request to many partitions begins the transaction in all of them", async () => {
    const topic = await newTopic(3);
    const id = newId();
    const producer = await session.newTransactional(id);
    const { responses } = await session.client.send(produce, 12, {
      transactionalId: id,
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: topic.name,
          partitionData: [0, 1, 2].map((index) => ({
            index,
            records: batchOf([`${index}`], { producer, transactionalId: id }),
          })),
        },
      ],
    });
    expect(responses[0]?.partitionResponses.map(({ errorCode }) => errorName(errorCode))).toEqual(
      Array(3).fill("NONE"),
    );
    await session.endTransaction(id, producer, "commit");
    for (const partition of [0, 1, 2]) {
      await untilDecided(topic, 2, partition);
      expect(await session.readCommitted(topic, partition)).toEqual([`${partition}`]);
    }
  });

  it("two producers whose aborts overlap are both listed, by first offset", async () => {
    const topic = await newTopic();
    const [idA, idB] = [newId(), newId()];
    const a = await session.newTransactional(idA);
    const b = await session.newTransactional(idB);
    await session.produce(topic, ["a"], { producer: a, transactionalId: idA });
    await session.produce(topic, ["b"], { producer: b, transactionalId: idB });
    await session.endTransaction(idB, b, "abort");
    await session.endTransaction(idA, a, "abort");
    await untilDecided(topic, 4);
    expect((await session.fetch(topic, { isolation: "read_committed" })).aborted).toEqual([
      { producerId: a.producerId, firstOffset: 0 },
      { producerId: b.producerId, firstOffset: 1 },
    ]);
  });

  it("one producer that aborts twice within one fetch is listed twice", async () => {
    const topic = await newTopic();
    const id = newId();
    let producer: RawProducer = await session.newTransactional(id);
    for (const value of ["a", "b"]) {
      await session.produce(topic, [value], { producer, transactionalId: id });
      producer = await session.endTransaction(id, producer, "abort");
    }
    await untilDecided(topic, 4);
    const { producerId } = producer;
    expect((await session.fetch(topic, { isolation: "read_committed" })).aborted).toEqual([
      { producerId, firstOffset: 0 },
      { producerId, firstOffset: 2 },
    ]);
  });

  it("the oldest open transaction holds the last stable offset back, whatever ends behind it", async () => {
    const topic = await newTopic();
    const [idA, idB] = [newId(), newId()];
    const a = await session.newTransactional(idA);
    const b = await session.newTransactional(idB);
    await session.produce(topic, ["a"], { producer: a, transactionalId: idA });
    await session.produce(topic, ["b"], { producer: b, transactionalId: idB });
    await session.endTransaction(idB, b, "commit");
    await until(async () => (await session.endOffset(topic, "read_uncommitted")) === 3);
    expect(await session.endOffset(topic, "read_committed")).toBe(0);
    await session.endTransaction(idA, a, "commit");
    await untilDecided(topic, 4);
  });

  it("a fetch at read_committed waits for the commit, not for the record", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    const reader = await RawSession.open(broker.address);
    const waiting = reader.fetch(topic, { isolation: "read_committed", maxWaitMs: 20_000 });
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    await session.endTransaction(id, producer, "commit");
    expect((await waiting).records).toEqual(["0:a", "1:commit"]);
    reader.close();
  });

  it("a transactional batch needs a transactional id, also where the transaction is open already", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    const { responses } = await session.client.send(produce, 12, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: topic.name,
          partitionData: [{ index: 0, records: batchOf(["b"], { producer, sequence: 1, transactionalId: id }) }],
        },
      ],
    });
    const error = errorName(responses[0]?.partitionResponses[0]?.errorCode ?? -1);
    expect(error).toBe("TRANSACTIONAL_ID_AUTHORIZATION_FAILED");
    expect(await session.endOffset(topic, "read_uncommitted")).toBe(1);
  });
});

describe("classic transactions", () => {
  const classic = (producer: RawProducer, transactionalId: string): ProduceOptions => {
    return { producer, transactionalId, version: CLASSIC };
  };

  it("partitions are added first, epochs stay, sequences go on", async () => {
    const topic = await newTopic(2);
    const id = newId();
    const producer = await session.newTransactional(id);
    for (let round = 0; round < 3; round++) {
      expect(await session.addPartitions(id, producer, [{ name: topic.name, partitions: [0, 1] }])).toEqual([
        "NONE",
        "NONE",
      ]);
      for (const partition of [0, 1]) {
        const options = { ...classic(producer, id), sequence: round, partition };
        expect((await session.produce(topic, [`${round}`], options)).error).toBe("NONE");
      }
      expect((await session.endTransaction(id, producer, "commit", 3)).error).toBe("NONE");
    }
    for (const partition of [0, 1]) {
      await untilDecided(topic, 6, partition);
      expect(await session.readCommitted(topic, partition)).toEqual(["0", "1", "2"]);
    }
  });

  it("a partition that was not added is refused: a late Produce opens no transaction", async () => {
    const topic = await newTopic(2);
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.addPartitions(id, producer, [{ name: topic.name, partitions: [0] }]);
    expect((await session.produce(topic, ["a"], { ...classic(producer, id), partition: 1 })).error).toBe(
      "TRANSACTION_ABORTABLE",
    );
    expect((await session.produce(topic, ["a"], { ...classic(producer, id), partition: 1, version: 10 })).error).toBe(
      "INVALID_TXN_STATE",
    );
    expect((await session.produce(topic, ["a"], classic(producer, id))).error).toBe("NONE");
    await session.endTransaction(id, producer, "commit", 3);
    await untilDecided(topic, 2);
    const late = await session.produce(topic, ["b"], { ...classic(producer, id), sequence: 1 });
    expect(late.error).not.toBe("NONE");
    expect(await session.endOffset(topic, "read_uncommitted")).toBe(2);
  });

  it("all partitions of a request are added, or none", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    expect(await session.addPartitions(id, producer, [{ name: topic.name, partitions: [0, 7] }])).toEqual([
      "OPERATION_NOT_ATTEMPTED",
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect((await session.produce(topic, ["a"], classic(producer, id))).error).toBe("TRANSACTION_ABORTABLE");
  });

  it("no topic of the broker's own is added, as in Apache Kafka", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    const asked = [
      { name: "__transaction_state", partitions: [0] },
      { name: topic.name, partitions: [0] },
    ];
    expect(await session.addPartitions(id, producer, asked)).toEqual([
      "TOPIC_AUTHORIZATION_FAILED",
      "OPERATION_NOT_ATTEMPTED",
    ]);
  });

  it("a batch of version 4 and later adds and verifies for several transactional ids", async () => {
    const topic = await newTopic();
    const [idA, idB] = [newId(), newId()];
    const a = await session.newTransactional(idA);
    const b = await session.newTransactional(idB);
    const topics = [{ name: topic.name, partitions: [0] }];
    const response = await session.client.send(addPartitionsToTxn, 4, {
      transactions: [
        { transactionalId: idA, producerId: a.producerId, producerEpoch: a.producerEpoch, verifyOnly: false, topics },
        { transactionalId: idB, producerId: b.producerId, producerEpoch: b.producerEpoch, verifyOnly: true, topics },
      ],
    });
    const errors = response.resultsByTransaction.map(({ transactionalId, topicResults }) => [
      transactionalId,
      errorName(topicResults[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1),
    ]);
    expect(errors).toEqual([
      [idA, "NONE"],
      [idB, "TRANSACTION_ABORTABLE"],
    ]);
  });
});

describe("fencing", () => {
  it("a new producer of the id fences the old one, and aborts what it left open", async () => {
    const topic = await newTopic();
    const id = newId();
    const old = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer: old, transactionalId: id });
    const successor = await session.initProducer(id);
    expect(successor).toMatchObject({ error: "NONE", producerId: old.producerId });
    expect(successor.producerEpoch).toBeGreaterThan(old.producerEpoch);
    await untilDecided(topic, 2);

    const stale = { producer: old, transactionalId: id };
    expect((await session.produce(topic, ["b"], { ...stale, sequence: 1 })).error).toBe("INVALID_PRODUCER_EPOCH");
    expect((await session.endTransaction(id, old, "commit")).error).toBe("PRODUCER_FENCED");
    expect(await session.addPartitions(id, old, [{ name: topic.name, partitions: [0] }])).toEqual(["PRODUCER_FENCED"]);
    expect(await session.commitOffsetInTransaction(id, old, await aGroup(), topic, 1)).toBe("INVALID_PRODUCER_EPOCH");

    await session.produce(topic, ["c"], { producer: successor, transactionalId: id });
    await session.endTransaction(id, successor, "commit");
    await untilDecided(topic, 4);
    expect((await session.fetch(topic)).records).toEqual(["0:a", "1:abort", "2:c", "3:commit"]);
  });

  it("of many that initialise at once the last wins, and each waits for the open transaction", async () => {
    const topic = await newTopic();
    const id = newId();
    const old = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer: old, transactionalId: id });
    const answers = await Promise.all(Array.from({ length: 5 }, () => session.initProducer(id)));
    expect(answers.map(({ error }) => error)).toEqual(Array(5).fill("NONE"));
    expect(new Set(answers.map(({ producerEpoch }) => producerEpoch)).size).toBe(5);
    await untilDecided(topic, 2);
    const winner = answers.reduce((a, b) => (a.producerEpoch > b.producerEpoch ? a : b));
    for (const producer of answers) {
      const { error } = await session.produce(topic, ["b"], { producer, transactionalId: id });
      expect(error).toBe(producer === winner ? "NONE" : "INVALID_PRODUCER_EPOCH");
    }
  });

  it("a transaction that is open for too long is aborted, and its producer is fenced", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id, 50);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    await untilDecided(topic, 2);
    expect((await session.fetch(topic)).records).toEqual(["0:a", "1:abort"]);
    expect((await session.endTransaction(id, producer, "commit")).error).not.toBe("NONE");
    const again = await session.initProducer(id, { as: producer });
    expect(again.error).toBe("NONE");
    expect((await session.produce(topic, ["b"], { producer: again, transactionalId: id })).error).toBe("NONE");
  });

  it("a timeout that is too long is refused", async () => {
    await session.findCoordinator("transaction", "any");
    const { error } = await session.initProducer(newId(), { timeoutMs: 2_000_000_000 });
    expect(error).toBe("INVALID_TRANSACTION_TIMEOUT");
  });
});

async function aGroup(): Promise<string> {
  const group = `group-${names++}`;
  await session.findCoordinator("group", group);
  return group;
}

describe("offsets in transactions", () => {
  it("count once the transaction commits; until then they are unstable", async () => {
    const topic = await newTopic();
    const group = await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 1)).toBe("NONE");
    expect(await session.committedOffset(group, topic)).toBe("UNSTABLE_OFFSET_COMMIT");
    expect(await session.committedOffset(group, topic, false)).toBe(-1);
    await session.endTransaction(id, producer, "commit");
    await until(async () => (await session.committedOffset(group, topic)) === 1);
  });

  it("are forgotten when it aborts", async () => {
    const topic = await newTopic();
    const group = await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    expect(await session.commitOffset(group, topic, 3)).toBe("NONE");
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 7)).toBe("NONE");
    await session.endTransaction(id, producer, "abort");
    await until(async () => (await session.committedOffset(group, topic)) === 3);
  });

  it("in the classic protocol the group is added first", async () => {
    const topic = await newTopic();
    const group = await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    const classic = { version: 3 };
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 1, classic)).toBe("INVALID_TXN_STATE");
    expect(await session.addOffsets(id, producer, group)).toBe("NONE");
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 1, classic)).toBe("NONE");
    expect((await session.endTransaction(id, producer, "commit", 3)).error).toBe("NONE");
    await until(async () => (await session.committedOffset(group, topic)) === 1);
  });

  it("of a transaction that has ended are refused", async () => {
    const topic = await newTopic();
    const group = await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.commitOffsetInTransaction(id, producer, group, topic, 1);
    await session.endTransaction(id, producer, "commit");
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 2)).toBe("INVALID_PRODUCER_EPOCH");
    await until(async () => (await session.committedOffset(group, topic)) === 1);
  });

  it("of a generation that the group never had are refused (KIP-447)", async () => {
    const topic = await newTopic();
    const group = await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    const stale = { memberId: "gone", generationId: 3 };
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 1, stale)).toBe("ILLEGAL_GENERATION");
  });

  it("of a group whose name fits into no record end the connection, and the coordinator goes on", async () => {
    const topic = await newTopic();
    await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    const other = await RawSession.open(broker.address);
    // Bytes look the same.
    const { request } = txnOffsetCommit;
    const api = { ...txnOffsetCommit, request: { ...request, groupId: "bytes" } } as const;
    const groupId = Buffer.from("g".repeat(32_768));
    const topics = [
      { name: topic.name, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] },
    ];
    const commit = other.client.send(api, 5, { transactionalId: id, groupId, ...producer, topics });
    await expect(commit).rejects.toThrow("connection closed");
    expect((await session.endTransaction(id, producer, "abort")).error).toBe("NONE");
  });

  it("of a topic that is not there are refused, beside valid ones", async () => {
    const group = await aGroup();
    const id = newId();
    const producer = await session.newTransactional(id);
    const absent = { name: "absent", id: "" };
    expect(await session.commitOffsetInTransaction(id, producer, group, absent, 1)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });
});

describe("a topic that is deleted", () => {
  it("with a transaction open in it does not hold up the transaction", async () => {
    const gone = await newTopic();
    const stays = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    const options = { producer, transactionalId: id };
    await session.produce(gone, ["a"], options);
    await session.produce(stays, ["b"], options);
    expect(await session.deleteTopic(gone)).toBe("NONE");
    const next = await session.endTransaction(id, producer, "commit");
    expect(next.error).toBe("NONE");
    await untilDecided(stays, 2);
    // The completion is through: the next transaction begins without waiting.
    expect((await session.produce(stays, ["c"], { producer: next, transactionalId: id })).error).toBe("NONE");
  });

  it("and made anew begins empty", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    await session.deleteTopic(topic);
    const anew = await session.createTopic(topic.name);
    expect(anew.id).not.toBe(topic.id);
    expect(await session.fetch(anew)).toMatchObject({ records: [], highWatermark: 0 });
    expect((await session.fetch(topic)).error).toBe("UNKNOWN_TOPIC_ID");
    expect((await session.endTransaction(id, producer, "commit")).error).toBe("NONE");
  });
});

describe("operators", () => {
  it("see transactions and their producers (KIP-664)", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["outside"]);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    const described = await session.client.send(describeTransactions, 0, { transactionalIds: [id, "absent"] });
    expect(described.transactionStates).toMatchObject([
      {
        errorCode: 0,
        transactionalId: id,
        transactionState: "Ongoing",
        producerId: producer.producerId,
        topics: [{ topic: topic.name, partitions: [0] }],
      },
      { transactionalId: "absent", errorCode: 105 },
    ]);
    const listed = await session.client.send(listTransactions, 1, {
      stateFilters: ["Ongoing"],
      producerIdFilters: [producer.producerId],
    });
    expect(listed.transactionStates.map(({ transactionalId }) => transactionalId)).toEqual([id]);
    const { topics } = await session.client.send(describeProducers, 0, {
      topics: [{ name: topic.name, partitionIndexes: [0] }],
    });
    expect(topics[0]?.partitions[0]?.activeProducers).toMatchObject([
      { producerId: producer.producerId, producerEpoch: 0, lastSequence: 0, currentTxnStartOffset: 1 },
    ]);
  });

  it("are told of each transactional id and partition once, however often they ask", async () => {
    const topic = await newTopic();
    const ids = [newId(), newId()];
    const transactionalIds = [...ids, ...ids];
    const described = await session.client.send(describeTransactions, 0, { transactionalIds });
    expect(described.transactionStates.map(({ transactionalId }) => transactionalId)).toEqual(ids);
    const { topics } = await session.client.send(describeProducers, 0, {
      topics: [
        { name: topic.name, partitionIndexes: [0, 0] },
        { name: topic.name, partitionIndexes: [0, 7] },
      ],
    });
    expect(topics.map(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex))).toEqual([[0, 7]]);
  });

  it("write one marker into a partition, however often they name it", async () => {
    const topic = await newTopic();
    const producer = await session.newTransactional(newId());
    const marker = { ...producer, transactionResult: false, coordinatorEpoch: 0 };
    const topics = [{ name: topic.name, partitionIndexes: [0, 0, 0] }];
    const { markers } = await session.client.send(writeTxnMarkers, 1, { markers: [{ ...marker, topics }] });
    expect(markers[0]?.topics[0]?.partitions).toEqual([{ partitionIndex: 0, errorCode: 0 }]);
    expect((await session.fetch(topic)).records).toEqual(["0:abort"]);
  });

  it("abort a transaction that hangs in a partition", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    const { markers } = await session.client.send(writeTxnMarkers, 1, {
      markers: [
        {
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
          transactionResult: false,
          topics: [{ name: topic.name, partitionIndexes: [0, 1] }],
          coordinatorEpoch: 0,
        },
      ],
    });
    expect(markers[0]?.topics[0]?.partitions.map(({ errorCode }) => errorName(errorCode))).toEqual([
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect(await session.endOffset(topic, "read_committed")).toBe(2);
  });

  it("are of no later coordinator than there is, whose own would be refused for ever", async () => {
    const topic = await newTopic();
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id });
    const { markers } = await session.client.send(writeTxnMarkers, 1, {
      markers: [
        {
          ...producer,
          transactionResult: false,
          topics: [{ name: topic.name, partitionIndexes: [0] }],
          coordinatorEpoch: 1_000,
        },
      ],
    });
    expect(errorName(markers[0]?.topics[0]?.partitions[0]?.errorCode ?? -1)).toBe("TRANSACTION_COORDINATOR_FENCED");
    await session.endTransaction(id, producer, "commit");
    await untilDecided(topic, 2);
    expect(await session.readCommitted(topic)).toEqual(["a"]);
  });
});

describe("fetch from several partitions at read_committed", () => {
  it("lists each partition's own aborted transactions", async () => {
    const topic = await newTopic(2);
    const id = newId();
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["a"], { producer, transactionalId: id, partition: 0 });
    await session.produce(topic, ["before"], { partition: 1 });
    await session.produce(topic, ["b"], { producer, transactionalId: id, partition: 1 });
    await session.endTransaction(id, producer, "abort");
    await untilDecided(topic, 2, 0);
    await untilDecided(topic, 3, 1);
    const { responses } = await session.client.send(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel: 1,
      topics: [
        {
          topic: topic.name,
          partitions: [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1000 })),
        },
      ],
    });
    expect(responses[0]?.partitions.map(({ abortedTransactions }) => abortedTransactions)).toEqual([
      [{ producerId: producer.producerId, firstOffset: 0 }],
      [{ producerId: producer.producerId, firstOffset: 1 }],
    ]);
  });
});
