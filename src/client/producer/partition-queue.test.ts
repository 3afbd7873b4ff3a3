import { beforeEach, expect, it } from "vitest";
import { ProducerBatch } from "./batch.ts";
import { PartitionQueue } from "./partition-queue.ts";
import type { ProducerIdentity } from "./sequences.ts";

const identity: ProducerIdentity = { producerId: 1, producerEpoch: 0 };
let queue: PartitionQueue;

beforeEach(() => {
  queue = new PartitionQueue("t", 0);
});

function sent(topicId: string): ProducerBatch {
  const batch = new ProducerBatch(queue, 0, 100);
  queue.sequences.number(batch, identity);
  batch.topicId = topicId;
  return batch;
}

/** With one batch open. */
function mayNumberAnother(topicId: string, now: number): boolean {
  expect(queue.mayNumber(identity, topicId, now)).toBe(true);
  sent(topicId);
  return queue.mayNumber(identity, topicId, now);
}

it("several batches are open where the leader has acknowledged one", () => {
  expect(mayNumberAnother("id", 0)).toBe(false);
  queue.acknowledged(queue.sequences.open[0] as ProducerBatch, 0);
  expect(mayNumberAnother("id", 60_000)).toBe(true);
});

it("one is, where the leader may have forgotten the producer: the last one was acknowledged long ago", () => {
  queue.acknowledged(sent("id"), 0);
  expect(mayNumberAnother("id", 60_001)).toBe(false);
  queue.acknowledged(queue.sequences.open[0] as ProducerBatch, 60_002);
  expect(mayNumberAnother("id", 60_003)).toBe(true);
});

it("one is, where the topic was made anew, though the old one acknowledges late", () => {
  queue.acknowledged(sent("old"), 0);
  const late = sent("old");
  expect(queue.mayNumber(identity, "new", 1)).toBe(false);
  queue.acknowledged(late, 2);
  expect(mayNumberAnother("new", 3)).toBe(false);
});
