// What readers see of transactions: the last stable offset, and the list of aborted ones.

import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import {
  append,
  appendTransactional,
  baseOffsetsIn,
  batchOf,
  consume,
  durable,
  LogFixture,
  mark,
  read,
  tryAppendTransactional,
  valuesOf,
} from "./log.testing.ts";
import type { PartitionLog } from "./partition-log.ts";

let fixture: LogFixture;
let log: PartitionLog;
beforeEach(async () => {
  fixture = new LogFixture();
  log = await fixture.open();
});

describe("the last stable offset", () => {
  it("stops where the oldest open transaction begins", async () => {
    append(log);
    appendTransactional(log, { producerId: 1 });
    appendTransactional(log, { producerId: 2 });
    append(log);
    await durable(log);
    expect([log.lastStableOffset, log.highWatermark]).toEqual([1, 4]);
    mark(log, "commit", 2);
    await durable(log);
    expect(log.lastStableOffset).toBe(1);
    mark(log, "abort", 1);
    await durable(log);
    expect(log.lastStableOffset).toBe(6);
  });

  it("does not pass a transaction whose marker is not durable yet", async () => {
    appendTransactional(log, { producerId: 1 });
    await durable(log);
    mark(log, "commit", 1);
    expect(log.lastStableOffset).toBe(0);
    await durable(log);
    expect(log.lastStableOffset).toBe(2);
  });

  it("with durability os, moves with the marker", async () => {
    log = await new LogFixture({ durability: "os" }).open();
    appendTransactional(log, { producerId: 1 });
    expect([log.lastStableOffset, log.highWatermark]).toEqual([0, 1]);
    mark(log, "commit", 1);
    expect(log.lastStableOffset).toBe(2);
  });

  it("is the same after a restart, clean or not", async () => {
    append(log);
    appendTransactional(log, { producerId: 1 });
    await durable(log);
    log = await fixture.open();
    expect([log.lastStableOffset, log.highWatermark]).toEqual([1, 2]);
    await log.close();
    log = await fixture.open();
    expect([log.lastStableOffset, log.highWatermark]).toEqual([1, 2]);
    mark(log, "commit", 1);
    await durable(log);
    expect(log.lastStableOffset).toBe(3);
  });

  it("stays at the log's start when that moves past an open transaction (fault 18)", async () => {
    append(log);
    appendTransactional(log, { producerId: 1 });
    append(log);
    append(log);
    await durable(log);
    log.deleteRecordsBefore(3);
    await log.flush();
    expect([log.logStartOffset, log.lastStableOffset]).toEqual([3, 3]);
    await log.close();
    log = await fixture.open();
    expect([log.logStartOffset, log.lastStableOffset]).toEqual([3, 3]);
    mark(log, "abort", 1);
    await durable(log);
    expect(log.lastStableOffset).toBe(5);
    expect(read(log, { isolation: "read_committed" }).abortedTransactions).toEqual([{ producerId: 1, firstOffset: 1 }]);
  });

  it("a marker without a transaction moves it like any record", async () => {
    mark(log, "abort", 1);
    await durable(log);
    expect(log.lastStableOffset).toBe(1);
    expect(read(log, { isolation: "read_committed" }).abortedTransactions).toEqual([]);
  });
});

