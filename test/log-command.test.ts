/** `oncilla log` on what a broker has left behind. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../src/broker/index.ts";
import { dumpFile } from "../src/cli/log/dump.ts";
import { Client } from "../src/client/index.ts";
import { nodeDisk } from "../src/platform/node/disk.ts";
import { oncilla } from "./support/command.ts";

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-log-"));
  const broker = await Broker.start({ dataDir: folder });
  const client = new Client({ brokers: broker.address });
  await client.admin().createTopics([{ topic: "words" }]);
  const readers = { groupId: "readers", generationId: -1, memberId: "", groupInstanceId: null };
  const producer = client.producer({ transactionalId: "writer" });
  await producer.initTransactions();
  await producer.transaction(async (tx) => {
    await tx.send({ topic: "words", key: "k", value: "hello", headers: { h: "v" } });
    await tx.sendOffsetsToTransaction([{ topic: "words", partition: 0, offset: 7 }], readers);
  });
  await producer
    .transaction(async (tx) => {
      await tx.send({ topic: "words", value: Buffer.from([0, 255, 1]) });
      throw new Error("never mind");
    })
    .catch(() => {});
  await client.close();
  await broker.stop();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const segment = (): string => join(folder, "words-0/00000000000000000000.log");

/** Without a process of its own for each file. */
function dump(name: string, records = false): string[] {
  return [...dumpFile(nodeDisk, join(folder, name), { records })];
}

describe("log verify", () => {
  it("says what it has looked at, and that it is sound", async () => {
    const { code, stdout } = await oncilla("log", "verify", folder).outcome;
    expect(stdout).toMatch(/^\d+ partitions, \d+ segments, \d+ batches, \d+\.\d MiB: sound\n$/);
    expect(code).toBe(0);
  });

  it("one wrong bit: which file, and where; exit code 1. One partition's folder will do", async () => {
    const sound = readFileSync(segment());
    const damaged = Buffer.from(sound);
    damaged[70] = (damaged[70] as number) ^ 4;
    writeFileSync(segment(), damaged);
    const { code, stdout } = await oncilla("log", "verify", join(folder, "words-0")).outcome;
    writeFileSync(segment(), sound);
    expect(stdout).toContain(`DAMAGED ${segment()} position 0: the CRC does not match`);
    expect(stdout).toMatch(/1 partitions, 1 segments, .*: 1 damaged\n$/);
    expect(code).toBe(1);
  });

  it.each(["words-0", "__cluster_metadata-0"])(
    "a wrong topic id in %s: that partition will be offline",
    async (name) => {
      const path = join(folder, name, "partition.metadata");
      const sound = readFileSync(path, "utf8");
      const wrong = sound.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
      writeFileSync(path, wrong);
      const { code, stdout } = await oncilla("log", "verify", folder).outcome;
      writeFileSync(path, sound);
      const [wrongId, rightId] = [wrong, sound].map((text) => text.slice(-22));
      expect(stdout).toContain(`DAMAGED ${path}: the topic id ${wrongId}, where the cluster's metadata has ${rightId}`);
      expect(stdout).toMatch(/: 1 damaged\n$/);
      expect(code).toBe(1);
    },
  );

  it("says which logs are gone", async () => {
    const copy = mkdtempSync(join(tmpdir(), "oncilla-lost-"));
    cpSync(folder, copy, { recursive: true });
    rmSync(join(copy, "words-0/00000000000000000000.log"));
    const headless = await oncilla("log", "verify", copy).outcome;
    expect(headless.stdout).toMatch(
      /DAMAGED .*words-0: no segment is left of a log that was durable up to 4\n.*: 1 damaged\n$/,
    );
    for (const name of readdirSync(join(copy, "words-0"))) rmSync(join(copy, "words-0", name));
    const emptied = await oncilla("log", "verify", copy).outcome;
    rmSync(join(copy, "words-0"), { recursive: true });
    const gone = await oncilla("log", "verify", copy).outcome;
    rmSync(copy, { recursive: true });
    for (const { code, stdout } of [emptied, gone]) {
      expect(stdout).toContain(`DAMAGED ${copy}/words-0: there is no segment of a log that was opened`);
      expect(stdout).toMatch(/: 1 damaged\n$/);
      expect(code).toBe(1);
    }
  });

  it("damage is exit code 1, also when nobody reads as far", async () => {
    const copy = mkdtempSync(join(tmpdir(), "oncilla-unread-"));
    cpSync(folder, copy, { recursive: true });
    // Two of them: it would have looked at one.
    for (const name of ["__transaction_state", "words"]) rmSync(join(copy, `${name}-0/partition.metadata`));
    const reading = oncilla("log", "verify", copy);
    reading.closeStdout();
    expect((await reading.outcome).code).toBe(1);
    rmSync(copy, { recursive: true });
  });

  it("refuses a folder on which a broker runs, and one that is none of a broker's", async () => {
    const broker = await Broker.start({ dataDir: folder });
    const busy = await oncilla("log", "verify", folder).outcome;
    await broker.stop();
    expect(busy).toMatchObject({ code: 1, stderr: `oncilla: ${folder} is in use by a broker: stop it first\n` });
    const foreign = await oncilla("log", "verify", import.meta.dirname).outcome;
    expect(foreign.stderr).toMatch(/^oncilla: .*: neither a broker's data folder nor a partition's\n$/);
    expect((await oncilla("log", "verify", join(folder, "absent")).outcome).stderr).toMatch(/no such folder\n$/);
  });
});

