/** Starting an application, and knowing when it has done its work. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Broker } from "../../src/broker/index.ts";
import { Client, serdes, TimeoutError } from "../../src/client/index.ts";
import { nodeDisk } from "../../src/platform/node/disk.ts";
import { endTxn } from "../../src/protocol/apis/end-txn.ts";
import { leaveGroup } from "../../src/protocol/apis/leave-group.ts";
import {
  type StoreEngines,
  StreamsApp,
  type StreamsAppOptions,
  StreamsBuilder,
  sqliteEngines,
  type Topology,
} from "../../src/streams/index.ts";
import { createTopic, readAll, startCluster, type TestCluster, until } from "../support/cluster.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";
import { standIn, tappedClient } from "./tapped-client.ts";

let cluster: TestCluster;
const apps: StreamsApp[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

interface Names {
  readonly votes: string;
  readonly results: string;
}

function newNames(): Names {
  return { votes: cluster.unique("votes"), results: cluster.unique("results") };
}

function countOf({ votes, results }: Names): Topology {
  const builder = new StreamsBuilder();
  builder
    .stream(votes, { key: serdes.string, value: serdes.string })
    .groupBy((vote) => vote, { key: serdes.string, value: serdes.string })
    .count({ store: "tally" })
    .toStream()
    .to(results, { key: serdes.string, value: serdes.int64 });
  return builder.build();
}

interface AppOptions extends Partial<StreamsAppOptions> {
  /** Default: the count of the votes. */
  readonly topology?: Topology;
}

function make(names: Names, { topology = countOf(names), ...options }: AppOptions = {}): StreamsApp {
  const app = new StreamsApp(topology, {
    applicationId: `count-${names.votes}`,
    brokers: cluster.brokers,
    sessionTimeoutMs: cluster.sessionTimeoutMs,
    ...options,
  });
  apps.push(app);
  return app;
}

async function vote(names: Names, choice: string, count: number): Promise<void> {
  const producer = cluster.client.producer({ transactionalId: cluster.unique("tx") });
  await producer.initTransactions();
  for (const isAborted of [false, true]) {
    producer.beginTransaction();
    for (let i = 0; i < count; i++) producer.enqueue({ topic: names.votes, key: `${i}`, value: choice });
    await (isAborted ? producer.abortTransaction() : producer.commitTransaction());
  }
  await producer.close();
}

