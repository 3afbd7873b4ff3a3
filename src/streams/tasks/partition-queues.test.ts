import { describe, expect, it } from "vitest";
import { PartitionQueues, type QueuedRecord } from "./partition-queues.ts";

const record = (topic: string, offset: number, timestamp: number): QueuedRecord => ({
  topic,
  partition: 0,
  offset,
  timestamp,
  key: null,
  value: null,
  headers: [],
});

function drain(queues: PartitionQueues): string[] {
  const order: string[] = [];
  for (let next = queues.take(); next; next = queues.take()) order.push(`${next.topic}${next.offset}`);
  return order;
}

describe("partition queues", () => {
  it("merge by timestamp, and keep each partition's own order", () => {
    const queues = new PartitionQueues(["a", "b"]);
    queues.push(record("a", 0, 10));
    queues.push(record("a", 1, 5));
    queues.push(record("a", 2, 30));
    queues.push(record("b", 0, 10));
    queues.push(record("b", 1, 20));
    expect(queues.length).toBe(5);
    expect(drain(queues)).toEqual(["a0", "a1", "b0", "b1", "a2"]);
    expect(queues.length).toBe(0);
  });

  it("stream time is the highest timestamp seen, and does not go back", () => {
    const queues = new PartitionQueues(["a"]);
    expect(queues.streamTime).toBe(-1);
    queues.push(record("a", 0, 10));
    queues.push(record("a", 1, 5));
    drain(queues);
    expect(queues.streamTime).toBe(10);
  });

  it("refuse an offset that they have seen", () => {
    const queues = new PartitionQueues(["a"]);
    queues.push(record("a", 7, 0));
    drain(queues);
    expect(() => queues.push(record("a", 7, 0))).toThrow("each offset once");
  });
});
