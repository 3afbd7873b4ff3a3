import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeRecords, RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import type { LateRead } from "../log/types.ts";
import { silentLogger } from "../platform/logger.ts";
import { allocate } from "../platform/memory.ts";
import type { Connection } from "../platform/network.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { batchesIn } from "../protocol/records/batch.ts";
import type { RequestBody } from "../protocol/schema.ts";
import { Broker } from "./broker.ts";
import { ClientConnection, type Sending } from "./connection.ts";
import { type LateBytes, writeLate } from "./late-bytes.ts";
import { LogLimiter } from "./log-limiter.ts";
import { MemoryBudget } from "./memory-budget.ts";

/** A socket whose system takes so much of each write at once, and the rest when it is drained: from the memory that it was
 * given, whatever is in it then. */
class Socket implements Connection {
  readonly remoteAddress = "127.0.0.1:1";
  readonly taken: Buffer[] = [];
  isDestroyed = false;
  readonly #takes: () => number;
  #unsent: Uint8Array[] = [];
  #onSent: (() => void)[] = [];

  constructor(takes: () => number = () => Number.POSITIVE_INFINITY) {
    this.#takes = takes;
  }

  get unsentBytes(): number {
    return this.#unsent.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    this.#unsent.push(...chunks);
    if (onSent) this.#onSent.push(onSent);
    this.#take(this.#takes());
    return this.#unsent.length === 0;
  }

  drain(): void {
    this.#take(Number.POSITIVE_INFINITY);
  }

  #take(bytes: number): void {
    while (this.#unsent[0] && bytes > 0) {
      const chunk = this.#unsent[0];
      const count = Math.min(bytes, chunk.length);
      this.taken.push(Buffer.from(chunk.subarray(0, count)));
      bytes -= count;
      if (count === chunk.length) this.#unsent.shift();
      else this.#unsent[0] = chunk.subarray(count);
    }
    if (this.#unsent.length > 0) return;
    const sent = this.#onSent;
    this.#onSent = [];
    for (const call of sent) call();
  }

  open(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.isDestroyed = true;
  }
}

/** Memory to read `content` into. */
function lateBytes(content: Uint8Array): { readonly piece: Uint8Array; readonly late: LateBytes } {
  const piece = new Uint8Array(content.length);
  const read: LateRead = {
    fill: (target, from) => target.set(content.subarray(from, from + target.length)),
    // May have less at hand.
    next(from, maxBytes) {
      const bytes = allocate(Math.min(maxBytes, 300_000));
      this.fill(bytes, from);
      return bytes;
    },
  };
  return { piece, late: new Map([[piece, read]]) };
}

function content(sizeBytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff);
}

interface Asked {
  readonly reply: (pieces: readonly Uint8Array[], sending?: Sending) => void;
}

function openConnection(socket: Socket): { readonly connection: ClientConnection; readonly asked: Asked[] } {
  const clock = new SteppedClock();
  const asked: Asked[] = [];
  const connection = new ClientConnection({
    connection: socket,
    endpoint: { listener: "default", host: "127.0.0.1", port: 1 },
    dispatch: (_frame, _peer, reply) => {
      asked.push({ reply });
      return false;
    },
    clock,
    logger: silentLogger,
    complaints: new LogLimiter(clock, silentLogger),
    limits: {
      maxRequestBytes: 1000,
      maxInFlightRequests: 10,
      maxHeldBytes: 10_000_000,
      requestMemory: new MemoryBudget(clock, 1000, 1000),
      replyMemory: new MemoryBudget(clock, 10_000_000),
    },
  });
  return { connection, asked };
}

const oneRequest = Buffer.from([0, 0, 0, 1, 0]);

