import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { batchOf, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { listOffsets } from "../protocol/apis/list-offsets.ts";
import { produce } from "../protocol/apis/produce.ts";
import { errorName } from "../protocol/errors.ts";
import { compressionCodes } from "../protocol/records/compression.ts";
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

function newTopic(partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<RawTopic> {
  return session.createTopic(`topic-${names++}`, partitions, configs);
}

function versions([first, last]: readonly [number, number]): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe("produce", () => {
  it.each(versions(produce.versions))("version %i appends and tells the offset", async (version) => {
    const topic = await newTopic();
    expect(await session.produce(topic, ["a", "b"], { version })).toEqual({ error: "NONE", baseOffset: 0 });
    expect(await session.produce(topic, ["c"], { version })).toEqual({ error: "NONE", baseOffset: 2 });
    expect((await session.fetch(topic)).records).toEqual(["0:a", "1:b", "2:c"]);
  });

  it.each(Object.entries(compressionCodes))("%s comes out as it went in", async (_name, compression) => {
    const topic = await newTopic();
    await session.produce(topic, ["a", "b".repeat(1000), ""], { compression });
    expect((await session.fetch(topic)).records).toEqual(["0:a", `1:${"b".repeat(1000)}`, "2:"]);
  });

  it("acks=0 appends without an answer: the next one is that of the next request", async () => {
    const topic = await newTopic();
    session.produceSilently(topic, ["a"]);
    session.produceSilently(topic, ["b"]);
    expect(await session.produce(topic, ["c"], { acks: 1 })).toEqual({ error: "NONE", baseOffset: 2 });
  });

  it("acks=0 that fails ends the connection, which is all that can be told", async () => {
    const hasty = await RawSession.open(broker.address);
    hasty.produceSilently({ name: "absent", id: "" }, ["a"]);
    await hasty.client.closed;
  });

  it("acks that are none of 0, 1 and all are refused", async () => {
    expect((await session.produce(await newTopic(), ["a"], { acks: 2 })).error).toBe("INVALID_REQUIRED_ACKS");
  });

  it("what is not there is refused, by name and by id", async () => {
    const absent = { name: "absent", id: "4pDa7E0AQS6hJEFRVPTXMQ" };
    const topic = await newTopic(2);
    expect((await session.produce(absent, ["a"], { version: 12 })).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect((await session.produce(absent, ["a"], { version: 13 })).error).toBe("UNKNOWN_TOPIC_ID");
    expect((await session.produce(topic, ["a"], { partition: 2 })).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect((await session.produce(topic, ["a"], { partition: -1 })).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  it("internal topics are the broker's own", async () => {
    await session.findCoordinator("group", "any");
    const offsets = { name: "__consumer_offsets", id: "" };
    expect((await session.produce(offsets, ["a"])).error).toBe("INVALID_TOPIC_EXCEPTION");
  });

  it("one bad partition leaves the others of its request alone", async () => {
    const topic = await newTopic(3);
    const damaged = batchOf(["b"]);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
    const { responses } = await session.client.send(produce, 12, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: topic.name,
          partitionData: [
            { index: 0, records: batchOf(["a"]) },
            { index: 1, records: damaged },
            { index: 2, records: Buffer.concat([batchOf(["c"]), batchOf(["d"])]) },
          ],
        },
      ],
    });
    const answers = responses[0]?.partitionResponses.map(({ index, errorCode }) => [index, errorName(errorCode)]);
    expect(answers).toEqual([
      [0, "NONE"],
      [1, "CORRUPT_MESSAGE"],
      [2, "INVALID_RECORD"],
    ]);
    expect((await session.fetch(topic, { partition: 0 })).records).toEqual(["0:a"]);
    expect((await session.fetch(topic, { partition: 1 })).records).toEqual([]);
    expect((await session.fetch(topic, { partition: 2 })).records).toEqual([]);
  });

  it("a batch larger than the topic allows is refused, and the connection goes on", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "1000" });
    expect((await session.produce(topic, ["a".repeat(1000)])).error).toBe("MESSAGE_TOO_LARGE");
    expect((await session.produce(topic, ["a"])).error).toBe("NONE");
  });

  it("requests in flight on one connection are appended and answered in order", async () => {
    const topic = await newTopic();
    const values = Array.from({ length: 100 }, (_, i) => `value-${i}`);
    const answers = await Promise.all(
      values.map((value, i) => session.produce(topic, [value], { acks: i % 2 ? 1 : -1 })),
    );
    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(values.map((_value, i) => i));
    expect((await session.fetch(topic)).records).toEqual(values.map((value, i) => `${i}:${value}`));
  });
});

describe("idempotent produce", () => {
  it("a retry of any of the last five batches is answered with its offset, and appended once", async () => {
    const topic = await newTopic();
    const producer = await session.initProducer(null);
    for (let i = 0; i < 6; i++) {
      expect(await session.produce(topic, [`${i}`], { producer, sequence: i })).toEqual({
        error: "NONE",
        baseOffset: i,
      });
    }
    for (let i = 1; i < 6; i++) {
      expect(await session.produce(topic, [`${i}`], { producer, sequence: i })).toEqual({
        error: "NONE",
        baseOffset: i,
      });
    }
    expect((await session.fetch(topic)).records).toHaveLength(6);
  });

  it("a gap, and an older batch than the last five, are out of order", async () => {
    const topic = await newTopic();
    const producer = await session.initProducer(null);
    for (let i = 0; i < 6; i++) await session.produce(topic, [`${i}`], { producer, sequence: i });
    expect((await session.produce(topic, ["7"], { producer, sequence: 7 })).error).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect((await session.produce(topic, ["0"], { producer, sequence: 0 })).error).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  });

  it("five in flight, all repeated on a new connection after the first one is lost", async () => {
    const topic = await newTopic();
    const producer = await session.initProducer(null);
    const first = await RawSession.open(broker.address);
    const sendAll = (through: RawSession) =>
      Promise.all([0, 1, 2, 3, 4].map((i) => through.produce(topic, [`${i}`], { producer, sequence: i })));
    const lost = sendAll(first);
    first.close();
    await expect(lost).rejects.toThrow("connection closed");
    const answers = await sendAll(session);
    expect(answers.map(({ error }) => error)).toEqual(Array(5).fill("NONE"));
    const { records } = await session.fetch(topic);
    expect(records.map((record) => record.split(":")[1])).toEqual(["0", "1", "2", "3", "4"]);
  });

  it("no two producers have the same id", async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => session.initProducer(null)));
    expect(new Set(ids.map(({ producerId }) => producerId)).size).toBe(20);
  });
});

