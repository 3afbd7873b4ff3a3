/** What goes in and out of the admin's calls about transactions. */
import type { TopicPartition } from "../types.ts";

/** Which transactional ids are asked for: those that meet all that is given. */
export interface TransactionFilter {
  /** Some of Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort. */
  readonly states?: readonly string[];
  readonly producerIds?: readonly number[];
  /** Whose last transaction began longer ago; ids that never had one are among them. */
  readonly longerThanMs?: number;
  /** A regular expression that the whole id has to match. */
  readonly pattern?: string;
}

export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: string;
  /** The broker's id. */
  readonly coordinator: number;
}

export interface TransactionDescription {
  readonly transactionalId: string;
  readonly state: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** Of its last transaction, in ms since 1970; null when it never had one. */
  readonly startedAt: number | null;
  /** Where the open transaction writes. */
  readonly partitions: readonly TopicPartition[];
}

/** One producer, as one partition knows it. */
export interface PartitionProducer extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1: none of this epoch. */
  readonly lastSequence: number;
  /** Of its last batch or marker, in ms since 1970. */
  readonly lastTimestamp: number;
  /** Of the coordinator that wrote the last marker; -1 before any. */
  readonly coordinatorEpoch: number;
  /** Where its open transaction begins; null when none is open. */
  readonly transactionStartOffset: number | null;
}

/** An open transaction of a partition that no coordinator knows of: nobody will end it. */
export interface HangingTransaction extends PartitionProducer {
  readonly transactionStartOffset: number;
  /** Null when no transactional id has that producer id. */
  readonly transactionalId: string | null;
}

export interface HangingSearch {
  /** Default: all partitions. */
  readonly topic?: string;
  /** Of `topic`. */
  readonly partition?: number;
  /** Only partitions that this broker leads. */
  readonly brokerId?: number;
  /** Transactions whose producer wrote since are left alone: at least `transaction.max.timeout.ms`. Default 15 minutes. */
  readonly maxTransactionTimeoutMs?: number;
}

/** A transaction, and what a partition's leader has to be told to end it. A `HangingTransaction` has it all, as does a
 * `PartitionProducer` with a transaction open. */
export interface TransactionToAbort extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  /** Tells it from the producer's others; null: there is nothing to abort. */
  readonly transactionStartOffset: number | null;
}
