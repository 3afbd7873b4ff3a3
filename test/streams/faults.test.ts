/**
 * What exactly-once must survive. The numbers are those of the design's list of faults. Each test was seen to fail on variants
 * of the code:
 * 24: stores committed before the transaction; offsets committed beside it; restored from what is not committed; the tail of
 *     the changelog not replayed.
 * 25: a commit without an answer taken for done, or for not done; the transaction that it left open waited for.
 * 26: a fenced producer taken for the end; offsets sent without the membership that they belong to.
 * 27: input read uncommitted; offsets read while a transaction holds others; restored up to the last stable offset only; no
 *     commit while a store is restored.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { serdes, TimeoutError } from "../../src/client/index.ts";
import { nodeDisk } from "../../src/platform/node/disk.ts";
import { seededRandom } from "../../src/platform/seeded-random.ts";
import { memoryEngines, type StoreEngines, type StreamsAppOptions, sqliteEngines } from "../../src/streams/index.ts";
import { startCluster, type TestCluster, until } from "../support/cluster.ts";
import { Life } from "../support/life.ts";
import { keptLog } from "./kept-log.ts";
import { type Taps, tappedClient } from "./tapped-client.ts";
import { WordCount } from "./word-count.ts";

const PRODUCE = 0;
const OFFSET_FETCH = 9;
const END_TXN = 26;
const TXN_OFFSET_COMMIT = 28;

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

/** Lines keep coming until the worker is dead. */
async function produceUntilDead(life: Life): Promise<void> {
  await until(async () => {
    await job.produce(5);
    return life.isDead;
  });
}

/** How a life is to end, and the options of a worker whose life ends so. */
type Arrange = (life: Life, engines: StoreEngines) => Partial<StreamsAppOptions>;

/** Dies at a step of its third commit. */
function atStep(step: "flush" | "offsets" | "commit", when: "before" | "after"): Arrange {
  return (life, engines) => {
    let calls = 0;
    const commitStep: Taps["commitStep"] = async (each, real) => {
      const isLast = each === step && ++calls === 3;
      if (isLast && when === "before") life.kill();
      if (!life.isDead) await real();
      if (isLast) life.kill();
      // A dead worker's code does not go on.
      if (life.isDead) await new Promise<never>(() => {});
    };
    return { stores: life.engines(engines), connect: tappedClient({ commitStep }) };
  };
}

/** Dies when the nth request of this kind is sent, before its answer. */
function afterRequest(apiKey: number, nth: number): Arrange {
  return (life, engines) => {
    life.killAfterRequest(apiKey, nth);
    return { stores: life.engines(engines) };
  };
}

/** Dies when the nth commit of a store begins. */
function beforeStoreCommit(nth: number): Arrange {
  return (life, engines) => {
    let commits = 0;
    return { stores: life.engines(engines, () => ++commits === nth && life.kill()) };
  };
}

/** Stalls before a step of the second commit. */
function stalledBefore(stalledStep: "offsets" | "commit", life: Life): Partial<StreamsAppOptions> {
  let calls = 0;
  const commitStep: Taps["commitStep"] = async (step, real) => {
    if (step === stalledStep && ++calls === 2) {
      life.stall();
      await life.whileAlive(Promise.resolve());
    }
    return real();
  };
  return { connect: tappedClient({ commitStep }), commitIntervalMs: 20 };
}

