import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { batchOf, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { alterClientQuotas } from "../protocol/apis/alter-client-quotas.ts";
import { createPartitions } from "../protocol/apis/create-partitions.ts";
import { createTopics } from "../protocol/apis/create-topics.ts";
import { deleteTopics } from "../protocol/apis/delete-topics.ts";
import { describeClientQuotas } from "../protocol/apis/describe-client-quotas.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { produce } from "../protocol/apis/produce.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import { errorName } from "../protocol/errors.ts";
import type { RequestBody } from "../protocol/schema.ts";
import { Broker } from "./broker.ts";

type Entity = Readonly<Record<string, string | null>>;

let clock: SteppedClock;
let broker: Broker;
let admin: RawSession;
let session: RawSession;

async function start(): Promise<void> {
  clock = new SteppedClock();
  broker = await Broker.start({ platform: { ...nodePlatform, clock } });
  admin = await RawSession.open(broker.address, "admin");
  session = await RawSession.open(broker.address, "limited");
}

afterEach(async () => {
  admin.close();
  session.close();
  await broker.stop();
});

function partsOf(entity: Entity) {
  return Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }));
}

async function setQuota(entity: Entity, key: string, value: number | null, validateOnly = false): Promise<string> {
  const ops = [{ key, value: value ?? 0, remove: value === null }];
  const { entries } = await admin.client.send(alterClientQuotas, 1, {
    entries: [{ entity: partsOf(entity), ops }],
    validateOnly,
  });
  return errorName(entries[0]?.errorCode ?? -1);
}

async function quotas(components: RequestBody<typeof describeClientQuotas>["components"] = [], strict = false) {
  const response = await admin.client.send(describeClientQuotas, 1, { components, strict });
  if (!response.entries) return errorName(response.errorCode);
  return response.entries.map(({ entity, values }) => [
    entity.map(({ entityType, entityName }) => `${entityType}=${entityName}`).join(","),
    values.map(({ key, value }) => `${key}=${value}`).join(","),
  ]);
}