describe("fetch", () => {
  it("gives each of many readers what it asked for, however late they take it", async () => {
    const topic = await newTopic();
    const values = Array.from({ length: 12 }, (_, i) => String.fromCharCode(97 + i).repeat(60_000 + i));
    for (const value of values) await session.produce(topic, [value]);
    const readers = await Promise.all([1, 2, 3].map(() => RawSession.open(broker.address)));
    // More than their sockets hold, while batches come in: memory is used again as fast as it can be.
    const fetches = readers.flatMap((reader) =>
      [0, 3, 6, 9, 1, 4, 7, 10].map(async (offset) => ({ offset, ...(await reader.fetch(topic, { offset })) })),
    );
    const produced = Array.from({ length: 20 }, () => session.produce(topic, ["z".repeat(70_000)]));
    for (const { offset, records } of await Promise.all(fetches)) {
      const stored = records.filter((record) => !record.endsWith("z"));
      expect(stored).toEqual(values.slice(offset).map((value, i) => `${offset + i}:${value}`));
    }
    expect((await Promise.all(produced)).map(({ error }) => error)).toEqual(produced.map(() => "NONE"));
    for (const reader of readers) reader.close();
  });

  it.each(versions(fetch.versions))("version %i reads", async (version) => {
    const topic = await newTopic(2);
    await session.produce(topic, ["a", "b"], { partition: 1 });
    const fetched = await session.fetch(topic, { version, partition: 1 });
    expect(fetched).toMatchObject({ error: "NONE", records: ["0:a", "1:b"], aborted: null, highWatermark: 2 });
    expect(fetched.lastStableOffset).toBe(2);
  });

  it("from inside a batch the whole batch comes", async () => {
    const topic = await newTopic();
    await session.produce(topic, ["a", "b", "c"]);
    expect((await session.fetch(topic, { offset: 2 })).records).toEqual(["0:a", "1:b", "2:c"]);
  });

  it("at the end there is nothing, beyond it an error", async () => {
    const topic = await newTopic();
    await session.produce(topic, ["a"]);
    expect(await session.fetch(topic, { offset: 1 })).toMatchObject({ error: "NONE", records: [], highWatermark: 1 });
    expect((await session.fetch(topic, { offset: 2 })).error).toBe("OFFSET_OUT_OF_RANGE");
  });

  it("what is not there is an error, by name and by id", async () => {
    const absent = { name: "absent", id: "4pDa7E0AQS6hJEFRVPTXMQ" };
    expect((await session.fetch(absent, { version: 12 })).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect((await session.fetch(absent, { version: 13 })).error).toBe("UNKNOWN_TOPIC_ID");
  });

  it("waits for a record, and is answered as soon as it is there", async () => {
    const topic = await newTopic();
    const waiting = session.fetch(topic, { maxWaitMs: 20_000 });
    const other = await RawSession.open(broker.address);
    await other.produce(topic, ["a"]);
    expect((await waiting).records).toEqual(["0:a"]);
    other.close();
  });

  it("waits for as many bytes as it asks for", async () => {
    const topic = await newTopic();
    const { length } = batchOf(["a"]);
    const waiting = session.fetch(topic, { maxWaitMs: 20_000, minBytes: 2 * length });
    const other = await RawSession.open(broker.address);
    await other.produce(topic, ["a"]);
    await other.produce(topic, ["b"]);
    expect((await waiting).records).toEqual(["0:a", "1:b"]);
    other.close();
  });

  it("does not wait for bytes that are there already: of a batch that does not fit, or in the next segment", async () => {
    const topic = await newTopic();
    for (let i = 0; i < 3; i++) await session.produce(topic, [`${i}`.repeat(400)]);
    const fetched = await session.fetch(topic, { maxWaitMs: 20_000, minBytes: 1_000, maxBytes: 1_000 });
    expect(fetched.records).toHaveLength(2);
    const rolling = await newTopic(1, { "segment.bytes": "1048576" });
    for (const letter of ["a", "b"]) await session.produce(rolling, [letter.repeat(600_000)]);
    const first = await session.fetch(rolling, { maxWaitMs: 20_000, minBytes: 1_000_000 });
    expect(first.records.map((record) => record.slice(0, 3))).toEqual(["0:a"]);
  });

  it("gives what there is when its waiting time is over", async () => {
    const topic = await newTopic();
    await session.produce(topic, ["a"]);
    const fetched = await session.fetch(topic, { maxWaitMs: 20, minBytes: 1_000_000 });
    expect(fetched.records).toEqual(["0:a"]);
  });

  it("an error does not wait", async () => {
    const topic = await newTopic();
    expect((await session.fetch(topic, { offset: 7, maxWaitMs: 20_000 })).error).toBe("OFFSET_OUT_OF_RANGE");
  });

  it("a deleted topic does not let a fetch wait", async () => {
    const topic = await newTopic();
    const waiting = session.fetch(topic, { maxWaitMs: 20_000 });
    const other = await RawSession.open(broker.address);
    expect(await other.deleteTopic(topic)).toBe("NONE");
    expect((await waiting).error).toBe("UNKNOWN_TOPIC_ID");
    other.close();
  });

  it("a batch larger than the limit comes alone", async () => {
    const topic = await newTopic();
    await session.produce(topic, ["a".repeat(100)]);
    await session.produce(topic, ["b"]);
    expect((await session.fetch(topic, { maxBytes: 1 })).records).toEqual([`0:${"a".repeat(100)}`]);
  });

  it("only the first partition with records may go beyond the limit", async () => {
    const topic = await newTopic(3);
    for (const partition of [0, 1, 2]) await session.produce(topic, [`${partition}`], { partition });
    const { responses } = await session.client.send(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1,
      isolationLevel: 0,
      topics: [
        {
          topic: topic.name,
          partitions: [2, 1, 0].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 100 })),
        },
      ],
    });
    const lengths = responses[0]?.partitions.map(({ records }) => records?.length);
    expect(lengths).toEqual([batchOf(["2"]).length, 0, 0]);
  });
});

