import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import { errorName } from "../protocol/errors.ts";
import { batchesIn } from "../protocol/records/batch.ts";
import { decodeRecords } from "../protocol/records/record.ts";
import { Broker } from "./broker.ts";
import { FetchSessions } from "./handlers/fetch-sessions.ts";

let broker: Broker;
let session: RawSession;
let names = 0;

beforeAll(async () => {
  broker = await Broker.start();
  session = await RawSession.open(broker.address);
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

type At = readonly [topic: RawTopic, partition: number, offset: number];

interface Ask {
  readonly id?: number;
  readonly epoch: number;
  readonly at?: readonly At[];
  readonly forget?: readonly (readonly [RawTopic, number])[];
  readonly version?: number;
  readonly isolation?: "read_uncommitted" | "read_committed";
  readonly maxBytes?: number;
  readonly maxWaitMs?: number;
  readonly through?: RawSession;
}

interface Told {
  readonly error: string;
  readonly id: number;
  /** `topic/partition` and what of it was told: an error, or records, or the high watermark. */
  readonly partitions: Readonly<Record<string, string>>;
}

async function ask({
  id = 0,
  epoch,
  at = [],
  forget = [],
  version = 16,
  through = session,
  ...rest
}: Ask): Promise<Told> {
  const partition = ([topic, index, fetchOffset]: At) => ({
    topic: topic.name,
    topicId: topic.id,
    partitions: [{ partition: index, fetchOffset, partitionMaxBytes: 2 ** 20 }],
  });
  const response = await through.client.send(fetch, version, {
    maxWaitMs: rest.maxWaitMs ?? 0,
    minBytes: 1,
    maxBytes: rest.maxBytes ?? 2 ** 20,
    isolationLevel: rest.isolation === "read_committed" ? 1 : 0,
    sessionId: id,
    sessionEpoch: epoch,
    topics: at.map(partition),
    forgottenTopicsData: forget.map(([{ name, id: topicId }, index]) => ({
      topic: name,
      topicId,
      partitions: [index],
    })),
  });
  const told = response.responses.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((each) => {
      const records = [...batchesIn(each.records ?? new Uint8Array(0))];
      const values = records.flatMap((batch) =>
        batch.isControl ? ["marker"] : decodeRecords(batch).map(({ value }) => `${Buffer.from(value ?? "")}`),
      );
      const aborted = each.abortedTransactions?.length ? ` ${each.abortedTransactions.length} aborted` : "";
      const state = each.errorCode === 0 ? `end ${each.highWatermark}` : errorName(each.errorCode);
      const name = topic === "" ? topicId : topic;
      return [`${name}/${each.partitionIndex}`, values.length > 0 ? values.join(" ") + aborted : state];
    }),
  );
  return { error: errorName(response.errorCode), id: response.sessionId, partitions: Object.fromEntries(told) };
}

function newTopic(partitions = 1): Promise<RawTopic> {
  return session.createTopic(`topic-${names++}`, partitions);
}

function key(topic: RawTopic, partition = 0): string {
  return `${topic.id}/${partition}`;
}

describe("fetch sessions", () => {
  it("only what changed is asked and told", async () => {
    const topic = await newTopic(3);
    await session.produce(topic, ["a"], { partition: 1 });
    const all: At[] = [0, 1, 2].map((partition) => [topic, partition, 0]);
    const first = await ask({ epoch: 0, at: all });
    expect(first.id).toBeGreaterThan(0);
    expect(first.partitions).toEqual({ [key(topic)]: "end 0", [key(topic, 1)]: "a", [key(topic, 2)]: "end 0" });
    const { id } = first;
    expect(await ask({ id, epoch: 1, at: [[topic, 1, 1]] })).toEqual({ error: "NONE", id, partitions: {} });
    await session.produce(topic, ["b"], { partition: 2 });
    expect((await ask({ id, epoch: 2 })).partitions).toEqual({ [key(topic, 2)]: "b" });
    // Not moved on: the client has not got it.
    expect((await ask({ id, epoch: 3 })).partitions).toEqual({ [key(topic, 2)]: "b" });
    expect((await ask({ id, epoch: 4, at: [[topic, 2, 1]] })).partitions).toEqual({});
  });

  it("a fetch waits for any partition of the session", async () => {
    const topic = await newTopic(3);
    const { id } = await ask({ epoch: 0, at: [0, 1, 2].map((partition) => [topic, partition, 0]) });
    const other = await RawSession.open(broker.address);
    const waiting = ask({ id, epoch: 1, maxWaitMs: 60_000, through: other });
    await session.produce(topic, ["a"], { partition: 2 });
    expect((await waiting).partitions).toEqual({ [key(topic, 2)]: "a" });
    other.close();
  });

  it("an epoch that is not due is refused, and the session goes on at the one that is", async () => {
    const topic = await newTopic();
    const { id } = await ask({ epoch: 0, at: [[topic, 0, 0]] });
    expect((await ask({ id, epoch: 1 })).error).toBe("NONE");
    for (const epoch of [1, 3, -2, 2 ** 31 - 1]) {
      expect(await ask({ id, epoch })).toEqual({ error: "INVALID_FETCH_SESSION_EPOCH", id: 0, partitions: {} });
    }
    expect((await ask({ id, epoch: 2 })).error).toBe("NONE");
  });

  it("a session that is not there is refused", async () => {
    expect((await ask({ id: 123, epoch: 1 })).error).toBe("FETCH_SESSION_ID_NOT_FOUND");
    expect((await ask({ id: 0, epoch: 1 })).error).toBe("FETCH_SESSION_ID_NOT_FOUND");
  });

  it("a session of names does not take ids, nor the reverse", async () => {
    const topic = await newTopic();
    const byName = await ask({ epoch: 0, at: [[topic, 0, 0]], version: 12 });
    const byId = await ask({ epoch: 0, at: [[topic, 0, 0]], version: 13 });
    expect(byName.partitions).toEqual({ [`${topic.name}/0`]: "end 0" });
    expect((await ask({ id: byName.id, epoch: 1, version: 13 })).error).toBe("FETCH_SESSION_TOPIC_ID_ERROR");
    expect((await ask({ id: byId.id, epoch: 1, version: 12 })).error).toBe("FETCH_SESSION_TOPIC_ID_ERROR");
    expect((await ask({ id: byName.id, epoch: 1, version: 7 })).error).toBe("NONE");
    expect((await ask({ id: byId.id, epoch: 1, version: 18 })).error).toBe("NONE");
  });

  it("a new session takes the old one's place, and the last request leaves none", async () => {
    const topic = await newTopic();
    const first = await ask({ epoch: 0, at: [[topic, 0, 0]] });
    const second = await ask({ id: first.id, epoch: 0, at: [[topic, 0, 0]] });
    expect(second.id).not.toBe(first.id);
    expect((await ask({ id: first.id, epoch: 1 })).error).toBe("FETCH_SESSION_ID_NOT_FOUND");
    expect(await ask({ id: second.id, epoch: -1, at: [[topic, 0, 0]] })).toMatchObject({ error: "NONE", id: 0 });
    expect((await ask({ id: second.id, epoch: 1 })).error).toBe("FETCH_SESSION_ID_NOT_FOUND");
  });

  it("partitions come and go; without any the session ends", async () => {
    const topic = await newTopic(2);
    const { id } = await ask({ epoch: 0, at: [[topic, 0, 0]] });
    expect((await ask({ id, epoch: 1, at: [[topic, 1, 0]] })).partitions).toEqual({ [key(topic, 1)]: "end 0" });
    await session.produce(topic, ["a"], { partition: 0 });
    await session.produce(topic, ["b"], { partition: 1 });
    expect((await ask({ id, epoch: 2, forget: [[topic, 0]] })).partitions).toEqual({ [key(topic, 1)]: "b" });
    expect((await ask({ id, epoch: 3, at: [[topic, 0, 0]], forget: [[topic, 1]] })).partitions).toEqual({
      [key(topic)]: "a",
    });
    expect(await ask({ id, epoch: 4, forget: [[topic, 0]] })).toEqual({ error: "NONE", id: 0, partitions: {} });
    expect((await ask({ id, epoch: 5 })).error).toBe("FETCH_SESSION_ID_NOT_FOUND");
  });

  it("an error is told each time, and that it is gone", async () => {
    const missing = { name: `topic-${names++}`, id: "" };
    const other = await newTopic();
    const at: At[] = [
      [other, 0, 0],
      [missing, 0, 0],
    ];
    const { id } = await ask({ epoch: 0, at, version: 12 });
    const absent = { [`${missing.name}/0`]: "UNKNOWN_TOPIC_OR_PARTITION" };
    expect((await ask({ id, epoch: 1, version: 12 })).partitions).toEqual(absent);
    expect((await ask({ id, epoch: 2, version: 12 })).partitions).toEqual(absent);
    await session.createTopic(missing.name);
    expect((await ask({ id, epoch: 3, version: 12 })).partitions).toEqual({ [`${missing.name}/0`]: "end 0" });
    expect((await ask({ id, epoch: 4, version: 12 })).partitions).toEqual({});
  });

  it("a topic that is deleted wakes the fetch and is told, the others go on", async () => {
    const [doomed, other] = [await newTopic(), await newTopic()];
    const { id } = await ask({
      epoch: 0,
      at: [
        [doomed, 0, 0],
        [other, 0, 0],
      ],
    });
    const waiter = await RawSession.open(broker.address);
    const waiting = ask({ id, epoch: 1, maxWaitMs: 60_000, through: waiter });
    await session.deleteTopic(doomed);
    expect((await waiting).partitions).toEqual({ [key(doomed)]: "UNKNOWN_TOPIC_ID" });
    waiter.close();
    await session.produce(other, ["a"]);
    expect((await ask({ id, epoch: 2, forget: [[doomed, 0]] })).partitions).toEqual({ [key(other)]: "a" });
  });

  it("read_committed: nothing of an open transaction, then its records with the aborted list", async () => {
    const topic = await newTopic();
    const producer = await session.newTransactional(`id-${names++}`);
    const { id } = await ask({ epoch: 0, at: [[topic, 0, 0]], isolation: "read_committed" });
    const transactionalId = `id-${names - 1}`;
    await session.produce(topic, ["a"], { producer, transactionalId, version: 12 });
    const open = await ask({ id, epoch: 1, isolation: "read_committed" });
    expect(open.partitions).toEqual({ [key(topic)]: "end 1" });
    expect((await ask({ id, epoch: 2, isolation: "read_committed" })).partitions).toEqual({});
    await session.endTransaction(transactionalId, producer, "abort");
    const other = await RawSession.open(broker.address);
    const ended = await ask({ id, epoch: 3, isolation: "read_committed", maxWaitMs: 10_000, through: other });
    expect(ended.partitions).toEqual({ [key(topic)]: "a marker 1 aborted" });
    other.close();
  });

  it("a log start that moves is told", async () => {
    const topic = await newTopic();
    await session.produce(topic, ["a", "b"]);
    const { id } = await ask({ epoch: 0, at: [[topic, 0, 2]] });
    expect((await ask({ id, epoch: 1 })).partitions).toEqual({});
    await session.deleteRecords(topic, 1);
    expect((await ask({ id, epoch: 2 })).partitions).toEqual({ [key(topic)]: "end 2" });
    expect((await ask({ id, epoch: 3 })).partitions).toEqual({});
  });

  it("a partition that had records lets the others go first", async () => {
    const topic = await newTopic(3);
    const all: At[] = [0, 1, 2].map((partition) => [topic, partition, 0]);
    const { id } = await ask({ epoch: 0, at: all });
    for (const [, partition] of all) await session.produce(topic, [`${partition}`], { partition });
    const served: string[] = [];
    for (let epoch = 1; epoch <= 6; epoch++) {
      const { partitions } = await ask({ id, epoch, maxBytes: 1 });
      served.push(...Object.values(partitions).filter((told) => !told.startsWith("end")));
    }
    expect(served).toEqual(["0", "1", "2", "0", "1", "2"]);
  });

  it("a reply that is nearly full is full, and the next one begins with what it left", async () => {
    const topic = await newTopic(2);
    const large = "x".repeat(99_000);
    await session.produce(topic, [large]);
    await session.produce(topic, ["small"], { partition: 1 });
    const all: At[] = [0, 1].map((partition) => [topic, partition, 0]);
    const first = await ask({ epoch: 0, at: all, maxBytes: 100_000 });
    expect(first.partitions).toEqual({ [key(topic)]: large, [key(topic, 1)]: "end 1" });
    const { id } = first;
    const second = await ask({ id, epoch: 1, at: [[topic, 0, 1]], maxBytes: 100_000 });
    expect(second.partitions).toEqual({ [key(topic, 1)]: "small" });
  });

  it("a fetch that waits while its session goes on elsewhere is refused", async () => {
    const topic = await newTopic();
    const { id } = await ask({ epoch: 0, at: [[topic, 0, 0]] });
    const other = await RawSession.open(broker.address);
    const waiting = ask({ id, epoch: 1, maxWaitMs: 60_000, through: other });
    // The second request may be there first.
    while ((await ask({ id, epoch: 2 })).error !== "NONE");
    await session.produce(topic, ["a"]);
    expect(await waiting).toEqual({ error: "INVALID_FETCH_SESSION_EPOCH", id, partitions: {} });
    expect((await ask({ id, epoch: 3 })).partitions).toEqual({ [key(topic)]: "a" });
    other.close();
  });

  it("a broker without room for sessions answers in full", async () => {
    const small = await Broker.start({ maxFetchSessions: 0 });
    const through = await RawSession.open(small.address);
    const topic = await through.createTopic("topic");
    expect(await ask({ epoch: 0, at: [[topic, 0, 0]], through })).toEqual({
      error: "NONE",
      id: 0,
      partitions: { [key(topic)]: "end 0" },
    });
    through.close();
    await small.stop();
  });

  it("whatever a client adds and forgets, it reads every record once and in order", async () => {
    const topic = await newTopic(4);
    let written = 0;
    const logs: string[][] = [[], [], [], []];
    const step = fc.oneof(
      fc.record({ kind: fc.constant("write" as const), partition: fc.nat(3), records: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant("fetch" as const), active: fc.subarray([0, 1, 2, 3]), small: fc.boolean() }),
      fc.constant({ kind: "lose" as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const client = new SessionClient(
          topic,
          logs.map((log) => log.length),
        );
        const read: string[][] = [[], [], [], []];
        const from = logs.map((log) => log.length);
        for (const each of steps) {
          if (each.kind === "write") {
            const values = Array.from({ length: each.records }, () => `${written++}`);
            await session.produce(topic, values, { partition: each.partition });
            logs[each.partition]?.push(...values);
          } else if (each.kind === "lose") client.lose();
          else
            for (const [partition, values] of await client.fetch(each.active, each.small))
              read[partition]?.push(...values);
        }
        for (let rounds = 0; rounds < 20; rounds++)
          for (const [partition, values] of await client.fetch([0, 1, 2, 3], false)) read[partition]?.push(...values);
        expect(read).toEqual(logs.map((log, partition) => log.slice(from[partition])));
      }),
      { numRuns: 30 },
    );
  });
});

/** A client as KIP-227 wants it: names what is new or has moved, forgets what it does not want now, begins anew when told. */
class SessionClient {
  readonly #topic: RawTopic;
  readonly #positions: number[];
  #id = 0;
  #epoch = 0;
  #known = new Map<number, number>();

  constructor(topic: RawTopic, positions: number[]) {
    this.#topic = topic;
    this.#positions = positions;
  }

  /** Forgets its session, as one that had no answer must. */
  lose(): void {
    this.#epoch = 0;
    this.#known = new Map();
  }

  async fetch(active: readonly number[], isSmall: boolean): Promise<[number, string[]][]> {
    const wanted = new Map(active.map((partition) => [partition, this.#positions[partition] ?? 0]));
    const changed = [...wanted].filter(([partition, offset]) => this.#known.get(partition) !== offset);
    const forgotten = this.#epoch === 0 ? [] : [...this.#known.keys()].filter((partition) => !wanted.has(partition));
    const { responses, errorCode, sessionId } = await session.client.send(fetch, 16, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: isSmall ? 1 : 2 ** 20,
      isolationLevel: 0,
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: changed.map(([partition, fetchOffset]) => ({
        topicId: this.#topic.id,
        partitions: [{ partition, fetchOffset, partitionMaxBytes: 2 ** 20 }],
      })),
      forgottenTopicsData: forgotten.map((partition) => ({ topicId: this.#topic.id, partitions: [partition] })),
    });
    expect(errorCode).toBe(0);
    this.#epoch = sessionId === 0 ? 0 : this.#epoch + 1;
    this.#id = sessionId;
    this.#known = sessionId === 0 ? new Map() : wanted;
    return responses.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex, records }): [number, string[]] => {
        const values = [...batchesIn(records ?? new Uint8Array(0))].flatMap((batch) => decodeRecords(batch));
        const last = values.at(-1);
        if (last) this.#positions[partitionIndex] = last.offset + 1;
        return [partitionIndex, values.map(({ value }) => `${Buffer.from(value ?? "")}`)];
      }),
    );
  }
}

describe("room for sessions", () => {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now, setTimer: () => ({ cancel() {} }), setImmediate() {} };

  function targets(count: number, topic = "topic") {
    return Array.from({ length: count }, (_, partition) => ({
      topic,
      topicId: ZERO_UUID,
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: 0,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1,
    }));
  }

  function sessionsOf(maxSessions: number): {
    readonly all: FetchSessions;
    create(partitions: number): number;
    use(id: number, epoch: number): string;
  } {
    now = 0;
    const all = new FetchSessions({ maxSessions, clock, random: seededRandom(1) });
    return {
      all,
      create: (partitions) => all.create(targets(partitions), [], false),
      use(sessionId, sessionEpoch) {
        const request = { sessionId, sessionEpoch, topics: [], forgottenTopicsData: [] };
        const opened = all.open(request as never, 12);
        return typeof opened === "string" ? opened : "NONE";
      },
    };
  }

  it("one that was not used for two minutes makes room", () => {
    const { create, use, all } = sessionsOf(2);
    const [a, b] = [create(5), create(5)];
    now = 60_000;
    expect(use(a, 1)).toBe("NONE");
    expect(create(9)).toBe(0);
    now = 120_001;
    const c = create(1);
    expect(c).toBeGreaterThan(0);
    expect(all.count).toBe(2);
    expect(use(b, 1)).toBe("FETCH_SESSION_ID_NOT_FOUND");
    expect(use(a, 2)).toBe("NONE");
  });

  it("the smallest that had its two minutes makes room for a larger one only", () => {
    const { create, use } = sessionsOf(2);
    const [a, b] = [create(3), create(5)];
    for (now = 60_000; now <= 180_000; now += 60_000)
      for (const id of [a, b]) expect(use(id, now / 60_000)).toBe("NONE");
    now = 180_000;
    expect(create(3)).toBe(0);
    const c = create(4);
    expect(c).toBeGreaterThan(0);
    expect(use(a, 4)).toBe("FETCH_SESSION_ID_NOT_FOUND");
    expect(use(b, 4)).toBe("NONE");
    // The new one has its two minutes before it.
    expect(create(9)).toBeGreaterThan(0);
    expect(use(b, 5)).toBe("FETCH_SESSION_ID_NOT_FOUND");
    expect(create(99)).toBe(0);
    expect(use(c, 1)).toBe("NONE");
  });

  it("names that no topic has cannot fill the memory", () => {
    now = 0;
    const all = new FetchSessions({ maxSessions: 1000, clock, random: seededRandom(1) });
    const name = "x".repeat(32_000);
    const created = Array.from({ length: 100 }, () => all.create(targets(100, name), [], false));
    expect(created.filter((id) => id > 0).length).toBe(41);
    expect(all.create(targets(10_000), [], false)).toBe(0);
    expect(all.create(targets(100), [], false)).toBeGreaterThan(0);
  });
});
