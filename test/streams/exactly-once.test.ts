import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TimeoutError } from "../../src/client/index.ts";
import type { Logger } from "../../src/platform/logger.ts";
import { nodeDisk } from "../../src/platform/node/disk.ts";
import { memoryEngines, type StoreEngines, type StreamsAppOptions, sqliteEngines } from "../../src/streams/index.ts";
import { startCluster, type TestCluster, until } from "../support/cluster.ts";
import { Life } from "../support/life.ts";
import { type ProducerTaps, tappedClient } from "./tapped-client.ts";
import { WordCount } from "./word-count.ts";

const END_TXN = 26;
const sqlite = sqliteEngines(nodeDisk);

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

/** Calls `action` the `nth` time that it is asked. */
function onceAt(nth: number, action: () => void): () => void {
  let calls = 0;
  return () => {
    if (++calls === nth) action();
  };
}

const never = new Promise<never>(() => {});

/** A logger that keeps what it is told. */
function keptLog(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { lines, logger: { log: (_level, message) => lines.push(message) } };
}

describe("exactly once", () => {
  it("one worker counts every word", async () => {
    await job.produce(200);
    const app = await job.start("a");
    await job.untilCounted(app);
    await job.expectExact(app);
    expect(app.state).toBe("running");
    await app.close();
    expect(app.state).toBe("closed");
  });

  it("goes on from where it was, with and without what it had on disk", async () => {
    await job.produce(50);
    const first = await job.start("a");
    await job.untilCounted(first);
    await first.close();
    await job.produce(50);
    const second = await job.start("a");
    await job.untilCounted(second);
    await job.expectExact(second);
    await second.close();
    rmSync(job.folder("a"), { recursive: true });
    await job.produce(50);
    const third = await job.start("a");
    await job.untilCounted(third);
    await job.expectExact(third);
    expect(third.metrics().restoredRecords).toBeGreaterThan(0);
  });

  it("stores in memory come back from the changelog", async () => {
    await job.produce(50);
    const first = await job.start("a", { stores: memoryEngines });
    await job.untilCounted(first);
    await first.close();
    const second = await job.start("a", { stores: memoryEngines });
    await job.untilCounted(second);
    await job.expectExact(second);
  });

  it("workers come and go while the words flow", async () => {
    const first = await job.start("a");
    await job.produce(100);
    const second = await job.start("b");
    await job.produce(100);
    await until(() => second.metrics().tasks.length === 2 && second.state === "running");
    await job.produce(100);
    await job.untilCounted(first, second);
    await job.expectExact(first, second);
    await first.close();
    await job.produce(100);
    await job.untilCounted(second);
    await job.expectExact(second);
  });

  it("two workers of one machine share the state folder; the second takes over from the first", async () => {
    await job.produce(100);
    const first = await job.start("shared");
    const second = await job.start("shared");
    await until(() => second.state === "running" && first.state === "running");
    await job.untilCounted(first, second);
    await job.expectExact(first, second);
    await first.close();
    await job.produce(100);
    await job.untilCounted(second);
    await job.expectExact(second);
  });
});

