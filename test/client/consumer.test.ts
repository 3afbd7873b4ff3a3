import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Client,
  type Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  TimeoutError,
} from "../../src/client/index.ts";
import { apiVersions } from "../../src/protocol/apis/api-versions.ts";
import { fetch } from "../../src/protocol/apis/fetch.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { offsetCommit } from "../../src/protocol/apis/offset-commit.ts";
import { errorCodes } from "../../src/protocol/errors.ts";
import { createTopic, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";

let cluster: TestCluster;
let client: Client;
let topic: string;
const consumers: Consumer[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client;
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("consume");
  await createTopic(client, topic, 2);
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
});

function make(options: ConsumerOptions = {}): Consumer {
  const consumer = client.consumer(options);
  consumers.push(consumer);
  return consumer;
}

/** Of the first partition, unless told otherwise. */
function reader(options: ConsumerOptions = {}, partitions: readonly number[] = [0]): Consumer {
  const consumer = make(options);
  consumer.assign(partitions.map(at));
  return consumer;
}

function at(partition: number): { topic: string; partition: number } {
  return { topic, partition };
}

/** Records of values `from` up to `to`, one batch each. */
async function produce(from: number, to: number, partition = 0): Promise<void> {
  const producer = client.producer({ batchSizeBytes: 1, lingerMs: 0 });
  for (let i = from; i < to; i++) producer.enqueue({ topic, partition, value: `${i}`, timestamp: 1_000_000 + i });
  await producer.flush();
  await producer.close();
}

async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [];
  while (records.length < count) records.push(...(await consumer.poll({ timeoutMs: 1_000 })));
  return records;
}

function values(records: readonly ConsumerRecord[]): string[] {
  return records.map(({ value }) => text(value));
}

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `${from + i}`);
}

