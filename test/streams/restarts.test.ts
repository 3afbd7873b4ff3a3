/** Workers that come back: under their name (KIP-345), at once, and never two of them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { serdes, TimeoutError } from "../../src/client/index.ts";
import { nodeDisk } from "../../src/platform/node/disk.ts";
import { StreamsBuilder, sqliteEngines, type Topology } from "../../src/streams/index.ts";
import { createTopic, readAll, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { Life } from "../support/life.ts";
import { keptLog } from "./kept-log.ts";
import { tappedClient } from "./tapped-client.ts";
import { WordCount } from "./word-count.ts";

/** Who waits for these timeouts does not finish in time. */
const patient = { sessionTimeoutMs: 60_000, transactionTimeoutMs: 60_000 };

let cluster: TestCluster;
let job: WordCount;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  job = await WordCount.create(cluster);
});
afterEach(() => job.cleanUp());

/** Options of a worker that dies with an open transaction. */
function dyingInCommit(life: Life) {
  let commits = 0;
  const connect = tappedClient({
    async commitStep(step, real) {
      if (step === "commit" && ++commits === 3) life.kill();
      await life.whileAlive(real());
    },
  });
  return { ...patient, connect, stores: life.engines(sqliteEngines(nodeDisk)), commitIntervalMs: 20 };
}

async function killInCommit(worker: string, options: { groupInstanceId?: string } = {}): Promise<void> {
  const life = new Life();
  await job.start(worker, { ...dyingInCommit(life), ...options }, life);
  await until(async () => {
    await job.produce(5);
    return life.isDead;
  });
}

describe("a worker that comes back", () => {
  it("ends what its last life left open, and goes on with its tasks", async () => {
    await killInCommit("a");
    const next = await job.start("a", patient);
    await job.untilCounted(next);
    await job.expectExact(next);
  });

  it("is known by the name that it was given", async () => {
    await killInCommit("a", { groupInstanceId: "worker-1" });
    const next = await job.start("elsewhere", { ...patient, groupInstanceId: "worker-1" });
    await job.untilCounted(next);
    await job.expectExact(next);
  });

  it("does not disturb the others", async () => {
    const { logger, lines } = keptLog();
    const other = await job.start("b", { ...patient, logger });
    await killInCommit("a");
    await until(() => other.state === "running");
    const rejoinsBefore = count(lines, "rejoining the group");
    const next = await job.start("a", patient);
    await job.untilCounted(other, next);
    await job.expectExact(other, next);
    expect(count(lines, "rejoining the group")).toBe(rejoinsBefore);
  });

  it("keeps its tasks through a stop that is to be a restart", async () => {
    const first = await job.start("a", patient);
    const { logger, lines } = keptLog();
    const other = await job.start("b", { ...patient, logger });
    await until(() => other.state === "running" && other.metrics().tasks.length === 2);
    await first.close({ leaveGroup: false });
    await job.produce(50);
    const again = await job.start("a", patient);
    await job.untilCounted(again, other);
    await job.expectExact(again, other);
    expect(count(lines, "rejoining the group")).toBe(0);
  });

  it.each([
    ["its topology reads more topics", ["lines", "added"], 2],
    ["a topic has grown", ["lines"], 3],
  ])("is not content with its old share when %s", async (_name, inputs, partitions) => {
    const topicOf = (input: string): string => `${job.applicationId}-${input}`;
    await createTopic(cluster.client, topicOf("added"), 2);
    const life = new Life();
    const before = await job.start("a", { ...patient, topology: copy([job.lines], job.counts) }, life);
    await until(() => before.state === "running");
    life.kill();
    if (partitions === 3) await cluster.client.admin().createPartitions(job.lines, partitions);
    await job.start("a", { ...patient, topology: copy(inputs.map(topicOf), job.counts) });
    const topic = topicOf(inputs.at(-1) ?? "");
    await cluster.client.producer().send({ topic, partition: partitions - 1, value: "news" });
    await until(async () => (await readAll(cluster.client, job.counts)).some(({ value }) => text(value) === "news"));
  });
});

