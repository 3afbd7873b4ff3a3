import type { TopicPartition } from "../types.ts";

/** Records that were polled and not handed out yet, while a consumer is iterated over. Pure. */
export class Undelivered<R extends TopicPartition> {
  #records: readonly R[] = [];
  #next = 0;

  add(records: readonly R[]): void {
    this.#records = [...this.#rest(), ...records];
    this.#next = 0;
  }

  next(): R | undefined {
    return this.#records[this.#next++];
  }

  /** The first one of a partition. */
  firstOf({ topic, partition }: TopicPartition): R | undefined {
    for (let i = this.#next; i < this.#records.length; i++) {
      const record = this.#records[i];
      if (record?.partition === partition && record.topic === topic) return record;
    }
    return undefined;
  }

  /** The first one of each partition. */
  firsts(): R[] {
    return this.#rest().filter((record) => this.firstOf(record) === record);
  }

  drop(partitions: readonly TopicPartition[]): void {
    if (this.#next >= this.#records.length) return;
    this.#filter((record) => !isIn(record, partitions));
  }

  keep(partitions: readonly TopicPartition[]): void {
    this.#filter((record) => isIn(record, partitions));
  }

  clear(): void {
    this.#records = [];
    this.#next = 0;
  }

  #rest(): readonly R[] {
    return this.#records.slice(this.#next);
  }

  #filter(isKept: (record: R) => boolean): void {
    this.#records = this.#rest().filter(isKept);
    this.#next = 0;
  }
}

function isIn(record: TopicPartition, partitions: readonly TopicPartition[]): boolean {
  return partitions.some(({ topic, partition }) => record.partition === partition && record.topic === topic);
}