describe("quotas", () => {
  beforeEach(start);

  it("are kept, described and removed", async () => {
    expect(await setQuota({ user: "alice" }, "producer_byte_rate", 1000)).toBe("NONE");
    expect(await setQuota({ user: "alice" }, "request_percentage", 12.5)).toBe("NONE");
    expect(await setQuota({ user: null, "client-id": "c" }, "consumer_byte_rate", 1)).toBe("NONE");
    expect(await setQuota({ ip: "127.0.0.1" }, "connection_creation_rate", 1000)).toBe("NONE");
    expect(await setQuota({ user: "bob" }, "producer_byte_rate", 1, true)).toBe("NONE");
    expect(await quotas()).toEqual([
      ["user=alice", "producer_byte_rate=1000,request_percentage=12.5"],
      ["client-id=c,user=null", "consumer_byte_rate=1"],
      ["ip=127.0.0.1", "connection_creation_rate=1000"],
    ]);
    expect(await setQuota({ user: "alice" }, "producer_byte_rate", null)).toBe("NONE");
    expect(await setQuota({ user: "alice" }, "request_percentage", null)).toBe("NONE");
    expect(await setQuota({ user: "nobody" }, "request_percentage", null)).toBe("NONE");
    expect((await quotas()).length).toBe(2);
  });

  it.each<[string, Entity, string, number]>([
    ["no entity", {}, "producer_byte_rate", 1],
    ["an unknown type", { group: "a" }, "producer_byte_rate", 1],
    ["an empty name", { user: "" }, "producer_byte_rate", 1],
    ["an address and a user", { ip: "127.0.0.1", user: "a" }, "producer_byte_rate", 1],
    ["an address that is none", { ip: "256.1.1.1" }, "connection_creation_rate", 1],
    ["a limit of connections for a user", { user: "a" }, "connection_creation_rate", 1],
    ["a limit of bytes for an address", { ip: "127.0.0.1" }, "producer_byte_rate", 1],
    ["an unknown limit", { user: "a" }, "producer_rate", 1],
    ["nothing", { user: "a" }, "producer_byte_rate", 0],
    ["less than nothing", { user: "a" }, "request_percentage", -1],
    ["no number", { user: "a" }, "request_percentage", Number.NaN],
    ["a part of a byte", { user: "a" }, "producer_byte_rate", 1.5],
    ["too many connections", { ip: "127.0.0.1" }, "connection_creation_rate", 2 ** 31],
  ])("%s is refused, and nothing is kept", async (_what, entity, key, value) => {
    expect(await setQuota(entity, key, value)).toBe("INVALID_REQUEST");
    expect(await quotas()).toEqual([]);
  });

  it("an entity that comes twice is refused, also where the order of its parts differs", async () => {
    const ops = [{ key: "producer_byte_rate", value: 1, remove: false }];
    const { entries } = await admin.client.send(alterClientQuotas, 0, {
      entries: [
        { entity: partsOf({ user: "a", "client-id": "b" }), ops },
        { entity: partsOf({ "client-id": "b", user: "a" }), ops },
        { entity: partsOf({ user: "a" }), ops },
      ],
      validateOnly: false,
    });
    expect(entries.map(({ errorCode }) => errorName(errorCode))).toEqual([
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "NONE",
    ]);
    expect(await quotas()).toEqual([["user=a", "producer_byte_rate=1"]]);
  });

  it("are found by exact name, as default, by kind, and strictly", async () => {
    for (const user of ["a", "b", null]) await setQuota({ user }, "producer_byte_rate", 1);
    await setQuota({ user: "a", "client-id": "c" }, "producer_byte_rate", 1);
    const found = async (...args: Parameters<typeof quotas>) => {
      const entries = await quotas(...args);
      return typeof entries === "string" ? entries : entries.map(([entity]) => entity);
    };
    const user = (matchType: number, match: string | null) => [{ entityType: "user", matchType, match }];
    expect(await found(user(0, "a"))).toEqual(["user=a", "client-id=c,user=a"]);
    expect(await found(user(0, "a"), true)).toEqual(["user=a"]);
    expect(await found(user(1, null))).toEqual(["user=null"]);
    expect(await found(user(2, null), true)).toEqual(["user=a", "user=b", "user=null"]);
    expect(await found([], true)).toEqual([]);
    expect(await found(user(0, null))).toBe("INVALID_REQUEST");
    expect(await found(user(1, "a"))).toBe("INVALID_REQUEST");
    expect(await found(user(3, null))).toBe("INVALID_REQUEST");
    expect(await found([...user(2, null), ...user(0, "a")])).toBe("INVALID_REQUEST");
    expect(await found([...user(2, null), { entityType: "ip", matchType: 2, match: null }])).toBe("INVALID_REQUEST");
    expect(await found([{ entityType: "group", matchType: 2, match: null }])).toBe("UNSUPPORTED_VERSION");
    expect(await found([{ entityType: "", matchType: 2, match: null }])).toBe("INVALID_REQUEST");
  });
});

