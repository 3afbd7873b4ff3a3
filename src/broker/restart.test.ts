import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RawProducer, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { createPartitions } from "../protocol/apis/create-partitions.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { listOffsets } from "../protocol/apis/list-offsets.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { batchesIn } from "../protocol/records/batch.ts";
import { Broker } from "./broker.ts";

/** Runs `use` with a broker that is stopped at the end, and a session with it. */
async function withBroker(
  start: () => Promise<Broker>,
  use: (session: RawSession, broker: Broker) => Promise<void>,
): Promise<void> {
  const broker = await start();
  const session = await RawSession.open(broker.address);
  try {
    await use(session, broker);
  } finally {
    session.close();
    await broker.stop();
  }
}

it("a bit of the metadata that has changed is found by the start after a crash: it ends, and says where", async () => {
  const disk = new MemoryDisk({ canCrash: true });
  const startOn = (of: MemoryDisk): Promise<Broker> =>
    Broker.start({ platform: { ...nodePlatform, disk: of }, dataDir: "data" });
  const first = await startOn(disk);
  const session = await RawSession.open(first.address);
  const path = "data/__cluster_metadata-0/00000000000000000000.log";
  const isRecoveryPoint = (): boolean => {
    const end = [...batchesIn(disk.readFile(path))].at(-1)?.nextOffset;
    return disk.list("data/__cluster_metadata-0").includes(`${String(end).padStart(20, "0")}.snapshot`);
  };
  let topicCount = 0;
  // The last change is none yet while an earlier one's is being saved.
  while (topicCount < 3 || !isRecoveryPoint()) {
    await session.createTopic(`topic-${topicCount++}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { length } = disk.readFile(path);
  for (let at = 0; at < length; at += 7) {
    const crashed = disk.afterCrash(seededRandom(at));
    const file = crashed.open(path);
    const byte = Buffer.alloc(1);
    file.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ (1 << (at % 8));
    file.write([byte], at);
    file.close();
    const outcome = await startOn(crashed).then(
      async (broker) => {
        const topics = await RawSession.open(broker.address).then(async (each) => {
          const { topics: found } = await each.client.send(metadata, 12, { topics: null });
          each.close();
          return found.length;
        });
        await broker.stop();
        return topics;
      },
      (error: Error) => error.message,
    );
    expect(outcome, `byte ${at}`).toSatisfy(
      (found: unknown) => found === topicCount || (typeof found === "string" && found.includes(path)),
    );
  }
  session.close();
  await first.stop();
});

describe("a restart on disk", () => {
  let folder: string;
  const start = () => Broker.start({ dataDir: folder });

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), "oncilla-broker-")), "data");
  });

  afterEach(() => {
    rmSync(join(folder, ".."), { recursive: true, force: true });
  });

  it("keeps the cluster's id, topics with their ids, partitions and settings, and records", async () => {
    const kept: { clusterId?: string; topic?: RawTopic } = {};
    await withBroker(start, async (session, broker) => {
      kept.clusterId = broker.clusterId;
      const topic = await session.createTopic("topic", 2, { "retention.ms": "12345" });
      kept.topic = topic;
      const topics = [{ name: "topic", count: 3, assignments: null }];
      await session.client.send(createPartitions, 3, { topics, timeoutMs: 1000, validateOnly: false });
      for (const partition of [0, 1, 2]) await session.produce(topic, [`${partition}`], { partition });
      await session.createTopic("deleted");
      await session.deleteTopic({ name: "deleted", id: "" });
    });
    await withBroker(start, async (session, broker) => {
      expect(broker.clusterId).toBe(kept.clusterId);
      const { topics } = await session.client.send(metadata, 12, { topics: null });
      expect(topics.map(({ name, topicId, partitions }) => [name, topicId, partitions.length])).toEqual([
        ["topic", kept.topic?.id, 3],
      ]);
      const topic = { name: "topic", id: kept.topic?.id ?? "" };
      for (const partition of [0, 1, 2]) {
        expect((await session.fetch(topic, { partition })).records).toEqual([`0:${partition}`]);
      }
      const { results } = await session.client.send(describeConfigs, 4, {
        resources: [{ resourceType: 2, resourceName: "topic", configurationKeys: ["retention.ms"] }],
        includeSynonyms: false,
      });
      expect(results[0]?.configs[0]?.value).toBe("12345");
      expect((await session.produce(topic, ["after"])).baseOffset).toBe(1);
    });
  });

  it("keeps which epoch wrote a partition's first record", async () => {
    const epochOf = async (session: RawSession, timestamp: number) => {
      const topics = [{ name: "topic", partitions: [{ partitionIndex: 0, timestamp }] }];
      const answer = await session.client.send(listOffsets, 8, { replicaId: -1, isolationLevel: 0, topics });
      return answer.topics[0]?.partitions[0]?.leaderEpoch ?? -1;
    };
    let first = -1;
    await withBroker(start, async (session) => {
      await session.produce(await session.createTopic("topic"), ["a"]);
      first = await epochOf(session, -1);
    });
    await withBroker(start, async (session) => {
      const present = await epochOf(session, -1);
      expect(present).toBeGreaterThan(first);
      for (const earliest of [-2, -4]) expect(await epochOf(session, earliest)).toBe(first);
      await session.deleteRecords({ name: "topic", id: "" }, -1);
      // What comes next is its own.
      for (const earliest of [-2, -4]) expect(await epochOf(session, earliest)).toBe(present);
    });
  });

  it("raises the leader epoch, so that clients see that it was one", async () => {
    const epochs: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      await withBroker(start, async (session) => {
        if (i === 0) await session.createTopic("topic");
        const { topics } = await session.client.send(metadata, 12, { topics: null });
        epochs.push(topics[0]?.partitions[0]?.leaderEpoch);
      });
    }
    expect(epochs).toEqual([0, 1, 2]);
  });

  it("still knows a producer's last batches, and gives nobody its id", async () => {
    const kept: { producer?: RawProducer } = {};
    await withBroker(start, async (session) => {
      const topic = await session.createTopic("topic");
      kept.producer = await session.initProducer(null);
      await session.produce(topic, ["a", "b"], { producer: kept.producer });
    });
    await withBroker(start, async (session) => {
      const topic = { name: "topic", id: "" };
      const producer = kept.producer as RawProducer;
      expect(await session.produce(topic, ["a", "b"], { producer })).toEqual({ error: "NONE", baseOffset: 0 });
      expect((await session.produce(topic, ["d"], { producer, sequence: 3 })).error).toBe(
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
      );
      expect((await session.produce(topic, ["c"], { producer, sequence: 2 })).baseOffset).toBe(2);
      expect((await session.initProducer(null)).producerId).toBeGreaterThan(producer.producerId);
    });
  });

  it("keeps offsets, and an open transaction with all it holds back", async () => {
    const kept: { producer?: RawProducer; topic?: RawTopic } = {};
    await withBroker(start, async (session) => {
      const topic = await session.createTopic("topic");
      kept.topic = topic;
      await session.findCoordinator("group", "group");
      await session.commitOffset("group", topic, 3);
      const producer = await session.newTransactional("id");
      kept.producer = producer;
      await session.produce(topic, ["a"], { producer, transactionalId: "id" });
      await session.commitOffsetInTransaction("id", producer, "group", topic, 7);
    });
    await withBroker(start, async (session) => {
      const topic = kept.topic as RawTopic;
      const producer = kept.producer as RawProducer;
      expect(await session.fetch(topic, { isolation: "read_committed" })).toMatchObject({
        records: [],
        highWatermark: 1,
        lastStableOffset: 0,
      });
      expect(await session.committedOffset("group", topic, false)).toBe(3);
      expect(await session.committedOffset("group", topic)).toBe("UNSTABLE_OFFSET_COMMIT");
      const more = await session.produce(topic, ["b"], { producer, transactionalId: "id", sequence: 1 });
      expect(more).toEqual({ error: "NONE", baseOffset: 1 });
      expect((await session.endTransaction("id", producer, "commit")).error).toBe("NONE");
      await until(async () => (await session.committedOffset("group", topic)) === 7);
      await until(async () => (await session.endOffset(topic, "read_committed")) === 3);
      expect(await session.readCommitted(topic)).toEqual(["a", "b"]);
    });
  });

  it("aborts a transaction whose time ran out meanwhile", async () => {
    await withBroker(start, async (session) => {
      const topic = await session.createTopic("topic");
      const producer = await session.newTransactional("id", 1);
      await session.produce(topic, ["a"], { producer, transactionalId: "id" });
    });
    await withBroker(start, async (session) => {
      const topic = { name: "topic", id: "" };
      await until(async () => (await session.endOffset(topic, "read_committed")) >= 2);
      // When the first broker began to abort it, the second writes the marker once more.
      expect((await session.fetch(topic, { version: 12 })).records.slice(0, 2)).toEqual(["0:a", "1:abort"]);
    });
  });
});

/** A machine that can lose power: the next broker finds what the disk kept. */
class Machine {
  #disk = new MemoryDisk({ canCrash: true });
  #broker: Broker | undefined;
  session!: RawSession;
  /** Does not wait for what the other has under way. */
  observer!: RawSession;

  async start(): Promise<void> {
    const disk = this.#disk;
    this.#broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk } });
    this.session = await RawSession.open(this.#broker.address);
    this.observer = await RawSession.open(this.#broker.address);
  }

  async crash(seed: number): Promise<void> {
    this.#disk = this.#disk.afterCrash(seededRandom(seed));
    await this.stop();
  }

  /** What the old broker still does, it does on a disk that nobody finds. */
  async stop(): Promise<void> {
    this.session.close();
    this.observer.close();
    await this.#broker?.stop();
  }
}

/** Lets the event loop go round. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed);

describe("a power loss", () => {
  it.each(SEEDS)("keeps what was acknowledged, in order and once, seed %i", async (seed) => {
    const machine = new Machine();
    await machine.start();
    const topic = await machine.session.createTopic("topic", 1);
    const producer = await machine.session.initProducer(null);
    const acknowledged: string[] = [];
    let next = 0;
    for (let life = 0; life < 4; life++) {
      const sent: Promise<unknown>[] = [];
      // Of the batches in flight some are acknowledged before the crash, and some are not.
      const produce = async (i: number): Promise<void> => {
        const { error } = await machine.session.produce(topic, [`${i}`], { producer, sequence: i });
        if (error === "NONE") acknowledged[i] = `${i}`;
      };
      for (let i = next; i < next + 5; i++) sent.push(produce(i).catch(() => {}));
      await Promise.race(sent);
      await turns(seed % 3);
      const shownEnd = await machine.observer.endOffset(topic, "read_uncommitted");
      await machine.crash(seed * 10 + life);
      await Promise.all(sent);
      await machine.start();
      // The client tries again from the first that it has no answer for.
      for (next = 0; acknowledged[next] !== undefined; next++);
      expect(await machine.session.endOffset(topic, "read_uncommitted")).toBeGreaterThanOrEqual(shownEnd);
      const { records } = await machine.session.fetch(topic);
      const values = records.map((record) => record.slice(record.indexOf(":") + 1));
      expect(values.slice(0, next)).toEqual(acknowledged.slice(0, next));
      expect(values).toEqual(values.map((_value, i) => `${i}`));
      for (; next < values.length; next++) {
        const { error, baseOffset } = await machine.session.produce(topic, [`${next}`], { producer, sequence: next });
        // Beyond the last five, it is not known any more: then it was acknowledged.
        expect(error === "NONE" ? baseOffset : next).toBe(next);
        acknowledged[next] = `${next}`;
      }
    }
    await machine.stop();
  });

  it.each(SEEDS)("completes what was decided, and leaves nothing half, seed %i", async (seed) => {
    const machine = new Machine();
    await machine.start();
    const topic = await machine.session.createTopic("topic", 3);
    await machine.session.findCoordinator("group", "group");
    let producer: RawProducer = await machine.session.newTransactional("id");
    let committed = 0;
    for (let life = 0; life < 4; life++) {
      const { session } = machine;
      const options = { producer, transactionalId: "id" };
      await Promise.all([0, 1, 2].map((partition) => session.produce(topic, [`${life}`], { ...options, partition })));
      await session.commitOffsetInTransaction("id", producer, "group", topic, life + 1);
      const ending = session.endTransaction("id", producer, "commit").catch(() => undefined);
      // The crash comes somewhere on the way, or in odd lives while the markers are being written.
      if (life % 2 === 0) await turns((seed * 7 + life) % 12);
      const answer = life % 2 === 0 ? await Promise.race([ending, undefined]) : await ending;
      await machine.crash(seed * 10 + life);
      const isCertain = answer?.error === "NONE";
      await machine.start();
      const again = await machine.session.initProducer("id");
      expect(again.error).toBe("NONE");
      producer = again;
      const counts = await Promise.all(
        [0, 1, 2].map(async (partition) => {
          const end = await machine.session.endOffset(topic, "read_uncommitted", partition);
          expect(await machine.session.endOffset(topic, "read_committed", partition)).toBe(end);
          const { records, aborted } = await machine.session.fetch(topic, { partition, isolation: "read_committed" });
          const markers = records.filter((record) => /:(commit|abort)$/.test(record));
          // A marker that a crash made doubtful is written once more, which changes nothing.
          expect(markers.length).toBeGreaterThanOrEqual(life + 1);
          return life + 1 - (aborted?.length ?? 0);
        }),
      );
      expect(new Set(counts).size).toBe(1);
      const [count = 0] = counts;
      if (isCertain) expect(count).toBe(committed + 1);
      expect([committed, committed + 1]).toContain(count);
      if (count > committed) {
        expect(await machine.session.committedOffset("group", topic)).toBe(life + 1);
      } else {
        expect(await machine.session.committedOffset("group", topic)).not.toBe(life + 1);
      }
      committed = count;
    }
    await machine.stop();
  });

  it.each(SEEDS)("after a deletion: the topic is gone, and can be made anew, seed %i", async (seed) => {
    const machine = new Machine();
    await machine.start();
    const old = await machine.session.createTopic("topic", 2);
    await machine.session.produce(old, ["old"]);
    const deleting = machine.session.deleteTopic(old).catch(() => undefined);
    if (seed % 2 === 1) await turns(seed);
    const answer = seed % 2 === 0 ? await deleting : await Promise.race([deleting, undefined]);
    await machine.crash(seed);
    await machine.start();
    if (answer === "NONE") expect((await machine.session.fetch(old)).error).toBe("UNKNOWN_TOPIC_ID");
    else await machine.session.deleteTopic(old);
    const anew = await machine.session.createTopic("topic", 2);
    expect(await machine.session.fetch(anew)).toMatchObject({ error: "NONE", records: [] });
    expect(await machine.session.produce(anew, ["new"])).toEqual({ error: "NONE", baseOffset: 0 });
    await machine.stop();
  });

  it.each(SEEDS)("no producer id comes twice, seed %i", async (seed) => {
    const machine = new Machine();
    const seen = new Set<number>();
    for (let life = 0; life < 3; life++) {
      await machine.start();
      for (let i = 0; i < 3; i++) {
        const { producerId } = await machine.session.initProducer(null);
        expect(seen.has(producerId)).toBe(false);
        seen.add(producerId);
      }
      await machine.crash(seed * 10 + life);
    }
  });
});