describe("log dump", () => {
  it("shows batches, and with --records what is in them", async () => {
    const { code, stdout } = await oncilla("log", "dump", segment()).outcome;
    expect(code).toBe(0);
    const batches = stdout.trimEnd().split("\n");
    expect(batches).toHaveLength(4);
    expect(batches[0]).toMatch(/^position: 0 offsets: 0-0 records: 1 .* sequences: 0-0 transactional$/);
    expect(batches[1]).toMatch(/ marker: commit coordinatorEpoch: \d+$/);
    expect(batches[3]).toMatch(/ marker: abort /);
    const records = dump("words-0/00000000000000000000.log", true);
    expect(records[1]).toMatch(/^ {2}offset: 0 timestamp: \S+ key: "k" value: "hello" headers: \{"h": "v"\}$/);
    expect(records.join("\n")).toContain("value: 0x00ff01");
  });

  it("shows indexes, snapshots and checkpoints", () => {
    expect(dump("words-0/00000000000000000000.txnindex")).toEqual([
      expect.stringMatching(/^producerId: \d+ firstOffset: 2 lastOffset: 3 lastStableOffset: 4$/),
    ]);
    expect(dump("words-0/00000000000000000000.timeindex")[0]).toMatch(/^timestamp: 20\S+Z offset: \d$/);
    const [first, producer] = dump("words-0/00000000000000000004.snapshot");
    expect(first).toBe("everything below offset 4 is durable; producers: 1");
    expect(producer).toMatch(/openTransactionFrom: -1/);
    expect(dump("words-0/leader-epoch-checkpoint").join("\n")).toMatch(/^0\n\d\n0 0/);
    expect(dump("words-0/partition.metadata").join("\n")).toMatch(/\ntopic_id: /);
  });

  it("decodes the records of the broker's own topics", () => {
    const all: string[] = [];
    for (const topic of ["__consumer_offsets", "__transaction_state"]) {
      for (let i = 0; i < 4; i++) all.push(...dump(`${topic}-${i}/00000000000000000000.log`, true));
    }
    const text = all.join("\n");
    expect(text).toContain('"kind":"offset","key":{"groupId":"readers","topic":"words","partition":0}');
    expect(text).toContain('"transactionalId":"writer"');
    expect(text).toContain('"state":"PrepareCommit","partitions":{"words":[0],"__consumer_offsets":[0]}');
    const metadata = dump("__cluster_metadata-0/00000000000000000000.log", true);
    expect(metadata.join("\n")).toContain('"kind":"topic","topic":{"id":"');
  });

  it("prints long lines, however many, and nothing beside them", async () => {
    const large = mkdtempSync(join(tmpdir(), "oncilla-large-"));
    const broker = await Broker.start({ dataDir: large, durability: "os" });
    const client = new Client({ brokers: broker.address });
    const value = "x".repeat(200_000);
    await client.producer().sendAll(Array.from({ length: 20 }, () => ({ topic: "large", value })));
    await client.close();
    await broker.stop();
    const file = join(large, "large-0/00000000000000000000.log");
    const { code, stdout, stderr } = await oncilla("log", "dump", "--records", file).outcome;
    rmSync(large, { recursive: true });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n").filter((line) => line.includes(value))).toHaveLength(20);
  });

  it("tells damage, with exit code 1, and refuses other files", async () => {
    const copy = join(folder, "words-0/00000000000000000099.log");
    writeFileSync(copy, readFileSync(segment()).subarray(0, -3));
    const { code, stdout } = await oncilla("log", "dump", copy).outcome;
    rmSync(copy);
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(
      /^DAMAGED position: \d+ a batch of \d+ bytes, of which \d+ are there/,
    );
    const foreign = await oncilla("log", "dump", import.meta.filename).outcome;
    expect(foreign).toMatchObject({ code: 1, stdout: "" });
    expect(foreign.stderr).toMatch(/neither a segment nor an index, snapshot or checkpoint of a log\n$/);
    expect((await oncilla("log", "dump", join(folder, "absent-checkpoint")).outcome).stderr).toMatch(/ENOENT/);
  });
});
