/** What clients may take up: connections, memory, time. */
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { RawClient } from "../../test/support/raw-client.ts";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { metadata } from "../protocol/apis/metadata.ts";
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
    await start({ connectionsMaxIdleMs: 300 });
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
  it("beyond queuedMaxRequestBytes none is read until memory is free, and none waits for ever", async () => {
    await start({ queuedMaxRequestBytes: 100_000 });
    const [first, second] = [await open(), await open()];
    // The first one's frame takes all memory while it is on its way.
    const topics = [{ name: "a".repeat(100_000), topicId: ZERO_UUID }];
    const large = Buffer.concat(encodeRequest(metadata, 12, { correlationId: 1, clientId: "a" }, { topics }));
    first.write(large.subarray(0, 50_000));
    const received: string[] = [];
    first.on("data", () => received.push("first"));
    second.on("data", () => received.push("second"));
    const small = Buffer.concat(encodeRequest(metadata, 12, { correlationId: 1, clientId: "a" }, { topics: [] }));
    // Time enough for the broker to read both.
    const bystander = await RawClient.connect(broker.address);
    second.write(small);
    const isStuck = await Promise.race([
      answers(bystander),
      new Promise((resolve) => setTimeout(resolve, 100, "stuck")),
    ]);
    expect(isStuck).toBe("stuck");
    expect(received).toEqual([]);
    first.write(large.subarray(50_000));
    await until(() => received.includes("second") && received.includes("first"));
    bystander.close();
  });

  it("memory of a connection that dies is free again", async () => {
    await start({ queuedMaxRequestBytes: 2_000 });
    const dying = await open();
    const prefix = Buffer.alloc(8);
    prefix.writeInt32BE(50_000, 0);
    dying.write(prefix);
    const client = await RawClient.connect(broker.address);
    const isAnswered = answers(client);
    dying.destroy();
    expect(await isAnswered).toBe(true);
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
  it("wakes those that wait in their order, as long as there is room, and never within a call", async () => {
    await start({});
    const clock = new StandingClock();
    const budget = new MemoryBudget(clock, 100);
    const woken: string[] = [];
    budget.take(120);
    expect(budget.isFull).toBe(true);
    budget.whenFree(() => {
      woken.push("first");
      budget.take(100);
    });
    budget.whenFree(() => woken.push("second"));
    budget.giveBack(10);
    clock.turn();
    expect(woken).toEqual([]);
    budget.giveBack(60);
    expect(woken).toEqual([]);
    clock.turn();
    expect(woken).toEqual(["first"]);
    budget.giveBack(100);
    clock.turn();
    expect(woken).toEqual(["first", "second"]);
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
