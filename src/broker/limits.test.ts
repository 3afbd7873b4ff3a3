/** What clients may take up: connections, memory, time. */
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { RawClient } from "../../test/support/raw-client.ts";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { offsetCommit } from "../protocol/apis/offset-commit.ts";
import { offsetFetch } from "../protocol/apis/offset-fetch.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import { encodeRequest } from "../protocol/frame.ts";
import { Broker } from "./broker.ts";
import { LogLimiter } from "./log-limiter.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { BrokerOptions } from "./options.ts";

const MIB = 2 ** 20;

let broker: Broker;
const lines: string[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  lines.length = 0;
  await broker.stop();
});

async function start(options: BrokerOptions): Promise<void> {
  const logger: Logger = {
    log: (_level, message, fields) => lines.push(`${message} ${fields?.reason ?? fields?.error ?? fields?.client}`),
  };
  broker = await Broker.start({ ...options, logger });
}

/** A connection on which nothing happens by itself. */
function open(localAddress = "127.0.0.1"): Promise<Socket> {
  const [host = "", port] = broker.address.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), localAddress }, () => resolve(socket));
    sockets.add(socket);
    socket.on("error", () => {});
  });
}

function isEnded(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

function fetchRequest(topic: RawTopic, maxWaitMs: number, correlationId = 1): Buffer {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * MIB }];
  const body = { maxWaitMs, minBytes: 1, isolationLevel: 0, topics: [{ topic: topic.name, partitions }] };
  return Buffer.concat(encodeRequest(fetch, 12, { correlationId, clientId: "slow" }, body));
}

async function answers(client: RawClient): Promise<boolean> {
  return (await client.send(metadata, 12, { topics: [] })).brokers.length === 1;
}

describe("connections", () => {
  it("more than maxConnections are refused, with a line; when one goes, another may come", async () => {
    await start({ maxConnections: 2 });
    const first = await RawClient.connect(broker.address);
    const second = await RawClient.connect(broker.address);
    expect(await answers(first)).toBe(true);
    expect(await answers(second)).toBe(true);
    await isEnded(await open());
    expect(lines).toContain("connection refused there are 2 connections already");
    second.close();
    await until(async () => {
      const client = await RawClient.connect(broker.address);
      const isAnswered = await answers(client).catch(() => false);
      client.close();
      return isAnswered;
    });
    expect(await answers(first)).toBe(true);
    first.close();
  });

  it("more than maxConnectionsPerAddress are refused; other addresses go on", async () => {
    await start({ maxConnectionsPerAddress: 1 });
    const first = await open("127.0.0.1");
    await isEnded(await open("127.0.0.1"));
    expect(lines).toContain("connection refused there are 1 connections from this address already");
    const other = await open("127.0.0.2");
    for (const socket of [first, other]) {
      socket.write(Buffer.concat(encodeRequest(metadata, 12, { correlationId: 1, clientId: "a" }, { topics: [] })));
      await new Promise((resolve) => socket.once("data", resolve));
    }
  });

  it("one that is idle for connectionsMaxIdleMs is closed, also in the middle of a frame; one that waits is not", async () => {
    await start({ connectionsMaxIdleMs: 300 });
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("idle");
    const waiting = session.fetch(topic, { maxWaitMs: 1_000 });
    const silent = await open();
    const stalled = await open();
    stalled.write(fetchRequest(topic, 0).subarray(0, 20));
    const startedAt = performance.now();
    await Promise.all([isEnded(silent), isEnded(stalled)]);
    expect(performance.now() - startedAt).toBeGreaterThan(290);
    // It was answered long after the others were closed.
    expect((await waiting).error).toBe("NONE");
    await session.client.closed;
  });

  it("one that does not take its replies is idle too", async () => {
    await start({ connectionsMaxIdleMs: 2_000 });
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("not-taken");
    for (let i = 0; i < 20; i++) await session.produce(topic, ["a".repeat(1_000_000)]);
    const slow = await open();
    slow.pause();
    slow.write(fetchRequest(topic, 0));
    const { address, port } = slow.address() as AddressInfo;
    await until(() => lines.includes(`connection closed: idle ${address}:${port}`));
    session.close();
  });
});

