// Topics that are deleted, and made anew under the same name, while consumers read them.

import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GatedDisk } from "../../test/support/gated-disk.ts";
import { type Fetched, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import { DiskError, type DiskFile } from "../platform/disk.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";

const PARTITIONS = 3;
const LIVES = 8;
/** The last version of Fetch that asks by name. */
const BY_NAME = 12;

let folder: string;
let broker: Broker;
let session: RawSession;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-deletion-"));
  broker = await Broker.start({ dataDir: folder, topicDefaults: { "segment.bytes": 1024 * 1024 } });
  session = await RawSession.open(broker.address);
});

afterEach(async () => {
  session.close();
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks one partition again and again, from its start, until `isDone`. */
async function keepFetching(
  topic: () => RawTopic,
  options: { readonly partition: number; readonly maxWaitMs: number; readonly version?: number },
  isDone: () => boolean,
  check: (fetched: Fetched, asked: RawTopic) => void,
): Promise<void> {
  const consumer = await RawSession.open(broker.address);
  let offset = 0;
  let last = topic();
  while (!isDone()) {
    const asked = topic();
    if (asked !== last) offset = 0;
    last = asked;
    const fetched = await consumer.fetch(asked, { ...options, offset });
    check(fetched, asked);
    offset = fetched.error === "NONE" ? offset + fetched.records.length : 0;
  }
  consumer.close();
}

/** What this process has open below the broker's folder, or had when it was removed. */
function openFiles(name: string): string[] {
  const targets = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // It was the listing's own.
      return [];
    }
  });
  return targets.filter((target) => target.startsWith(`${folder}/${name}`));
}

async function write(topic: RawTopic, value: string): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let i = 0; i < 4; i++) {
      expect((await session.produce(topic, [`${value} ${"x".repeat(300_000)}`], { partition })).error).toBe("NONE");
    }
  }
}

describe("a topic that is deleted while consumers read it", () => {
  it("is unknown to them at once, and its files are gone", async () => {
    const topic = await session.createTopic("topic", PARTITIONS);
    await write(topic, "a");
    let isDone = false;
    const seen = new Set<string>();
    const consumers = [0, 1, 2, 0, 1, 2].map((partition, i) =>
      keepFetching(
        () => topic,
        // Some wait for records that never come, and are told.
        { partition, maxWaitMs: i < PARTITIONS ? 0 : 60_000, ...(i % 2 === 0 ? {} : { version: BY_NAME }) },
        () => isDone,
        ({ error, records }) => {
          seen.add(error);
          for (const record of records) expect(record).toMatch(/^\d+:a /);
          if (error !== "NONE") isDone ||= i >= PARTITIONS;
        },
      ),
    );
    while (!seen.has("NONE")) await session.fetch(topic);
    expect(await session.deleteTopic(topic)).toBe("NONE");
    await Promise.all(consumers);
    expect(readdirSync(folder).filter((name) => name.startsWith("topic"))).toEqual([]);
    if (process.platform === "linux") expect(openFiles("topic")).toEqual([]);
    for (const error of seen) expect(error).toMatch(/^(NONE|UNKNOWN_TOPIC_OR_PARTITION|UNKNOWN_TOPIC_ID)$/);
    expect((await session.fetch(topic)).error).toBe("UNKNOWN_TOPIC_ID");
    expect((await session.fetch(topic, { version: BY_NAME })).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  it("and made anew under its name, shows nobody records of another life", async () => {
    const other = await session.createTopic("other", PARTITIONS);
    await write(other, "other");
    const lives: RawTopic[] = [await session.createTopic("topic", PARTITIONS)];
    const current = (): RawTopic => lives.at(-1) as RawTopic;
    let isDone = false;
    let fetches = 0;
    const errors = new Set<string>();
    const consumers = [0, 1, 2, 0, 1, 2].map((partition, i) => {
      const isByName = i >= PARTITIONS;
      return keepFetching(
        current,
        { partition, maxWaitMs: i % 2 === 0 ? 0 : 20, ...(isByName ? { version: BY_NAME } : {}) },
        () => isDone,
        ({ error, records }, { id }) => {
          fetches++;
          errors.add(error);
          const life = lives.findIndex((each) => each.id === id);
          for (const record of records) {
            const written = Number(/^\d+:life (\d+) /.exec(record)?.[1]);
            if (isByName) expect(written).toBeGreaterThanOrEqual(life);
            else expect(written).toBe(life);
          }
        },
      );
    });
    for (let life = 0; life < LIVES; life++) {
      await write(current(), `life ${life}`);
      const before = fetches;
      while (fetches < before + 20) await session.fetch(current());
      const deleting = session.deleteTopic(current());
      expect(await deleting).toBe("NONE");
      if (life < LIVES - 1) lives.push(await session.createTopic("topic", PARTITIONS));
    }
    isDone = true;
    await Promise.all(consumers);
    for (const error of errors) {
      expect(error).toMatch(/^(NONE|UNKNOWN_TOPIC_OR_PARTITION|UNKNOWN_TOPIC_ID|OFFSET_OUT_OF_RANGE)$/);
    }
    expect(errors).toContain("UNKNOWN_TOPIC_ID");
    expect(readdirSync(folder).filter((name) => name.startsWith("topic"))).toEqual([]);
    if (process.platform === "linux") expect(openFiles("topic")).toEqual([]);
    for (const old of lives) expect((await session.fetch(old)).error).toBe("UNKNOWN_TOPIC_ID");
    expect((await session.fetch(other)).records[0]).toMatch(/^0:other /);
  });
});

it("a topic whose name takes up all that a folder's name may be is deleted with its files, and made anew", async () => {
  const name = "n".repeat(249);
  for (let life = 0; life < 2; life++) {
    const topic = await session.createTopic(name, 11);
    expect((await session.produce(topic, [`life ${life}`], { partition: 10 })).error).toBe("NONE");
    expect((await session.fetch(topic, { partition: 10 })).records).toEqual([`0:life ${life}`]);
    expect(await session.deleteTopic(topic)).toBe("NONE");
    expect(readdirSync(folder).filter((each) => each.startsWith("nnn"))).toEqual([]);
  }
});

it("a topic whose files somebody has removed is deleted, and made anew", async () => {
  const topic = await session.createTopic("topic", 2);
  rmSync(join(folder, "topic-0"), { recursive: true });
  expect(await session.deleteTopic(topic)).toBe("NONE");
  expect((await session.produce(await session.createTopic("topic", 2), ["new"])).error).toBe("NONE");
});

it("a topic is deleted without the files of another, where the disk does not tell their names apart", async () => {
  /** As macOS and Windows have them. */
  class CaseInsensitive extends MemoryDisk {
    override open(path: string, options?: { readonly create?: boolean }): DiskFile {
      return super.open(path.toLowerCase(), options);
    }
    override exists(path: string): boolean {
      return super.exists(path.toLowerCase());
    }
    override readFile(path: string): Uint8Array {
      return super.readFile(path.toLowerCase());
    }
    override list(path: string): string[] {
      return super.list(path.toLowerCase());
    }
    override makeFolder(path: string): void {
      super.makeFolder(path.toLowerCase());
    }
    override remove(path: string): void {
      super.remove(path.toLowerCase());
    }
    override rename(from: string, to: string): void {
      super.rename(from.toLowerCase(), to.toLowerCase());
    }
    override syncFolder(path: string): Promise<void> {
      return super.syncFolder(path.toLowerCase());
    }
  }
  const disk = new CaseInsensitive();
  const restart = async (): Promise<void> => {
    session.close();
    await broker.stop();
    broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk } });
    session = await RawSession.open(broker.address);
  };
  await restart();
  const topic = await session.createTopic("Orders");
  expect((await session.produce(topic, ["a"])).error).toBe("NONE");
  const other = await session.createTopic("orders");
  expect((await session.produce(other, ["b"])).error).toBe("KAFKA_STORAGE_ERROR");
  expect(await session.deleteTopic(other)).toBe("NONE");
  await restart();
  expect((await session.fetch(topic)).records).toEqual(["0:a"]);
});

