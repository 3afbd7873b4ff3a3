import { describe, expect, it } from "vitest";
import { readAll } from "../../test/support/cluster.ts";
import { GatedDisk } from "../../test/support/gated-disk.ts";
import { type RawProducer, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { until } from "../../test/support/until.ts";
import { Client } from "../client/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Disk } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { describeTransactions } from "../protocol/apis/describe-transactions.ts";
import { incrementalAlterConfigs } from "../protocol/apis/incremental-alter-configs.ts";
import { joinGroup } from "../protocol/apis/join-group.ts";
import { listGroups } from "../protocol/apis/list-groups.ts";
import { listTransactions } from "../protocol/apis/list-transactions.ts";
import { writeTxnMarkers } from "../protocol/apis/write-txn-markers.ts";
import { errorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";
import type { BrokerOptions } from "./options.ts";

interface World {
  readonly disk: GatedDisk;
  readonly broker: Broker;
  readonly session: RawSession;
}

/** A broker on a disk whose syncs the test decides on. */
async function inWorld(
  run: (world: World) => Promise<void>,
  options: BrokerOptions = {},
  clock: Clock = nodePlatform.clock,
): Promise<void> {
  const disk = new GatedDisk();
  const broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk, clock }, ...options });
  const session = await RawSession.open(broker.address);
  try {
    await run({ disk, broker, session });
  } finally {
    disk.release();
    session.close();
    await broker.stop();
  }
}

/** Whether an answer is there once the broker has had every chance to send it. */
async function isAnswered(answer: Promise<unknown>, { broker }: World): Promise<boolean> {
  let answered = false;
  const note = (): void => {
    answered = true;
  };
  answer.then(note, note);
  const other = await RawSession.open(broker.address);
  for (let i = 0; i < 5; i++) await other.initProducer(null);
  other.close();
  return answered;
}

/** Where a power loss takes what was not synced. */
async function startOn(disk: Disk): Promise<[Broker, RawSession]> {
  const broker = await Broker.start({ dataDir: "data", durability: "os", platform: { ...nodePlatform, disk } });
  return [broker, await RawSession.open(broker.address)];
}