describe("requests", () => {
  /** Of so many bytes, and a few. */
  function metadataRequest(sizeBytes: number): Buffer {
    const names = "a".repeat(sizeBytes).match(/.{1,30000}/g) ?? [];
    const topics = names.map((name) => ({ name, topicId: ZERO_UUID }));
    return Buffer.concat(encodeRequest(metadata, 12, { correlationId: 1, clientId: "a" }, { topics }));
  }

  function isAnswered(socket: Socket): Promise<void> {
    return new Promise((resolve) => socket.once("data", () => resolve()));
  }

  async function requestMemoryBytes(): Promise<number> {
    const response = await globalThis.fetch(`http://${broker.metricsAddress}/metrics`);
    return Number(/^kafka_network_socketserver_memorypoolused (.+)$/m.exec(await response.text())?.[1]);
  }

  it("three that announce more than there is memory, and send nothing, keep nobody from anything", async () => {
    await start({});
    for (let i = 0; i < 3; i++) {
      const promising = await open();
      const announcement = Buffer.alloc(12);
      announcement.writeInt32BE(99 * MIB);
      promising.write(announcement);
    }
    const client = await RawClient.connect(broker.address);
    // Time for the broker to read all of them.
    await answers(client);
    expect(await answers(client)).toBe(true);
    const large = await open();
    large.write(metadataRequest(10 * MIB));
    await isAnswered(large);
    client.close();
  });

  it("beyond queuedMaxRequestBytes large ones are gathered one at a time, in bounded memory, and small ones are read", async () => {
    const limits = { queuedMaxRequestBytes: 4 * MIB, maxRequestBytes: 3 * MIB };
    await start({ ...limits, metricsPort: 0 });
    const request = metadataRequest(2 * MIB);
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open()));
    const cut = request.length - 1000;
    for (const socket of sockets) socket.write(request.subarray(0, cut));
    const client = await RawClient.connect(broker.address);
    await until(async () => (await requestMemoryBytes()) > 2 * MIB);
    for (let i = 0; i < 20; i++) expect(await answers(client)).toBe(true);
    expect(await requestMemoryBytes()).toBeLessThanOrEqual(7 * MIB);
    const allAnswered = Promise.all(sockets.map(isAnswered));
    for (const socket of sockets) socket.write(request.subarray(cut));
    await allAnswered;
    expect(await requestMemoryBytes()).toBe(0);
    client.close();
  });

  it("one that comes byte by byte is idle, also where an answer is waited for", async () => {
    await start({ connectionsMaxIdleMs: 300 });
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("slow");
    const slow = await open();
    slow.write(fetchRequest(topic, 60_000));
    slow.write(metadataRequest(10_000).subarray(0, 1000));
    const dripping = setInterval(() => slow.write("a"), 20);
    await isEnded(slow);
    clearInterval(dripping);
    session.close();
  });

  it("one that waits for memory is not idle, and whoever has it must hurry", async () => {
    await start({ connectionsMaxIdleMs: 6_000, queuedMaxRequestBytes: 100_000 });
    const request = metadataRequest(500_000);
    const resting = await open();
    resting.write(request.subarray(0, 400_000));
    const client = await RawClient.connect(broker.address);
    await answers(client);
    expect(await answers(client)).toBe(true);
    const waiting = await open();
    waiting.write(request);
    const startedAt = performance.now();
    await Promise.all([isEnded(resting), isAnswered(waiting)]);
    expect(performance.now() - startedAt).toBeLessThan(4_500);
    client.close();
  });

  it("memory of a connection that dies is free again", async () => {
    await start({ queuedMaxRequestBytes: 2_000 });
    const dying = await open();
    const request = metadataRequest(500_000);
    dying.write(request.subarray(0, 400_000));
    const client = await RawClient.connect(broker.address);
    await answers(client);
    const other = await open();
    other.write(request);
    const answered = isAnswered(other);
    dying.destroy();
    await answered;
    client.close();
  });
});

