import { expect, it } from "vitest";
import { RecordBatch } from "../../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../protocol/records/builder.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";

it("a segment may hold hundreds of thousands of aborted transactions", () => {
  const batchOf = (producerId: number, baseOffset: number): RecordBatch => {
    const builder = new RecordBatchBuilder();
    builder.append(0, Buffer.from("key"), null);
    const bytes = builder.build({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true, baseOffset });
    return new RecordBatch(bytes);
  };
  const count = 400_000;
  const entries = Array.from({ length: count }, (_, i) => {
    return { producerId: i, firstOffset: 2 * i, lastOffset: 2 * i + 1, lastStableOffset: 2 * i };
  });
  const transactions = new CleanedTransactions();
  const startedAt = performance.now();
  transactions.expect(entries);
  const ofEach = entries.map(({ producerId, firstOffset }) => [producerId, firstOffset] as const);
  const asked = ofEach.filter(([producerId]) => producerId % 1000 === 0);
  expect(asked.every(([producerId, offset]) => transactions.isAborted(batchOf(producerId, offset)))).toBe(true);
  expect(transactions.isAborted(batchOf(count, 2 * count))).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});