describe("fault 24: kill -9 at each point of a commit", () => {
  type Arrange = (life: Life, engines: StoreEngines) => Partial<StreamsAppOptions>;
  const tap =
    (taps: (life: Life) => ProducerTaps): Arrange =>
    (life, engines) => ({ connect: tappedClient(taps(life)), stores: life.engines(engines) });
  const points: [string, Arrange][] = [
    [
      "before the flush",
      tap((life) => {
        const crash = onceAt(3, () => life.kill());
        return {
          flush(real) {
            crash();
            return life.isDead ? never : real();
          },
        };
      }),
    ],
    [
      "after the flush",
      tap((life) => {
        const crash = onceAt(3, () => life.kill());
        return {
          async flush(real) {
            await real();
            crash();
            return life.isDead ? never : undefined;
          },
        };
      }),
    ],
    [
      "after the offsets were sent",
      tap((life) => {
        const crash = onceAt(3, () => life.kill());
        return {
          async sendOffsets(real) {
            await real();
            crash();
            return life.isDead ? never : undefined;
          },
        };
      }),
    ],
    [
      "after the commit was sent, before its reply",
      (life, engines) => {
        life.killAfterRequest(END_TXN, 3);
        return { stores: life.engines(engines) };
      },
    ],
    [
      "after the commit, before the store's own",
      (life, engines) => ({
        stores: life.engines(
          engines,
          onceAt(5, () => life.kill()),
        ),
      }),
    ],
  ];

  describe.each([
    { stores: "sqlite", engines: sqlite },
    { stores: "memory", engines: memoryEngines },
  ])("stores in $stores", ({ engines }) => {
    it.each(points)("%s", async (_name, arrange) => {
      await job.produce(30);
      const life = new Life();
      await job.start("a", { ...arrange(life, engines), commitIntervalMs: 20 }, life);
      while (!life.isDead) {
        await job.produce(5);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await job.produce(20);
      const next = await job.start("a", { stores: engines });
      await job.untilCounted(next);
      await job.expectExact(next);
    });
  });
});

describe("faults that the worker survives", () => {
  it.each([
    ["25: the commit times out, and was done", true],
    ["25: the commit times out, and was not done", false],
  ])("%s", async (_name, isDone) => {
    let calls = 0;
    const connect = tappedClient({
      async commit(real) {
        if (++calls !== 2) return real();
        if (isDone) await real();
        throw new TimeoutError("no answer to the commit");
      },
    });
    const app = await job.start("a", { connect, commitIntervalMs: 20 });
    for (let i = 0; i < 5; i++) {
      await job.produce(20);
      await job.untilCounted(app);
    }
    await job.expectExact(app);
    expect(app.metrics().aborts).toBeGreaterThan(0);
    expect(app.state).toBe("running");
  });

  it("26: fenced by another producer with its transactional id", async () => {
    const app = await job.start("a");
    await job.produce(50);
    await job.untilCounted(app);
    const place = readFileSync(join(job.folder("a"), job.applicationId, "workers/0/id"), "utf8");
    const usurper = cluster.client.producer({ transactionalId: `${job.applicationId}-${place}` });
    await usurper.initTransactions();
    await usurper.close();
    await job.produce(50);
    await job.untilCounted(app);
    await job.expectExact(app);
    expect(app.metrics().aborts).toBeGreaterThan(0);
  });

  it("27: an open transaction on the input delays, and its aborted records are never counted", async () => {
    const foreign = cluster.client.producer({ transactionalId: cluster.unique("foreign") });
    await foreign.initTransactions();
    foreign.beginTransaction();
    await foreign.send({ topic: job.lines, partition: 0, value: "never never never" });
    await job.produce(50);
    const app = await job.start("a");
    await until(() => app.state === "running");
    await foreign.abortTransaction();
    await foreign.close();
    await job.untilCounted(app);
    await job.expectExact(app);
  });

  it("21: a worker that stalls for longer than its session returns to tasks that are others' now", async () => {
    const life = new Life();
    const sleeper = await job.start("a", {}, life);
    await job.produce(50);
    await job.untilCounted(sleeper);
    await job.produce(50);
    await until(() => sleeper.metrics().recordsProcessed > 50);
    life.stall();
    const other = await job.start("b");
    await job.untilCounted(other);
    life.wake();
    await job.produce(50);
    await until(() => sleeper.state === "running" && sleeper.metrics().tasks.length === 2);
    await job.untilCounted(sleeper, other);
    await job.expectExact(sleeper, other);
  });

  it("a store that is ahead of its changelog, and one that is damaged, are rebuilt, and it is said", async () => {
    await job.produce(50);
    const first = await job.start("a");
    await job.untilCounted(first);
    await first.close();
    const file = (partition: number): string =>
      join(job.folder("a"), job.applicationId, `1_${partition}/counts.sqlite`);
    const ahead = new DatabaseSync(file(0));
    ahead.exec("UPDATE position SET offset = offset + 1000; UPDATE entries SET value = zeroblob(16)");
    ahead.close();
    writeFileSync(file(1), "this is no database, not any more");
    const { logger, lines } = keptLog();
    const second = await job.start("a", { logger });
    await job.untilCounted(second);
    await job.expectExact(second);
    expect(lines).toContainEqual(
      expect.stringMatching(/counts is rebuilt from its changelog: it covers the changelog up/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/counts is rebuilt from its changelog: .*not a database/));
  });
});

describe("what ends a worker", () => {
  it("a poison record, with its coordinates; nothing of its transaction shows", async () => {
    await job.produce(20);
    const producer = cluster.client.producer();
    await producer.send({ topic: job.lines, partition: 0, value: null });
    await producer.close();
    const app = await job.start("a", { commitIntervalMs: 5_000, transactionTimeoutMs: 10_000 });
    await until(() => app.state === "error");
    expect(app.error?.message).toContain(`${job.lines}-0, offset 10: the record cannot be read`);
    expect((await job.changelog()).size).toBe(0);
  });

  it("a topic that does not exist", async () => {
    await cluster.client.admin().deleteTopics([job.lines]);
    await expect(job.start("a")).rejects.toThrow(`topic ${job.lines}, which the topology reads, does not exist`);
  });
});

describe("at least once", () => {
  it("loses nothing when it is killed before the offsets are stored", async () => {
    await job.produce(100);
    const life = new Life();
    const offsetCommit = 8;
    life.killAfterRequest(offsetCommit, 1);
    await job.start("a", { guarantee: "at_least_once", stores: life.engines(sqlite) }, life);
    await until(() => life.isDead);
    const next = await job.start("a", { guarantee: "at_least_once" });
    await job.untilCounted(next);
    const changelog = await job.changelog();
    for (const [word, count] of job.truth) expect(changelog.get(word)).toBeGreaterThanOrEqual(count);
  });
});