describe("replies that are not taken", () => {
  it("of one connection stay within bounds, also when many fetches end at one moment", async () => {
    await start({});
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("burst", 1, { "max.message.bytes": "2000000" });
    const slow = await open();
    slow.pause();
    const count = 200;
    slow.write(Buffer.concat(Array.from({ length: count }, (_, i) => fetchRequest(topic, 20_000, i))));
    // The broker has taken them: they came before what asks here.
    expect(await answers(session.client)).toBe(true);
    expect(await answers(session.client)).toBe(true);
    const before = process.memoryUsage().arrayBuffers;
    await session.produce(topic, ["a".repeat(1_000_000)]);
    let received = 0;
    expect(await answers(session.client)).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * MIB);
    slow.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    slow.resume();
    // Whoever had no room is told that there is nothing yet, and asks again.
    await until(() => received > 15 * MIB);
    session.close();
  });

  it("of all connections stay near queuedMaxReplyBytes: fetches return less, and everybody gets on", async () => {
    await start({ queuedMaxReplyBytes: 16 * MIB });
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("many-slow");
    for (let i = 0; i < 30; i++) await session.produce(topic, ["a".repeat(1_000_000)]);
    const slow = await Promise.all(Array.from({ length: 20 }, () => open()));
    const before = process.memoryUsage().arrayBuffers;
    for (const socket of slow) {
      socket.pause();
      socket.write(fetchRequest(topic, 0));
    }
    expect(await answers(session.client)).toBe(true);
    expect(await answers(session.client)).toBe(true);
    // 20 connections, 30 MB each, without a bound.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60 * MIB);
    for (const socket of slow) {
      let received = 0;
      socket.on("data", (chunk: Buffer) => {
        received += chunk.length;
      });
      socket.resume();
      await until(() => received > 1_000_000);
    }
    session.close();
  });
});

async function metric(line: string): Promise<number> {
  const response = await globalThis.fetch(`http://${broker.metricsAddress}/metrics`);
  return Number(new RegExp(`^${line} (\\d+)$`, "m").exec(await response.text())?.[1]);
}

function queuedReplyBytes(): Promise<number> {
  return metric("oncilla_queued_reply_bytes");
}

it("a connection that is gone has only the first of its requests answered", async () => {
  await start({ metricsPort: 0 });
  const session = await RawSession.open(broker.address);
  const topic = await session.createTopic("gone");
  for (let i = 0; i < 5; i++) await session.produce(topic, ["a".repeat(1_000_000)]);
  const socket = await open();
  await new Promise<void>((resolve) => {
    const requests = Array.from({ length: 300 }, (_, i) => fetchRequest(topic, 0, i));
    // The broker has neither heard of them nor of the end yet: it runs in this process.
    socket.write(Buffer.concat(requests), () => {
      socket.resetAndDestroy();
      resolve();
    });
  });
  for (let i = 0; i < 10; i++) expect(await answers(session.client)).toBe(true);
  const served = await metric('kafka_network_requestmetrics_requests_total{request="Fetch",version="12"}');
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(10);
  session.close();
});

/** The correlation ids of the replies that come to `socket`. */
function repliesTo(socket: Socket): number[] {
  const seen: number[] = [];
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8 && rest.length >= 4 + rest.readInt32BE(0)) {
      seen.push(rest.readInt32BE(4));
      rest = rest.subarray(4 + rest.readInt32BE(0));
    }
  });
  socket.resume();
  return seen;
}

describe("replies that are not taken, of any kind", () => {
  it("are not made in advance where they come later than their requests", async () => {
    await start({ metricsPort: 0 });
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("offsets", 100);
    const partitions = Array.from({ length: 100 }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: 0,
      committedMetadata: "m".repeat(4_000),
    }));
    await session.findCoordinator("group", "group");
    const commit = { groupId: "group", memberId: "", generationIdOrMemberEpoch: -1 };
    await session.client.send(offsetCommit, 8, { ...commit, topics: [{ name: topic.name, partitions }] });
    const count = 200;
    const requests = Array.from({ length: count }, (_, correlationId) =>
      encodeRequest(
        offsetFetch,
        7,
        { correlationId, clientId: "slow" },
        { groupId: "group", topics: null, requireStable: false },
      ),
    );
    const slow = await open();
    slow.pause();
    slow.write(Buffer.concat(requests.flat()));
    for (let i = 0; i < 50; i++) expect(await answers(session.client)).toBe(true);
    const queuedBytes = await queuedReplyBytes();
    // They are of 400 kB, 80 MB together.
    expect(queuedBytes).toBeGreaterThan(MIB);
    expect(queuedBytes).toBeLessThan(17 * MIB);
    const seen = repliesTo(slow);
    await until(() => seen.length === count);
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(await queuedReplyBytes()).toBe(0);
    session.close();
  });

  it("stay near queuedMaxReplyBytes: each client gets one more at most, and in the end all", async () => {
    await start({ queuedMaxReplyBytes: 8 * MIB, metricsPort: 0 });
    const session = await RawSession.open(broker.address);
    for (let i = 0; i < 20; i++) await session.createTopic(`settings-${i}`);
    const resources = Array.from({ length: 20 }, (_, i) => ({
      resourceType: 2,
      resourceName: `settings-${i}`,
      configurationKeys: null,
    }));
    const body = { resources, includeSynonyms: true, includeDocumentation: true };
    const describe = (correlationId: number): Buffer =>
      Buffer.concat(encodeRequest(describeConfigs, 4, { correlationId, clientId: "slow" }, body));
    const count = 200;
    const requests = Buffer.concat(Array.from({ length: count }, (_, i) => describe(i)));
    const slow = await Promise.all(Array.from({ length: 10 }, () => open()));
    for (const socket of slow) {
      socket.pause();
      socket.write(requests);
    }
    for (let i = 0; i < 50; i++) expect(await answers(session.client)).toBe(true);
    // They are of some 90 kB, 18 MB for each client.
    const queuedBytes = await queuedReplyBytes();
    expect(queuedBytes).toBeGreaterThan(8 * MIB);
    expect(queuedBytes).toBeLessThan(10 * MIB);
    for (const socket of slow) {
      const seen = repliesTo(socket);
      await until(() => seen.length === count);
      expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
    }
    expect(await queuedReplyBytes()).toBe(0);
    session.close();
  });
});

