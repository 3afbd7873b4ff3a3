import type { ConsumerRecord, TopicPartition } from "../types.ts";

/** Records that were polled and not handed out yet, while a consumer is iterated over. Pure. */
export class Undelivered {
  #records: readonly ConsumerRecord[] = [];
  #next = 0;

  add(records: readonly ConsumerRecord[]): void {
    this.#records = [...this.#rest(), ...records];
    this.#next = 0;
  }

  next(): ConsumerRecord | undefined {
    return this.#records[this.#next++];
  }

  /** The first one of a partition. */
  firstOf({ topic, partition }: TopicPartition): ConsumerRecord | undefined {
    for (let i = this.#next; i < this.#records.length; i++) {
      const record = this.#records[i];
      if (record?.partition === partition && record.topic === topic) return record;
    }
    return undefined;
  }

  /** The first one of each partition. */
  firsts(): ConsumerRecord[] {
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

  #rest(): readonly ConsumerRecord[] {
    return this.#records.slice(this.#next);
  }

  #filter(isKept: (record: ConsumerRecord) => boolean): void {
    this.#records = this.#rest().filter(isKept);
    this.#next = 0;
  }
}

function isIn(record: ConsumerRecord, partitions: readonly TopicPartition[]): boolean {
  return partitions.some(({ topic, partition }) => record.partition === partition && record.topic === topic);
}
