import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RawProducer, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { FaultyDisk } from "../log/faulty-disk.testing.ts";
import { DiskError, type DiskFile } from "../platform/disk.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import type { Listener, Network } from "../platform/network.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { Broker } from "./broker.ts";
import { BrokerError } from "./broker-error.ts";
import type { BrokerOptions } from "./options.ts";

async function problemOf(options: BrokerOptions): Promise<BrokerError> {
  const outcome = await Broker.start(options).catch((error: unknown) => error);
  if (!(outcome instanceof BrokerError)) throw new Error(`no BrokerError but ${outcome}`);
  return outcome;
}

describe("options", () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ["an unknown one", { dataFolder: "data" }, /^there is no broker option "dataFolder"$/],
    ["a port that is none", { port: 70_000 }, /"port" must be a whole number from 0 to 65535, not 70000/],
    ["a number as text", { nodeId: "1" }, /"nodeId" must be a whole number/],
    ["an empty data folder", { dataDir: "" }, /"dataDir" must be a text/],
    ["an unknown durability", { durability: "none" }, /"durability" must be one of fsync, os, not none/],
    ["a switch that is none", { autoCreateTopics: "yes" }, /"autoCreateTopics" must be true or false/],
    ["an unknown topic setting", { topicDefaults: { "retention.mss": 1 } }, /"topicDefaults": .*retention.mss/],
    ["settings in a Map", { topicDefaults: new Map([["retention.ms", 1]]) }, /"topicDefaults" must be a plain object/],
    ["a list of options", [] as never, /options must be a plain object/],
    ["a listener that is a list", { listeners: [[]] }, /"listeners\[0\]" must be a plain object/],
    ["a platform that is none", { platform: {} }, /"platform" must be an object with clock, disk, network, random/],
    ["a logger that is none", { logger: () => {} }, /"logger" must be an object with log/],
    ["a logger that cannot log", { logger: { log: "info" } }, /"logger" must be an object with log/],
    [
      "sessions that end before a heartbeat",
      { groupConsumerSessionTimeoutMs: 5_000 },
      /"groupConsumerHeartbeatIntervalMs" must be below "groupConsumerSessionTimeoutMs"/,
    ],
    [
      "the same of streams groups",
      { groupStreamsHeartbeatIntervalMs: 45_000 },
      /"groupStreamsHeartbeatIntervalMs" must be below/,
    ],
    [
      "bounds that exclude each other",
      { groupMinSessionTimeoutMs: 31 * 60_000 },
      /"groupMinSessionTimeoutMs" must not be/,
    ],
    ["an address that nobody can connect to", { host: "0.0.0.0" }, /cannot connect to 0\.0\.0\.0/],
    ["another spelling of it", { host: "0" }, /cannot connect to 0:/],
    ["IPv6's spelling of it", { advertisedHost: "0:0:0:0:0:0:0:0" }, /cannot connect to 0:0:0:0:0:0:0:0:/],
    ["no listener", { listeners: [] }, /"listeners" must be a list/],
    ["a listener without a name", { listeners: [{ port: 0 }] }, /"listeners\[0\]\.name" must be a name/],
    ["an unknown part of a listener", { listeners: [{ name: "A", ports: 0 }] }, /no part of a listener "ports"/],
    ["a listener's port that is none", { listeners: [{ name: "A", port: -1 }] }, /"listeners\[0\]\.port" must be/],
    ["two listeners of one name", { listeners: [{ name: "A" }, { name: "a" }] }, /two listeners have the name a/],
    [
      "two listeners at one address",
      {
        listeners: [
          { name: "A", port: 1 },
          { name: "B", port: 1 },
        ],
      },
      /two listeners have the address 127\.0\.0\.1:1/,
    ],
    ["listeners beside a port", { listeners: [{ name: "A" }], port: 0 }, /"listeners" and "port" exclude each other/],
    ["a topic setting without sense", { topicDefaults: { "retention.ms": "x" } }, /"topicDefaults": .*retention.ms/],
    [
      "topic settings that do not go together",
      { topicDefaults: { "min.compaction.lag.ms": 2, "max.compaction.lag.ms": 1 } },
      /"topicDefaults": conflict .*min.compaction.lag.ms \(2\) > max.compaction.lag.ms \(1\)/,
    ],
  ])("%s is refused by name", async (_what, options, message) => {
    const problem = await problemOf(options as BrokerOptions);
    expect(problem.code).toBe("INVALID_OPTION");
    expect(problem.message).toMatch(message);
  });

  it.each([null, 9092, "data"])("%s in the place of options is refused", async (options) => {
    expect((await problemOf(options as unknown as BrokerOptions)).code).toBe("INVALID_OPTION");
  });

  it("undefined stands for an option that was left out", async () => {
    const broker = await Broker.start({ port: undefined } as unknown as BrokerOptions);
    expect(broker.address).toMatch(/^127\.0\.0\.1:\d+$/);
    await broker.stop();
  });

  it("what is advertised is what clients are told", async () => {
    const broker = await Broker.start({ advertisedHost: "broker.example", advertisedPort: 9092 });
    expect(broker.address).toBe("broker.example:9092");
    await broker.stop();
  });
});