class StandingClock implements Clock {
  timeMs = 0;
  readonly #immediates: (() => void)[] = [];
  now(): number {
    return this.timeMs;
  }
  monotonic(): number {
    return this.timeMs;
  }
  setTimer(): never {
    throw new Error("no timers here");
  }
  setImmediate(callback: () => void): void {
    this.#immediates.push(callback);
  }
  turn(): void {
    for (const callback of this.#immediates.splice(0)) callback();
  }
}

describe("a memory budget", () => {
  it("wakes those that wait in their order, and never within a call", async () => {
    await start({});
    const clock = new StandingClock();
    const budget = new MemoryBudget(clock, 100);
    const woken: string[] = [];
    budget.take(120);
    budget.whenFree(() => woken.push("first"));
    budget.whenFree(() => {
      woken.push("second");
      budget.whenFree(() => woken.push("second again"));
    });
    budget.giveBack(10);
    expect(woken).toEqual([]);
    clock.turn();
    expect(woken).toEqual(["first", "second"]);
    clock.turn();
    expect(woken).toEqual(["first", "second"]);
    expect(budget.isScarce).toBe(true);
    budget.giveBack(10);
    clock.turn();
    expect(woken).toEqual(["first", "second", "second again"]);
    expect(budget.isScarce).toBe(false);
  });

  it("one at a time goes beyond the limit, by one message; what the last one overdrew is given back first", async () => {
    await start({});
    const clock = new StandingClock();
    const budget = new MemoryBudget(clock, 100, 50);
    const [a, b] = [{}, {}];
    budget.take(90);
    expect(budget.claimRoom(10, b)).toBe(true);
    expect(budget.claimRoom(50, a)).toBe(true);
    expect(budget.claimRoom(50, b)).toBe(false);
    budget.take(50);
    let isWoken = false;
    budget.whenFree(() => {
      isWoken = true;
    });
    budget.endOverdraft(b);
    clock.turn();
    expect(isWoken).toBe(false);
    budget.endOverdraft(a);
    clock.turn();
    expect(isWoken).toBe(true);
    expect(budget.claimRoom(50, b)).toBe(false);
    expect(budget.claimRoom(10, b)).toBe(true);
    budget.giveBack(50);
    expect(budget.claimRoom(50, b)).toBe(true);
  });
});

describe("lines that strangers cause", () => {
  it("ten at once, then one a second, and how many were left out", async () => {
    await start({ platform: nodePlatform });
    const clock = new StandingClock();
    const logged: unknown[] = [];
    const limiter = new LogLimiter(clock, { log: (_level, _message, fields) => logged.push(fields) });
    for (let i = 0; i < 50; i++) limiter.log("warn", "bad", { i });
    expect(logged).toHaveLength(10);
    clock.timeMs = 1000;
    limiter.log("warn", "bad", { i: 50 });
    limiter.log("warn", "bad", { i: 51 });
    expect(logged).toHaveLength(11);
    expect(logged.at(-1)).toEqual({ i: 50, linesLeftOut: 40 });
  });

  it("500 connections that send something else leave a dozen lines", async () => {
    await start({});
    const strangers = await Promise.all(Array.from({ length: 500 }, () => open()));
    for (const socket of strangers) socket.write("GET / HTTP/1.1\r\n\r\n");
    await Promise.all(strangers.map(isEnded));
    const complaints = lines.filter((line) => line.startsWith("connection closed: malformed request"));
    expect(complaints.length).toBeGreaterThanOrEqual(10);
    expect(complaints.length).toBeLessThan(20);
  });
});