describe("a deleted topic whose files could not be moved away", () => {
  class Stuck extends MemoryDisk {
    isStuck = true;
    isHidden = false;
    override exists(path: string): boolean {
      if (this.isHidden && path.endsWith("topic-1/partition.metadata"))
        throw new DiskError("EIO", path, `${path}: EIO`);
      return super.exists(path);
    }
    override rename(from: string, to: string): void {
      if (this.isStuck && from.endsWith("topic-1")) throw new DiskError("EIO", from, `${from}: EIO`);
      super.rename(from, to);
    }
  }
  let disk: Stuck;

  beforeEach(async () => {
    disk = new Stuck();
    await restart();
    const topic = await session.createTopic("topic", PARTITIONS);
    await write(topic, "old");
    await session.findCoordinator("group", "group");
    await until(async () => (await session.commitOffset("group", topic, 4)) === "NONE");
    const other = await RawSession.open(broker.address);
    expect(await other.deleteTopic(topic).catch((error: Error) => error.message)).not.toBe("NONE");
    other.close();
  });

  async function restart(): Promise<void> {
    session.close();
    await broker.stop();
    broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk } });
    session = await RawSession.open(broker.address);
  }

  async function expectEmpty(topic: RawTopic): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      expect(await session.fetch(topic, { partition, version: BY_NAME })).toMatchObject({ error: "NONE", records: [] });
    }
    await write(topic, "new");
    expect(disk.list("data").filter((name) => name.startsWith("topic"))).toEqual(["topic-0/", "topic-1/", "topic-2/"]);
  }

  it("has no offsets of groups any more", async () => {
    expect(await session.committedOffset("group", { name: "topic", id: "" })).toBe(-1);
  });

  it("gives its place to another of its name", async () => {
    disk.isStuck = false;
    await expectEmpty(await session.createTopic("topic", PARTITIONS));
    await restart();
    expect((await session.fetch({ name: "topic", id: "" }, { version: BY_NAME })).records[0]).toMatch(/^0:new /);
  });

  it("keeps no broker from starting while they cannot be looked at, and is removed later", async () => {
    const topic = await session.createTopic("topic", PARTITIONS);
    disk.isStuck = false;
    disk.isHidden = true;
    await restart();
    expect((await session.fetch(topic, { partition: 1 })).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await session.fetch(topic, { partition: 2 })).error).toBe("NONE");
    disk.isHidden = false;
    await restart();
    await expectEmpty(topic);
  });

  it("gives it with the next start at the latest", async () => {
    const topic = await session.createTopic("topic", PARTITIONS);
    expect((await session.fetch(topic, { partition: 1 })).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await session.fetch(topic, { partition: 2 })).error).toBe("NONE");
    disk.isStuck = false;
    await restart();
    await expectEmpty(topic);
  });
});

