import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { nodeDisk } from "../../src/platform/node/disk.ts";
import { memoryEngines, sqliteEngines } from "../../src/streams/index.ts";
import { startCluster, type TestCluster, until } from "../support/cluster.ts";
import { Life } from "../support/life.ts";
import { keptLog } from "./kept-log.ts";
import { WordCount } from "./word-count.ts";

const OFFSET_COMMIT = 8;
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
    // None of them waits for a session to end.
    const first = await job.start("a", { sessionTimeoutMs: 60_000 });
    await job.produce(100);
    const second = await job.start("b", { sessionTimeoutMs: 60_000 });
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

describe("stores on disk", () => {
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
    life.killAfterRequest(OFFSET_COMMIT, 1);
    await job.start("a", { guarantee: "at_least_once", stores: life.engines(sqlite) }, life);
    await until(() => life.isDead);
    const next = await job.start("a", { guarantee: "at_least_once" });
    await job.untilCounted(next);
    const changelog = await job.changelog();
    for (const [word, count] of job.truth) expect(changelog.get(word)).toBeGreaterThanOrEqual(count);
  });
});
