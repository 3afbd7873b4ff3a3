import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  Client,
  type ClientOptions,
  type Consumer,
  type RebalanceListener,
  serdes,
  TimeoutError,
} from "../../src/client/index.ts";
import {
  ConnectError,
  type Sink,
  type SinkClient,
  SinkRuntime,
  type SinkRuntimeOptions,
  SqliteSink,
} from "../../src/connect/index.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import { fetch } from "../../src/protocol/apis/fetch.ts";
import { createTopic, startCluster, type TestCluster, until } from "../support/cluster.ts";
import { Life } from "../support/life.ts";

let cluster: TestCluster;
let folder: string;
let topic: string;
let groupId: string;
const runtimes: SinkRuntime[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-connect-"));
  topic = cluster.unique("numbers");
  groupId = cluster.unique("sink");
  await createTopic(cluster.client, topic, 2);
});
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
  rmSync(folder, { recursive: true });
});

/** A row for each record: what comes twice is there twice. */
function numbersSink(): SqliteSink<Uint8Array, number> {
  return new SqliteSink<Uint8Array, number>({
    path: join(folder, "numbers.db"),
    table: "numbers",
    columns: { number: "INTEGER", record_partition: "INTEGER", record_offset: "INTEGER" },
    mode: "insert",
    value: serdes.int64,
    row: ({ value, partition, offset }) => ({ number: value, record_partition: partition, record_offset: offset }),
  });
}

async function start(sink: Sink, options: Partial<SinkRuntimeOptions> = {}): Promise<SinkRuntime> {
  const runtime = new SinkRuntime(sink, {
    brokers: cluster.brokers,
    groupId,
    topics: [topic],
    sessionTimeoutMs: cluster.sessionTimeoutMs,
    ...options,
  });
  await runtime.start();
  if (!options.platform) runtimes.push(runtime);
  return runtime;
}

/** `sink`, with a hand in its writes. */
function around(sink: Sink, write: (real: Sink["write"]) => Sink["write"]): Sink {
  return {
    guarantee: sink.guarantee,
    open: () => sink.open(),
    positions: (partitions) => sink.positions(partitions),
    write: write((batches) => sink.write(batches)),
    close: () => sink.close(),
  };
}

/** Keeps no positions. */
function forgetfulSink(written: number[] = []): Sink {
  return {
    guarantee: "at_least_once",
    open: () => {},
    close: () => {},
    positions: (partitions) => partitions.map(() => undefined),
    write(batches) {
      for (const { value } of batches.flatMap(({ records }) => records)) {
        written.push(serdes.int64.deserialize(value ?? Buffer.alloc(8)));
      }
      return batches.map(() => ({ applied: true }));
    },
  };
}

function positionsInTable(): number {
  const database = new DatabaseSync(join(folder, "numbers.db"));
  try {
    return database.prepare("SELECT * FROM oncilla_sink_offsets").all().length;
  } finally {
    database.close();
  }
}

/** A way to the cluster, with a hand in its consumers. */
function tappedConsumers(tap: (consumer: Consumer) => void): (options: ClientOptions) => SinkClient {
  return (options) => {
    const client = new Client(options);
    return {
      admin: () => client.admin(),
      close: () => client.close(),
      consumer(consumerOptions) {
        const consumer = client.consumer(consumerOptions);
        tap(consumer);
        return consumer;
      },
    };
  };
}

async function produce(from: number, to: number, partitions = 2): Promise<void> {
  const producer = cluster.client.producer();
  for (let number = from; number < to; number++) {
    producer.enqueue({ topic, partition: number % partitions, value: serdes.int64.serialize(number) });
  }
  await producer.flush();
  await producer.close();
}

/** Deletes the topic and makes it anew, with these numbers, while the worker of this life does not look. */
async function makeAnew(life: Life, from: number, to: number, partitions = 2): Promise<void> {
  life.stall();
  await cluster.client.admin().deleteTopics([topic]);
  await createTopic(cluster.client, topic, partitions);
  await produce(from, to, partitions);
}

