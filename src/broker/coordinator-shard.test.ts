import { beforeEach, describe, expect, it } from "vitest";
import type { CoordinatorMachine, CoordinatorRecord } from "../coordinator/coordinator.ts";
import { defaultLogConfig } from "../log/log-config.ts";
import { PartitionLog } from "../log/partition-log.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { DiskError, type DiskFile } from "../platform/disk.ts";
import { silentLogger } from "../platform/logger.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { RecordBatch } from "../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../protocol/records/builder.ts";
import { CoordinatorShard, type RefusableStep } from "./coordinator-shard.ts";
import { Partition } from "./partition.ts";

/** Turns of the event loop and timers run when the test says so. */
class ManualClock implements Clock {
  time = 1000;
  /** From `time` to the wall clock's. */
  skew = 0;
  readonly timers = new Map<object, { readonly at: number; readonly callback: () => void }>();
  #turn: (() => void)[] = [];

  now(): number {
    return this.time + this.skew;
  }
  monotonic(): number {
    return this.time;
  }
  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { cancel: () => void this.timers.delete(timer) };
    this.timers.set(timer, { at: this.time + delayMs, callback });
    return timer;
  }
  setImmediate(callback: () => void): void {
    this.#turn.push(callback);
  }

  /** One turn of the event loop, and the promises that it settles. */
  async turn(): Promise<void> {
    for (const callback of this.#turn.splice(0)) callback();
    for (let i = 0; i < 10; i++) await undefined;
  }

  async settle(): Promise<void> {
    while (this.#turn.length > 0) await this.turn();
  }

  advance(ms: number): void {
    this.time += ms;
    for (const [timer, { at, callback }] of [...this.timers]) {
      if (at > this.time) continue;
      this.timers.delete(timer);
      callback();
    }
  }
}

/** Remembers what it was told, in order. */
class Diary implements CoordinatorMachine<RefusableStep> {
  readonly entries: string[] = [];
  deadline: number | undefined;
  contradiction: "what it decides" | "what it applies" | undefined;

  #check(what: typeof this.contradiction): void {
    if (this.contradiction === what) throw new Error(what);
  }

  write(
    value: string,
    answer: (response: string) => void,
    transaction?: CoordinatorRecord["transaction"],
  ): RefusableStep {
    this.#check("what it decides");
    return {
      records: [{ key: Buffer.from("key"), value: Buffer.from(value), ...(transaction ? { transaction } : {}) }],
      replies: [() => answer(`wrote ${value}`)],
      ...(transaction ? { refused: (error: ErrorName) => answer(`refused: ${error}`) } : {}),
    };
  }

  read(answer: (response: string) => void): RefusableStep {
    const seen = this.entries.join(" ");
    return { records: [], replies: [() => answer(seen)] };
  }

  apply(record: CoordinatorRecord, offset: number): void {
    this.#check("what it applies");
    this.entries.push(`${offset}:${Buffer.from(record.value ?? "")}`);
  }
  nextDeadline(): number | undefined {
    return this.deadline;
  }
  clockMoved(byMs: number): void {
    if (this.deadline !== undefined) this.deadline += byMs;
  }
  tick(now: number): RefusableStep {
    this.#check("what it decides");
    if (this.deadline === undefined || now < this.deadline) return { records: [], replies: [] };
    this.deadline = undefined;
    return { records: [{ key: Buffer.from("key"), value: Buffer.from(`tick at ${now}`) }], replies: [] };
  }
}

/** Does not give what it holds, or something else, when the test says so. */
class BadDisk extends MemoryDisk {
  isFailing = false;