describe("a topic made anew while the one of its name is still being forgotten", () => {
  it.each(["outside of a transaction", "in a transaction"])("keeps what is committed in it %s", async (where) => {
    const disk = new GatedDisk();
    const options = { offsetsTopicPartitions: 1, transactionTopicPartitions: 1 };
    await broker.stop();
    broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk }, ...options });
    session.close();
    session = await RawSession.open(broker.address);
    const topic = await session.createTopic("topic");
    await session.findCoordinator("group", "group");
    const producer = await session.newTransactional("id");
    await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
    const commit = (offset: number): Promise<ErrorName> =>
      where === "in a transaction"
        ? other.commitOffsetInTransaction("id", producer, "group", topic, offset)
        : other.commitOffset("group", topic, offset);

    // The deletion and what makes the new topic become durable, and nothing behind.
    disk.hold("__cluster_metadata-0/00000000000000000000.log", 2);
    const deleted = session.deleteTopic(topic);
    const made = session.createTopic("topic");
    const other = await RawSession.open(broker.address);
    await until(async () => {
      const asked = { topics: [{ name: topic.name }], allowAutoTopicCreation: false };
      const { topics } = await other.client.send(metadata, 12, asked);
      return topics[0]?.errorCode === 0 && topics[0].topicId !== topic.id;
    });
    expect(await commit(2)).toBe("NONE");
    disk.release();
    expect(await deleted).toBe("NONE");
    const anew = await made;
    if (where === "in a transaction") {
      expect((await other.endTransaction("id", producer, "commit")).error).toBe("NONE");
      await until(async () => (await other.committedOffset("group", anew)) !== "UNSTABLE_OFFSET_COMMIT");
    }
    expect(await other.committedOffset("group", anew)).toBe(2);
    other.close();
  });
});

it("a topic made anew while a transaction's offsets wait for their coordinator neither gets them nor loses its own", async () => {
  const disk = new GatedDisk();
  const options = { offsetsTopicPartitions: 1, transactionTopicPartitions: 1 };
  await broker.stop();
  broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk }, ...options });
  session.close();
  session = await RawSession.open(broker.address);
  const topic = await session.createTopic("topic");
  await session.findCoordinator("group", "group");
  await until(async () => (await session.committedOffset("group", topic)) === -1);
  const producer = await session.newTransactional("id");

  disk.hold("__transaction_state");
  const sizeOfState = (): number => disk.sizeOf("data/__transaction_state-0/00000000000000000000.log");
  const before = sizeOfState();
  const committed = session.commitOffsetInTransaction("id", producer, "group", topic, 5);
  await until(() => sizeOfState() > before);
  const other = await RawSession.open(broker.address);
  expect(await other.deleteTopic(topic)).toBe("NONE");
  const anew = await other.createTopic("topic");
  expect(await other.commitOffset("group", anew, 1)).toBe("NONE");
  disk.release();
  expect(await committed).toBe("NONE");
  expect((await session.endTransaction("id", producer, "commit")).error).toBe("NONE");
  await until(async () => (await session.committedOffset("group", anew)) !== "UNSTABLE_OFFSET_COMMIT");
  expect(await session.committedOffset("group", anew)).toBe(1);
  other.close();
});

it("many partitions keep nobody waiting: ten are made, and one is removed, in a turn of the event loop", async () => {
  let turn = 0;
  const nextTurn = (): void => {
    turn++;
    loop = setImmediate(nextTurn);
  };
  let loop = setImmediate(nextTurn);
  const removedIn: number[] = [];
  const madeIn: number[] = [];
  class CountingDisk extends MemoryDisk {
    override makeFolder(path: string): void {
      super.makeFolder(path);
      if (path.includes("many-")) madeIn.push(turn);
    }
    override remove(path: string): void {
      super.remove(path);
      if (path.endsWith("-delete")) removedIn.push(turn);
    }
  }
  await broker.stop();
  broker = await Broker.start({ dataDir: "data", platform: { ...nodePlatform, disk: new CountingDisk() } });
  session.close();
  session = await RawSession.open(broker.address);
  const topic = await session.createTopic("many", 100);
  expect(madeIn).toHaveLength(100);
  for (const each of new Set(madeIn)) expect(madeIn.filter((made) => made === each).length).toBeLessThanOrEqual(10);
  expect(await session.deleteTopic(topic)).toBe("NONE");
  clearImmediate(loop);
  expect(removedIn).toHaveLength(100);
  expect(new Set(removedIn).size).toBe(100);
});
