import { beforeEach, describe, expect, it } from "vitest";
import { RecordBatch } from "../../protocol/records/batch.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import { OncillaError } from "../errors.ts";
import type { RecordMetadata } from "../types.ts";
import { Accumulator } from "./accumulator.ts";
import type { EncodedRecord, ProducerBatch } from "./batch.ts";
import { PartitionQueue } from "./partition-queue.ts";

const failure = new OncillaError("INVALID_RECORD", "refused");
let accumulator: Accumulator;
let noted: ProducerBatch[];
let silentErrors: OncillaError[];
let queue: PartitionQueue;
let other: PartitionQueue;

beforeEach(() => {
  noted = [];
  silentErrors = [];
  accumulator = new Accumulator({
    batchSizeBytes: 200,
    bufferMemoryBytes: 1_000,
    onBatch: (batch) => noted.push(batch),
    onSilentError: (error) => silentErrors.push(error),
  });
  queue = new PartitionQueue("t", 0);
  other = new PartitionQueue("t", 1);
});

function record(value: string): EncodedRecord {
  return { key: null, value: Buffer.from(value), headers: [], timestamp: 5 };
}

/** What a record's callback was told. */
interface Told {
  error?: OncillaError | undefined;
  metadata?: RecordMetadata | undefined;
}

function append(value: string, to: PartitionQueue = queue): Told {
  const told: Told = {};
  const callback = (error?: OncillaError, metadata?: RecordMetadata): void =>
    void Object.assign(told, { error, metadata });
  accumulator.append(to, record(value), callback, 1);
  return told;
}

function take(from: PartitionQueue = queue): ProducerBatch {
  const batch = accumulator.take(from);
  if (!batch) throw new Error("nothing waits");
  return batch;
}

function valuesOf(batch: ProducerBatch): string[] {
  return decodeRecords(new RecordBatch(batch.encode({}))).map(({ value }) => Buffer.from(value ?? []).toString());
}

describe("records collect", () => {
  it("in one batch until it is full; the sender hears of new and of full ones", () => {
    append("x".repeat(50));
    append("y".repeat(50));
    expect(noted).toHaveLength(1);
    expect(noted[0]?.isClosed).toBe(false);
    append("z".repeat(50));
    expect(noted).toHaveLength(2);
    expect(noted[0]?.isClosed).toBe(true);
    expect(queue.waiting.map(({ recordCount }) => recordCount)).toEqual([2, 1]);
  });

  it("by partition; those that were served longest ago come first", () => {
    append("a");
    append("b", other);
    append("x".repeat(190));
    expect([...accumulator.queues]).toEqual([queue, other]);
    expect(valuesOf(take())).toEqual(["a"]);
    expect([...accumulator.queues]).toEqual([other, queue]);
    take();
    take(other);
    expect([...accumulator.queues]).toEqual([]);
    expect(accumulator.incomplete.size).toBe(3);
  });

  it("in a batch of its own when a record is larger than a batch", () => {
    append("a");
    append("x".repeat(500));
    append("b");
    expect(queue.waiting.map((batch) => valuesOf(batch).map(({ length }) => length))).toEqual([[1], [500], [1]]);
  });

  it("in a batch no more once it is encoded", () => {
    append("a");
    const batch = take();
    accumulator.putBack(batch);
    valuesOf(batch);
    append("b");
    expect(queue.waiting.map(valuesOf)).toEqual([["a"], ["b"]]);
  });
});

