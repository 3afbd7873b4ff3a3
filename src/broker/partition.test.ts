import { beforeEach, describe, expect, it } from "vitest";
import { batchOf as bytesOf } from "../../test/support/raw-session.ts";
import { defaultLogConfig } from "../log/log-config.ts";
import { PartitionLog } from "../log/partition-log.ts";
import type { AppendOutcome } from "../log/types.ts";
import { silentLogger } from "../platform/logger.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { nodePlatform } from "../platform/node/index.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { batchesIn, RecordBatch } from "../protocol/records/batch.ts";
import { readMarker } from "../protocol/records/control.ts";
import { decodeRecords } from "../protocol/records/record.ts";
import { Partition } from "./partition.ts";

const marker = { coordinatorEpoch: 0, timestamp: 0 } as const;

describe("appends of a producer whose transaction is being verified", () => {
  let partition: Partition;
  let outcomes: string[];
  /** The coordinator's answers that the test has not given yet. */
  let questions: ((error: ErrorName) => void)[];

  beforeEach(async () => {
    outcomes = [];
    questions = [];
    const log = await PartitionLog.open({
      disk: new MemoryDisk(),
      clock: nodePlatform.clock,
      logger: silentLogger,
      folder: "data/topic-0",
      topicPartition: { topic: "topic", partition: 0 },
      topicId: "4pDa7E0AQS6hJEFRVPTXMQ",
      config: { ...defaultLogConfig, durability: "os" },
      leaderEpoch: 0,
    });
    partition = new Partition("topic", 0, log);
  });

  function append(
    value: string,
    producerId: number,
    producerEpoch: number,
    sequence: number,
    isVersion2 = true,
  ): Buffer {
    const bytes = bytesOf([value], { producer: { producerId, producerEpoch }, sequence, transactionalId: "id" });
    const verification = { isVersion2, ask: (answer: (error: ErrorName) => void) => void questions.push(answer) };
    partition.append(new RecordBatch(bytes), verification, (outcome: AppendOutcome) =>
      outcomes.push(`${value}: ${outcome.ok ? outcome.baseOffset : outcome.error}`),
    );
    return bytes;
  }

  function answer(error: ErrorName = "NONE"): void {
    questions.shift()?.(error);
  }

  function contents(): string[] {
    const read = partition.log.read({ offset: 0, maxBytes: 10_000, isolation: "read_uncommitted", minOneBatch: true });
    if (!read.ok) throw new Error(read.message);
    return [...batchesIn(read.records)].flatMap((batch) => {
      if (batch.isControl) return [`${batch.producerId} ${readMarker(batch)?.type}`];
      return decodeRecords(batch).map(({ value }) => Buffer.from(value ?? "").toString());
    });
  }

  it("keep their order and wait for the first; those of other producers pass", () => {
    append("a", 1, 0, 0);
    append("b", 1, 0, 1);
    append("other", 2, 0, 0);
    expect(questions).toHaveLength(2);
    questions.pop()?.("NONE");
    expect(outcomes).toEqual(["other: 0"]);
    answer();
    // The transaction is open now: the second needs no question of its own.
    expect(questions).toHaveLength(0);
    expect(outcomes).toEqual(["other: 0", "a: 1", "b: 2"]);
    expect(contents()).toEqual(["other", "a", "b"]);
  });

  it("are copied: the network's buffer is used again meanwhile", () => {
    const bytes = append("a", 1, 0, 0);
    bytes.fill(0);
    answer();
    expect(contents()).toEqual(["a"]);
  });

  it("that come behind a refused one are verified themselves", () => {
    append("a", 1, 0, 0);
    append("b", 1, 0, 1);
    answer("CONCURRENT_TRANSACTIONS");
    expect(outcomes).toEqual(["a: CONCURRENT_TRANSACTIONS"]);
    answer();
    // Alone it would leave a gap: the first is to be sent again.
    expect(outcomes).toEqual(["a: CONCURRENT_TRANSACTIONS", "b: OUT_OF_ORDER_SEQUENCE_NUMBER"]);
    append("a", 1, 0, 0);
    answer();
    append("b", 1, 0, 1);
    expect(outcomes.slice(2)).toEqual(["a: 0", "b: 1"]);
  });

  it("are refused when a marker has come before the answer: nobody would end their transaction (KIP-890)", () => {
    append("late", 1, 0, 0);
    partition.log.appendMarker({ ...marker, type: "abort", producerId: 1, producerEpoch: 1, transactionVersion: 2 });
    answer();
    expect(outcomes).toEqual(["late: INVALID_PRODUCER_EPOCH"]);
    expect(contents()).toEqual(["1 abort"]);
    expect(partition.log.lastStableOffset).toBe(1);
  });

  it("are refused then also where the epoch stays the same, in the classic protocol", () => {
    append("late", 1, 0, 0, false);
    partition.log.appendMarker({ ...marker, type: "commit", producerId: 1, producerEpoch: 0, transactionVersion: 0 });
    answer();
    expect(outcomes).toEqual(["late: INVALID_TXN_STATE"]);
    expect(contents()).toEqual(["1 commit"]);
  });

  it("of the next transaction are not, when the marker of the last one comes late", () => {
    append("a", 1, 0, 0);
    answer();
    append("next", 1, 1, 0);
    partition.log.appendMarker({ ...marker, type: "commit", producerId: 1, producerEpoch: 1, transactionVersion: 2 });
    answer();
    expect(outcomes).toEqual(["a: 0", "next: 2"]);
    expect(contents()).toEqual(["a", "1 commit", "next"]);
  });

  it("fail with the log", async () => {
    append("a", 1, 0, 0);
    append("b", 1, 0, 1);
    await partition.log.delete();
    answer();
    answer();
    expect(outcomes).toEqual(["a: KAFKA_STORAGE_ERROR", "b: KAFKA_STORAGE_ERROR"]);
  });
});