describe("an application", () => {
  it.each(["exactly_once_v2", "at_least_once"] as const)(
    "tells when it has caught up: all is committed then, and its stores hold it (%s)",
    async (guarantee) => {
      const names = newNames();
      for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 3);
      const app = make(names, { guarantee });
      await expect(app.caughtUp()).rejects.toMatchObject({ code: "INVALID_STATE" });
      await app.start();
      const tally = app.store<string, number>("tally");
      for (let round = 1; round <= 5; round++) {
        await vote(names, "tea", 40);
        await app.caughtUp();
        expect(tally.get("tea")).toBe(40 * round);
      }
      await app.close();

      // With nothing left to do but to get the stores back.
      const next = make(names, { guarantee });
      await next.start();
      await next.caughtUp();
      expect(next.store<string, number>("tally").get("tea")).toBe(200);
    },
  );

  it("tells when all workers together have caught up", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 4);
    const [first, second] = [make(names), make(names)];
    await Promise.all([first.start(), second.start()]);
    await vote(names, "tea", 100);
    await vote(names, "coffee", 50);
    await first.caughtUp();
    await second.caughtUp();
    const tallies = [first, second].flatMap((app) => [...app.store<string, number>("tally").all()]);
    expect(tallies.toSorted()).toEqual([
      ["coffee", 50],
      ["tea", 100],
    ]);
  });

  it("has not caught up while it goes back to the last commit, though all is committed", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    let failures = 0;
    const rolledBack = Promise.withResolvers<void>();
    const connect = tappedClient({
      async commitStep(step, real) {
        if (step !== "commit" || failures === 0) return real();
        // The last one is done, and its answer is lost; by then there is a long wait before the next try.
        if (--failures === 0) {
          await real();
          rolledBack.resolve();
        }
        throw new TimeoutError("no answer to the commit");
      },
    });
    const builder = new StreamsBuilder();
    builder.stream(names.votes, { key: serdes.string, value: serdes.string }).groupByKey().count({ store: "tally" });
    const app = make(names, { topology: builder.build(), connect });
    await app.start();
    await app.caughtUp();
    failures = 5;
    await vote(names, "tea", 1);
    await rolledBack.promise;
    await app.caughtUp();
    expect([...app.store<string, number>("tally").all()]).toEqual([["0", 1]]);
  });

  it("does not catch up while a transaction is open in its input, nor once it is closed", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const app = make(names);
    await app.start();
    const producer = cluster.client.producer({ transactionalId: cluster.unique("tx") });
    await producer.initTransactions();
    producer.beginTransaction();
    await producer.send({ topic: names.votes, key: "1", value: "tea" });
    await expect(app.caughtUp({ timeoutMs: 300 })).rejects.toMatchObject({ code: "TIMEOUT" });
    const waiting = expect(app.caughtUp()).rejects.toMatchObject({ code: "INVALID_STATE" });
    await app.close();
    await waiting;
    await producer.commitTransaction();
    await producer.close();
  });

  it("says on standard error that it has ended, when nobody else is told", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const app = make(names);
    await app.start();
    await cluster.client.producer().send({ topic: names.votes, key: "1", value: null });
    await until(() => app.state === "error");
    const lines = written.mock.calls.map(([line]) => String(line));
    written.mockRestore();
    expect(lines).toEqual([expect.stringMatching(new RegExp(`ERROR the application count-${names.votes} has ended`))]);
    expect(lines[0]).toContain(`${names.votes}-0, offset 0`);
  });

  it("and everything else lets go of itself at the end of a block", async () => {
    const names = newNames();
    const closed: { readonly state: string }[] = [];
    {
      await using broker = await Broker.start({ groupMinSessionTimeoutMs: 100 });
      await using client = new Client({ brokers: broker.address });
      await using producer = client.producer();
      await using consumer = client.consumer({ groupId: "readers" });
      await using app = make(names, { brokers: broker.address });
      await createTopic(client, names.votes, 1);
      await app.start();
      await producer.send({ topic: names.votes, key: "1", value: "tea" });
      consumer.subscribe([names.votes]);
      expect(await consumer.poll({ timeoutMs: 10_000 })).toHaveLength(1);
      closed.push(app);
    }
    expect(closed.map(({ state }) => state)).toEqual(["closed"]);
  });

  it("closed while it starts: the start ends, and nothing runs on", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const client = cluster.connect();
    const app = make(names, { connect: () => client });
    const starting = expect(app.start()).rejects.toMatchObject({ code: "INVALID_STATE" });
    await app.close();
    expect(app.state).toBe("closed");
    expect(() => client.admin()).toThrow("the client is closed");
    await starting;
  });

  it("may be closed by whoever hears that it starts", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const app = make(names);
    let stateOnceClosed: Promise<string> | undefined;
    app.onStateChange = (state) => {
      if (state === "rebalancing") stateOnceClosed = app.close().then(() => app.state);
    };
    await expect(app.start()).rejects.toMatchObject({ code: "INVALID_STATE" });
    expect(await stateOnceClosed).toBe("closed");
  });

  it.each(["cannot be reached", "has fallen silent"])("is closed in time while the cluster %s", async (what) => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const network = new FaultyNetwork();
    const app = make(names, { platform: network.platform });
    await app.start();
    await app.caughtUp();
    if (what === "has fallen silent") for (const api of [leaveGroup, endTxn]) network.at(api, 1, "silence");
    await vote(names, "tea", 1);
    await until(() => app.metrics().recordsProcessed > 0);
    if (what === "cannot be reached") network.down();
    const before = performance.now();
    await app.close({ timeoutMs: 500 });
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(app.state).toBe("closed");
  });

  it("leaves its group and lets go of its client and its folders, also when a store cannot be closed", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 2);
    const stateDir = mkdtempSync(join(tmpdir(), "oncilla-streams-"));
    const client = cluster.connect();
    const engines = sqliteEngines(nodeDisk);
    const stores: StoreEngines = {
      ...engines,
      open(folder, store) {
        const engine = engines.open(folder, store);
        return standIn(engine, {
          close() {
            engine.close();
            throw new Error(`${folder} cannot be closed`);
          },
        });
      },
    };
    const app = make(names, { stateDir, stores, connect: () => client });
    await app.start();
    await app.caughtUp();
    await app.close();
    expect(app.error?.message).toMatch("1_0 cannot be closed");
    expect(() => client.admin()).toThrow("the client is closed");
    const [group] = await cluster.client.admin().describeGroups([`count-${names.votes}`]);
    expect(group?.members).toEqual([]);

    const next = make(names, { stateDir });
    await next.start();
    await next.caughtUp();
    await next.close();
    rmSync(stateDir, { recursive: true });
  });

  it("keeps its place in the group while its functions take their time", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const builder = new StreamsBuilder();
    const work = (): void => {
      for (const end = performance.now() + 25; performance.now() < end; );
    };
    builder.stream(names.votes).peek(work).to(names.results);
    const app = make(names, { topology: builder.build() });
    await app.start();
    await app.caughtUp();
    await vote(names, "tea", 100);
    await app.caughtUp();
    expect(app.metrics()).toMatchObject({ recordsProcessed: 100, aborts: 0 });
  });

  it("is closed in time while its functions take theirs, and what they did is committed", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const builder = new StreamsBuilder();
    const work = (): void => {
      for (const end = performance.now() + 20; performance.now() < end; );
    };
    builder.stream(names.votes).peek(work).to(names.results);
    const app = make(names, { topology: builder.build(), commitIntervalMs: 5_000 });
    await app.start();
    await app.caughtUp();
    await vote(names, "tea", 300);
    await until(() => app.metrics().recordsProcessed > 0);
    await app.close({ timeoutMs: 2_000 });
    const { recordsProcessed } = app.metrics();
    expect(recordsProcessed).toBeLessThan(300);
    expect(await readAll(cluster.client, names.results)).toHaveLength(recordsProcessed);
  });

  it.each(["results", "its changelog"])("says what to do when a record is too large for %s", async (what) => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const builder = new StreamsBuilder();
    const votes = builder.stream(names.votes, { key: serdes.string, value: serdes.string });
    if (what === "results") votes.to(names.results);
    else votes.groupByKey().reduce((_before, after) => after, { store: "last" });
    const app = make(names, { topology: builder.build() });
    app.onError = () => {};
    await app.start();
    await app.caughtUp();
    const topic = what === "results" ? names.results : `count-${names.votes}-last-changelog`;
    const admin = cluster.client.admin();
    await admin.alterConfigs({ type: "topic", name: topic }, [
      { name: "max.message.bytes", operation: "set", value: "2000" },
    ]);
    await cluster.client.producer().send({ topic: names.votes, key: "1", value: "x".repeat(3_000) });
    await until(() => app.state === "error");
    expect(app.error).toMatchObject({ code: "PRODUCTION_FAILED" });
    expect(app.error?.message).toContain(`${topic}-0`);
    expect(app.error?.message).toMatch(/raise .*max\.message\.bytes/);
  });

  it("tells of a start that fails by its error alone", async () => {
    const names = newNames();
    const app = make(names);
    const told: Error[] = [];
    app.onError = (error) => told.push(error);
    await expect(app.start()).rejects.toMatchObject({ code: "MISSING_TOPIC" });
    expect(app.state).toBe("error");
    expect(app.error).toMatchObject({ code: "MISSING_TOPIC" });
    expect(told).toEqual([]);
  });

  it("leaves its place to others when an option is refused", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const stateDir = mkdtempSync(join(tmpdir(), "oncilla-streams-"));
    const app = make(names, { stateDir, maxPollRecords: 0 });
    await expect(app.start()).rejects.toThrow("maxPollRecords");
    nodeDisk.lock(join(stateDir, `count-${names.votes}`, "workers", "0")).release();
    rmSync(stateDir, { recursive: true });
  });

  it("asks its handler about every record that the cluster would refuse for its size", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 1);
    const builder = new StreamsBuilder();
    builder
      .stream(names.votes, { value: serdes.string })
      .mapValues((length) => "x".repeat(Number(length)), { value: serdes.string })
      .to(names.results);
    let refused = 0;
    const onProductionError = (): "continue" => {
      refused++;
      return "continue";
    };
    const app = make(names, { topology: builder.build(), onProductionError });
    await app.start();
    const lengths = Array.from({ length: 20 }, (_, step) => 2 ** 20 - 120 + 6 * step);
    await cluster.client.producer().sendAll(lengths.map((length) => ({ topic: names.votes, value: `${length}` })));
    await app.caughtUp();
    const results = await readAll(cluster.client, names.results);
    expect(refused).toBeGreaterThan(0);
    expect(results.length).toBeGreaterThan(0);
    expect(results.length + refused).toBe(lengths.length);
  });

  it("merges a stream with what it has made of it", async () => {
    const names = newNames();
    for (const topic of Object.values(names)) await createTopic(cluster.client, topic, 2);
    const builder = new StreamsBuilder();
    const votes = builder.stream(names.votes, { key: serdes.string, value: serdes.string });
    votes.merge(votes.repartition({ name: "again" })).to(names.results);
    const app = make(names, { topology: builder.build() });
    await app.start();
    await vote(names, "tea", 10);
    await app.caughtUp();
    expect(await readAll(cluster.client, names.results)).toHaveLength(20);
  });

  it("keeps its own topics' records, and their time, whatever the broker does with others'", async () => {
    const topicDefaults = {
      "message.timestamp.type": "LogAppendTime",
      "retention.bytes": 1_000,
      "retention.ms": 1_000,
    };
    await using broker = await Broker.start({ topicDefaults, groupMinSessionTimeoutMs: 100 });
    await using client = new Client({ brokers: broker.address });
    const names = newNames();
    const configs = { "message.timestamp.type": "CreateTime", "retention.bytes": "-1", "retention.ms": "-1" };
    await client.admin().createTopics(Object.values(names).map((topic) => ({ topic, partitions: 1, configs })));
    const app = make(names, { brokers: broker.address });
    await app.start();
    await client.producer().send({ topic: names.votes, key: "1", value: "tea", timestamp: 1_000 });
    await app.caughtUp();
    const results = await readAll(client, names.results);
    expect(results.map(({ timestamp }) => timestamp)).toEqual([1_000]);
    const changelog = await readAll(client, `count-${names.votes}-tally-changelog`);
    expect(changelog.map(({ timestamp }) => timestamp)).toEqual([1_000]);
    const name = `count-${names.votes}-tally-repartition`;
    const ofRepartition = await client.admin().describeConfigs({ type: "topic", name });
    expect(ofRepartition).toContainEqual(expect.objectContaining({ name: "retention.bytes", value: "-1" }));
    await app.close();
  });

  it.each(["votes", "results"] as const)("does not start without the topic of its %s", async (missing) => {
    // Brokers may create topics that are written to, and not these.
    const broker = await Broker.start({ autoCreateTopics: false });
    const client = new Client({ brokers: broker.address });
    const names = newNames();
    await createTopic(client, missing === "votes" ? names.results : names.votes, 1);
    const app = make(names, {
      brokers: broker.address,
      connect: (options) => new Client({ ...options, missingTopicTimeoutMs: 100 }),
    });
    await expect(app.start()).rejects.toMatchObject({
      code: "MISSING_TOPIC",
      message: expect.stringContaining(names[missing]),
    });
    expect(app.state).toBe("error");
    await client.close();
    await broker.stop();
  });
});