async function untilCommitted(...offsets: readonly number[]): Promise<void> {
  const admin = cluster.client.admin();
  const isCommitted = async (): Promise<boolean> => {
    const stored = await admin.listConsumerGroupOffsets(groupId);
    const byPartition = stored.toSorted((a, b) => a.partition - b.partition);
    return `${byPartition.map(({ offset }) => offset)}` === `${offsets}`;
  };
  await until(isCommitted, () => ({ of: offsets, errors: runtimes.map(({ error }) => error?.message) }));
}

function rows(): number[] {
  const database = new DatabaseSync(join(folder, "numbers.db"));
  try {
    return database
      .prepare("SELECT number FROM numbers ORDER BY number")
      .all()
      .map(({ number }) => Number(number));
  } finally {
    database.close();
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function untilRows(count: number): Promise<void> {
  await until(
    () => rows().length >= count,
    () => ({ rows: rows().length, of: count, errors: runtimes.map(({ error }) => error?.message) }),
  );
}

describe("sink runtime", () => {
  it("writes every record once, those of aborted transactions never", async () => {
    const producer = cluster.client.producer({ transactionalId: cluster.unique("tx") });
    await producer.initTransactions();
    for (let round = 0; round < 6; round++) {
      producer.beginTransaction();
      const isAborted = round % 2 === 1;
      for (const partition of [0, 1]) {
        const number = isAborted ? 1_000 : round + partition;
        await producer.send({ topic, partition, value: serdes.int64.serialize(number) });
      }
      await (isAborted ? producer.abortTransaction() : producer.commitTransaction());
    }
    await producer.close();
    await start(numbersSink());
    await untilRows(6);
    expect(rows()).toEqual(upTo(6));
  });

  it("goes on where the table stands after a clean stop", async () => {
    await produce(0, 100);
    const first = await start(numbersSink());
    await untilRows(100);
    await first.close();
    await produce(100, 200);
    await start(numbersSink());
    await untilRows(200);
    expect(rows()).toEqual(upTo(200));
  });

  it("fault 30: kill -9 between the database's commit and the group's", async () => {
    await produce(0, 100);
    const life = new Life();
    const inner = numbersSink();
    const sink = around(inner, (real) => (batches) => {
      const outcomes = real(batches);
      life.kill();
      return outcomes;
    });
    await start(sink, { platform: life.platform, maxBatchRecords: 20 });
    await until(() => life.isDead);
    inner.close();
    await start(numbersSink());
    await untilRows(100);
    expect(rows()).toEqual(upTo(100));
  });

  it("stores the group's offsets for a worker that died between the database's commit and the group's", async () => {
    await produce(0, 20);
    const connect = tappedConsumers((consumer) => {
      consumer.commit = () => Promise.reject(new TimeoutError("it died before"));
    });
    const first = await start(numbersSink(), { connect });
    await first.caughtUp();
    await first.close();
    const admin = cluster.client.admin();
    expect(await admin.isCaughtUp(groupId, [topic])).toBe(false);
    await start(numbersSink());
    await until(() => admin.isCaughtUp(groupId, [topic]));
  });

  it("fault 30: two workers on one partition", async () => {
    const first = await start(numbersSink(), { maxBatchRecords: 10 });
    const second = await start(numbersSink(), { maxBatchRecords: 10, groupId: cluster.unique("zombie") });
    for (let round = 0; round < 10; round++) await produce(round * 50, (round + 1) * 50);
    await untilRows(500);
    await until(() => first.metrics().recordsWritten + second.metrics().recordsWritten === 500);
    expect(rows()).toEqual(upTo(500));
    expect(first.metrics().batchesRefused + second.metrics().batchesRefused).toBeGreaterThan(0);
  });

  it("fault 30: a worker that stalled, with records in its hands that others have written meanwhile", async () => {
    const life = new Life();
    let writes = 0;
    const sink = around(numbersSink(), (real) => async (batches) => {
      if (++writes === 3) life.stall();
      await life.whileAlive(Promise.resolve());
      return real(batches);
    });
    const sleeper = await start(sink, { platform: life.platform, maxBatchRecords: 10 });
    await produce(0, 100);
    await until(() => life.isStalled);
    await start(numbersSink());
    await untilRows(100);
    life.wake();
    await until(() => sleeper.metrics().batchesRefused > 0);
    await produce(100, 200);
    await untilRows(200);
    expect(rows()).toEqual(upTo(200));
    await sleeper.close();
  });

  it("fault 30: two workers under one name: the older one ends, the newer goes on at once", async () => {
    const life = new Life();
    const named = { groupInstanceId: "sink-1", sessionTimeoutMs: 60_000 };
    const older = await start(numbersSink(), { ...named, platform: life.platform });
    await produce(0, 100);
    await untilRows(100);
    life.stall();
    await start(numbersSink(), named);
    await produce(100, 200);
    await untilRows(200);
    life.wake();
    await until(() => older.state === "error");
    expect(older.error).toMatchObject({ code: "FENCED_INSTANCE_ID" });
    await produce(200, 300);
    await untilRows(300);
    expect(rows()).toEqual(upTo(300));
  });

  it.each([
    ["to the start", 0],
    ["to the end", 50],
  ])("fault 30: the group's offsets are reset %s", async (_name, offset) => {
    await produce(0, 100);
    const first = await start(numbersSink());
    await untilRows(100);
    await first.close();
    await produce(100, 140);
    const offsets = [0, 1].map((partition) => ({ topic, partition, offset: offset && offset + 20 }));
    await cluster.client.admin().alterConsumerGroupOffsets(groupId, offsets);
    await start(numbersSink());
    await untilRows(140);
    expect(rows()).toEqual(upTo(140));
  });

  it("workers of a group share the partitions, and hand them over", async () => {
    const first = await start(numbersSink(), { maxBatchRecords: 10 });
    await produce(0, 100);
    const second = await start(numbersSink(), { maxBatchRecords: 10 });
    await produce(100, 200);
    await untilRows(200);
    await until(async () => {
      await produce(0, 0);
      const [group] = await cluster.client.admin().describeGroups([groupId]);
      return group?.state === "Stable" && group.members.every(({ partitions }) => partitions.length === 1);
    });
    await first.close();
    await produce(200, 300);
    await untilRows(300);
    expect(rows()).toEqual(upTo(300));
    expect(second.metrics().recordsWritten).toBeGreaterThanOrEqual(100);
  });

  it("tries again while the target refuses for the moment", async () => {
    let refusals = 0;
    const sink = around(numbersSink(), (real) => (batches) => {
      if (refusals++ < 3) throw new ConnectError("TARGET_FAILED", "busy", { retriable: true });
      return real(batches);
    });
    await start(sink);
    await produce(0, 50);
    await untilRows(50);
    expect(rows()).toEqual(upTo(50));
    expect(refusals).toBeGreaterThan(3);
  });

  it("waits for a target that cannot be had at first, when it starts and when it asks for positions", async () => {
    const table = numbersSink();
    let refusals = 0;
    const refuseTwice = (): void => {
      if (refusals++ % 3 < 2) throw new ConnectError("TARGET_FAILED", "locked", { retriable: true });
    };
    await start({
      ...around(table, (real) => real),
      open() {
        refuseTwice();
        return table.open();
      },
      positions(partitions) {
        refuseTwice();
        return table.positions(partitions);
      },
    });
    await produce(0, 10);
    await untilRows(10);
    expect(rows()).toEqual(upTo(10));
    expect(refusals).toBeGreaterThanOrEqual(6);
  });

  it("outlives an outage that begins when it is given its partitions, however long it lasts", async () => {
    let outageMs = 0;
    const clock = { ...nodePlatform.clock, monotonic: () => nodePlatform.clock.monotonic() + outageMs };
    const failures = [60_000, 120_000];
    const runtime = await start(numbersSink(), {
      platform: { ...nodePlatform, clock },
      connect(options) {
        const client = new Client({ ...options, platform: nodePlatform });
        const admin = client.admin();
        return {
          consumer: (consumerOptions) => client.consumer(consumerOptions),
          close: () => client.close(),
          admin: () => ({
            listConsumerGroupOffsets: (group) => admin.listConsumerGroupOffsets(group),
            isAtEnd: (...position) => admin.isAtEnd(...position),
            async describeTopics(topics) {
              const next = failures.shift();
              if (next === undefined) return admin.describeTopics(topics);
              outageMs = next;
              throw new TimeoutError("no broker answers");
            },
          }),
        };
      },
    });
    runtimes.push(runtime);
    await produce(0, 10);
    await untilRows(10);
    expect([runtime.state, failures]).toEqual(["running", []]);
  });

  it("outlives an outage while it finds out where a partition begins", async () => {
    let calls = 0;
    const connect = tappedConsumers((consumer) => {
      const beginningOffsets = consumer.beginningOffsets.bind(consumer);
      // The start asks first, for its topics.
      consumer.beginningOffsets = (partitions) =>
        ++calls === 2 ? Promise.reject(new TimeoutError("no broker answers")) : beginningOffsets(partitions);
    });
    await start(numbersSink(), { connect });
    await produce(0, 10);
    await untilRows(10);
    expect(calls).toBeGreaterThan(2);
  });

  it("tells when nothing is left to write, whatever lies behind the last record", async () => {
    const runtime = await start(numbersSink());
    await runtime.caughtUp();
    await produce(0, 100);
    const producer = cluster.client.producer({ transactionalId: cluster.unique("tx") });
    await producer.initTransactions();
    for (const isAborted of [false, true]) {
      producer.beginTransaction();
      for (const partition of [0, 1]) {
        await producer.send({ topic, partition, value: serdes.int64.serialize(isAborted ? 1_000 : 100 + partition) });
      }
      await (isAborted ? producer.abortTransaction() : producer.commitTransaction());
    }
    await runtime.caughtUp();
    expect(rows()).toEqual(upTo(102));

    producer.beginTransaction();
    await producer.send({ topic, partition: 0, value: serdes.int64.serialize(102) });
    await expect(runtime.caughtUp({ timeoutMs: 300 })).rejects.toMatchObject({ code: "TIMEOUT" });
    await producer.commitTransaction();
    await producer.close();
    const caughtUp = runtime.caughtUp();
    await caughtUp;
    expect(rows()).toEqual(upTo(103));
    const waiting = expect(runtime.caughtUp()).rejects.toMatchObject({ code: "INVALID_STATE" });
    await runtime.close();
    await waiting;
  });

  it("goes on from the group's offsets when the sink keeps none and promises no more than at least once", async () => {
    const written: number[] = [];
    const forgetful = forgetfulSink(written);
    await produce(0, 20);
    const first = await start(forgetful);
    await first.caughtUp();
    await first.close();
    await produce(20, 30);
    const second = await start(forgetful);
    await second.caughtUp();
    expect(written.toSorted((a, b) => a - b)).toEqual(upTo(30));

    // A worker that joins takes over where the other has committed.
    const third = await start(forgetful);
    await produce(30, 60);
    await Promise.all([second.caughtUp(), third.caughtUp()]);
    expect(written.toSorted((a, b) => a - b)).toEqual(upTo(60));
  });

  it("commits the group's offsets again after a commit that failed, also when nothing more is written", async () => {
    let commits = 0;
    const connect = tappedConsumers((consumer) => {
      const commit = consumer.commit.bind(consumer);
      consumer.commit = (offsets) =>
        commits++ === 0 ? Promise.reject(new TimeoutError("no answer")) : commit(offsets);
    });
    await produce(0, 20);
    await start(numbersSink(), { connect });
    await until(async () => {
      const offsets = await cluster.client.admin().listConsumerGroupOffsets(groupId);
      return offsets.length === 2 && offsets.every(({ offset }) => offset === 10);
    });
    expect(commits).toBeGreaterThan(1);
  });

  it.each([
    ["table", numbersSink, async () => positionsInTable()],
    ["group", forgetfulSink, async () => (await cluster.client.admin().listConsumerGroupOffsets(groupId)).length],
  ])("begins at the end, and the next one there when it dies before it writes: by the %s", async (_by, make, known) => {
    await produce(0, 20);
    const life = new Life();
    const sink = make();
    await start(sink, { startAt: "latest", platform: life.platform });
    await until(async () => (await known()) === 2);
    life.kill();
    await sink.close();
    await produce(20, 30);
    const next = await start(make(), { startAt: "latest" });
    await next.caughtUp();
    expect(next.metrics().recordsWritten).toBe(10);
  });

  it("reads a topic that was made anew from its beginning", async () => {
    await produce(0, 20);
    const first = await start(numbersSink());
    await untilRows(20);
    await first.close();
    await cluster.client.admin().deleteTopics([topic]);
    await createTopic(cluster.client, topic, 2);
    await produce(20, 100);
    const next = await start(numbersSink());
    await next.caughtUp();
    expect(rows()).toEqual(upTo(100));
  });

  it("reads a topic that was made anew while it runs from its beginning, whatever it has read of the one before", async () => {
    let isBusy = false;
    let refusals = 0;
    const sink = around(numbersSink(), (real) => (batches) => {
      if (!isBusy) return real(batches);
      refusals++;
      throw new ConnectError("TARGET_FAILED", "busy", { retriable: true });
    });
    const first = await start(sink);
    await produce(0, 20);
    await untilRows(20);
    // It does not read until the new topic is longer than what was read of the old one.
    isBusy = true;
    await produce(20, 22);
    await until(() => refusals > 0);
    await cluster.client.admin().deleteTopics([topic]);
    await createTopic(cluster.client, topic, 2);
    await produce(22, 100);
    isBusy = false;
    await untilRows(100);
    await first.close();
    const next = await start(numbersSink());
    await next.caughtUp();
    expect(rows()).toEqual(upTo(100));
  });

  it("goes on in a topic that is made anew with fewer partitions while it runs", async () => {
    const life = new Life();
    const runtime = await start(numbersSink(), { platform: life.platform, sessionTimeoutMs: 30_000 });
    runtimes.push(runtime);
    await produce(0, 20);
    await untilCommitted(10, 10);
    await makeAnew(life, 20, 100, 1);
    life.wake();
    await untilRows(100);
    await produce(100, 120, 1);
    await untilRows(120);
    expect([runtime.state, rows()]).toEqual(["running", upTo(120)]);
  });

  it.each([
    ["is behind its end", 3, true],
    ["is behind its end, which is its beginning", 0, true],
    ["is behind its end, and nothing was read since the start", 0, false],
  ])("goes on in a topic that is made anew while it runs, where its position %s", async (_, count, hasRead) => {
    await produce(0, 20);
    if (!hasRead) {
      const before = await start(numbersSink());
      await before.caughtUp();
      await before.close();
    }
    const life = new Life();
    const runtime = await start(numbersSink(), { platform: life.platform, sessionTimeoutMs: 30_000 });
    runtimes.push(runtime);
    await runtime.caughtUp();
    await untilCommitted(10, 10);
    await until(() => life.requestsSent(fetch.key) > 0);
    await makeAnew(life, 20, 20 + count);
    life.wake();
    await untilCommitted(Math.ceil(count / 2), Math.floor(count / 2));
    await produce(20 + count, 100);
    await untilRows(100);
    expect([runtime.state, rows()]).toEqual(["running", upTo(100)]);
  });

  it("does not take what the group has stored for a topic's name for a position in one that was made anew", async () => {
    const written: number[] = [];
    const life = new Life();
    const workers: Consumer[] = [];
    const connect = tappedConsumers((consumer) => workers.push(consumer));
    const runtime = await start(forgetfulSink(written), { platform: life.platform, sessionTimeoutMs: 30_000, connect });
    runtimes.push(runtime);
    await produce(0, 20);
    await untilCommitted(10, 10);
    await makeAnew(life, 20, 100);
    // As a commit of the worker does that was under way.
    const producer = cluster.client.producer({ transactionalId: cluster.unique("late") });
    await producer.initTransactions();
    producer.beginTransaction();
    const offsets = [0, 1].map((partition) => ({ topic, partition, offset: 10 }));
    await producer.sendOffsetsToTransaction(offsets, (workers[0] as Consumer).groupMetadata());
    await producer.commitTransaction();
    await producer.close();
    await untilCommitted(10, 10);
    life.wake();
    await untilCommitted(40, 40);
    expect(written.toSorted((a, b) => a - b)).toEqual(upTo(100));
  });

  it("does not start without topics", async () => {
    const runtime = new SinkRuntime(numbersSink(), { brokers: cluster.brokers, groupId, topics: [] });
    await expect(runtime.start()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("does not start at a place that there is not", async () => {
    const startAt = "lastest" as "latest";
    const runtime = new SinkRuntime(numbersSink(), { brokers: cluster.brokers, groupId, topics: [topic], startAt });
    await expect(runtime.start()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("lastest"),
    });
  });

  it("ends where records were deleted before it wrote them, and goes on where it is told to", async () => {
    await produce(0, 20);
    const first = await start(numbersSink());
    await first.caughtUp();
    await first.close();
    await produce(20, 60);
    await cluster.client.admin().deleteRecords([{ topic, partition: 0, offset: 15 }]);
    const second = await start(numbersSink());
    await until(() => second.state === "error");
    expect(second.error).toMatchObject({
      code: "RECORDS_GONE",
      message: expect.stringContaining(`${topic}-0: it stands at offset 10, and the log begins at 15`),
      cause: expect.objectContaining({ code: "OFFSET_OUT_OF_RANGE" }),
    });
    await second.close();
    const database = new DatabaseSync(join(folder, "numbers.db"));
    database
      .prepare("UPDATE oncilla_sink_offsets SET next_offset = 15 WHERE sink = ? AND topic = ? AND partition = 0")
      .run("numbers", topic);
    database.close();
    const third = await start(numbersSink());
    await third.caughtUp();
    const deleted = [20, 22, 24, 26, 28];
    expect(rows()).toEqual(upTo(60).filter((number) => !deleted.includes(number)));
  });

  it("does not start without its topics", async () => {
    const missing = cluster.unique("absent");
    const connect = (options: ClientOptions): Client => new Client({ ...options, missingTopicTimeoutMs: 100 });
    const runtime = new SinkRuntime(numbersSink(), {
      brokers: cluster.brokers,
      groupId,
      topics: [topic, missing],
      connect,
    });
    await expect(runtime.start()).rejects.toMatchObject({
      code: "MISSING_TOPIC",
      message: expect.stringContaining(`offset of ${missing}-0`),
    });
    expect(runtime.state).toBe("error");
    await runtime.close();
  });

  it.each([
    ["opens the sink", () => topic],
    ["waits for its topics", () => cluster.unique("absent")],
  ])("closed while it %s: the start ends, and everything is closed", async (what, topicToRead) => {
    const table = numbersSink();
    const isOpening = Promise.withResolvers<void>();
    const isConnecting = Promise.withResolvers<void>();
    let isOpen = false;
    const sink: Sink = {
      ...around(table, (real) => real),
      async open() {
        isOpening.resolve();
        await new Promise((resolve) => setImmediate(resolve));
        table.open();
        isOpen = true;
      },
      close() {
        table.close();
        isOpen = false;
      },
    };
    const connect = (options: ClientOptions): Client => {
      isConnecting.resolve();
      return new Client(options);
    };
    const runtime = new SinkRuntime(sink, { brokers: cluster.brokers, groupId, topics: [topicToRead()], connect });
    const starting = expect(runtime.start()).rejects.toMatchObject({ code: "INVALID_STATE" });
    await (what === "opens the sink" ? isOpening.promise : isConnecting.promise);
    const before = performance.now();
    await runtime.close();
    expect(runtime.state).toBe("closed");
    expect(isOpen).toBe(false);
    // A topic that is not there is waited for longer.
    expect(performance.now() - before).toBeLessThan(3_000);
    await starting;
  });

  it.each(["positions", "write"] as const)(
    "closed while the target is busy with %s: that is no failure",
    async (busy) => {
      await produce(0, 20);
      const isAsked = Promise.withResolvers<void>();
      const refuse = (): never => {
        isAsked.resolve();
        throw new ConnectError("TARGET_FAILED", "busy", { retriable: true });
      };
      const runtime = await start({ ...around(numbersSink(), (real) => real), [busy]: refuse });
      await isAsked.promise;
      await runtime.close();
      expect([runtime.state, runtime.error]).toEqual(["closed", undefined]);
      await start(numbersSink());
      await untilRows(20);
      expect(rows()).toEqual(upTo(20));
    },
  );

  it("drops a batch whose partition was lost and has come back while the target was busy", async () => {
    let refusals = 0;
    let consumer: Consumer | undefined;
    let listener: RebalanceListener | undefined;
    const sink = around(numbersSink(), (real) => (batches) => {
      if (refusals++ === 0) throw new ConnectError("TARGET_FAILED", "busy", { retriable: true });
      return real(batches);
    });
    const connect = tappedConsumers((tapped) => {
      consumer = tapped;
      const [subscribe, poll] = [tapped.subscribe.bind(tapped), tapped.poll.bind(tapped)];
      tapped.subscribe = (topics, given) => {
        listener = given;
        subscribe(topics, given);
      };
      tapped.poll = async (options) => {
        // The one while the target is busy.
        if (options?.timeoutMs === 0) {
          await listener?.onLost?.(tapped.assignment());
          await listener?.onAssigned?.(tapped.assignment());
        }
        return poll(options);
      };
    });
    const runtime = await start(sink, { connect });
    await until(() => consumer?.assignment().length === 2);
    await produce(0, 20);
    await untilRows(20);
    await produce(20, 40);
    await untilRows(40);
    expect([runtime.state, rows()]).toEqual(["running", upTo(40)]);
  });

  it("writes on, and closes soon, while the group's offsets cannot be stored", async () => {
    let commits = 0;
    const connect = tappedConsumers((consumer) => {
      consumer.commit = () => {
        commits++;
        return new Promise(() => {});
      };
    });
    const runtime = await start(numbersSink(), { connect });
    await produce(0, 20);
    await until(() => commits === 1);
    await produce(20, 40);
    await untilRows(40);
    const before = performance.now();
    await runtime.close();
    expect([runtime.state, commits]).toEqual(["closed", 1]);
    expect(performance.now() - before).toBeLessThan(8_000);
  });

  it("closes the sink, also when its consumer cannot be closed", async () => {
    let isOpen = true;
    const table = numbersSink();
    const sink: Sink = {
      ...around(table, (real) => real),
      close() {
        table.close();
        isOpen = false;
      },
    };
    const connect = tappedConsumers((consumer) => {
      consumer.close = () => Promise.reject(new Error("cannot be closed"));
    });
    const runtime = await start(sink, { connect });
    await runtime.close();
    expect(runtime.error?.message).toBe("cannot be closed");
    expect(isOpen).toBe(false);
  });

  it("ends with the record's coordinates when it cannot be written", async () => {
    const producer = cluster.client.producer();
    await producer.send({ topic, partition: 1, value: "not an int64" });
    await producer.close();
    const runtime = await start(numbersSink());
    await until(() => runtime.state === "error");
    expect(runtime.error?.message).toContain(`${topic}-1, offset 0: no row`);
  });
});