describe("a reply whose bytes are read late", () => {
  it("goes out whole, however much the system takes at a time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.constantFrom(1, 100, 524_288, 524_289, 1_300_000), isLate: fc.boolean() }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(fc.constantFrom(0, 1, 70_000, 524_288, 3_000_000), { minLength: 1, maxLength: 8 }),
        (shapes, takes) => {
          let turn = 0;
          let sent = 0;
          const socket = new Socket(() => takes[turn++ % takes.length] ?? 0);
          const contents = shapes.map(({ size }, i) => content(size, i));
          const all = contents.map(lateBytes);
          const pieces = shapes.map(({ isLate }, i) => (isLate ? all[i]?.piece : contents[i]) ?? new Uint8Array());
          writeLate(socket, pieces, new Map(all.flatMap(({ late }) => [...late])), () => sent++);
          socket.drain();
          expect(Buffer.concat(socket.taken).equals(Buffer.concat(contents))).toBe(true);
          expect(sent).toBe(1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("is written before anything else can happen to its file", () => {
    const socket = new Socket();
    const { connection, asked } = openConnection(socket);
    connection.onData(oneRequest);
    const file = content(700_000, 1);
    const before = Buffer.from(file);
    const { piece, late } = lateBytes(file);
    asked[0]?.reply([piece], { late, onSent: () => {} });
    file.fill(0);
    expect(Buffer.concat(socket.taken).equals(before)).toBe(true);
  });

  it("is read before anything else can happen to its file when it has to wait for another reply", async () => {
    const socket = new Socket();
    const { connection, asked } = openConnection(socket);
    connection.onData(Buffer.concat([oneRequest, oneRequest]));
    const file = content(700_000, 1);
    const before = Buffer.from(file);
    const { piece, late } = lateBytes(file);
    asked[1]?.reply([piece], { late, onSent: () => {} });
    file.fill(0);
    expect(socket.taken).toEqual([]);
    asked[0]?.reply([Buffer.from("first")]);
    await nextTurn();
    await nextTurn();
    expect(Buffer.concat(socket.taken).equals(Buffer.concat([Buffer.from("first"), before]))).toBe(true);
  });

  it.each(["next", "second"])("ends the connection when the file cannot be read, as the %s one", async (place) => {
    const socket = new Socket();
    const { connection, asked } = openConnection(socket);
    connection.onData(Buffer.concat([oneRequest, oneRequest]));
    const piece = new Uint8Array(700_000);
    const read = (): never => {
      throw new Error("the disk is gone");
    };
    const sending: Sending = { late: new Map([[piece, { fill: read, next: read }]]), onSent: () => {} };
    asked[place === "next" ? 0 : 1]?.reply([Buffer.from("head"), piece], sending);
    expect(socket.isDestroyed).toBe(true);
    expect(connection.isClosed).toBe(true);
    asked[place === "next" ? 1 : 0]?.reply([Buffer.from("other")]);
    await nextTurn();
    expect(Buffer.concat(socket.taken).length).toBe(0);
  });
});

describe("replies that come after their requests' turn", () => {
  it("leave together, but for records that somebody waits for: they leave at once, with what is in front of them", async () => {
    const socket = new Socket();
    const { connection, asked } = openConnection(socket);
    connection.onData(Buffer.concat([oneRequest, oneRequest, oneRequest]));
    asked[0]?.reply([Buffer.from("first ")]);
    expect(socket.taken).toEqual([]);
    asked[1]?.reply([Buffer.from("records ")], { late: new Map(), onSent: () => {} });
    expect(Buffer.concat(socket.taken).toString()).toBe("first records ");
    asked[2]?.reply([Buffer.from("last")]);
    expect(Buffer.concat(socket.taken).toString()).toBe("first records ");
    await nextTurn();
    expect(Buffer.concat(socket.taken).toString()).toBe("first records last");
  });
});

function fetchOf(
  { name, id }: RawTopic,
  partitions: readonly {
    readonly partition: number;
    readonly fetchOffset: number;
    readonly partitionMaxBytes: number;
  }[],
): RequestBody<typeof fetch> {
  const topics = [{ topic: name, topicId: id, partitions }];
  return { maxWaitMs: 0, minBytes: 1, maxBytes: 2 ** 26, isolationLevel: 0, topics };
}

describe("a large fetch", () => {
  it("brings what was produced to each of many partitions, also when the topic goes right behind it", async () => {
    const broker = await Broker.start();
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("large", 6);
    const expected: string[] = [];
    for (let partition = 0; partition < 6; partition++) {
      for (let i = 0; i < 10; i++) {
        const value = `${partition}/${i} ${"x".repeat(90_000 + i)}`;
        await session.produce(topic, [value], { partition });
        expected.push(value);
      }
    }
    const partitions = [0, 1, 2, 3, 4, 5].map((partition) => ({
      partition,
      fetchOffset: 0,
      partitionMaxBytes: 2 ** 20,
    }));
    const fetched = session.client.send(fetch, 13, fetchOf(topic, partitions));
    const deleted = session.deleteTopic(topic);
    const { responses } = await fetched;
    await deleted;
    const values = responses.flatMap(({ partitions }) =>
      partitions.flatMap(({ records }) =>
        describeRecords(records ?? new Uint8Array()).map((record) => record.slice(2)),
      ),
    );
    // Four MiB at most: the last two have to wait.
    expect(values.length).toBeGreaterThan(35);
    expect(values).toEqual(expected.slice(0, values.length));
    session.close();
    await broker.stop();
  });

  it("brings what is in a folder's files to several who read all of it, at their own pace", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "oncilla-late-"));
    const broker = await Broker.start({ dataDir, durability: "os" });
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("large", 1);
    const expected: string[] = [];
    for (let i = 0; i < 150; i++) {
      const value = `${i} ${"x".repeat(60_000 + i)}`;
      await session.produce(topic, [value]);
      expected.push(`${i}:${value}`);
    }
    const readAll = async (maxBytes: number): Promise<string[]> => {
      const reader = await RawSession.open(broker.address);
      const values: string[] = [];
      while (values.length < expected.length) {
        const request = fetchOf(topic, [{ partition: 0, fetchOffset: values.length, partitionMaxBytes: maxBytes }]);
        const { responses } = await reader.client.send(fetch, 13, request);
        const bytes = responses[0]?.partitions[0]?.records ?? new Uint8Array();
        const batches = [...batchesIn(bytes)];
        expect(batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(bytes.length);
        expect(batches.every((batch) => batch.hasValidCrc())).toBe(true);
        values.push(...describeRecords(bytes));
      }
      reader.close();
      return values;
    };
    for (const read of await Promise.all([2 ** 20, 2 ** 20, 300_000, 3_000_000].map(readAll))) {
      expect(read.length).toBe(expected.length);
      expect(read.every((record, i) => record === expected[i])).toBe(true);
    }
    session.close();
    await broker.stop();
    rmSync(dataDir, { recursive: true });
  });

  it.each([
    ["does not fit", "read_uncommitted"],
    ["is not decided", "read_committed"],
  ] as const)("brings a small batch in front of a large one that %s", async (_why, isolation) => {
    const broker = await Broker.start();
    const session = await RawSession.open(broker.address);
    const topic = await session.createTopic("small", 1);
    await session.produce(topic, ["small"]);
    const large = ["x".repeat(300_000)];
    if (isolation === "read_committed") {
      const producer = await session.newTransactional("txn");
      await session.produce(topic, large, { producer, transactionalId: "txn" });
    } else await session.produce(topic, large);
    for (const maxBytes of [100_000, 200_000, 1_000_000]) {
      const { records } = await session.fetch(topic, { isolation, maxBytes });
      expect(records[0]).toBe("0:small");
    }
    session.close();
    await broker.stop();
  });
});