describe("fault 24: kill -9", () => {
  const points: [string, Arrange][] = [
    ["in the middle of the output", afterRequest(PRODUCE, 5)],
    ["before the flush", atStep("flush", "before")],
    ["after the flush", atStep("flush", "after")],
    ["after the offsets were sent, before their reply", afterRequest(TXN_OFFSET_COMMIT, 3)],
    ["after the offsets were taken", atStep("offsets", "after")],
    ["after the commit was sent, before its reply", afterRequest(END_TXN, 3)],
    ["after the commit, before the stores' own", beforeStoreCommit(5)],
  ];

  describe.each([
    { stores: "sqlite", engines: sqlite },
    { stores: "memory", engines: memoryEngines },
  ])("stores in $stores", ({ engines }) => {
    it.each(points)("%s", async (_name, arrange) => {
      await job.produce(30);
      const life = new Life();
      await job.start("a", { ...arrange(life, engines), commitIntervalMs: 20 }, life);
      await produceUntilDead(life);
      await job.produce(20);
      const next = await job.start("a", { stores: engines });
      await job.untilCounted(next);
      await job.expectExact(next);
    });
  });

  it("again and again, each time after so many requests of any kind", async () => {
    const random = seededRandom(24);
    for (let round = 0; round < 8; round++) {
      const life = new Life();
      life.killAfterRequests(10 + Math.floor(random.float() * 60));
      await job.start("a", { stores: life.engines(sqlite), commitIntervalMs: 10 }, life).catch(() => {});
      await produceUntilDead(life);
    }
    const last = await job.start("a");
    await job.untilCounted(last);
    await job.expectExact(last);
  });
});

describe("fault 25: a commit without an answer", () => {
  it.each([
    ["was done", true],
    ["was not done", false],
  ])("that %s", async (_name, isDone) => {
    let commits = 0;
    const connect = tappedClient({
      async commitStep(step, real) {
        if (step !== "commit" || ++commits !== 6) return real();
        if (isDone) await real();
        throw new TimeoutError("no answer to the commit");
      },
    });
    const app = await job.start("a", { connect, commitIntervalMs: 20 });
    for (let round = 0; round < 5; round++) {
      await job.produce(20);
      await job.untilCounted(app);
    }
    await job.expectExact(app);
    expect(app.metrics().aborts).toBe(1);
    expect(app.state).toBe("running");
  });
});

describe("fault 25: a commit without an answer, made as the tasks move", () => {
  it("is settled before the tasks go on, and not waited for", async () => {
    let isAnswerLost = false;
    const connect = tappedClient({
      async commitStep(step, real) {
        if (step !== "commit" || !isAnswerLost) return real();
        isAnswerLost = false;
        throw new TimeoutError("no answer to the commit");
      },
    });
    const app = await job.start("a", { connect, commitIntervalMs: 2_000, transactionTimeoutMs: 60_000 });
    await until(() => app.state === "running");
    await job.produce(20);
    await until(() => app.metrics().recordsProcessed > 0);
    isAnswerLost = true;
    const other = await job.start("b", { transactionTimeoutMs: 60_000 });
    await job.untilCounted(app, other);
    await job.expectExact(app, other);
    expect(app.metrics().aborts).toBe(1);
  });
});

describe("fault 26: refused", () => {
  it("another producer has taken the transactional id", async () => {
    const app = await job.start("a", { groupInstanceId: "worker" });
    await job.produce(50);
    await job.untilCounted(app);
    const usurper = cluster.client.producer({ transactionalId: `${job.applicationId}-worker` });
    await usurper.initTransactions();
    await usurper.close();
    await job.produce(50);
    await job.untilCounted(app);
    await job.expectExact(app);
    expect(app.metrics().aborts).toBeGreaterThan(0);
    expect(app.state).toBe("running");
  });

  it("the transaction took longer than its timeout", async () => {
    const life = new Life();
    const app = await job.start(
      "a",
      { ...stalledBefore("offsets", life), transactionTimeoutMs: 300, sessionTimeoutMs: 30_000 },
      life,
    );
    await job.produce(50);
    await until(() => life.isStalled);
    // Apache Kafka looks for transactions that are late every ten seconds.
    await until(() => job.hasNoOpenTransaction());
    life.wake();
    await job.untilCounted(app);
    await job.expectExact(app);
    expect(app.metrics().aborts).toBeGreaterThan(0);
    expect(app.state).toBe("running");
  });

  it("the group has given the tasks to others while the worker stalled (21)", async () => {
    const life = new Life();
    const { logger, lines } = keptLog();
    let commits = 0;
    let hasOpenTransaction = false;
    const connect = tappedClient({
      async onInput(records) {
        if (records.length === 0) return;
        // The group alone must stop it, not the timeout of a transaction.
        if (commits >= 3 && !hasOpenTransaction) life.stall();
        hasOpenTransaction = true;
        // What it holds in its hands now, another worker will have counted before it goes on.
        await life.whileAlive(Promise.resolve());
      },
      async commitStep(step, real) {
        await real();
        if (step !== "commit") return;
        commits++;
        hasOpenTransaction = false;
      },
    });
    const sleeper = await job.start("a", { connect, logger, commitIntervalMs: 20 }, life);
    await until(async () => {
      await job.produce(5);
      return life.isStalled;
    });
    const other = await job.start("b");
    await job.untilCounted(other);
    life.wake();
    await job.produce(50);
    await until(() => sleeper.state === "running" && sleeper.metrics().tasks.length === 2);
    await job.untilCounted(sleeper, other);
    await job.expectExact(sleeper, other);
    expect(lines).toContainEqual(expect.stringContaining("back to the last commit"));
  });
});