  override open(path: string, options?: { readonly create?: boolean }): DiskFile {
    const file = super.open(path, options);
    const read: DiskFile["read"] = (...args) => {
      if (this.isFailing) throw new DiskError("EIO", path, `${path}: EIO`);
      return file.read(...args);
    };
    return {
      path,
      read,
      size: () => file.size(),
      write: (chunks, position) => file.write(chunks, position),
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }

  flip(path: string, position: number): void {
    const file = super.open(path);
    const byte = Buffer.alloc(1);
    file.read(byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ 1;
    file.write([byte], position);
    file.close();
  }
}

type Shard = CoordinatorShard<Diary, RefusableStep>;

describe("a coordinator's shard", () => {
  let clock: ManualClock;
  let disk: BadDisk;
  let answers: string[];

  beforeEach(() => {
    clock = new ManualClock();
    disk = new BadDisk();
    answers = [];
  });

  async function openPartition(): Promise<Partition> {
    const partition: { current?: Partition } = {};
    const opening = PartitionLog.open({
      disk,
      clock,
      logger: silentLogger,
      folder: "data/diary-0",
      topicPartition: { topic: "diary", partition: 0 },
      topicId: "4pDa7E0AQS6hJEFRVPTXMQ",
      config: defaultLogConfig,
      leaderEpoch: 0,
      onAdvance: () => partition.current?.advanced(),
    });
    let isOpen = false;
    opening.then(() => {
      isOpen = true;
    });
    while (!isOpen) await clock.turn();
    partition.current = new Partition("diary", 0, await opening);
    return partition.current;
  }

  function startShard(partition: Partition, onRefused: () => void = () => {}): Shard {
    return new CoordinatorShard<Diary, RefusableStep>({
      machine: new Diary(),
      partition,
      hooks: {
        applyMarker: (machine, producerId, type) => machine.entries.push(`${type} of ${producerId}`),
        loaded: () => undefined,
      },
      clock,
      logger: silentLogger,
      onRefused,
    });
  }

  function write(shard: Shard, value: string, transaction?: CoordinatorRecord["transaction"]): void {
    shard.request<string>(
      (machine, _now, answer) => machine.write(value, answer, transaction),
      (response) => answers.push(response),
      (error) => error,
    );
  }

  function read(shard: Shard): void {
    shard.request<string>(
      (machine, _now, answer) => machine.read(answer),
      (response) => answers.push(response),
      (error) => error,
    );
  }

  const marker = {
    type: "commit",
    producerEpoch: 0,
    coordinatorEpoch: 0,
    timestamp: 0,
    transactionVersion: 0,
  } as const;

  it("answers once the record is durable, and whoever has seen it too; the machine has it at once", async () => {
    const shard = startShard(await openPartition());
    write(shard, "a");
    read(shard);
    expect(shard.machine.entries).toEqual(["0:a"]);
    expect(answers).toEqual([]);
    await clock.settle();
    expect(answers).toEqual(["wrote a", "0:a"]);
  });

  it("replays records and markers in their order, and takes no request before it is through", async () => {
    const before = await openPartition();
    const first = startShard(before);
    const large = "x".repeat(700_000);
    write(first, large);
    write(first, "offset", { producerId: 7, producerEpoch: 0 });
    before.log.appendMarker({ ...marker, producerId: 7 });
    write(first, large);
    write(first, "last");
    await clock.settle();
    await before.log.close();
    answers = [];

    const partition = await openPartition();
    const shard = startShard(partition);
    expect(shard.problem).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    write(shard, "too early");
    expect(answers).toEqual(["COORDINATOR_LOAD_IN_PROGRESS"]);
    // It comes while the log is being replayed, and is applied once.
    partition.log.appendMarker({ ...marker, producerId: 8 });
    shard.markerAppended(8, "commit");
    await clock.settle();
    expect(shard.problem).toBeUndefined();
    const seen = shard.machine.entries.map((entry) => entry.replace(/x+/, "large"));
    expect(seen).toEqual(["0:large", "1:offset", "commit of 7", "3:large", "4:last", "commit of 8"]);
    partition.log.appendMarker({ ...marker, producerId: 9 });
    shard.markerAppended(9, "commit");
    expect(shard.machine.entries.at(-1)).toBe("commit of 9");
  });

  it("a record that the log refuses because of its producer is answered so, and nothing has changed", async () => {
    const partition = await openPartition();
    const shard = startShard(partition);
    write(shard, "new", { producerId: 7, producerEpoch: 3 });
    write(shard, "old", { producerId: 7, producerEpoch: 2 });
    write(shard, "other");
    await clock.settle();
    expect(answers).toEqual(["refused: INVALID_PRODUCER_EPOCH", "wrote new", "wrote other"]);
    expect(shard.machine.entries).toEqual(["0:new", "1:other"]);
  });

  it("a log that cannot be read for the time being: another shard may try again; damage ends it for good", async () => {
    const before = await openPartition();
    write(startShard(before), "a");
    await clock.settle();
    await before.log.close();
    const path = "data/diary-0/00000000000000000000.log";
    for (const [state, refusals, problem] of [
      ["failing", 1, "COORDINATOR_NOT_AVAILABLE"],
      ["well", 0, undefined],
      ["damaged", 0, "COORDINATOR_NOT_AVAILABLE"],
    ] as const) {
      const partition = await openPartition();
      disk.isFailing = state === "failing";
      if (state === "damaged") disk.flip(path, 70);
      let refused = 0;
      const shard = startShard(partition, () => refused++);
      await clock.settle();
      expect([state, shard.problem, refused]).toEqual([state, problem, refusals]);
      if (state === "well") expect(shard.machine.entries).toEqual(["0:a"]);
      disk.isFailing = false;
      await partition.log.close();
    }
  });

  it.each(["what it decides", "what it applies"] as const)(
    "a machine that contradicts itself in %s is not used again, and whoever waits for a sync gets its answer",
    async (what) => {
      const partition = await openPartition();
      let refused = 0;
      const shard = startShard(partition, () => refused++);
      const others: string[] = [];
      const builder = new RecordBatchBuilder();
      builder.append(0, Buffer.from("key"), null);
      partition.log.append([new RecordBatch(builder.build())], "coordinator");
      partition.log.whenDurable(1, () => write(shard, what));
      partition.log.whenDurable(1, () => others.push("answered"));
      shard.machine.contradiction = what;
      await clock.settle();
      expect(others).toEqual(["answered"]);
      expect([answers, shard.problem, refused]).toEqual([
        ["COORDINATOR_NOT_AVAILABLE"],
        "COORDINATOR_NOT_AVAILABLE",
        1,
      ]);
    },
  );

  it("a tick that contradicts itself ends the shard, and not the process", async () => {
    let refused = 0;
    const shard = startShard(await openPartition(), () => refused++);
    shard.machine.deadline = 1500;
    shard.machine.contradiction = "what it decides";
    shard.notify(() => ({ records: [], replies: [] }));
    clock.advance(500);
    expect([shard.problem, refused]).toEqual(["COORDINATOR_NOT_AVAILABLE", 1]);
  });

  it("ticks when the machine says", async () => {
    const shard = startShard(await openPartition());
    shard.machine.deadline = 1500;
    read(shard);
    clock.advance(499);
    expect(shard.machine.entries).toEqual([]);
    clock.advance(1);
    expect(shard.machine.entries).toEqual(["0:tick at 1500"]);
    await clock.settle();
    expect(clock.timers.size).toBe(0);
  });

  it.each([-3_600_000, 3_600_000])("ticks in time when the wall clock is set by %i ms", async (byMs) => {
    const shard = startShard(await openPartition());
    shard.machine.deadline = 1500;
    read(shard);
    clock.skew = byMs;
    // Whoever asks has it looked at the deadline anew.
    read(shard);
    clock.advance(499);
    expect(shard.machine.entries).toEqual([]);
    clock.advance(1);
    expect(shard.machine.entries).toEqual([`0:tick at ${1500 + byMs}`]);
    await clock.settle();
    expect(clock.timers.size).toBe(0);
  });

  it("a log that goes offline ends it: what waits is answered, nothing is decided any more", async () => {
    const partition = await openPartition();
    const shard = startShard(partition);
    write(shard, "a");
    const deleted = partition.log.delete();
    expect(answers).toEqual(["COORDINATOR_NOT_AVAILABLE"]);
    write(shard, "b");
    read(shard);
    expect(answers).toEqual(Array(3).fill("COORDINATOR_NOT_AVAILABLE"));
    expect(shard.machine.entries).toEqual(["0:a"]);
    await clock.settle();
    await deleted;
  });

  it("stopped, it answers who waits, once", async () => {
    const shard = startShard(await openPartition());
    write(shard, "a");
    shard.stop();
    await clock.settle();
    expect(answers).toEqual(["COORDINATOR_NOT_AVAILABLE"]);
  });
});