describe("clients beyond their quota", () => {
  beforeEach(start);

  /** Requests of another connection pass, and with them all that could have happened on this one. */
  async function elapse(ms: number): Promise<void> {
    clock.advance(ms);
    for (let i = 0; i < 4; i++) await admin.client.send(metadata, 12, { topics: [] });
  }

  /** A request that is answered as soon as its connection is heard. */
  function probe(of: RawSession): { isAnswered: boolean } {
    const state = { isAnswered: false };
    of.client.send(metadata, 12, { topics: [] }).then(
      () => {
        state.isAnswered = true;
      },
      () => {},
    );
    return state;
  }

  async function expectMuted(of: RawSession, forMs: number): Promise<void> {
    const probed = probe(of);
    await elapse(forMs - 1);
    expect(probed.isAnswered).toBe(false);
    await elapse(1);
    expect(probed.isAnswered).toBe(true);
  }

  async function send(topic: RawTopic, bytes: number, acks = -1): Promise<number> {
    const records = batchOf(["x".repeat(bytes)]);
    const request = {
      transactionalId: null,
      acks,
      timeoutMs: 1000,
      topicData: [{ name: topic.name, partitionData: [{ index: 0, records }] }],
    };
    if (acks === 0) {
      session.client.sendSilent(produce, 9, request);
      return 0;
    }
    const { throttleTimeMs, responses } = await session.client.send(produce, 9, request);
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
    return throttleTimeMs;
  }

  async function read(topic: RawTopic, offset: number, sessionEpoch = -1, sessionId = 0, maxWaitMs = 0) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 2 ** 20 }];
    const response = await session.client.send(fetch, 16, {
      maxWaitMs,
      minBytes: 1,
      isolationLevel: 0,
      sessionId,
      sessionEpoch,
      topics: sessionEpoch > 0 ? [] : [{ topicId: topic.id, partitions }],
    });
    const bytes = response.responses[0]?.partitions[0]?.records?.length ?? 0;
    return { bytes, throttleTimeMs: response.throttleTimeMs, sessionId: response.sessionId };
  }

  it("a producer is answered at once, told how long to wait, and not heard for that time (KIP-219)", async () => {
    const topic = await admin.createTopic("topic");
    await setQuota({ "client-id": "limited" }, "producer_byte_rate", 10_000);
    expect(await send(topic, 90_000)).toBe(0);
    const waitMs = await send(topic, 59_800);
    expect(waitMs).toBeGreaterThan(4_900);
    expect(waitMs).toBeLessThan(5_100);
    await expectMuted(session, waitMs);
  });

  it("who went beyond a tiny quota by months is told the longest time that can be said", async () => {
    const topic = await admin.createTopic("topic", 1, { "max.message.bytes": "5000000" });
    await setQuota({ "client-id": "limited" }, "producer_byte_rate", 1);
    await setQuota({ "client-id": "limited" }, "controller_mutation_rate", 1e-6);
    const other = await RawSession.open(broker.address, "limited");
    const longestMs = 2 ** 31 - 1;
    expect(await send(topic, 3_000_000)).toBe(longestMs);
    const many = { name: "many", numPartitions: 10, replicationFactor: 1, assignments: [], configs: [] };
    expect(await other.client.send(createTopics, 5, { topics: [many], validateOnly: false })).toMatchObject({
      throttleTimeMs: longestMs,
      topics: [{ errorCode: 0 }],
    });
    expect((await admin.produce(topic, ["x"])).error).toBe("NONE");
    other.close();
  });

  it("other clients, and all after the quota is gone, are not throttled", async () => {
    const topic = await admin.createTopic("topic");
    await setQuota({ "client-id": "limited" }, "producer_byte_rate", 1);
    expect((await admin.produce(topic, ["x".repeat(1000)])).error).toBe("NONE");
    const probed = probe(admin);
    await elapse(0);
    expect(probed.isAnswered).toBe(true);
    await setQuota({ "client-id": "limited" }, "producer_byte_rate", null);
    expect(await send(topic, 1000)).toBe(0);
  });

  it("acks=0 is throttled without a word, and what is there already waits", async () => {
    const topic = await admin.createTopic("topic");
    await setQuota({ "client-id": "limited" }, "producer_byte_rate", 100);
    await send(topic, 1900, 0);
    const probed = probe(session);
    await elapse(0);
    await elapse(9_000);
    expect(probed.isAnswered).toBe(false);
    await elapse(2_000);
    expect(probed.isAnswered).toBe(true);
    expect((await admin.fetch(topic)).records.length).toBe(1);
  });

  it("a consumer gets nothing and a time to wait, then its records; a session goes on", async () => {
    const topic = await admin.createTopic("topic");
    for (let i = 0; i < 3; i++) await admin.produce(topic, ["x".repeat(60_000)]);
    const first = await read(topic, 0, 0);
    expect(first).toMatchObject({ throttleTimeMs: 0 });
    expect(first.bytes).toBeGreaterThan(180_000);
    await setQuota({ "client-id": "limited" }, "consumer_byte_rate", 10_000);
    const { sessionId } = first;
    // No more than the quota allows in ten seconds.
    const second = await read(topic, 0, 1, sessionId);
    expect(second.throttleTimeMs).toBe(0);
    expect(second.bytes).toBeGreaterThan(60_000);
    expect(second.bytes).toBeLessThan(100_000);
    const third = await read(topic, 0, 2, sessionId);
    expect(third).toMatchObject({ bytes: 0, sessionId });
    expect(third.throttleTimeMs).toBeGreaterThan(1_900);
    await expectMuted(session, third.throttleTimeMs);
    expect((await read(topic, 0, 3, sessionId)).bytes).toBe(0);
    await elapse(11_000);
    expect((await read(topic, 0, 4, sessionId)).bytes).toBe(second.bytes);
  });

  it("a batch larger than ten seconds of the quota is given once the client had nothing for so long, and then paid off", async () => {
    const topic = await admin.createTopic("topic");
    for (const size of [5_000, 60_000, 60_000]) await admin.produce(topic, ["x".repeat(size)]);
    await setQuota({ "client-id": "limited" }, "consumer_byte_rate", 1_000);
    async function waitFor(offset: number): Promise<number> {
      for (let waitedMs = 0; ; ) {
        const { bytes, throttleTimeMs } = await read(topic, offset);
        if (bytes > 0) return waitedMs;
        expect(throttleTimeMs).toBeGreaterThan(0);
        expect(throttleTimeMs).toBeLessThanOrEqual(10_000);
        await elapse(throttleTimeMs);
        waitedMs += throttleTimeMs;
      }
    }
    expect(await waitFor(0)).toBe(0);
    const secondMs = await waitFor(1);
    expect(secondMs).toBeGreaterThan(5_000);
    expect(secondMs).toBeLessThanOrEqual(20_000);
    const thirdMs = await waitFor(2);
    expect(thirdMs).toBeGreaterThan(60_000);
    expect(thirdMs).toBeLessThan(61_000);
    expect((await read(topic, 0)).bytes).toBe(0);
    // A quota that allows more is felt at the next attempt.
    await setQuota({ "client-id": "limited" }, "consumer_byte_rate", 100_000);
    await elapse(10_000);
    expect((await read(topic, 0)).bytes).toBeGreaterThan(120_000);
  });

  it("time that requests take: told in any response, for a second at most", async () => {
    await setQuota({ "client-id": "limited" }, "request_percentage", 0.01);
    const working = await RawSession.open(broker.address, "limited");
    clock.isTicking = true;
    let throttleTimeMs = 0;
    for (let i = 0; i < 30 && throttleTimeMs === 0; i++) {
      ({ throttleTimeMs } = await working.client.send(metadata, 12, { topics: [] }));
    }
    clock.isTicking = false;
    expect(throttleTimeMs).toBe(1000);
    const probed = probe(working);
    await elapse(900);
    expect(probed.isAnswered).toBe(false);
    await elapse(200);
    expect(probed.isAnswered).toBe(true);
    working.close();
  });

  it("changes to topics: refused where the version can tell, made and waited for where not (KIP-599)", async () => {
    await setQuota({ "client-id": "limited" }, "controller_mutation_rate", 1);
    const create = async (name: string, partitions: number, version = 7) => {
      const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] };
      const { topics, throttleTimeMs } = await session.client.send(createTopics, version, {
        topics: [topic],
        validateOnly: false,
      });
      return [errorName(topics[0]?.errorCode ?? -1), throttleTimeMs];
    };
    expect(await create("a", 14)).toEqual(["NONE", 0]);
    expect(await create("b", 1)).toEqual(["THROTTLING_QUOTA_EXCEEDED", 3000]);
    await expectMuted(session, 3000);
    expect(await create("b", 1)).toEqual(["NONE", 0]);
    const widen = { topics: [{ name: "b", count: 2, assignments: null }], timeoutMs: 1000, validateOnly: false };
    const widened = await session.client.send(createPartitions, 3, widen);
    expect([errorName(widened.results[0]?.errorCode ?? 0), widened.throttleTimeMs]).toEqual([
      "THROTTLING_QUOTA_EXCEEDED",
      1000,
    ]);
    await elapse(1000);
    expect(await create("c", 5, 5)).toEqual(["NONE", 5000]);
    await elapse(5000);
    await session.client.send(metadata, 12, {
      topics: [{ name: "d", topicId: ZERO_UUID }],
      allowAutoTopicCreation: true,
    });
    const removal = { topics: [{ name: "c", topicId: ZERO_UUID }], timeoutMs: 1000 };
    const probed = session.client.send(deleteTopics, 6, removal);
    await elapse(1000);
    expect(errorName((await probed).responses[0]?.errorCode ?? -1)).toBe("NONE");
  });

  it("connections from one address: the next ones are refused until the rate is down (KIP-612)", async () => {
    await setQuota({ ip: null }, "connection_creation_rate", 1);
    const taken: RawSession[] = [];
    for (let i = 0; i < 15; i++) {
      const next = await RawSession.open(broker.address);
      const isTaken = await next.client.send(metadata, 12, { topics: [] }).then(
        () => true,
        () => false,
      );
      if (isTaken) taken.push(next);
    }
    expect(taken.length).toBe(10);
    await elapse(11_000);
    const late = await RawSession.open(broker.address);
    await late.client.send(metadata, 12, { topics: [] });
    for (const each of [...taken, late]) each.close();
  });

  it("connections to a listener of IPv4 and IPv6: an IPv4 address is the same there", async () => {
    const both = await Broker.start({
      listeners: [{ name: "BOTH", host: "::", advertisedHost: "127.0.0.1" }],
      platform: { ...nodePlatform, clock },
    });
    const first = await RawSession.open(both.address);
    const ops = [{ key: "connection_creation_rate", value: 1, remove: false }];
    const entries = [{ entity: partsOf({ ip: "127.0.0.1" }), ops }];
    await first.client.send(alterClientQuotas, 1, { entries, validateOnly: false });
    const attempts = Array.from({ length: 15 }, async () => {
      const next = await RawSession.open(both.address);
      const isTaken = await next.client.send(metadata, 12, { topics: [] }).then(
        () => true,
        () => false,
      );
      next.close();
      return isTaken;
    });
    expect((await Promise.all(attempts)).filter((isTaken) => isTaken).length).toBe(10);
    first.close();
    await both.stop();
  });

  it("a muted connection that ends, and a broker that stops meanwhile, leave nothing behind", async () => {
    const topic = await admin.createTopic("topic");
    await setQuota({ "client-id": "limited" }, "producer_byte_rate", 1);
    expect(await send(topic, 50_000)).toBeGreaterThan(11_000);
    const late = await RawSession.open(broker.address, "limited");
    late.close();
    await late.client.closed;
  });
});

describe("quotas on disk", () => {
  it("outlive the broker", async () => {
    const folder = mkdtempSync(join(tmpdir(), "oncilla-quotas-"));
    const open = async (): Promise<void> => {
      clock = new SteppedClock();
      broker = await Broker.start({ dataDir: folder, platform: { ...nodePlatform, clock } });
      admin = await RawSession.open(broker.address, "admin");
      session = admin;
    };
    await open();
    await setQuota({ user: 'a/b "c', "client-id": null }, "request_percentage", 0.1);
    await setQuota({ user: "gone" }, "request_percentage", 0.1);
    await setQuota({ user: "gone" }, "request_percentage", null);
    admin.close();
    await broker.stop();
    await open();
    expect(await quotas()).toEqual([['client-id=null,user=a/b "c', "request_percentage=0.1"]]);
    rmSync(folder, { recursive: true, force: true });
  });
});
