import type { ConsumerGroupMetadata, ConsumerRecord, TopicPartition, TopicPartitionOffset } from "../types.ts";
import type { RebalanceListener } from "./options.ts";

/**
 * Consumes records, by group (`subscribe`) or from partitions of one's choice (`assign`). Made by `client.consumer()`.
 * One call at a time, `wakeup` aside: a second one while `poll` runs throws INVALID_STATE.
 */
export declare class Consumer {
  /** Joins the group at the next `poll` and replaces what was subscribed before. An empty list: leave, as `unsubscribe`. */
  subscribe(topics: readonly string[], listener?: RebalanceListener): void;
  unsubscribe(): Promise<void>;
  /** Replaces the assignment; no group is joined. Positions of partitions that stay are kept. */
  assign(partitions: readonly TopicPartition[]): void;
  assignment(): TopicPartition[];
  subscription(): string[];

  /** The next records, waiting up to `timeoutMs` (default 1,000) for the first; empty when there are none, or after `wakeup`.
   * Rebalances happen in here. Records of one partition come in order. */
  poll(options?: { readonly timeoutMs?: number }): Promise<ConsumerRecord[]>;
  /** All records, one at a time, for ever: leave the loop with `break`. `position` and `commit` count what was handed out. */
  [Symbol.asyncIterator](): AsyncIterator<ConsumerRecord, undefined, undefined>;
  /** A `poll` that waits, or else the next one, returns at once. The only call that is allowed while another runs. */
  wakeup(): void;

  /** The offset of the next record; finds it out when need be (committed offset, reset policy). */
  position(partition: TopicPartition): Promise<number>;
  seek(partition: TopicPartition, offset: number): void;
  seekToBeginning(partitions: readonly TopicPartition[]): void;
  /** "The end" is the last stable offset when reading committed, else the high watermark. */
  seekToEnd(partitions: readonly TopicPartition[]): void;
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  paused(): TopicPartition[];

  /** Stores `offsets` (default: the positions) for the group. Throws CommitFailedError when the member was replaced. */
  commit(offsets?: readonly TopicPartitionOffset[]): Promise<void>;
  /** What the group has stored, without the partitions that have nothing. Waits for open transactions that hold offsets. */
  committed(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]>;
  beginningOffsets(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]>;
  /** Behind the last record that this consumer may read. */
  endOffsets(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]>;
  /** The first record at or behind each timestamp; partitions without one are left out. */
  offsetsForTimes(
    times: readonly (TopicPartition & { readonly timestamp: number })[],
  ): Promise<(TopicPartitionOffset & { readonly timestamp: number })[]>;
  /** For `producer.sendOffsetsToTransaction`. */
  groupMetadata(): ConsumerGroupMetadata;

  /** Commits when `autoCommit`, revokes, leaves the group (static members stay), lets go of everything. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
