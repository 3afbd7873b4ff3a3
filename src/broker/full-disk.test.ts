// A disk without room, as clients see it: what is refused, what goes on, and that all of it comes back.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GatedDisk } from "../../test/support/gated-disk.ts";
import { type RawProducer, RawSession } from "../../test/support/raw-session.ts";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { until } from "../../test/support/until.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { errorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";

/** A coordinator whose log refused a record begins anew after that time, at first; markers are tried again as often. */
const RETRY_MS = 1000;
/** What could not be opened is opened again as often. */
const MAINTENANCE_MS = 30_000;

let disk: GatedDisk;
let clock: SteppedClock;
let broker: Broker;
let session: RawSession;

beforeEach(async () => {
  disk = new GatedDisk();
  await start();
});

async function start(): Promise<void> {
  clock = new SteppedClock();
  const platform = { ...nodePlatform, disk, clock };
  const options = { offsetsTopicPartitions: 1, transactionTopicPartitions: 1 };
  broker = await Broker.start({ dataDir: "data", platform, ...options });
  session = await RawSession.open(broker.address);
}

afterEach(async () => {
  disk.empty();
  disk.giveDescriptors();
  await stop();
});

async function stop(): Promise<void> {
  session.close();
  const stopped = broker.stop();
  // Whoever is waited for in the end.
  clock.advance(60_000);
  await stopped;
}

describe("a full disk", () => {
  it("refuses what must be written, serves reads, and takes all again once there is room", async () => {
    const topic = await session.createTopic("topic");
    await session.produce(topic, ["a"]);
    await session.findCoordinator("group", "group");
    await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
    const producer = await session.newTransactional("id");

    disk.fill("");
    for (let i = 0; i < 2; i++) expect((await session.produce(topic, ["b"])).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await session.fetch(topic)).records).toEqual(["0:a"]);
    await expect(session.createTopic("other")).rejects.toThrow("KAFKA_STORAGE_ERROR");
    expect(await session.deleteTopic(topic)).toBe("KAFKA_STORAGE_ERROR");
    expect(await session.commitOffset("group", topic, 2)).toBe("COORDINATOR_NOT_AVAILABLE");
    expect((await session.initProducer("id")).error).toBe("COORDINATOR_NOT_AVAILABLE");
    expect((await session.initProducer(null)).error).toBe("NONE");

    disk.empty();
    expect(await session.produce(topic, ["b"])).toEqual({ error: "NONE", baseOffset: 1 });
    await session.createTopic("other");
    clock.advance(RETRY_MS);
    await until(async () => (await session.committedOffset("group", topic)) === 1);
    expect(await session.commitOffset("group", topic, 2)).toBe("NONE");
    expect(await session.initProducer("id")).toMatchObject({ error: "NONE", producerId: producer.producerId });
  });

  // v3: the group was added before. v5 adds it by itself, in a partition that has room.
  it.each([3, 5])(
    "refuses a transaction's offsets with an error that producers retry (TxnOffsetCommit v%i)",
    async (version) => {
      const topic = await session.createTopic("topic");
      await session.findCoordinator("group", "group");
      await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
      const producer = await session.newTransactional("id");
      if (version === 3) await until(async () => (await session.addOffsets("id", producer, "group")) === "NONE");
      const commit = (): Promise<string> => {
        return session.commitOffsetInTransaction("id", producer, "group", topic, 2, { version });
      };

      disk.fill("__consumer_offsets");
      for (let i = 0; i < 2; i++) expect(await commit()).toBe("COORDINATOR_NOT_AVAILABLE");
      disk.empty();
      expect(await commit()).toBe("NONE");
      expect((await session.endTransaction("id", producer, "commit", version === 3 ? 3 : 5)).error).toBe("NONE");
      await until(async () => (await session.committedOffset("group", topic)) === 2);
    },
  );

  it("has a coordinator begin anew after ever longer pauses, up to half a minute, until its log takes a record", async () => {
    const topic = await session.createTopic("topic");
    await session.findCoordinator("group", "group");
    await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
    const expectPause = async (pauseMs: number): Promise<void> => {
      expect(await session.commitOffset("group", topic, 2)).toBe("COORDINATOR_NOT_AVAILABLE");
      clock.advance(pauseMs - 1);
      expect(await session.committedOffset("group", topic)).toBe("COORDINATOR_NOT_AVAILABLE");
      clock.advance(1);
      await until(async () => (await session.committedOffset("group", topic)) === 1);
    };
    disk.fill("__consumer_offsets");
    for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) await expectPause(pauseMs);
    disk.empty();
    expect(await session.commitOffset("group", topic, 1)).toBe("NONE");
    disk.fill("__consumer_offsets");
    await expectPause(RETRY_MS);
  });

  it("a marker that was waiting for room does not end the producer's next transaction", async () => {
    const topic = await session.createTopic("topic");
    const id = "id";
    const producer = await session.newTransactional(id);
    const begin = (): Promise<string[]> => session.addPartitions(id, producer, [{ name: topic.name, partitions: [0] }]);
    const write = (value: string, sequence: number, as: RawProducer = producer): Promise<unknown> =>
      session.produce(topic, [value], { producer: as, transactionalId: id, sequence, version: 11 });
    await begin();
    expect(await write("a", 0)).toMatchObject({ error: "NONE" });
    disk.fill("topic-0");
    // The classic protocol: the next transaction has the same epoch.
    expect((await session.endTransaction(id, producer, "commit", 3)).error).toBe("NONE");
    clock.advance(RETRY_MS / 2);
    disk.fill("__transaction_state-0");
    expect((await session.initProducer("other")).error).toBe("COORDINATOR_NOT_AVAILABLE");
    clock.advance(RETRY_MS / 2);
    disk.empty();
    // The new coordinator ends the transaction, before the old one's marker is due again.
    clock.advance(RETRY_MS / 2);
    await until(async () => (await begin())[0] === "NONE");
    expect(await session.endOffset(topic, "read_committed")).toBe(2);
    expect(await write("b", 1)).toMatchObject({ error: "NONE" });
    clock.advance(RETRY_MS);
    expect(await write("c", 2)).toMatchObject({ error: "NONE" });
    expect(await session.endOffset(topic, "read_committed")).toBe(2);
    expect((await session.endTransaction(id, producer, "abort", 3)).error).toBe("NONE");
    await until(async () => (await session.endOffset(topic, "read_committed")) === 5);
    expect((await session.fetch(topic)).records).toEqual(["0:a", "1:commit", "2:b", "3:c", "4:abort"]);
  });
});

