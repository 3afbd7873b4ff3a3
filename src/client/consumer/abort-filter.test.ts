import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchesIn } from "../../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../protocol/records/builder.ts";
import { buildMarker } from "../../protocol/records/control.ts";
import { type AbortedTransaction, AbortFilter } from "./abort-filter.ts";

interface Entry {
  readonly producerId: number;
  readonly kind: "records" | "plain" | "commit" | "abort";
  readonly count: number;
}

/** A log's batches, by offsets that follow each other. "A3": three records of producer A's transaction; "A": one; "a": one of the same producer, outside
 * of a transaction; "A+" its commit, "A-" its abort. */
function parse(log: string): Entry[] {
  return log.split(" ").map((word) => {
    const letter = word.charAt(0);
    const producerId = letter.toUpperCase().charCodeAt(0);
    if (word.endsWith("+")) return { producerId, kind: "commit", count: 1 };
    if (word.endsWith("-")) return { producerId, kind: "abort", count: 1 };
    const kind = letter === letter.toUpperCase() ? "records" : "plain";
    return { producerId, kind, count: Number(word.slice(1) || 1) };
  });
}

/** The batches as bytes, from the offset `start` on. */
function toBytes(entries: readonly Entry[]): Buffer {
  let baseOffset = 0;
  const batches = entries.map(({ producerId, kind, count }) => {
    let batch: Buffer;
    if (kind === "commit" || kind === "abort") {
      batch = buildMarker({ type: kind, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 0 });
    } else {
      const builder = new RecordBatchBuilder();
      for (let i = 0; i < count; i++) builder.append(0, null, Buffer.from(`${baseOffset + i}`));
      batch = Buffer.from(builder.build({ producerId, producerEpoch: 0, isTransactional: kind === "records" }));
    }
    batch.writeBigInt64BE(BigInt(baseOffset));
    baseOffset += count;
    return batch;
  });
  return Buffer.concat(batches);
}

/** The first offsets of the batches that are shown. */
function shown(entries: readonly Entry[], aborted: readonly AbortedTransaction[], from = 0): number[] {
  const filter = new AbortFilter(aborted);
  const batches = [...batchesIn(toBytes(entries))].filter((batch) => batch.lastOffset >= from);
  return batches.filter((batch) => !filter.hides(batch)).map((batch) => batch.baseOffset);
}

interface Transaction extends AbortedTransaction {
  readonly lastOffset: number;
  readonly isAborted: boolean;
  /** Of its batches. */
  readonly offsets: readonly number[];
}

/** Slow and plain: who belongs to which transaction, and how it ended. */
function transactionsOf(entries: readonly Entry[]): { readonly all: Transaction[]; readonly outside: number[] } {
  const open = new Map<number, number[]>();
  const all: Transaction[] = [];
  const outside: number[] = [];
  let offset = 0;
  for (const { producerId, kind, count } of entries) {
    if (kind === "plain") outside.push(offset);
    else if (kind === "records") open.set(producerId, [...(open.get(producerId) ?? []), offset]);
    else {
      const offsets = open.get(producerId);
      open.delete(producerId);
      if (offsets) {
        const isAborted = kind === "abort";
        all.push({ producerId, firstOffset: offsets[0] ?? 0, lastOffset: offset, isAborted, offsets });
      }
    }
    offset += count;
  }
  return { all, outside };
}

/** What a broker lists for a fetch from `from` on: all aborted transactions that overlap with it. */
function abortedIn(entries: readonly Entry[], from: number): AbortedTransaction[] {
  const overlapping = transactionsOf(entries).all.filter(
    ({ isAborted, lastOffset }) => isAborted && lastOffset >= from,
  );
  return overlapping.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
}