describe("offsets", () => {
  it("of the start, the end, a time and the latest time", async () => {
    const topic = await newTopic();
    const now = Date.now();
    for (const [i, value] of ["a", "b", "c"].entries()) {
      await session.produce(topic, [value], { timestamp: now + 10 * i });
    }
    expect(await session.listOffset(topic, -2)).toMatchObject({ error: "NONE", offset: 0 });
    expect(await session.listOffset(topic, -1)).toMatchObject({ error: "NONE", offset: 3 });
    expect(await session.listOffset(topic, now + 5)).toEqual({ error: "NONE", offset: 1, timestamp: now + 10 });
    expect(await session.listOffset(topic, now + 21)).toEqual({ error: "NONE", offset: -1, timestamp: -1 });
    expect(await session.listOffset(topic, -3)).toEqual({ error: "NONE", offset: 2, timestamp: now + 20 });
  });

  it("the latest time of all is none to read_committed while it is undecided, as in Apache Kafka", async () => {
    const topic = await newTopic();
    const now = Date.now();
    const latest = async () => (await session.listOffset(topic, -3, { isolation: "read_committed" })).offset;
    await session.produce(topic, ["a"], { timestamp: now });
    const id = "latest-time";
    const producer = await session.newTransactional(id);
    await session.produce(topic, ["b"], { producer, transactionalId: id, timestamp: now - 1 });
    expect(await latest()).toBe(0);
    await session.produce(topic, ["c"], { timestamp: now + 1 });
    expect(await latest()).toBe(-1);
    expect((await session.listOffset(topic, -3)).offset).toBe(2);
    await session.endTransaction(id, producer, "commit");
    await expect.poll(latest).not.toBe(-1);
  });

  it("of a partition that is asked for twice are refused, as in Apache Kafka", async () => {
    const topic = await newTopic(2);
    const partitions = [0, 1, 0].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
    const { topics } = await session.client.send(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic.name, partitions }],
    });
    expect(topics[0]?.partitions.map(({ errorCode }) => errorName(errorCode))).toEqual([
      "INVALID_REQUEST",
      "NONE",
      "INVALID_REQUEST",
    ]);
  });

  it("what a version does not know is refused", async () => {
    const topic = await newTopic();
    expect((await session.listOffset(topic, -3, { version: 6 })).error).toBe("UNSUPPORTED_VERSION");
    expect((await session.listOffset(topic, -7, { version: 11 })).error).toBe("UNSUPPORTED_VERSION");
    expect((await session.listOffset(topic, -5, { version: 9 })).offset).toBe(-1);
  });

  it("never go back while records come in and transactions end", async () => {
    const topic = await newTopic();
    const id = "never-back";
    let producer = await session.newTransactional(id);
    const writer = await RawSession.open(broker.address);
    let isWriting = true;
    const writing = (async () => {
      for (let i = 0; i < 50; i++) {
        await writer.produce(topic, ["a"], { producer, transactionalId: id });
        await writer.produce(topic, ["outside"]);
        producer = await writer.endTransaction(id, producer, i % 2 === 0 ? "commit" : "abort");
      }
      isWriting = false;
    })();
    let last = { stable: 0, end: 0 };
    while (isWriting) {
      // In one flight: taken at nearly the same moment, but the stable one first.
      const [stable, end] = await Promise.all([
        session.endOffset(topic, "read_committed"),
        session.endOffset(topic, "read_uncommitted"),
      ]);
      expect(stable).toBeGreaterThanOrEqual(last.stable);
      expect(end).toBeGreaterThanOrEqual(last.end);
      expect(stable).toBeLessThanOrEqual(end);
      last = { stable, end };
    }
    await writing;
    writer.close();
  });

  it("deleted records are gone for good, up to the end at most", async () => {
    const topic = await newTopic();
    await session.produce(topic, ["a", "b", "c"]);
    expect(await session.deleteRecords(topic, 4)).toEqual({ error: "OFFSET_OUT_OF_RANGE", lowWatermark: -1 });
    expect(await session.deleteRecords(topic, 2)).toEqual({ error: "NONE", lowWatermark: 2 });
    expect((await session.listOffset(topic, -2)).offset).toBe(2);
    expect((await session.fetch(topic, { offset: 1 })).error).toBe("OFFSET_OUT_OF_RANGE");
    expect(await session.deleteRecords(topic, 1)).toEqual({ error: "NONE", lowWatermark: 2 });
    expect(await session.deleteRecords(topic, -1)).toEqual({ error: "NONE", lowWatermark: 3 });
  });
});