describe.each<[string, (folder: string) => void]>([
  ["room", (folder) => disk.fill(folder)],
  ["descriptors", (folder) => disk.takeDescriptors(folder)],
])("without %s to open logs", (_what, take) => {
  function giveBack(): void {
    disk.empty();
    disk.giveDescriptors();
    clock.advance(MAINTENANCE_MS);
  }

  it("a new topic is made, with partitions that are offline until there is enough; then they are known as opened", async () => {
    take("topic-1");
    const topic = await session.createTopic("topic", 3);
    const leaders = async (): Promise<string[]> => {
      const { topics } = await session.client.send(metadata, 12, { topics: [{ name: topic.name }] });
      return topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)));
    };
    await expect(session.createTopic("topic", 3)).rejects.toThrow("already exists");
    expect(await leaders()).toEqual(["NONE", "LEADER_NOT_AVAILABLE", "NONE"]);
    const write = async (partition: number): Promise<string> => {
      return (await session.produce(topic, ["a"], { partition })).error;
    };
    expect(await write(1)).toBe("KAFKA_STORAGE_ERROR");
    expect(await write(2)).toBe("NONE");
    clock.advance(MAINTENANCE_MS);
    expect(await write(1)).toBe("KAFKA_STORAGE_ERROR");
    giveBack();
    await until(async () => (await write(1)) === "NONE");
    expect(await write(2)).toBe("NONE");
    expect(await leaders()).toEqual(["NONE", "NONE", "NONE"]);

    await stop();
    disk.remove("data/topic-1");
    await start();
    expect(await write(1)).toBe("KAFKA_STORAGE_ERROR");
    clock.advance(MAINTENANCE_MS);
    expect(await write(0)).toBe("NONE");
    expect(await write(1)).toBe("KAFKA_STORAGE_ERROR");
  });

  it("a topic's deletion waits while its partitions are opened again", async () => {
    take("topic-0");
    const topic = await session.createTopic("topic");
    disk.hold("topic-0");
    giveBack();
    await until(() => disk.exists("data/topic-0/00000000000000000000.log"));
    const another = await RawSession.open(broker.address);
    const deleted = another.deleteTopic(topic);
    for (let i = 0; i < 20; i++) await session.fetch(topic);
    expect(disk.exists("data/topic-0")).toBe(true);
    disk.release();
    expect(await deleted).toBe("NONE");
    expect(disk.exists("data/topic-0")).toBe(false);
    another.close();
  });

  it("there are no coordinators, until there is enough", async () => {
    const topic = await session.createTopic("topic");
    for (const folder of ["__consumer_offsets", "__transaction_state"]) take(folder);
    expect(await session.findCoordinator("group", "group")).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(await session.findCoordinator("transaction", "id")).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(await session.commitOffset("group", topic, 1)).toBe("COORDINATOR_NOT_AVAILABLE");
    giveBack();
    await until(async () => (await session.findCoordinator("group", "group")) === "NONE");
    await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
    await until(async () => (await session.initProducer("id")).error === "NONE");
  });
});

it("a start without descriptors for some logs opens them, and their coordinators, once there are some", async () => {
  const topic = await session.createTopic("topic");
  await session.produce(topic, ["a"]);
  await session.findCoordinator("group", "group");
  await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
  await stop();
  for (const folder of ["topic-0", "__consumer_offsets"]) disk.takeDescriptors(folder);
  await start();
  expect((await session.fetch(topic)).error).toBe("KAFKA_STORAGE_ERROR");
  expect(await session.findCoordinator("group", "group")).toBe("COORDINATOR_NOT_AVAILABLE");
  disk.giveDescriptors();
  clock.advance(MAINTENANCE_MS);
  await until(async () => (await session.fetch(topic)).records.join() === "0:a");
  await until(async () => (await session.committedOffset("group", topic)) === 1);
});

it("a log whose files could not be synced stays offline, also when there was no room for that", async () => {
  const topic = await session.createTopic("topic");
  await session.produce(topic, ["a"]);
  // So that the next start has something to sync.
  disk.fill("topic-0");
  await stop();
  disk.empty();
  disk.fail("topic-0/0", "ENOSPC");
  await start();
  expect((await session.fetch(topic)).error).toBe("KAFKA_STORAGE_ERROR");
  disk.mend();
  clock.advance(MAINTENANCE_MS);
  await session.createTopic("other");
  expect((await session.fetch(topic)).error).toBe("KAFKA_STORAGE_ERROR");
});