describe("the filter of aborted records", () => {
  it.each([
    ["a commit and an abort", "A B A+ B B-", [0]],
    ["an abort, then a commit, of one producer", "A A- A A+", [2]],
    ["a commit, then an abort, of one producer", "A A+ A A-", [0]],
    ["one producer that aborts twice in one fetch", "A A- A A-", []],
    ["one producer that aborts twice, with a commit between", "A A- A A+ A A-", [2]],
    ["two producers whose aborts overlap", "A B A A- B B-", []],
    ["an abort inside another", "A B B- A A-", []],
    ["an abort that spans another's commit", "A B B+ A A-", [1]],
    ["records outside of transactions, between those of an abort", "A b c A A-", [1, 2]],
    ["records of the producer itself, outside of its transaction", "A A- a", [2]],
    ["batches of many records", "A5 B3 A- B+ A2 A+", [5, 10]],
    ["a marker without records", "A- B B+ A A+", [1, 3]],
    ["a marker as the last thing there is", "A B B+ A-", [1]],
  ] as const)("%s: %s", (_, log, expected) => {
    const entries = parse(log);
    expect(shown(entries, abortedIn(entries, 0))).toEqual(expected);
  });

  it("begins anywhere: in a transaction that was aborted, behind its start", () => {
    const entries = parse("A A B A A- B+ A A+");
    expect(shown(entries, abortedIn(entries, 2), 2)).toEqual([2, 6]);
    expect(shown(entries, abortedIn(entries, 5), 5)).toEqual([6]);
  });

  it("begins inside a batch of an aborted transaction", () => {
    const entries = parse("A5 B A-");
    expect(shown(entries, abortedIn(entries, 3), 3)).toEqual([5]);
  });

  it("ends before the abort's marker, which the next fetch brings", () => {
    const entries = parse("A B B+ A");
    expect(shown(entries, [{ producerId: "A".charCodeAt(0), firstOffset: 0 }])).toEqual([1]);
  });

  it("takes the list in any order, and a transaction listed twice", () => {
    const entries = parse("A B A- A A- C B- A A+ C+");
    const aborted = abortedIn(entries, 0);
    expect(shown(entries, [...aborted].reverse())).toEqual([5, 7]);
    expect(shown(entries, [...aborted, ...aborted])).toEqual([5, 7]);
  });

  it("shows everything but markers when nothing was aborted", () => {
    expect(shown(parse("A B A+ B B+"), [])).toEqual([0, 1, 3]);
  });

  it("agrees with a slow one, over any log and from any offset", () => {
    const entry = fc.record({
      producerId: fc.integer({ min: 65, max: 68 }),
      kind: fc.constantFrom("records", "records", "records", "plain", "commit", "abort") as fc.Arbitrary<Entry["kind"]>,
      count: fc.integer({ min: 1, max: 3 }),
    });
    const whole = (each: Entry): Entry =>
      each.kind === "commit" || each.kind === "abort" ? { ...each, count: 1 } : each;
    const log = fc.array(entry, { maxLength: 40 }).map((entries) => {
      // Below the last stable offset every transaction has ended.
      const ends = [65, 66, 67, 68].map((producerId): Entry => ({ producerId, kind: "abort", count: 1 }));
      return [...entries.map(whole), ...ends];
    });
    const sampled = fc.record({ entries: log, from: fc.nat(60), seed: fc.nat() });
    fc.assert(
      fc.property(sampled, ({ entries, from, seed }) => {
        const { all, outside } = transactionsOf(entries);
        const ends = new Map<number, number>();
        let offset = 0;
        for (const { count } of entries) {
          ends.set(offset, offset + count - 1);
          offset += count;
        }
        const visible = all.filter(({ isAborted }) => !isAborted).flatMap(({ offsets }) => offsets);
        const expected = [...outside, ...visible].filter((base) => (ends.get(base) ?? 0) >= from);
        const list = abortedIn(entries, from);
        const turned = [...list.slice(seed % (list.length + 1)), ...list.slice(0, seed % (list.length + 1))];
        expect(shown(entries, turned, from)).toEqual(expected.sort((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });
});
