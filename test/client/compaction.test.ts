// A broker that compacts while clients produce, consume and commit, and after a restart.

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Broker, type BrokerOptions } from "../../src/broker/index.ts";
import { Client, type ConsumerRecord } from "../../src/client/index.ts";
import { type Disk, DiskError } from "../../src/platform/disk.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import { readAll, text, until } from "../support/cluster.ts";

const topic = "table";
const partition = 0;

let folder: string;
let broker: Broker;
let client: Client;
/** Why the data folder is not synced. */
let folderFault: string | undefined;
const logged: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];

/** Every log of it, those of the coordinators among them, is compacted every few ms, down to the last batches. */
const options: BrokerOptions = {
  cleanerBackoffMs: 5,
  durability: "os",
  topicDefaults: { "segment.ms": 1, "min.cleanable.dirty.ratio": 0.01, "delete.retention.ms": 0 },
};

const disk: Disk = {
  ...nodePlatform.disk,
  async syncFolder(path) {
    if (folderFault && path === folder) throw new DiskError(folderFault, path, `${path}: ${folderFault}`);
    await nodePlatform.disk.syncFolder(path);
  },
};

async function start(others: BrokerOptions = {}): Promise<void> {
  logged.length = 0;
  folderFault = undefined;
  const logger = { log: (_level: string, message: string, fields = {}) => void logged.push({ message, fields }) };
  const platform = { ...nodePlatform, disk };
  broker = await Broker.start({ ...options, ...others, dataDir: folder, logger, platform });
  client = new Client({ brokers: broker.address, retryBackoffMs: 5 });
}