async function setFlushMessages(session: RawSession, { name }: RawTopic, value: string | null): Promise<string> {
  const configs = [{ name: "flush.messages", configOperation: value === null ? 1 : 0, value }];
  const resources = [{ resourceType: 2, resourceName: name, configs }];
  const { responses } = await session.client.send(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  return errorName(responses[0]?.errorCode ?? -1);
}

describe("acknowledged means durable", () => {
  it("acks=all waits for the sync, and so do readers; acks=1 does not", () =>
    inWorld(async (world) => {
      const { disk, session, broker } = world;
      const topic = await session.createTopic("topic");
      disk.hold("topic-0");
      const reader = await RawSession.open(broker.address);
      const all = session.produce(topic, ["a"]);
      expect(await isAnswered(all, world)).toBe(false);
      expect(await reader.produce(topic, ["b"], { acks: 1 })).toEqual({ error: "NONE", baseOffset: 1 });
      expect(await reader.fetch(topic)).toMatchObject({ records: [], highWatermark: 0 });
      expect(await reader.endOffset(topic, "read_uncommitted")).toBe(0);
      disk.release();
      expect(await all).toEqual({ error: "NONE", baseOffset: 0 });
      await until(async () => (await reader.fetch(topic)).records.length === 2);
      reader.close();
    }));

  it("a duplicate waits until the original is durable", () =>
    inWorld(async (world) => {
      const { disk, session, broker } = world;
      const topic = await session.createTopic("topic");
      const producer = await session.initProducer(null);
      disk.hold("topic-0");
      const original = session.produce(topic, ["a"], { producer });
      const again = await RawSession.open(broker.address);
      const duplicate = again.produce(topic, ["a"], { producer });
      expect(await isAnswered(duplicate, world)).toBe(false);
      disk.release();
      expect(await Promise.all([original, duplicate])).toEqual(Array(2).fill({ error: "NONE", baseOffset: 0 }));
      again.close();
    }));

  it("durability os waits for no sync", () =>
    inWorld(
      async ({ disk, session }) => {
        const topic = await session.createTopic("topic");
        disk.hold("topic-0");
        expect(await session.produce(topic, ["a"])).toEqual({ error: "NONE", baseOffset: 0 });
        expect((await session.fetch(topic)).records).toEqual(["0:a"]);
      },
      { durability: "os" },
    ));

  it("durability os: while a topic is synced the coordinators' logs are", () =>
    inWorld(
      async (world) => {
        const { disk, session, broker } = world;
        const plain = await session.createTopic("plain");
        const epoch = async (): Promise<number> => (await session.newTransactional("id")).producerEpoch;
        expect(await epoch()).toBe(0);
        await session.findCoordinator("group", "group");
        disk.hold("__transaction_state");
        expect(await epoch()).toBe(1);

        const setting = RawSession.open(broker.address).then((admin) => setFlushMessages(admin, plain, "1"));
        // The epoch that was given out is in records of the topic, maybe.
        expect(await isAnswered(setting, world)).toBe(false);
        disk.release();
        expect(await setting).toBe("NONE");
        const steps = { __transaction_state: epoch, __consumer_offsets: () => session.commitOffset("group", plain, 1) };
        for (const [log, step] of Object.entries(steps)) {
          disk.hold(log);
          const answer = step();
          expect(await isAnswered(answer, world), log).toBe(false);
          disk.release();
          await answer;
        }

        await setFlushMessages(session, plain, null);
        disk.hold("__transaction_state");
        expect(await epoch()).toBe(3);
        disk.release();
        const strict = await session.createTopic("strict", 1, { "flush.ms": "1000" });
        await session.deleteTopic(strict);
        disk.hold("__transaction_state");
        expect(await epoch()).toBe(4);
      },
      { durability: "os" },
    ));

  it("durability os: a topic that is synced is so after a restart, and the coordinators' logs are", async () => {
    const disk = new GatedDisk();
    const options: BrokerOptions = { dataDir: "data", durability: "os", platform: { ...nodePlatform, disk } };
    const before = await Broker.start(options);
    const first = await RawSession.open(before.address);
    await first.createTopic("topic", 1, { "flush.messages": "1" });
    await first.newTransactional("id");
    first.close();
    await before.stop();
    const broker = await Broker.start(options);
    const session = await RawSession.open(broker.address);
    disk.hold("__transaction_state");
    const answer = session.newTransactional("id");
    expect(await isAnswered(answer, { disk, broker, session })).toBe(false);
    disk.release();
    expect((await answer).producerEpoch).toBe(1);
    session.close();
    await broker.stop();
  });

  it("durability os: what a synced topic's records rest on survives a power loss as they do", async () => {
    const disk = new MemoryDisk({ canCrash: true });
    const [broker, session] = await startOn(disk);
    await session.findCoordinator("group", "group");
    const topic = await session.createTopic("topic", 1, { "flush.messages": "1" });
    const producer = await session.newTransactional("id");
    await session.produce(topic, ["a"], { producer, transactionalId: "id" });
    await session.commitOffsetInTransaction("id", producer, "group", topic, 7);
    await session.endTransaction("id", producer, "commit");
    await until(async () => (await session.endOffset(topic, "read_committed")) === 2);
    for (let seed = 0; seed < 10; seed++) {
      const [later, reader] = await startOn(disk.afterCrash(seededRandom(seed)));
      expect((await reader.newTransactional("id")).producerEpoch, `seed ${seed}`).toBeGreaterThan(
        producer.producerEpoch,
      );
      expect(await reader.readCommitted(topic), `seed ${seed}`).toEqual(["a"]);
      expect(await reader.committedOffset("group", topic), `seed ${seed}`).toBe(7);
      reader.close();
      await later.stop();
    }
    session.close();
    await broker.stop();
  });

  it("durability os: an aborted transaction whose marker is lost is not committed with the next one", async () => {
    const disk = new MemoryDisk({ canCrash: true });
    const [broker, session] = await startOn(disk);
    const topic = await session.createTopic("topic");
    const producer = await session.newTransactional("id");
    await setFlushMessages(session, { name: "__transaction_state", id: "" }, "1");
    await session.produce(topic, ["aborted"], { producer, transactionalId: "id" });
    await session.endTransaction("id", producer, "abort");
    await until(async () => (await session.endOffset(topic, "read_committed")) === 2);
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const [later, writer] = await startOn(disk.afterCrash(seededRandom(seed)));
      let next: RawProducer = await writer.newTransactional("id");
      for (let isDone = false; !isDone; ) {
        const { error } = await writer.produce(topic, ["committed"], { producer: next, transactionalId: "id" });
        outcomes.add(error);
        isDone = error === "NONE";
        next = await writer.endTransaction("id", next, isDone ? "commit" : "abort");
      }
      const client = new Client({ brokers: later.address });
      const read = async () => (await readAll(client, "topic")).map(({ value }) => `${value}`);
      await until(async () => (await read()).length > 0);
      expect(await read(), `seed ${seed}`).toEqual(["committed"]);
      await client.close();
      writer.close();
      await later.stop();
    }
    expect([...outcomes].sort()).toEqual(["INVALID_TXN_STATE", "NONE"]);
    session.close();
    await broker.stop();
  });

  it("a transaction's steps wait for the coordinator's log", () =>
    inWorld(async (world) => {
      const { disk, session } = world;
      const topic = await session.createTopic("topic");
      const producer = await session.newTransactional("id");
      const options = { producer, transactionalId: "id" };
      disk.hold("__transaction_state");
      const written = session.produce(topic, ["a"], options);
      expect(await isAnswered(written, world)).toBe(false);
      // Without the coordinator's record nobody would end the transaction.
      expect(disk.sizeOf("data/topic-0/00000000000000000000.log")).toBe(0);
      disk.release();
      expect((await written).error).toBe("NONE");

      disk.hold("__transaction_state");
      const ended = session.endTransaction("id", producer, "commit");
      expect(await isAnswered(ended, world)).toBe(false);
      const other = await RawSession.open(world.broker.address);
      // No marker before the decision is durable: it could still be forgotten.
      expect(await other.endOffset(topic, "read_uncommitted")).toBe(1);
      disk.release();
      expect((await ended).error).toBe("NONE");
      await until(async () => (await other.endOffset(topic, "read_committed")) === 2);
      other.close();
    }));

  it("whoever asks about a transaction is told of nothing that is not durable", () =>
    inWorld(async (world) => {
      const { disk, session, broker } = world;
      const topic = await session.createTopic("topic");
      const producer = await session.newTransactional("id");
      await session.produce(topic, ["a"], { producer, transactionalId: "id" });
      const everything = { stateFilters: [], producerIdFilters: [], durationFilter: -1 };
      // The first one loads what it takes.
      await session.client.send(listTransactions, 1, everything);
      disk.hold("__transaction_state");
      const ended = session.endTransaction("id", producer, "commit");
      expect(await isAnswered(ended, world)).toBe(false);
      const others = [await RawSession.open(broker.address), await RawSession.open(broker.address)] as const;
      const described = others[0].client.send(describeTransactions, 0, { transactionalIds: ["id"] });
      const listed = others[1].client.send(listTransactions, 1, everything);
      expect(await isAnswered(described, world)).toBe(false);
      expect(await isAnswered(listed, world)).toBe(false);
      disk.release();
      const state = { transactionalId: "id", transactionState: "PrepareCommit" };
      expect((await described).transactionStates).toMatchObject([state]);
      expect((await listed).transactionStates).toMatchObject([state]);
      expect((await ended).error).toBe("NONE");
      for (const other of others) other.close();
    }));

  it("a commit of offsets, and whoever reads them, wait for the group's log", () =>
    inWorld(async (world) => {
      const { disk, session, broker } = world;
      const topic = await session.createTopic("topic");
      await session.findCoordinator("group", "group");
      disk.hold("__consumer_offsets");
      const committed = session.commitOffset("group", topic, 7);
      expect(await isAnswered(committed, world)).toBe(false);
      const other = await RawSession.open(broker.address);
      const fetched = other.committedOffset("group", topic);
      expect(await isAnswered(fetched, world)).toBe(false);
      disk.release();
      expect(await committed).toBe("NONE");
      expect(await fetched).toBe(7);
      other.close();
    }));

  it("a topic is there once it is durable", () =>
    inWorld(async (world) => {
      const { disk, session } = world;
      disk.hold("__cluster_metadata-0");
      const created = session.createTopic("topic");
      const other = await RawSession.open(world.broker.address);
      expect((await other.produce({ name: "topic", id: "" }, ["a"])).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
      disk.release();
      const topic = await created;
      expect((await other.produce(topic, ["a"])).error).toBe("NONE");
      other.close();
    }));

  it("deleted records stay deleted once that is answered", () =>
    inWorld(async (world) => {
      const { disk, session } = world;
      const topic = await session.createTopic("topic");
      await session.produce(topic, ["a", "b"]);
      disk.hold("topic-0");
      const deleted = session.deleteRecords(topic, 1);
      expect(await isAnswered(deleted, world)).toBe(false);
      disk.release();
      expect(await deleted).toEqual({ error: "NONE", lowWatermark: 1 });
    }));
});

describe("a partition whose disk fails", () => {
  it("answers who waits for it, and everyone after; others go on, and the broker stops", () =>
    inWorld(async ({ disk, session, broker }) => {
      const [bad, good] = [await session.createTopic("bad"), await session.createTopic("good")];
      const reader = await RawSession.open(broker.address);
      const waiting = reader.fetch(bad, { maxWaitMs: 20_000 });
      disk.fail("bad-0");
      expect((await session.produce(bad, ["a"])).error).toBe("KAFKA_STORAGE_ERROR");
      expect((await waiting).error).toBe("KAFKA_STORAGE_ERROR");
      expect((await session.produce(bad, ["b"])).error).toBe("KAFKA_STORAGE_ERROR");
      expect((await session.produce(good, ["c"])).error).toBe("NONE");
      reader.close();
    }));

  it("is told to a fetch of the first versions as one that they know, so that the client looks for another leader", () =>
    inWorld(async ({ session, disk }) => {
      const topic = await session.createTopic("topic");
      disk.fail("topic");
      expect((await session.produce(topic, ["a"])).error).toBe("KAFKA_STORAGE_ERROR");
      const errorOf = async (version: number) => (await session.fetch(topic, { version })).error;
      expect(await Promise.all([4, 5].map(errorOf))).toEqual(["NOT_LEADER_OR_FOLLOWER", "NOT_LEADER_OR_FOLLOWER"]);
      expect(await Promise.all([6, 16].map(errorOf))).toEqual(["KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
    }));

  it("of a coordinator of groups: members that wait for each other are told", () =>
    inWorld(
      async ({ disk, session, broker }) => {
        const topic = await session.createTopic("topic");
        await session.findCoordinator("group", "group");
        const member = await RawSession.open(broker.address);
        const joining = member.client.send(joinGroup, 3, {
          groupId: "group",
          sessionTimeoutMs: 30_000,
          rebalanceTimeoutMs: 30_000,
          memberId: "",
          protocolType: "consumer",
          protocols: [{ name: "range", metadata: Buffer.alloc(0) }],
        });
        await until(async () => (await session.client.send(listGroups, 2, {})).groups.length === 1);
        disk.fail("__consumer_offsets");
        await session.client.send(writeTxnMarkers, 1, {
          markers: [
            {
              producerId: 1,
              producerEpoch: 0,
              transactionResult: true,
              topics: [{ name: "__consumer_offsets", partitionIndexes: [0, 1, 2, 3] }],
              coordinatorEpoch: 0,
            },
          ],
        });
        expect(errorName((await joining).errorCode)).toBe("COORDINATOR_NOT_AVAILABLE");
        expect(await session.committedOffset("group", topic)).toBe("COORDINATOR_NOT_AVAILABLE");
        member.close();
      },
      { groupInitialRebalanceDelayMs: 60_000 },
    ));

  it("of a coordinator of transactions: nothing is half decided", () =>
    inWorld(async ({ disk, session }) => {
      const topic = await session.createTopic("topic");
      const producer = await session.newTransactional("id");
      await session.produce(topic, ["a"], { producer, transactionalId: "id" });
      disk.fail("__transaction_state");
      expect((await session.endTransaction("id", producer, "commit")).error).toBe("COORDINATOR_NOT_AVAILABLE");
      const more = await session.produce(topic, ["b"], { producer, transactionalId: "id", sequence: 1 });
      // The transaction is open here: nothing needs to be asked.
      expect(more.error).toBe("NONE");
      expect(await session.endOffset(topic, "read_committed")).toBe(0);
    }));

  it("a marker that cannot be written is tried again; the transaction ends elsewhere", () =>
    inWorld(async ({ disk, session }) => {
      const [bad, good] = [await session.createTopic("bad"), await session.createTopic("good")];
      const producer = await session.newTransactional("id");
      for (const topic of [bad, good]) await session.produce(topic, ["a"], { producer, transactionalId: "id" });
      disk.fail("bad-0");
      expect((await session.endTransaction("id", producer, "commit")).error).toBe("NONE");
      await until(async () => (await session.endOffset(good, "read_committed")) === 2);
      // The completion waits for the partition, and is through once that is deleted.
      await session.deleteTopic(bad);
      await until(async () => (await session.initProducer("id")).error === "NONE");
    }));

  it("a marker that cannot be written is told of once", async () => {
    const clock = new SteppedClock();
    const told: unknown[] = [];
    const logger: Logger = {
      log: (_level, message, fields) => message.startsWith("transaction marker not written") && told.push(fields),
    };
    await inWorld(
      async ({ disk, session }) => {
        const topic = await session.createTopic("topic");
        const producer = await session.newTransactional("id");
        await session.produce(topic, ["a"], { producer, transactionalId: "id" });
        disk.fail("topic-0");
        await session.endTransaction("id", producer, "commit");
        await until(() => told.length > 0);
        for (let i = 0; i < 3; i++) clock.advance(1000);
      },
      { logger },
      clock,
    );
    expect(told).toMatchObject([{ topic: "topic", partition: 0, transactionalId: "id", error: "KAFKA_STORAGE_ERROR" }]);
  });
});

describe("a metadata log whose disk fails", () => {
  it("leaves transactions in progress: only new producers need a producer id", () =>
    inWorld(async ({ disk, session }) => {
      const topic = await session.createTopic("topic");
      const producer = await session.newTransactional("id");
      await session.produce(topic, ["a"], { producer, transactionalId: "id" });
      disk.fail("__cluster_metadata-0");
      const answers = new Set<string>();
      while (!answers.has("COORDINATOR_LOAD_IN_PROGRESS")) {
        const asked = Array.from({ length: 500 }, () => session.initProducer(null));
        for (const { error } of await Promise.all(asked)) answers.add(error);
      }
      expect([...answers]).toEqual(["NONE", "COORDINATOR_LOAD_IN_PROGRESS"]);
      const next = await session.endTransaction("id", producer, "commit");
      expect(next).toEqual({ error: "NONE", producerId: producer.producerId, producerEpoch: 1 });
      await until(async () => (await session.readCommitted(topic)).length === 1);
      const successor = { error: "NONE", producerId: producer.producerId, producerEpoch: 2 };
      expect(await session.initProducer("id")).toEqual(successor);
      expect((await session.initProducer("other")).error).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    }));

  it("makes no topic, and nothing else stops", () =>
    inWorld(async ({ disk, session, broker }) => {
      const topic = await session.createTopic("topic");
      disk.fail("__cluster_metadata-0");
      const other = await RawSession.open(broker.address);
      await expect(other.createTopic("another")).rejects.toThrow("metadata log of the broker is offline");
      expect((await session.produce(topic, ["a"])).error).toBe("NONE");
      expect(await other.findCoordinator("group", "group")).toBe("COORDINATOR_NOT_AVAILABLE");
      expect(await other.addOffsets("id", { producerId: 1, producerEpoch: 0 }, "group")).toBe(
        "COORDINATOR_NOT_AVAILABLE",
      );
      other.close();
    }));
});