describe("a batch", () => {
  it("tells each record where it lies", () => {
    const told = ["a", "b"].map((value) => append(value));
    accumulator.succeed(take(), 10, -1);
    expect(told).toEqual([
      { error: undefined, metadata: { topic: "t", partition: 0, offset: 10, timestamp: 5 } },
      { error: undefined, metadata: { topic: "t", partition: 0, offset: 11, timestamp: 5 } },
    ]);
  });

  it("tells the broker's time, and that an offset is not known", () => {
    const told = append("a");
    accumulator.succeed(take(), -1, 77);
    expect(told.metadata).toMatchObject({ offset: -1, timestamp: 77 });
  });

  it("tells each record its own error, and the flush the first of those that have no callback", () => {
    const told = append("a");
    accumulator.append(queue, record("b"), undefined, 1);
    const blamed = new OncillaError("INVALID_RECORD", "this one");
    accumulator.fail(take(), failure, (index) => (index === 0 ? blamed : failure));
    expect(told).toEqual({ error: blamed, metadata: undefined });
    expect(silentErrors).toEqual([failure]);
  });

  it("tells the others, and gives its memory back, when a callback throws", async () => {
    const used = accumulator.usedBytes;
    const bug = new Error("a bug in a callback");
    const others = process.rawListeners("unhandledRejection") as NodeJS.UnhandledRejectionListener[];
    process.removeAllListeners("unhandledRejection");
    const unhandled: unknown[] = [];
    process.on("unhandledRejection", (error) => unhandled.push(error));
    for (const end of [
      (batch: ProducerBatch) => accumulator.succeed(batch, 10, -1),
      (batch: ProducerBatch) => accumulator.fail(batch, failure),
    ]) {
      const throwing = (): void => {
        throw bug;
      };
      accumulator.append(queue, record("a"), throwing, 1);
      const told = append("b");
      expect(() => end(take())).not.toThrow();
      expect(told.metadata?.offset === 11 || told.error === failure).toBe(true);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.removeAllListeners("unhandledRejection");
    expect(unhandled).toEqual([bug, bug]);
    for (const listener of others) process.on("unhandledRejection", listener);
    expect(accumulator.usedBytes).toBe(used);
  });

  it("is done once", () => {
    const told = append("a");
    const batch = take();
    accumulator.succeed(batch, 1, -1);
    accumulator.fail(batch, failure);
    expect(told.error).toBeUndefined();
    expect(accumulator.usedBytes).toBe(0);
  });

  it("that comes back goes before those that were not sent, in the order of the numbers", () => {
    for (const value of ["a", "b", "c", "d"]) append(value.repeat(150));
    const identity = { producerId: 1, producerEpoch: 0 };
    const first = take();
    queue.sequences.number(first, identity);
    queue.sequences.acknowledged(first);
    const [b, c] = [take(), take()];
    for (const batch of [b, c]) {
      queue.sequences.number(batch, identity);
      batch.attempts++;
    }
    accumulator.putBack(c);
    accumulator.putBack(b);
    expect(queue.waiting.map((batch) => valuesOf(batch)[0]?.charAt(0))).toEqual(["b", "c", "d"]);
  });

  it("that is split leaves its records in two, with their callbacks, and a flush waits for both", async () => {
    const told = ["a", "b", "c"].map((value) => append(value));
    const batch = take();
    batch.attempts = 2;
    let isFlushed = false;
    const flushed = accumulator.flushed().then(() => {
      isFlushed = true;
    });
    accumulator.split(batch);
    expect(queue.waiting.map(valuesOf)).toEqual([["a", "b"], ["c"]]);
    expect(queue.waiting.every(({ attempts, isClosed }) => attempts === 2 && isClosed)).toBe(true);
    accumulator.succeed(take(), 3, -1);
    await Promise.resolve();
    expect(isFlushed).toBe(false);
    accumulator.succeed(take(), 5, -1);
    await flushed;
    expect(told.map(({ metadata }) => metadata?.offset)).toEqual([3, 4, 5]);
    expect(accumulator.usedBytes).toBe(0);
  });

  it("that is split stays the older one, as its time is over first", () => {
    for (const value of ["a", "b"]) append(value);
    append("c", other);
    const batch = take();
    accumulator.split(batch);
    expect([...accumulator.incomplete].map(valuesOf)).toEqual([["a"], ["b"], ["c"]]);
  });

  it("that is withdrawn waits no more", () => {
    append("a");
    const batch = queue.waiting[0] as ProducerBatch;
    expect(accumulator.withdraw(batch)).toBe(true);
    expect(accumulator.withdraw(batch)).toBe(false);
    expect([...accumulator.queues]).toEqual([]);
  });
});

describe("memory", () => {
  it("is counted until records are done; who waits for room gets it in order", () => {
    const order: string[] = [];
    for (let i = 0; i < 6; i++) append("x".repeat(150));
    expect(accumulator.hasRoom).toBe(false);
    accumulator.whenRoom(() => {
      order.push("first");
      append("y".repeat(900), other);
    });
    accumulator.whenRoom(() => order.push("second"));
    expect(accumulator.isUrgent).toBe(true);
    accumulator.succeed(take(), 0, -1);
    accumulator.succeed(take(), 0, -1);
    expect(order).toEqual(["first"]);
    for (let i = 0; i < 4; i++) accumulator.succeed(take(), 0, -1);
    expect(order).toEqual(["first", "second"]);
    expect(accumulator.hasRoom).toBe(true);
  });

  it("is counted for records whose topic is not known yet", () => {
    accumulator.reserve(1_200);
    expect(accumulator.hasRoom).toBe(false);
    accumulator.reserve(-1_200);
    expect(accumulator.hasRoom).toBe(true);
  });
});

describe("a flush", () => {
  it("waits for what there was when it began", async () => {
    append("a");
    const first = take();
    const flushed = accumulator.flushed();
    append("later");
    accumulator.succeed(first, 0, -1);
    await flushed;
    expect(accumulator.incomplete.size).toBe(1);
  });

  it("is done at once when there is nothing", async () => {
    await accumulator.flushed();
    expect(accumulator.isUrgent).toBe(false);
  });
});
