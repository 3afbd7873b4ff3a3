/** The invariants of outputs notice what is there and should not be. */
import { describe, expect, it } from "vitest";
import { serdes } from "../../../client/index.ts";
import { History } from "../history.ts";
import type { Evidence } from "./invariant.ts";
import { TableEqualsLog } from "./sink-invariants.ts";
import type { StoredPartition, StoredRecord } from "./stored-partition.ts";
import { WordCounts } from "./streams-invariants.ts";

type Content = readonly [key: string, value: string | Uint8Array, fate?: StoredRecord["fate"]];

function partition(topic: string, contents: readonly Content[]): StoredPartition {
  const records = contents.map(([key, value, fate = "committed"], offset): StoredRecord => {
    const record = { offset, id: undefined, timestamp: 0, checksum: 0, producerId: 1, fate };
    return { ...record, key: Buffer.from(key), value: Buffer.from(value) };
  });
  return { topic, partition: 0, startOffset: 0, records, endOffset: records.length };
}

function evidence(...partitions: readonly StoredPartition[]): Evidence {
  return {
    history: new History(),
    stored: new Map(partitions.map((each) => [`${each.topic}-${each.partition}`, each])),
    committed: new Map([["app", new Map([["lines-0", 2]])]]),
  };
}

const lines = partition("lines", [
  ["k", "a b"],
  ["k", "leaked", "aborted"],
]);

describe("exact counts", () => {
  const counts = new WordCounts({ lines: "lines", counts: "counts", application: "app" });
  const once = serdes.int64.serialize(1);

  it("holds when each word has its number", () => {
    const output = partition("counts", [
      ["a", once],
      ["b", once],
    ]);
    expect([...counts.violations(evidence(lines, output))]).toEqual([]);
  });

  it("a word that is in no line which counts", () => {
    const output = partition("counts", [
      ["a", once],
      ["b", once],
      ["leaked", once],
    ]);
    expect([...counts.violations(evidence(lines, output))]).toEqual([
      "leaked was counted 1 times, and is in the lines 0 times",
    ]);
  });
});

it("table equals log: rows of a partition that does not exist", () => {
  const sound = { topic: "lines", partition: 0, offset: 0, value: "a b" };
  const table = new TableEqualsLog({ topic: "lines", rows: () => [sound, { ...sound, partition: 7 }] });
  expect([...table.violations(evidence(lines))]).toEqual(["the table has 1 rows of lines-7, which is not in the log"]);
});
