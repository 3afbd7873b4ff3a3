/**
 * What the coordinator knows about one transactional id. Immutable: a transition makes a new value. Every field is in
 * the record, so that replaying the log gives back exactly this.
 */
import { assert } from "../../platform/assert.ts";
import type { Partitions } from "./partitions.ts";

interface StateRules {
  /** Its number in the records. */
  readonly code: number;
  /** The states that it may come from. */
  readonly from: readonly TransactionState[];
}

export type TransactionState =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort"
  | "Dead"
  | "PrepareEpochFence";

const settled = ["Empty", "CompleteCommit", "CompleteAbort"] as const;

/**
 * Every transition there is. A transactional id begins at Empty, and is forgotten (a tombstone) from Empty or Complete*.
 * Kafka's last two states mark steps that it takes in memory, between two locks. Here a step is whole, and nothing is
 * ever in them; they are names that ListTransactions knows.
 */
export const transactionStates: Readonly<Record<TransactionState, StateRules>> = {
  Empty: { code: 0, from: settled },
  Ongoing: { code: 1, from: ["Ongoing", ...settled] },
  PrepareCommit: { code: 2, from: ["Ongoing"] },
  // From the settled states: transactions v2 let a producer abort without having added a partition (KIP-890).
  PrepareAbort: { code: 3, from: ["Ongoing", ...settled] },
  CompleteCommit: { code: 4, from: ["PrepareCommit"] },
  CompleteAbort: { code: 5, from: ["PrepareAbort"] },
  Dead: { code: 6, from: [] },
  PrepareEpochFence: { code: 7, from: [] },
};

/** A producer in one of its lives: whoever comes with an older epoch is a zombie. */
export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Which protocol ended, or is filling, the transaction. 2: transactions v2, where each has an epoch of its own. */
export type TransactionVersion = 0 | 2;

export interface TransactionMetadata {
  readonly transactionalId: string;
  /** 0 <= producerEpoch <= MAX_EPOCH, and MAX_EPOCH in Prepare* only. */
  readonly producer: Producer;
  /** Who may still repeat the request that made it `producer`, because the reply may have been lost; undefined when
   * that was someone else's request, or when a sign of life of `producer` has been seen. */
  readonly previous: Producer | undefined;
  /** The id that takes over when the transaction is complete, because the old one has no epochs left. In Prepare* only. */
  readonly nextProducerId: number | undefined;
  /** How long a transaction may stay open before the coordinator aborts it. */
  readonly timeoutMs: number;
  readonly state: TransactionState;
  /** Where the open transaction wrote: all that need its marker. Empty in Empty and Complete*. */
  readonly partitions: Partitions;
  /** When the transaction began, in ms since 1970; undefined in Empty. Kept after it is complete. */
  readonly startedAt: number | undefined;
  /** When this state came about, in ms since 1970. */
  readonly updatedAt: number;
  readonly version: TransactionVersion;
}

/** The highest epoch that there is. Never given to a producer, so that the last one can still be fenced. */
export const MAX_EPOCH = 32767;

/** Whether no producer can get an epoch after this one: the next needs a new id. */
export function isExhausted(producer: Producer): boolean {
  return producer.producerEpoch >= MAX_EPOCH - 1;
}

export function isPrepared(metadata: TransactionMetadata): boolean {
  return metadata.state === "PrepareCommit" || metadata.state === "PrepareAbort";
}

/** Whether no transaction is open or being completed. */
export function isSettled(metadata: TransactionMetadata): boolean {
  return metadata.state === "Empty" || metadata.state === "CompleteCommit" || metadata.state === "CompleteAbort";
}

/** Whom the coordinator takes requests from: what the rightful producer was last told that it is. */
export function currentProducer(metadata: TransactionMetadata): Producer {
  return metadata.nextProducerId === undefined
    ? metadata.producer
    : { producerId: metadata.nextProducerId, producerEpoch: 0 };
}

/** Whether both are there, and the same. */
export function isSame(a: Producer | undefined, b: Producer | undefined): boolean {
  return a !== undefined && a.producerId === b?.producerId && a.producerEpoch === b.producerEpoch;
}

/** Checks a transition against the table, and what must hold in its new state. */
export function checkTransition(from: TransactionMetadata | undefined, to: TransactionMetadata): void {
  const { producer, state } = to;
  assert(from ? transactionStates[state].from.includes(from.state) : state === "Empty", `${from?.state} to ${state}`);
  assert(producer.producerId > 0);
  assert(producer.producerEpoch >= 0);
  assert(producer.producerEpoch <= (isPrepared(to) ? MAX_EPOCH : MAX_EPOCH - 1));
  assert(to.nextProducerId === undefined || isPrepared(to));
  assert(isSettled(to) ? to.partitions.size === 0 : to.startedAt !== undefined);
  if (from && from.producer.producerId === producer.producerId) {
    assert(producer.producerEpoch >= from.producer.producerEpoch, "a producer's epoch goes back");
    assert(producer.producerEpoch <= from.producer.producerEpoch + 1, "a producer's epoch is skipped");
  }
}
