import { assert } from "../../platform/assert.ts";
import type { RawRecord } from "./subtopology-instance.ts";

export interface QueuedRecord extends RawRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** The records of one input partition that were read and not yet processed, in order. */
class PartitionQueue {
  #records: QueuedRecord[] = [];
  #head = 0;
  #lastOffset = -1;

  get length(): number {
    return this.#records.length - this.#head;
  }

  peek(): QueuedRecord | undefined {
    return this.#records[this.#head];
  }

  push(record: QueuedRecord): void {
    assert(record.offset > this.#lastOffset, "a task sees each offset once, in order");
    this.#lastOffset = record.offset;
    this.#records.push(record);
  }

  take(): void {
    this.#head++;
    if (this.#head < this.#records.length) return;
    this.#records = [];
    this.#head = 0;
  }
}

/** A task's inputs. Hands out the record with the lowest timestamp among those that are next in their partitions. */
export class PartitionQueues {
  readonly #queues = new Map<string, PartitionQueue>();
  #length = 0;
  #streamTime = -1;

  /** `topics`: the task's source topics; each has the one partition of the task. Ties go to the earlier topic. */
  constructor(topics: readonly string[]) {
    for (const topic of topics) this.#queues.set(topic, new PartitionQueue());
  }

  get length(): number {
    return this.#length;
  }

  /** The highest timestamp handed out so far; -1 before the first. */
  get streamTime(): number {
    return this.#streamTime;
  }

  push(record: QueuedRecord): void {
    const queue = this.#queues.get(record.topic);
    assert(queue, "a task gets records of its own topics only");
    queue.push(record);
    this.#length++;
  }

  take(): QueuedRecord | undefined {
    let next: PartitionQueue | undefined;
    let record: QueuedRecord | undefined;
    for (const queue of this.#queues.values()) {
      const head = queue.peek();
      if (!head) continue;
      if (record && record.timestamp <= head.timestamp) continue;
      next = queue;
      record = head;
    }
    if (!next || !record) return undefined;
    next.take();
    this.#length--;
    if (record.timestamp > this.#streamTime) this.#streamTime = record.timestamp;
    return record;
  }
}