describe("workers that come back with another topology", () => {
  it("share its tasks out anew when it groups the same topics otherwise", async () => {
    const [a, b] = [`${job.applicationId}-a`, `${job.applicationId}-b`];
    for (const topic of [a, b]) await createTopic(cluster.client, topic, 1);
    const apart = new StreamsBuilder();
    for (const topic of [a, b]) apart.stream(topic).to(job.counts);
    const lives = [new Life(), new Life()];
    const before = await Promise.all(
      lives.map((life, index) => job.start(`worker-${index}`, { ...patient, topology: apart.build() }, life)),
    );
    await until(() => before.every((app) => app.state === "running" && app.metrics().tasks.length === 1));
    for (const life of lives) life.kill();

    const together = new StreamsBuilder();
    const text = { key: serdes.string, value: serdes.string };
    together.stream(a, text).merge(together.stream(b, text)).groupByKey().count({ store: "all" });
    const topology = together.build();
    const after = await Promise.all(lives.map((_, index) => job.start(`worker-${index}`, { ...patient, topology })));
    const producer = cluster.client.producer();
    for (let i = 0; i < 20; i++) await producer.send({ topic: i % 2 ? a : b, key: "k", value: "" });
    await Promise.all(after.map((app) => app.caughtUp()));
    expect(after.flatMap((app) => [...app.store<string, number>("all").all()])).toEqual([["k", 20]]);
  });
});

describe("a topology that begins at the end of its input", () => {
  it.each([
    ["itself", "a"],
    ["another", "b"],
  ])("goes on where it began when its worker dies before it commits: %s", async (_who, successor) => {
    await job.produce(10);
    const life = new Life();
    const topology = copy([job.lines], job.counts, "latest");
    const first = await job.start("a", { topology }, life);
    await until(() => first.state === "running");
    life.kill();
    await cluster.client.producer().send({ topic: job.lines, partition: 0, value: "news" });
    await job.start(successor, { topology });
    await until(async () => (await readAll(cluster.client, job.counts)).length > 0);
    expect((await readAll(cluster.client, job.counts)).map(({ value }) => text(value))).toEqual(["news"]);
  });
});

it("an input that is made anew is read from its beginning after a rollback, too", async () => {
  const topology = copy([job.lines], job.counts);
  const produce = (values: readonly string[]) =>
    Promise.all(values.map((value) => cluster.client.producer().send({ topic: job.lines, partition: 0, value })));
  const copied = async (): Promise<string[]> =>
    (await readAll(cluster.client, job.counts)).map(({ value }) => text(value)).sort();
  await produce(["1", "2", "3"]);
  const first = await job.start("a", { topology });
  await until(async () => (await copied()).length === 3);
  await first.close();
  let isRefused = false;
  const connect = tappedClient({
    async commitStep(step, real) {
      if (!isRefused || step !== "offsets") return real();
      isRefused = false;
      throw new TimeoutError("no answer to the offsets");
    },
  });
  await job.start("a", { topology, connect });
  await produce(["4"]);
  await until(async () => (await copied()).length === 4);
  await cluster.client.admin().deleteTopics([job.lines]);
  await createTopic(cluster.client, job.lines, 2);
  isRefused = true;
  const anew = ["a", "b", "c", "d", "e", "f"];
  await produce(anew);
  await until(async () => (await copied()).includes("f"));
  expect(await copied()).toEqual(["1", "2", "3", "4", ...anew]);
});

it("a worker goes on right after a rebalance, however long its commit interval", async () => {
  const app = await job.start("a", { commitIntervalMs: 15_000, transactionTimeoutMs: 60_000 });
  await until(() => app.state === "running");
  await job.produce(20);
  await until(() => app.metrics().recordsProcessed > 0);
  const before = performance.now();
  await job.start("b");
  await until(
    () =>
      app
        .metrics()
        .tasks.map(({ phase }) => phase)
        .join() === "running,running",
  );
  expect(performance.now() - before).toBeLessThan(10_000);
});

describe("two workers under one name", () => {
  it("the older one ends, whether it only seemed dead or not; the other goes on", async () => {
    const life = new Life();
    const named = { ...patient, groupInstanceId: "worker-1" };
    const older = await job.start("a", named, life);
    await job.produce(50);
    await job.untilCounted(older);
    life.stall();
    const newer = await job.start("b", named);
    await job.produce(50);
    await job.untilCounted(newer);
    life.wake();
    await until(() => older.state === "error");
    expect(older.error).toMatchObject({ code: "REPLACED" });
    await job.produce(50);
    await job.untilCounted(newer);
    await job.expectExact(newer);
    expect(newer.state).toBe("running");
  });
});

function count(lines: readonly string[], what: string): number {
  return lines.filter((line) => line.includes(what)).length;
}

function copy(from: readonly string[], to: string, offsetReset: "earliest" | "latest" = "earliest"): Topology {
  const builder = new StreamsBuilder();
  builder.stream(from, { offsetReset }).to(to);
  return builder.build();
}