class UnclosableDisk extends MemoryDisk {
  unclosable: readonly string[] = [];
  readonly openPaths = new Set<string>();

  override open(path: string, options?: { readonly create?: boolean }): DiskFile {
    const file = super.open(path, options);
    this.openPaths.add(path);
    return {
      path,
      size: () => file.size(),
      read: (...place) => file.read(...place),
      write: (...bytes) => file.write(...bytes),
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      close: () => {
        if (this.unclosable.includes(path)) throw new DiskError("EIO", path, `${path} cannot be closed`);
        this.openPaths.delete(path);
        file.close();
      },
    };
  }
}

describe("start and stop", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "oncilla-start-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("a folder in use is refused, and free once the broker has stopped", async () => {
    const first = await Broker.start({ dataDir: folder });
    const problem = await problemOf({ dataDir: folder });
    expect(problem.code).toBe("DATA_DIR_IN_USE");
    expect(problem.message).toBe(`the data folder ${folder} is in use by another broker`);
    await first.stop();
    const second = await Broker.start({ dataDir: folder });
    await second.stop();
  });

  it("a port in use is refused, and the folder is free again", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const problem = await problemOf({ dataDir: folder, port });
    expect(problem.code).toBe("PORT_IN_USE");
    expect(problem.message).toBe(`127.0.0.1:${port} is in use by another program`);
    server.close();
    const broker = await Broker.start({ dataDir: folder });
    await broker.stop();
  });

  it("a client that came in through the first listener is let go when the second cannot be had", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const taken = (server.address() as AddressInfo).port;
    let first: Listener | undefined;
    let client: RawSession | undefined;
    const network: Network = {
      ...nodePlatform.network,
      async listen(address, ...handlers) {
        if (address.port === taken && first) {
          client = await RawSession.open(`127.0.0.1:${first.port}`);
          await client.initProducer(null);
        }
        first = await nodePlatform.network.listen(address, ...handlers);
        return first;
      },
    };
    const listeners = [{ name: "A" }, { name: "B", port: taken }];
    expect((await problemOf({ platform: { ...nodePlatform, network }, listeners })).code).toBe("PORT_IN_USE");
    await client?.client.closed;
    expect(client).toBeDefined();
    server.close();
  });

  it.each(["ENOSPC", "EMFILE"])(
    "a start that fails at its end (%s) leaves nothing open beside the next broker",
    async (code) => {
      const disk = new FaultyDisk();
      disk.code = code;
      const options: BrokerOptions = { dataDir: "data", durability: "os", platform: { ...nodePlatform, disk } };
      /** The metadata log takes so many more writes. The disk asks twice about each. */
      const fillAfter = (writes: number): void => {
        let asked = 0;
        disk.fails = (operation, path) => {
          if (path.startsWith("data/__cluster_metadata-0")) return operation === "write" && ++asked > 2 * writes;
          return code === "EMFILE" && operation === "syncFolder" && path !== "data" && writes === 2;
        };
      };
      const broker = await Broker.start(options);
      const session = await RawSession.open(broker.address);
      await session.findCoordinator("transaction", "id");
      // The topic, and not that its partition was opened, which the next start notes at its end.
      fillAfter(1);
      await session.createTopic("topic");
      fillAfter(0);
      session.close();
      await broker.stop();
      // The start's epoch and producer ids.
      fillAfter(2);
      expect((await problemOf(options)).code).toBe("DATA_DIR_UNUSABLE");
      expect(disk.openCount).toBe(0);
      disk.fails = () => false;
      await (await Broker.start(options)).stop();
      expect(disk.openCount).toBe(0);
    },
  );

  it("a start that cannot read its metadata, wherever that shows, leaves nothing open", async () => {
    const disk = new FaultyDisk();
    const options: BrokerOptions = { dataDir: "data", platform: { ...nodePlatform, disk } };
    await (await Broker.start(options)).stop();
    for (let reads = 0, isStarted = false; !isStarted; reads++) {
      let asked = 0;
      disk.fails = (operation, path) => {
        return operation === "read" && path.startsWith("data/__cluster_metadata-0/") && ++asked > reads;
      };
      const outcome = await Broker.start(options).catch((error: unknown) => error);
      isStarted = outcome instanceof Broker;
      if (outcome instanceof Broker) await outcome.stop();
      else expect(outcome).toMatchObject({ code: "DATA_DIR_UNUSABLE" });
      expect(disk.openCount).toBe(0);
    }
  });

  it("a stop that fails half-way takes every further step, and leaves the folder to the next broker", async () => {
    const disk = new UnclosableDisk();
    const options: BrokerOptions = { dataDir: "data", metricsPort: 0, platform: { ...nodePlatform, disk } };
    const broker = await Broker.start(options);
    const session = await RawSession.open(broker.address);
    await session.createTopic("topic", 2);
    session.close();
    disk.unclosable = ["data/__cluster_metadata-0/00000000000000000000.log", "data/topic-0/00000000000000000000.log"];
    await expect(broker.stop()).rejects.toThrow("cannot be closed");
    expect([...disk.openPaths].sort()).toEqual(disk.unclosable);
    disk.unclosable = [];
    await (await Broker.start(options)).stop();
  });

  it("what failed syncs have written anew needs the room of one copy: one log waits for the other", async () => {
    const disk = new FaultyDisk();
    const options: BrokerOptions = { dataDir: "data", platform: { ...nodePlatform, disk } };
    const broker = await Broker.start(options);
    const session = await RawSession.open(broker.address);
    for (const name of ["a", "b"]) {
      const topic = await session.createTopic(name, 2);
      for (const partition of [0, 1]) await session.produce(topic, ["a"], { partition });
    }
    session.close();
    await broker.stop();
    const folders = ["a-0", "a-1", "b-0", "b-1"].map((name) => `data/${name}`);
    const files = (end: string): string[] => {
      const paths = folders.flatMap((each) => disk.list(each).map((name) => `${each}/${name}`));
      return paths.filter((path) => path.endsWith(end));
    };
    for (const each of folders) disk.open(`${each}/failed-sync`, { create: true }).close();
    const counts: number[] = [];
    disk.fails = (operation, path) => {
      if (operation === "sync" && path.endsWith(".log.tmp")) counts.push(files(".log.tmp").length);
      return false;
    };
    await (await Broker.start(options)).stop();
    expect(counts).toEqual([1, 1, 1, 1]);
    expect(files("failed-sync")).toEqual([]);
  });

  it("a host that is not ours cannot be listened on", async () => {
    expect((await problemOf({ host: "203.0.113.1" })).code).toBe("CANNOT_LISTEN");
  });

  it("a file in the folder's place is refused", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    for (const dataDir of [path, join(path, "data")]) {
      const problem = await problemOf({ dataDir });
      expect(problem.code).toBe("DATA_DIR_UNUSABLE");
      expect(problem.message).toContain(`the data folder cannot be used: ${path}: EEXIST`);
    }
    // Where no folder can be made at all, Node's recursive mkdir would go round for ever.
    if (process.platform === "linux") {
      expect((await problemOf({ dataDir: "/proc/oncilla" })).message).toContain("/proc/oncilla: ENOENT");
    }
  });

  it("a partition of another topic in the folder takes that partition offline, and no other", async () => {
    const first = await Broker.start({ dataDir: folder });
    const session = await RawSession.open(first.address);
    const topic = await session.createTopic("topic", 2);
    session.close();
    await first.stop();
    writeFileSync(join(folder, "topic-1", "partition.metadata"), "version: 0\ntopic_id: 4pDa7E0AQS6hJEFRVPTXMQ");
    const second = await Broker.start({ dataDir: folder });
    const again = await RawSession.open(second.address);
    expect((await again.produce(topic, ["a"], { partition: 1 })).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await again.produce(topic, ["a"], { partition: 0 })).error).toBe("NONE");
    again.close();
    await second.stop();
  });

  describe("a partition that was there and is gone", () => {
    const lines: { readonly message: string; readonly fields: unknown }[] = [];
    const logger = { log: (_level: string, message: string, fields: unknown) => void lines.push({ message, fields }) };

    /** Topics with one record in each of two partitions. */
    async function fill(names: readonly string[]): Promise<RawTopic[]> {
      const broker = await Broker.start({ dataDir: folder });
      const session = await RawSession.open(broker.address);
      const topics = await Promise.all(names.map((name) => session.createTopic(name, 2)));
      for (const topic of topics) {
        for (const partition of [0, 1]) await session.produce(topic, ["a"], { partition });
      }
      session.close();
      await broker.stop();
      return topics;
    }

    async function answers(topic: RawTopic, options: BrokerOptions = {}): Promise<string[]> {
      lines.length = 0;
      await using broker = await Broker.start({ dataDir: folder, logger, ...options });
      const session = await RawSession.open(broker.address);
      const answered: string[] = [];
      for (const partition of [0, 1]) {
        const { error, records } = await session.fetch(topic, { partition });
        answered.push(error === "NONE" ? records.join() : error);
      }
      session.close();
      return answered;
    }

    it.each<[string, (partition: string) => void]>([
      ["with its folder", (partition) => rmSync(partition, { recursive: true })],
      [
        "with every segment in it",
        (partition) => {
          for (const name of readdirSync(partition)) {
            if (name !== "partition.metadata") rmSync(join(partition, name));
          }
        },
      ],
    ])("%s is offline, which the log says, until it is back", async (_what, lose) => {
      const [topic] = await fill(["topic"]);
      if (!topic) throw new Error("no topic");
      const partition = join(folder, "topic-1");
      cpSync(partition, join(folder, "kept"), { recursive: true });
      lose(partition);
      for (let start = 0; start < 2; start++) {
        expect(await answers(topic)).toEqual(["0:a", "KAFKA_STORAGE_ERROR"]);
        expect(lines).toContainEqual({
          message: "partition offline: its log cannot be opened",
          fields: expect.objectContaining({
            topic: "topic",
            partition: 1,
            error: expect.objectContaining({ message: expect.stringContaining(`${partition} is lost`) }),
          }),
        });
      }
      rmSync(partition, { recursive: true, force: true });
      renameSync(join(folder, "kept"), partition);
      expect(await answers(topic)).toEqual(["0:a", "0:a"]);
    });

    it("begins anew when the broker is told so; and its topic can be deleted and made anew", async () => {
      const [told, deleted] = await fill(["told", "deleted"]);
      if (!told || !deleted) throw new Error("no topics");
      for (const { name } of [told, deleted]) rmSync(join(folder, `${name}-1`), { recursive: true });
      const broker = await Broker.start({ dataDir: folder });
      const session = await RawSession.open(broker.address);
      expect(await session.deleteTopic(deleted)).toBe("NONE");
      const anew = await session.createTopic(deleted.name, 2);
      expect((await session.produce(anew, ["b"], { partition: 1 })).error).toBe("NONE");
      session.close();
      await broker.stop();
      expect(await answers(told, { recreateLostLogs: true })).toEqual(["0:a", ""]);
      expect(lines.map(({ message }) => message)).toContain("partition begins anew, empty: its log is lost");
      expect(await answers(told)).toEqual(["0:a", ""]);
      expect(await answers(anew)).toEqual(["", "0:b"]);
    });

    it.each([
      ["a folder", "topic-0"],
      ["a file", "topic-0/partition.metadata"],
    ])("is not one of which %s cannot be looked at: it is not made anew", async (_what, name) => {
      const [topic] = await fill(["topic"]);
      if (!topic) throw new Error("no topic");
      const path = join(folder, name);
      renameSync(path, join(folder, "kept"));
      // Who follows it is told ELOOP.
      symlinkSync(path, path);
      expect(await answers(topic, { recreateLostLogs: true })).toEqual(["KAFKA_STORAGE_ERROR", "0:a"]);
      rmSync(path);
      renameSync(join(folder, "kept"), path);
      expect(await answers(topic)).toEqual(["0:a", "0:a"]);
    });

    it("is not one that never came to be: that one is made", async () => {
      class Failing extends MemoryDisk {
        isBroken = true;
        override makeFolder(path: string): void {
          if (this.isBroken && path.endsWith("topic-1")) throw new DiskError("EIO", path, "EIO");
          super.makeFolder(path);
        }
      }
      const disk = new Failing();
      const options = { dataDir: "data", platform: { ...nodePlatform, disk } };
      for (const expected of ["KAFKA_STORAGE_ERROR", "NONE", "NONE"]) {
        const broker = await Broker.start(options);
        const session = await RawSession.open(broker.address);
        if (disk.isBroken) await session.createTopic("topic", 2);
        const { error } = await session.produce({ name: "topic", id: "" }, ["a"], { partition: 1, version: 9 });
        expect(error).toBe(expected);
        session.close();
        await broker.stop();
        disk.isBroken = false;
      }
    });

    it("of the metadata is refused: the cluster would be another one", async () => {
      await fill(["topic"]);
      rmSync(join(folder, "__cluster_metadata-0"), { recursive: true });
      for (let start = 0; start < 2; start++) {
        const problem = await problemOf({ dataDir: folder, recreateLostLogs: true });
        expect(problem.code).toBe("DATA_DIR_UNUSABLE");
        expect(problem.message).toContain("__cluster_metadata-0 is lost: there is no such folder");
      }
    });
  });

  it("a folder of somebody else's may lie beside the partitions, such as lost+found", async () => {
    mkdirSync(join(folder, "lost+found"));
    // It is for root alone; root is told ELOOP.
    symlinkSync("partition.metadata", join(folder, "lost+found", "partition.metadata"));
    const broker = await Broker.start({ dataDir: folder });
    await broker.stop();
  });

  it("what is no metadata log is refused with its place", async () => {
    mkdirSync(join(folder, "__cluster_metadata-0"));
    writeFileSync(
      join(folder, "__cluster_metadata-0", "partition.metadata"),
      "version: 0\ntopic_id: 4pDa7E0AQS6hJEFRVPTXMQ",
    );
    const problem = await problemOf({ dataDir: folder });
    expect(problem.code).toBe("DATA_DIR_UNUSABLE");
    expect(problem.message).toContain("__cluster_metadata-0");
  });

  it("twice is once; requests under way are answered before a stop", async () => {
    const broker = await Broker.start();
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("topic");
    const fetching = session.fetch(topic, { maxWaitMs: 60_000 });
    // It has been taken once the request behind it on another connection is answered.
    const other = await RawSession.open(broker.address);
    await other.initProducer(null);
    await other.initProducer(null);
    await Promise.all([broker.stop(), broker.stop()]);
    expect(await fetching).toMatchObject({ error: "NONE", records: [] });
    await session.client.closed;
    await other.client.closed;
  });

  it("in memory nothing is written anywhere", async () => {
    const platform = {
      ...nodePlatform,
      disk: new Proxy(new MemoryDisk(), {
        get() {
          throw new Error("the disk was touched");
        },
      }),
    };
    const broker = await Broker.start({ platform });
    const session = await RawSession.open(broker.address);
    expect((await session.produce(await session.createTopic("topic"), ["a"])).error).toBe("NONE");
    session.close();
    await broker.stop();
  });

  it("kill -9, again and again: every acknowledged record is there, once and in order", async () => {
    let producer: RawProducer | undefined;
    let sequence = 0;
    const acknowledged: string[] = [];
    for (let life = 0; life < 4; life++) {
      const { child, address } = await spawnBroker(folder);
      const session = await RawSession.open(address);
      const topic = life === 0 ? await session.createTopic("topic") : { name: "topic", id: "" };
      producer ??= await session.initProducer(null);
      const { records } = await session.fetch(topic, { version: 12 });
      const values = records.map((record) => record.slice(record.indexOf(":") + 1));
      expect(values.slice(0, acknowledged.length)).toEqual(acknowledged);
      expect(values).toEqual(values.map((_value, i) => `${i}`));
      sequence = values.length;
      acknowledged.splice(0, acknowledged.length, ...values);
      const sent = Array.from({ length: 50 }, (_, i) => sequence + i).map((i) =>
        session.produce(topic, [`${i}`], { ...(producer ? { producer } : {}), sequence: i }).then(
          ({ error }) => {
            if (error === "NONE") acknowledged[i] = `${i}`;
          },
          () => {},
        ),
      );
      await sent[10];
      child.kill("SIGKILL");
      await Promise.all(sent);
      session.close();
    }
    expect(acknowledged.length).toBeGreaterThan(40);
  });
});

/** In a process of its own, which can be killed. */
async function spawnBroker(folder: string) {
  const main = join(import.meta.dirname, "../cli/main.ts");
  const child = spawn(process.execPath, [main, "broker", "--data-dir", folder, "--port", "0", "--log-level", "error"]);
  child.stderr.pipe(process.stderr);
  const address = await new Promise<string>((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk;
      const match = /listening on (\S+)\n/.exec(printed);
      if (match?.[1]) resolve(match[1]);
    });
    child.once("exit", (code) => reject(new Error(`the broker ended with ${code}`)));
  });
  return { child, address };
}