async function stop(): Promise<void> {
  await client.close();
  await broker.stop();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-compaction-"));
  await start();
  await client.admin().createTopics([{ topic, partitions: 1, configs: { "cleanup.policy": "compact" } }]);
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

/** Resolves when everything in a partition is compacted up to `offset` at least. */
async function compacted(name: string, offset: number): Promise<void> {
  const isDone = ({ message, fields }: (typeof logged)[number]): boolean =>
    message === "log compacted" && fields.topicPartition === name && (fields.toOffset as number) >= offset;
  await until(
    () => logged.some(isDone),
    () => logged,
  );
}

function view(records: readonly ConsumerRecord[]): Record<string, string> {
  return Object.fromEntries(records.map(({ key, value }) => [text(key), text(value)]));
}

describe("a compacted topic", () => {
  it("keeps the latest of each key, by whichever producer, and every producer goes on", async () => {
    const plain = client.producer({ idempotent: false });
    const idempotent = client.producer();
    const transactional = client.producer({ transactionalId: "writer" });
    await transactional.initTransactions();
    const expected: Record<string, string> = {};
    let timestamp = Date.now() - 1_000_000;
    let offset = 0;
    for (let round = 0; round < 40; round++) {
      const record = (key: string) => {
        timestamp += 10;
        return { topic, partition, key, value: `${round}`, timestamp };
      };
      await plain.send(record(`plain-${round % 3}`));
      await idempotent.send(record(`idempotent-${round % 5}`));
      Object.assign(expected, { [`plain-${round % 3}`]: `${round}`, [`idempotent-${round % 5}`]: `${round}` });
      const isAborted = round % 4 === 3;
      const written = transactional.transaction(async (tx) => {
        ({ offset } = await tx.send(record(`transactional-${round % 7}`)));
        if (isAborted) throw new Error("aborted");
      });
      if (isAborted) await expect(written).rejects.toThrow("aborted");
      else await written;
      if (!isAborted) expected[`transactional-${round % 7}`] = `${round}`;
      if (round === 20) await compacted(`${topic}-0`, 30);
    }
    await compacted(`${topic}-0`, offset - 20);
    const found = await readAll(client, topic);
    expect(view(found)).toEqual(expected);
    expect(found.length).toBeLessThan(60);
    const offsets = found.map((each) => each.offset);
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    await stop();
    await start();
    expect(view(await readAll(client, topic))).toEqual(expected);
    expect(readFileSync(join(folder, "cleaner-offset-checkpoint"), "utf8")).toMatch(/^0\n\d+\n(\S+ \d+ \d+\n)+$/);
  });

  it("is compacted as soon as a backoff that was shortened allows it, and not when the one before is over", async () => {
    await stop();
    await start({ cleanerBackoffMs: 3_600_000 });
    for (const value of ["1", "2", "3"]) await client.producer().send({ topic, partition, key: "a", value });
    const change = { name: "log.cleaner.backoff.ms", operation: "set", value: "5" } as const;
    await client.admin().alterConfigs({ type: "broker", name: "" }, [change]);
    await compacted(`${topic}-0`, 2);
  });

  it("takes no record without a key", async () => {
    const sent = client.producer().send({ topic, partition, value: "no key" });
    await expect(sent).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  it.each(["EIO", "EMFILE"])(
    "is compacted on when the data folder could not be synced behind it (%s)",
    async (code) => {
      const producer = client.producer();
      const fill = async (offset: number): Promise<void> => {
        for (let i = offset; i < offset + 5; i++) {
          await producer.send({ topic, partition, key: "k", value: `${i}`, timestamp: 1_000_000 + i * 10 });
        }
        await compacted(`${topic}-0`, offset + 4);
      };
      folderFault = code;
      await fill(0);
      await until(
        () => logged.some(({ message }) => message.startsWith("cleaner checkpoint not synced")),
        () => logged,
      );
      folderFault = undefined;
      await fill(5);
    },
  );

  it("a wrong bit in the checkpoint, by which nobody could tell that a deleted key is left: all is compacted anew", async () => {
    const producer = client.producer();
    for (let i = 0; i < 5; i++) {
      await producer.send({ topic, partition, key: "k", value: `${i}`, timestamp: 1_000_000 + i * 10 });
    }
    await compacted(`${topic}-0`, 4);
    await stop();
    const path = join(folder, "cleaner-offset-checkpoint");
    const sound = readFileSync(path, "utf8");
    const offset = Number(new RegExp(`^${topic} 0 (\\d)$`, "m").exec(sound)?.[1]);
    // One bit less: 5 is 4, or 4 is 5.
    writeFileSync(path, sound.replace(`${topic} 0 ${offset}`, `${topic} 0 ${offset ^ 1}`));
    await start();
    expect(logged.map(({ message }) => message)).toContain(
      "damaged cleaner checkpoint passed over: logs are compacted anew",
    );
    await stop();
    await start();
    expect(logged.filter(({ message }) => message.startsWith("damaged"))).toEqual([]);
  });

  it("a checkpoint that cannot be looked at is as one that is damaged", async () => {
    await stop();
    const path = join(folder, "cleaner-offset-checkpoint");
    rmSync(path, { force: true });
    // Who follows it is told ELOOP.
    symlinkSync(path, path);
    await start();
    expect(logged.map(({ message }) => message)).toContain(
      "damaged cleaner checkpoint passed over: logs are compacted anew",
    );
    await stop();
    await start();
    expect(logged.filter(({ message }) => message.startsWith("damaged"))).toEqual([]);
  });

  it("that is deleted leaves no checkpoint to another of its name", async () => {
    const producer = client.producer();
    for (let i = 0; i < 5; i++) {
      await producer.send({ topic, partition, key: "k", value: `${i}`, timestamp: 1_000_000 + i * 10 });
    }
    await compacted(`${topic}-0`, 4);
    const admin = client.admin();
    await admin.deleteTopics([topic]);
    expect(readFileSync(join(folder, "cleaner-offset-checkpoint"), "utf8")).not.toContain(topic);
  });

  it("that could not be deleted durably, for want of descriptors, leaves its place to another of its name all the same", async () => {
    const admin = client.admin();
    const fill = async (value: string): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await client.producer().send({ topic, partition, key: "k", value, timestamp: 1_000_000 + i * 10 });
      }
      await compacted(`${topic}-0`, 4);
    };
    await fill("old");
    folderFault = "EMFILE";
    await expect(admin.deleteTopics([topic])).rejects.toThrow();
    folderFault = undefined;
    logged.length = 0;
    await admin.createTopics([{ topic, partitions: 1, configs: { "cleanup.policy": "compact" } }]);
    await fill("new");
    expect(view(await readAll(client, topic))).toEqual({ k: "new" });
    await admin.deleteTopics([topic]);
    expect(readFileSync(join(folder, "cleaner-offset-checkpoint"), "utf8")).not.toContain(topic);
  });
});

describe("the coordinators' topics", () => {
  it("are compacted, and say the same after a restart", async () => {
    const admin = client.admin();
    const producer = client.producer({ transactionalId: "offsets" });
    await producer.initTransactions();
    const group = { groupId: "in-transactions", generationId: -1, memberId: "", groupInstanceId: null };
    let last = 0;
    for (let i = 1; i <= 30; i++) {
      await admin.alterConsumerGroupOffsets("plain", [{ topic, partition, offset: i }]);
      const written = producer.transaction(async (tx) => {
        await tx.sendOffsetsToTransaction([{ topic, partition, offset: i }], group);
        if (i % 5 === 0) throw new Error("aborted");
      });
      if (i % 5 === 0) await expect(written).rejects.toThrow("aborted");
      else await written;
      if (i % 5 !== 0) last = i;
    }
    const isOf = (name: string) => (each: (typeof logged)[number]) =>
      each.message === "log compacted" && String(each.fields.topicPartition).startsWith(name);
    await until(() => logged.some(isOf("__consumer_offsets")) && logged.some(isOf("__transaction_state")));
    for (let restarts = 0; restarts < 2; restarts++) {
      const at = async (groupId: string): Promise<number | undefined> =>
        (await client.admin().listConsumerGroupOffsets(groupId))[0]?.offset;
      expect(await at("plain")).toBe(30);
      expect(await at("in-transactions")).toBe(last);
      await stop();
      await start();
    }
    const next = client.producer({ transactionalId: "offsets" });
    await next.initTransactions();
    await next.transaction((tx) => tx.sendOffsetsToTransaction([{ topic, partition, offset: 99 }], group));
    expect((await client.admin().listConsumerGroupOffsets("in-transactions"))[0]?.offset).toBe(99);
  });
});