describe("read_committed", () => {
  it("ends at the last stable offset; read_uncommitted shows all and lists nothing (fault 13)", async () => {
    append(log);
    appendTransactional(log, { producerId: 1 });
    mark(log, "abort", 1);
    appendTransactional(log, { producerId: 2 });
    await durable(log);
    expect(baseOffsetsIn(read(log, { isolation: "read_committed" }))).toEqual([0, 1, 2]);
    const all = read(log, { isolation: "read_uncommitted" });
    expect(baseOffsetsIn(all)).toEqual([0, 1, 2, 3]);
    expect(all.abortedTransactions).toEqual([]);
  });

  it("lists no transaction of which nothing is in the answer", async () => {
    appendTransactional(log, { producerId: 1 });
    mark(log, "abort", 1);
    append(log);
    appendTransactional(log, { producerId: 1, sequence: 1 });
    mark(log, "abort", 1);
    await durable(log);
    const listed = (offset: number, maxBytes = 1e6): number[] =>
      read(log, { offset, maxBytes, isolation: "read_committed" }).abortedTransactions.map((each) => each.firstOffset);
    expect(listed(0, 1)).toEqual([0]);
    expect(listed(1, 1)).toEqual([0]);
    expect(listed(2, 1)).toEqual([]);
    expect(listed(2)).toEqual([3]);
    expect(listed(0)).toEqual([0, 3]);
  });

  it("one producer that aborts twice within one fetch, and commits in between (fault 12)", async () => {
    appendTransactional(log, { producerId: 1, values: ["aborted"] });
    mark(log, "abort", 1);
    appendTransactional(log, { producerId: 1, sequence: 1, values: ["committed"] });
    mark(log, "commit", 1);
    appendTransactional(log, { producerId: 1, sequence: 2, values: ["aborted"] });
    mark(log, "abort", 1);
    await durable(log);
    expect(read(log, { isolation: "read_committed" }).abortedTransactions).toEqual([
      { producerId: 1, firstOffset: 0 },
      { producerId: 1, firstOffset: 4 },
    ]);
    expect(valuesOf(consume(log, "read_committed"))).toEqual(["committed"]);
  });

  it("two producers whose aborts overlap are listed by first offset, not by marker (fault 12)", async () => {
    appendTransactional(log, { producerId: 1, values: ["aborted"] });
    appendTransactional(log, { producerId: 2, values: ["aborted"] });
    appendTransactional(log, { producerId: 3, values: ["committed"] });
    mark(log, "abort", 2);
    appendTransactional(log, { producerId: 1, sequence: 1, values: ["aborted"] });
    mark(log, "abort", 1);
    mark(log, "commit", 3);
    await durable(log);
    expect(read(log, { isolation: "read_committed" }).abortedTransactions).toEqual([
      { producerId: 1, firstOffset: 0 },
      { producerId: 2, firstOffset: 1 },
    ]);
    expect(valuesOf(consume(log, "read_committed"))).toEqual(["committed"]);
  });

  it("a marker may be the last offset, and the only thing that is left to read (fault 15)", async () => {
    appendTransactional(log, { producerId: 1 });
    mark(log, "abort", 1);
    await durable(log);
    const last = read(log, { offset: 1, isolation: "read_committed" });
    expect(baseOffsetsIn(last)).toEqual([1]);
    expect(last.abortedTransactions).toEqual([{ producerId: 1, firstOffset: 0 }]);
    expect(read(log, { offset: 2, isolation: "read_committed" }).records).toHaveLength(0);
  });

  it("a transaction that spans segments is listed for each part of it, whichever segment the marker is in", async () => {
    fixture = new LogFixture({ segmentBytes: 3 * batchOf().sizeBytes });
    log = await fixture.open();
    for (let i = 0; i < 8; i++) {
      appendTransactional(log, { producerId: 1, sequence: i, values: ["aborted"] });
      append(log, { values: [`v${i}`] });
    }
    mark(log, "abort", 1);
    await durable(log);
    expect(fixture.files("log").length).toBeGreaterThan(4);
    for (let offset = 0; offset <= 16; offset++) {
      const { abortedTransactions } = read(log, { offset, maxBytes: 1, isolation: "read_committed" });
      expect(abortedTransactions, `at ${offset}`).toEqual([{ producerId: 1, firstOffset: 0 }]);
    }
    expect(valuesOf(consume(log, "read_committed", { maxBytes: 200 }))).toEqual(
      Array.from({ length: 8 }, (_, i) => `v${i}`),
    );
  });
});

describe("whatever the interleaving, consumers read what was committed, in every way of fetching", () => {
  type Step = { readonly producerId: number; readonly what: "write" | "plain" | "commit" | "abort" };
  const step = fc.record({
    producerId: fc.integer({ min: 1, max: 3 }),
    what: fc.constantFrom<Step["what"]>("write", "write", "write", "plain", "commit", "abort"),
  });

  it.each([
    ["in one segment", 1e6],
    ["in many segments", 4 * batchOf().sizeBytes],
  ])("%s", async (_where, segmentBytes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 500 }), async (steps, maxBytes) => {
        fixture = new LogFixture({ segmentBytes, indexIntervalBytes: 100 });
        log = await fixture.open();
        const committed = run(steps);
        await durable(log);
        for (let round = 0; round < 3; round++) {
          expect(consume(log, "read_committed", { maxBytes })).toEqual(committed);
          for (const offset of [1, 7, log.lastStableOffset]) {
            if (offset > log.logEndOffset) continue;
            const expected = committed.filter((record) => record.offset >= offset);
            expect(consume(log, "read_committed", { offset, maxBytes })).toEqual(expected);
          }
          if (round === 0) await log.close();
          log = await fixture.open();
        }
        await log.close();
      }),
      { numRuns: 60 },
    );
  });

  /** What a reader with read_committed may see. */
  function run(steps: readonly Step[]): { offset: number; value: string }[] {
    const decided: { offset: number; value: string }[] = [];
    const open = new Map<number, { offset: number; value: string }[]>();
    const sequences = new Map<number, number>();
    for (const [i, { producerId, what }] of steps.entries()) {
      const value = `${i}`;
      if (what === "plain") {
        decided.push({ offset: append(log, { values: [value] }).baseOffset, value });
      } else if (what === "write") {
        const sequence = sequences.get(producerId) ?? 0;
        sequences.set(producerId, sequence + 1);
        const outcome = tryAppendTransactional(log, { producerId, sequence, values: [value] });
        expect(outcome).toMatchObject({ ok: true });
        const records = open.get(producerId) ?? [];
        open.set(producerId, [...records, { offset: outcome.ok ? outcome.baseOffset : -1, value }]);
      } else {
        mark(log, what, producerId);
        if (what === "commit") decided.push(...(open.get(producerId) ?? []));
        open.delete(producerId);
      }
    }
    const firstOpen = Math.min(...[...open.values()].map((records) => records[0]?.offset ?? 0));
    return decided.filter(({ offset }) => offset < firstOpen).sort((a, b) => a.offset - b.offset);
  }
});