describe("fault 27: open transactions", () => {
  it("on the input: it waits, and never counts what is aborted", async () => {
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

  it.each([
    ["the changelog", atStep("flush", "after")],
    ["the offsets", atStep("offsets", "after")],
  ])("on %s, of a worker that never comes back: another waits for its timeout", async (_name, arrange) => {
    await job.produce(30);
    const life = new Life();
    await job.start("a", { ...arrange(life, memoryEngines), commitIntervalMs: 20 }, life);
    await produceUntilDead(life);
    const other = await job.start("b");
    await job.untilCounted(other);
    await job.expectExact(other);
  });

  it("on the offsets, of a worker that stalled and then commits: another goes on from there", async () => {
    const life = new Life();
    const options = { ...stalledBefore("commit", life), transactionTimeoutMs: 60_000 };
    const sleeper = await job.start("a", options, life);
    await job.produce(50);
    await until(() => life.isStalled);
    const otherLife = new Life();
    const other = await job.start("b", {}, otherLife);
    // The second time it asks, the first answer was that the offsets are not decided.
    await until(() => otherLife.requestsSent(OFFSET_FETCH) >= 2);
    life.wake();
    await until(() => sleeper.state === "running" && other.metrics().tasks.length === 2);
    await job.untilCounted(sleeper, other);
    await job.expectExact(sleeper, other);
  });

  it("on the changelog alone: a restore waits, and does not miss what is committed", async () => {
    await job.produce(50);
    const first = await job.start("a");
    await job.untilCounted(first);
    await first.close();
    const committed = (await job.changelogRecords()).length;
    const late = cluster.client.producer({ transactionalId: cluster.unique("late") });
    await late.initTransactions();
    late.beginTransaction();
    await late.send({ topic: job.changelogTopic, key: "late", value: serdes.int64.serialize(7) });
    const second = await job.start("b");
    await until(() => second.metrics().restoredRecords === committed);
    await late.commitTransaction();
    await late.close();
    await until(() => second.state === "running");
    expect(second.store("counts").get("late")).toBe(7);
  });

  it("none is held open by a restore that takes longer than the transaction timeout", async () => {
    await job.produce(50);
    const first = await job.start("a");
    await job.untilCounted(first);
    await first.close();
    let isRestoreHeld = true;
    const connect = tappedClient({ isRestoreHeld: () => isRestoreHeld });
    const second = await job.start("b", { connect, commitIntervalMs: 50, transactionTimeoutMs: 1000 });
    // The tasks without stores split lines meanwhile, in many transactions.
    await until(async () => {
      await job.produce(5);
      return second.metrics().commits > 40;
    });
    expect(second.state).toBe("rebalancing");
    isRestoreHeld = false;
    await job.untilCounted(second);
    await job.expectExact(second);
    expect(second.metrics().aborts).toBe(0);
  });
});