describe("a consumer of chosen partitions", () => {
  it("reads from the beginning, in order, a poll's worth at a time", async () => {
    await produce(0, 25);
    const consumer = reader({ maxPollRecords: 10 });
    const sizes: number[] = [];
    const records: ConsumerRecord[] = [];
    while (records.length < 25) {
      const polled = await consumer.poll();
      sizes.push(polled.length);
      records.push(...polled);
    }
    expect(values(records)).toEqual(range(0, 25));
    expect(Math.max(...sizes)).toBe(10);
    expect(records[3]).toMatchObject({ topic, partition: 0, offset: 3, timestamp: 1_000_003, key: null, headers: [] });
    expect(await consumer.position(at(0))).toBe(25);
  });

  it("waits for records that come later", async () => {
    const consumer = reader();
    expect(await consumer.poll({ timeoutMs: 20 })).toEqual([]);
    const polled = consumer.poll({ timeoutMs: 10_000 });
    await produce(0, 1);
    expect(values(await polled)).toEqual(["0"]);
  });

  it("seeks, to offsets and to both ends", async () => {
    await produce(0, 10);
    const consumer = reader();
    consumer.seek(at(0), 7);
    expect(values(await take(consumer, 3))).toEqual(range(7, 10));
    consumer.seekToBeginning([at(0)]);
    expect(await consumer.position(at(0))).toBe(0);
    expect(values(await take(consumer, 10))).toEqual(range(0, 10));
    consumer.seekToEnd([at(0)]);
    expect(await consumer.position(at(0))).toBe(10);
    await produce(10, 12);
    expect(values(await take(consumer, 2))).toEqual(range(10, 12));
    consumer.seek(at(0), 3);
    consumer.seek(at(0), 5);
    expect((await take(consumer, 7)).map(({ offset }) => offset)).toEqual([5, 6, 7, 8, 9, 10, 11]);
  });

  it("reads on from the middle of a batch", async () => {
    const producer = client.producer();
    await producer.sendAll(range(0, 10).map((value) => ({ ...at(0), value })));
    await producer.close();
    const consumer = reader();
    consumer.seek(at(0), 6);
    expect(values(await take(consumer, 4))).toEqual(range(6, 10));
  });

  it("hands out nothing of paused partitions, and takes up where it was", async () => {
    await produce(0, 5, 0);
    await produce(0, 5, 1);
    const consumer = reader({}, [0, 1]);
    consumer.pause([at(0)]);
    expect(consumer.paused()).toEqual([at(0)]);
    const records = await take(consumer, 5);
    expect(new Set(records.map(({ partition }) => partition))).toEqual(new Set([1]));
    expect(await consumer.poll({ timeoutMs: 50 })).toEqual([]);
    consumer.resume([at(0)]);
    expect(values(await take(consumer, 5))).toEqual(range(0, 5));
    expect(consumer.paused()).toEqual([]);
  });

  it("keeps the positions of partitions that stay assigned", async () => {
    await produce(0, 5, 0);
    await produce(0, 5, 1);
    const consumer = reader();
    await take(consumer, 5);
    consumer.assign([at(0), at(1)]);
    expect((await take(consumer, 5)).map(({ partition, offset }) => [partition, offset])).toEqual(
      range(0, 5).map((offset) => [1, Number(offset)]),
    );
    consumer.assign([]);
    expect(consumer.assignment()).toEqual([]);
    await expect(consumer.poll()).rejects.toMatchObject({ code: "INVALID_STATE" });
  });

  it("iterates, and goes on where the loop was left", async () => {
    await produce(0, 10);
    const consumer = reader({ groupId: cluster.unique("iterating") });
    const seen: string[] = [];
    for await (const record of consumer) {
      seen.push(text(record.value));
      if (seen.length === 4) {
        await consumer.commit();
        break;
      }
    }
    expect(await consumer.committed([at(0), at(1)])).toMatchObject([{ ...at(0), offset: 4 }]);
    seen.push(...values(await take(consumer, 6)));
    expect(seen).toEqual(range(0, 10));
  });

  it("finds offsets: both ends, and by time", async () => {
    await produce(0, 10);
    const consumer = make();
    const partitions = [at(0), at(1)];
    expect(await consumer.beginningOffsets(partitions)).toMatchObject([{ offset: 0 }, { offset: 0 }]);
    expect(await consumer.endOffsets(partitions)).toMatchObject([{ offset: 10 }, { offset: 0 }]);
    const found = await consumer.offsetsForTimes([
      { ...at(0), timestamp: 1_000_004 },
      { ...at(0), timestamp: 2_000_000 },
      { ...at(1), timestamp: 0 },
    ]);
    expect(found).toMatchObject([{ ...at(0), offset: 4, timestamp: 1_000_004 }]);
    for (const timestamp of [-1, -2, Number.NaN]) {
      const refused = consumer.offsetsForTimes([{ ...at(0), timestamp }]);
      await expect(refused).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  it("starts at the group's committed offset, else by the reset policy", async () => {
    await produce(0, 10);
    const groupId = cluster.unique("committed");
    const first = reader({ groupId }, [0, 1]);
    await first.commit([{ ...at(0), offset: 6, leaderEpoch: 0, metadata: "note" }]);
    expect(await first.committed([at(0), at(1)])).toEqual([{ ...at(0), offset: 6, leaderEpoch: 0, metadata: "note" }]);
    expect(values(await take(reader({ groupId }), 4))).toEqual(range(6, 10));
    const latest = reader({ autoOffsetReset: "latest" });
    expect(await latest.position(at(0))).toBe(10);
    const none = reader({ autoOffsetReset: "none" });
    await expect(none.poll()).rejects.toMatchObject({ code: "NO_OFFSET" });
    none.seek(at(0), 9);
    expect(values(await take(none, 1))).toEqual(["9"]);
  });

  it("does not look for a position before a seek right behind assign (simulator, sink)", async () => {
    await produce(0, 3, 0);
    await produce(0, 3, 1);
    const consumer = reader({ autoOffsetReset: "none" }, [0, 1]);
    consumer.seek(at(0), 1);
    consumer.seek(at(1), 2);
    expect((await take(consumer, 3)).map(({ partition, offset }) => `${partition}@${offset}`).sort()).toEqual([
      "0@1",
      "0@2",
      "1@2",
    ]);
  });

  it("tells its positions, and goes back to what is committed, else by the reset policy", async () => {
    await produce(0, 5, 0);
    await produce(0, 5, 1);
    const consumer = reader({ groupId: cluster.unique("back") }, [0, 1]);
    expect(consumer.positions()).toEqual([]);
    await take(consumer, 10);
    expect(consumer.positions()).toMatchObject([
      { ...at(0), offset: 5 },
      { ...at(1), offset: 5 },
    ]);
    await consumer.commit([{ ...at(0), offset: 3 }]);
    consumer.seekToCommitted();
    const again = await take(consumer, 7);
    expect(again.filter(({ partition }) => partition === 0).map(({ offset }) => offset)).toEqual([3, 4]);
    expect(again.filter(({ partition }) => partition === 1).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
  });

  it("commits now and then, and when it is closed, when asked to", async () => {
    await produce(0, 10);
    const groupId = cluster.unique("auto");
    const consumer = client.consumer({ groupId, autoCommit: true, maxPollRecords: 4, autoCommitIntervalMs: 1 });
    consumer.assign([at(0)]);
    const first = await take(consumer, 4);
    await expect
      .poll(async () => {
        await consumer.poll({ timeoutMs: 0 });
        return (await consumer.committed([at(0)]))[0]?.offset ?? 0;
      })
      .toBeGreaterThanOrEqual(first.length);
    await consumer.close();
    const next = make({ groupId });
    expect((await next.committed([at(0)]))[0]?.offset).toBeGreaterThanOrEqual(4);
  });

  it("does not commit by itself what the poll that commits is about to return", async () => {
    await produce(0, 4);
    const groupId = cluster.unique("auto");
    const consumer = make({ groupId, autoCommit: true, maxPollRecords: 2, autoCommitIntervalMs: 0 });
    consumer.assign([at(0)]);
    // Asked on the same connection, and so behind the commit.
    const committed = async (): Promise<number> => (await consumer.committed([at(0)]))[0]?.offset ?? 0;
    for (const offset of [0, 2]) {
      expect(await consumer.poll({ timeoutMs: 60_000 })).toMatchObject([{ offset }, { offset: offset + 1 }]);
      expect(await committed()).toBe(offset);
    }
    await consumer.poll({ timeoutMs: 0 });
    expect(await committed()).toBe(4);
  });

  it("commits by itself one position after the other, also those that have to be tried again", async () => {
    await produce(0, 40);
    const groupId = cluster.unique("auto");
    const network = new FaultyNetwork();
    let attempts = 0;
    // They are carried out, and the consumer does not know; the first ones of all in a row.
    const errorCode = errorCodes.COORDINATOR_LOAD_IN_PROGRESS;
    const refused = (one: { readonly partitionIndex: number }) => ({ ...one, errorCode });
    network.rewrite(offsetCommit, (response) => {
      if (attempts++ >= 20 && attempts % 4 === 0) return undefined;
      const topics = response.topics.map((each) => ({ ...each, partitions: each.partitions.map(refused) }));
      return { ...response, topics };
    });
    const connected = cluster.connect({ platform: network.platform, retryBackoffMs: 5, retryBackoffMaxMs: 10 });
    const consumer = connected.consumer({ groupId, autoCommit: true, maxPollRecords: 1, autoCommitIntervalMs: 1 });
    consumer.assign([at(0)]);
    const stored: number[] = [];
    const look = async (): Promise<void> => {
      stored.push((await client.admin().listConsumerGroupOffsets(groupId))[0]?.offset ?? 0);
    };
    for (let read = 0; read < 40; ) {
      read += (await consumer.poll()).length;
      await look();
    }
    const closed = consumer.close();
    while (stored.at(-1) !== 40) await look();
    await closed;
    await look();
    expect(stored).toEqual(stored.toSorted((a, b) => a - b));
    expect(stored.at(-1)).toBe(40);
    await connected.close();
  });

  it("stores what was committed last, however often an earlier commit that nobody awaits has to be tried again", async () => {
    const groupId = cluster.unique("unawaited");
    const network = new FaultyNetwork();
    let attempts = 0;
    // The first one is not carried out as far as the consumer knows, and is tried again.
    const errorCode = errorCodes.COORDINATOR_LOAD_IN_PROGRESS;
    network.rewrite(offsetCommit, (response) => {
      if (attempts++ > 0) return undefined;
      const refused = (one: { readonly partitionIndex: number }) => ({ ...one, errorCode });
      return {
        ...response,
        topics: response.topics.map((each) => ({ ...each, partitions: each.partitions.map(refused) })),
      };
    });
    const connected = cluster.connect({ platform: network.platform, retryBackoffMs: 50, retryBackoffMaxMs: 50 });
    const consumer = connected.consumer({ groupId });
    consumer.assign([at(0)]);
    const offsets = [1, 2, 3];
    await Promise.all(offsets.map((offset) => consumer.commit([{ ...at(0), offset }])));
    expect(attempts).toBe(3);
    expect((await client.admin().listConsumerGroupOffsets(groupId))[0]?.offset).toBe(3);
    await connected.close();
  });

  it("is told of a topic that no broker takes, also where its position is known", async () => {
    const consumer = client.consumer();
    const bad = { topic: "a/b", partition: 0 };
    consumer.assign([bad, at(0)]);
    consumer.seek(bad, 5);
    const polling = async (): Promise<never> => {
      for (;;) await consumer.poll({ timeoutMs: 100 });
    };
    await expect(polling()).rejects.toMatchObject({ code: "INVALID_TOPIC_EXCEPTION" });
    await consumer.close();
  });

  it("goes on committing when an earlier commit has failed", async () => {
    const groupId = cluster.unique("refused");
    const patient = cluster.connect({ missingTopicTimeoutMs: 200 });
    const consumer = patient.consumer({ groupId });
    consumer.assign([at(0)]);
    const refused = consumer.commit([{ topic: cluster.unique("missing"), partition: 0, offset: 1 }]);
    const stored = consumer.commit([{ ...at(0), offset: 2 }]);
    await expect(refused).rejects.toThrow(/UNKNOWN_TOPIC_OR_PARTITION|do not exist|does not exist/);
    await stored;
    expect((await client.admin().listConsumerGroupOffsets(groupId))[0]?.offset).toBe(2);
    await patient.close();
  });

  it("starts over by the policy when its position is no longer in the log", async () => {
    await produce(0, 10);
    await client.admin().deleteRecords([{ ...at(0), offset: 4 }]);
    const earliest = reader();
    earliest.seek(at(0), 1);
    expect(values(await take(earliest, 6))).toEqual(range(4, 10));
    const none = reader({ autoOffsetReset: "none" });
    none.seek(at(0), 1);
    await expect(take(none, 1)).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE", topic, partition: 0, offset: 1 });
    none.seek(at(0), 4);
    expect(values(await take(none, 6))).toEqual(range(4, 10));
  });

  it("does not throw what a fetch says of a position that the caller has left", async () => {
    await produce(0, 3);
    const network = new FaultyNetwork();
    await using connected = cluster.connect({ platform: network.platform, retryBackoffMs: 5, retryBackoffMaxMs: 10 });
    const consumer = connected.consumer({ autoOffsetReset: "none" });
    consumer.assign([at(0)]);
    consumer.seek(at(0), 100);
    await expect(take(consumer, 1)).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE", offset: 100 });
    // It is fetched from, and refused, again while the caller finds out where to go on.
    const fetches = (): number => network.sent.get(fetch.key) ?? 0;
    const before = fetches();
    await until(() => fetches() >= before + 2);
    consumer.seek(at(0), 0);
    expect(values(await take(consumer, 3))).toEqual(range(0, 3));
  });

  it.each(["TOPIC_AUTHORIZATION_FAILED", "INVALID_TOPIC_EXCEPTION"] as const)(
    "says what no waiting mends: %s of a topic, and reads it once it may",
    async (code) => {
      const network = new FaultyNetwork();
      const other = cluster.connect({ platform: network.platform });
      const consumers = [other.consumer(), other.consumer({ groupId: cluster.unique("forbidden") })] as const;
      consumers[0].assign([at(0)]);
      consumers[1].subscribe([topic]);
      const read = async (consumer: Consumer): Promise<string[]> => {
        for (let tries = 0; tries < 20; tries++) {
          const records = await consumer.poll({ timeoutMs: 500 });
          if (records.length > 0) return values(records);
        }
        return [];
      };
      network.rewrite(metadata, (response) => ({
        ...response,
        topics: response.topics.map((each) =>
          each.name === topic ? { ...each, errorCode: errorCodes[code], partitions: [] } : each,
        ),
      }));
      for (const consumer of consumers) {
        await expect(read(consumer)).rejects.toMatchObject({ code, message: expect.stringContaining(topic) });
      }
      network.rewrite(metadata, () => undefined);
      await produce(0, 1);
      for (const consumer of consumers) {
        await until(async () => (await read(consumer).catch(() => [])).length === 1);
      }
      await other.close();
    },
  );

  it("goes on in a topic that was made anew and counts leader epochs from the beginning again", async () => {
    await produce(0, 3);
    const network = new FaultyNetwork();
    // Fetches that do not tell the epoch: the broker does not know those of the topic's first life.
    network.rewrite(apiVersions, (response) => ({
      ...response,
      apiKeys: response.apiKeys.map((each) => (each.apiKey === fetch.key ? { ...each, maxVersion: 8 } : each)),
    }));
    let firstLife: string | undefined;
    let isSecondLife = false;
    network.rewrite(metadata, (response) => ({
      ...response,
      topics: response.topics.map((each) => {
        if (each.name !== topic) return each;
        firstLife ??= each.topicId;
        if (each.topicId !== firstLife) {
          isSecondLife ||= each.errorCode === 0;
          return each;
        }
        const later = (one: (typeof each.partitions)[number]) => ({ ...one, leaderEpoch: one.leaderEpoch + 100 });
        return { ...each, partitions: each.partitions.map(later) };
      }),
    }));
    const connected = cluster.connect({ platform: network.platform, metadataMaxAgeMs: 20, retryBackoffMs: 5 });
    const consumer = connected.consumer();
    consumer.assign([at(0)]);
    // No epoch to be checked before the first fetch.
    consumer.seek(at(0), 0);
    expect(values(await take(consumer, 3))).toEqual(range(0, 3));
    // It sees neither that the topic is gone nor that it is empty.
    consumer.pause([at(0)]);
    await client.admin().deleteTopics([topic]);
    await createTopic(client, topic, 2);
    await produce(10, 15);
    while (!isSecondLife) {
      await consumer.poll({ timeoutMs: 10 });
      // Asks for the topic again once it is seen to be gone.
      await consumer.endOffsets([at(0)]);
    }
    consumer.resume([at(0)]);
    // From the beginning, where it was seen before there was anything in it.
    const read: string[] = [];
    while (read.at(-1) !== "14") read.push(...values(await consumer.poll()));
    expect(read.slice(-2)).toEqual(["13", "14"]);
    await connected.close();
  });

  it("reads batches larger than it asks for", async () => {
    const producer = client.producer({ batchSizeBytes: 200_000 });
    const large = "x".repeat(50_000);
    await producer.sendAll(range(0, 20).map((key) => ({ ...at(0), key, value: large })));
    await producer.close();
    const consumer = reader({ maxPartitionFetchBytes: 1_000, fetchMaxBytes: 1_000 });
    const records = await take(consumer, 20);
    expect(records.map(({ key }) => text(key))).toEqual(range(0, 20));
  });

  it("reads every record once of many partitions that have some now and then, are paused and sought meanwhile", async () => {
    const wide = cluster.unique("wide");
    const partitions = 40;
    await createTopic(client, wide, partitions);
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic: wide, partition }));
    const consumer = make();
    consumer.assign(all);
    consumer.seekToBeginning(all);
    const producer = client.producer({ lingerMs: 0 });
    const read: string[][] = all.map(() => []);
    const written: string[][] = all.map(() => []);
    const take = async (): Promise<void> => {
      for (const { partition, value } of await consumer.poll({ timeoutMs: 20 })) read[partition]?.push(text(value));
    };
    for (let round = 0; round < 60; round++) {
      const partition = (round * 7) % partitions;
      await producer.send({ topic: wide, partition, value: `${round}` });
      written[partition]?.push(`${round}`);
      const other = all.slice(round % partitions, (round % partitions) + 3);
      if (round % 5 === 0) consumer.pause(other);
      if (round % 5 === 3) consumer.resume(all);
      if (round === 30) {
        // Once more from the beginning.
        consumer.seekToBeginning(all.slice(0, 5));
        for (const list of read.slice(0, 5)) list.length = 0;
      }
      await take();
    }
    consumer.resume(all);
    const count = (lists: readonly string[][]): number => lists.reduce((sum, list) => sum + list.length, 0);
    for (let i = 0; i < 200 && count(read) < count(written); i++) await take();
    expect(read).toEqual(written);
    await producer.close();
  });

  it("wakes up from a poll, or from the next one", async () => {
    const consumer = reader();
    const polled = consumer.poll({ timeoutMs: 60_000 });
    await expect(consumer.poll()).rejects.toMatchObject({ code: "INVALID_STATE" });
    consumer.wakeup();
    expect(await polled).toEqual([]);
    consumer.wakeup();
    expect(await consumer.poll({ timeoutMs: 60_000 })).toEqual([]);
  });

  it("ends a poll when it is closed, and can do nothing afterwards", async () => {
    const consumer = reader();
    const polled = consumer.poll({ timeoutMs: 60_000 });
    await consumer.close();
    expect(await polled).toEqual([]);
    await expect(consumer.poll()).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => consumer.seek(at(0), 1)).toThrow("closed");
    expect(() => consumer.assign([])).toThrow("closed");
    await consumer.close();
  });

  /** Polls without ever waiting for anything else; ends by itself, lest it hold up the test for ever. */
  async function pollInLoop(consumer: Consumer, timeoutMs?: number): Promise<void> {
    for (let i = 0; i < 200_000; i++) await consumer.poll(timeoutMs === undefined ? {} : { timeoutMs });
  }

  it("lets a listener's commit through when it is closed from elsewhere, and ends the loop that polls it", async () => {
    const consumer = make({ groupId: cluster.unique("loop") });
    let commits = 0;
    consumer.subscribe([topic], {
      onRevoked: async () => {
        await consumer.commit();
        commits++;
      },
    });
    const ended = expect(pollInLoop(consumer)).rejects.toMatchObject({ code: "CLOSED" });
    await until(() => consumer.assignment().length === 2);
    await consumer.close();
    expect(commits).toBe(1);
    await ended;
  });

  it("throws when it is closed what the listener throws, a timeout too", async () => {
    const consumer = make({ groupId: cluster.unique("throwing") });
    const late = new TimeoutError("the listener's own");
    consumer.subscribe([topic], { onRevoked: () => Promise.reject(late) });
    await until(async () => {
      await consumer.poll({ timeoutMs: 10 });
      return consumer.assignment().length === 2;
    });
    consumers.splice(0);
    await expect(consumer.close()).rejects.toBe(late);
  });

  it("gives its partitions up once when it is closed while it unsubscribes, and leaves its group", async () => {
    const groupId = cluster.unique("twice");
    const consumer = make({ groupId });
    const revoked: number[] = [];
    consumer.subscribe([topic], {
      onRevoked: async (partitions) => {
        revoked.push(partitions.length);
        await consumer.commit();
      },
    });
    await until(async () => {
      await consumer.poll({ timeoutMs: 10 });
      return consumer.assignment().length === 2;
    });
    const unsubscribed = consumer.unsubscribe();
    expect(() => consumer.subscribe([topic])).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    await Promise.all([unsubscribed, consumer.unsubscribe(), consumer.close()]);
    expect(revoked).toEqual([2]);
    const [group] = await client.admin().describeGroups([groupId]);
    expect(group?.members).toEqual([]);
  });

  it("ends a loop over its records when it is closed from elsewhere", async () => {
    const consumer = make({ groupId: cluster.unique("loop"), autoCommit: true });
    consumer.subscribe([topic]);
    const seen: string[] = [];
    const ended = (async () => {
      for await (const { value } of consumer) seen.push(text(value));
    })();
    await produce(0, 3);
    await until(() => seen.length === 3);
    await consumer.close();
    await ended;
    expect(await client.admin().listConsumerGroupOffsets(consumer.groupMetadata().groupId)).toContainEqual(
      expect.objectContaining({ ...at(0), offset: 3 }),
    );
  });

  it("lets everything else in where it is polled without a wait", async () => {
    await produce(0, 1);
    const consumer = reader();
    const polled: ConsumerRecord[] = [];
    for (let i = 0; i < 200_000 && polled.length === 0; i++) polled.push(...(await consumer.poll({ timeoutMs: 0 })));
    expect(values(polled)).toEqual(["0"]);
  });

  it.each(["poll", "for await"])("lets heartbeats in while records take their time, by %s", async (way) => {
    await produce(0, 200);
    const consumer = reader({ maxPollRecords: way === "poll" ? 1 : 500 });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    let handled = 0;
    const handle = (): void => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      if (handled++ === 0) turns = 0;
    };
    if (way === "for await") {
      for await (const _ of consumer) {
        handle();
        if (handled === 200) break;
      }
    } else while (handled < 200) (await consumer.poll()).forEach(handle);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  it("refuses what does not fit", async () => {
    const consumer = reader();
    const invalidState = expect.objectContaining({ code: "INVALID_STATE" });
    expect(() => consumer.seek(at(1), 0)).toThrow(invalidState);
    expect(() => consumer.seek(at(0), -1)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => consumer.pause([at(1)])).toThrow(invalidState);
    expect(() => consumer.subscribe([topic])).toThrow(invalidState);
    expect(() => consumer.groupMetadata()).toThrow(invalidState);
    await expect(consumer.commit()).rejects.toThrow(invalidState);
    await expect(consumer.position(at(1))).rejects.toThrow(invalidState);
    expect(() => make().subscribe([])).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => client.consumer({ groupId: "" })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    // More than a connection takes in one answer.
    const tooMuch = { fetchMaxBytes: 101 * 1024 * 1024 };
    expect(() => client.consumer(tooMuch)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => client.consumer({ autoCommit: true })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
