/**
 * The sequence numbers of one producer in one partition: what keeps batches in order and free of gaps and duplicates,
 * whatever is retried. Pure.
 *
 * The broker accepts a batch when its first sequence follows the last one that it has, and recognises its last five
 * batches. So: numbers are given when a batch is first sent, never changed while its fate is unknown, and at most five
 * batches are open. A batch that failed is sent again only once everything before it is settled; until it is, no others are
 * numbered behind those that overtook it, so that the broker still remembers it. A broker that has nothing of a producer accepts
 * any first sequence (KAFKA-14359): until one batch is acknowledged, only one is open.
 *
 * Sources: KIP-98, KIP-360.
 */
import { assert } from "../../platform/assert.ts";
import { addSequence } from "../../protocol/records/batch.ts";

/** Under which id and epoch a producer writes. Compared by reference: each bump makes a new one. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What is numbered. */
export interface Sequenced {
  readonly recordCount: number;
  identity: ProducerIdentity | undefined;
  baseSequence: number;
  /** It may be in the log under the numbers that it has: an attempt is over, and nobody knows how it went. */
  isInDoubt: boolean;
}

/** As many batches as a broker recognises. */
export const MAX_OPEN_BATCHES = 5;

export class PartitionSequences<B extends Sequenced> {
  #identity: ProducerIdentity | undefined;
  #next = 0;
  /** Numbered batches whose fate is not known, in the order of their numbers. */
  #open: B[] = [];
  /** How many of the open batches stand before the last one that was given up without its fate being known. */
  #openBeforeLost: number | undefined;
  /** How many of the open batches stand before one that was acknowledged. */
  #overtaken = 0;
  #hasGap = false;
  /** The producer that the partition's leader has batches of. */
  #knownProducerId: number | undefined;

  /** Numbered batches whose fate is not known, first to last. */
  get open(): readonly B[] {
    return this.#open;
  }

  /** The numbers leave a gap: start again at 0, under an epoch that the partition has not seen. Allowed once no open batch is on
   * its way. What may be in the log already comes before the gap, and is settled first, under the numbers that it has. */
  get needsRestart(): boolean {
    return this.#hasGap && this.#overtaken === 0 && !this.#open[0]?.isInDoubt;
  }

  /** A batch was given up, and nothing that was sent after it can tell any more whether it is in the log. */
  get isLost(): boolean {
    return this.#openBeforeLost !== undefined && this.#open.length === 0;
  }

  /** Whether numbers were given under `identity`: then a restart needs a new epoch. */
  hasUsed(identity: ProducerIdentity): boolean {
    return this.#identity === identity;
  }

  /** Whether a new batch may be numbered now. */
  mayNumber(identity: ProducerIdentity): boolean {
    // A new identity starts again, whatever was before, once the numbers of the old one are settled.
    if (this.#identity !== identity) return this.#open.length === 0;
    const limit = this.#knownProducerId === identity.producerId ? MAX_OPEN_BATCHES : 1;
    const isSettled = !this.#hasGap && this.#openBeforeLost === undefined && this.#overtaken === 0;
    return isSettled && this.#open.length < limit;
  }

  number(batch: B, identity: ProducerIdentity): void {
    assert(this.mayNumber(identity));
    if (this.#identity !== identity) this.restart(identity);
    this.#assign(batch, identity);
    this.#open.push(batch);
  }

  /** Whether everything before the batch is settled: only then may it be sent again, or an error be believed. */
  isFirst(batch: B): boolean {
    return this.#open[0] === batch;
  }

  /** Whether a batch behind it was acknowledged. */
  isOvertaken(batch: B): boolean {
    return this.#open.indexOf(batch) < this.#overtaken;
  }

  /** The batch is in the log, and so is all that was numbered before it. */
  acknowledged(batch: B): void {
    this.#knownProducerId = batch.identity?.producerId;
    const isBehindLost = this.#open.indexOf(batch) >= (this.#openBeforeLost ?? 0);
    const index = this.#remove(batch);
    if (isBehindLost) this.#openBeforeLost = undefined;
    this.#overtaken = Math.max(this.#overtaken, index);
  }

  /** The batch is not in the log and never will be. */
  refused(batch: B): void {
    this.#remove(batch);
    // With nothing numbered behind it, its numbers can be given again.
    if (addSequence(batch.baseSequence, batch.recordCount) === this.#next) this.#next = batch.baseSequence;
    else this.#hasGap = true;
  }

  /** Nobody waits for the batch any more, and whether it is in the log is not known. */
  givenUp(batch: B): void {
    const index = this.#remove(batch);
    this.#openBeforeLost = Math.max(this.#openBeforeLost ?? 0, index);
  }

  /** The broker says that a batch is missing before this one, which is the first: start again. */
  foundGap(batch: B): void {
    batch.isInDoubt = false;
    this.#hasGap = true;
    this.forget();
  }

  /** The leader may have nothing of the producer any more. */
  forget(): void {
    this.#knownProducerId = undefined;
  }

  /** Puts the pieces of a refused batch in its place, under its numbers. */
  split(batch: B, parts: readonly B[]): void {
    const index = this.#open.indexOf(batch);
    assert(index >= 0);
    let sequence = batch.baseSequence;
    for (const part of parts) {
      part.identity = batch.identity;
      part.baseSequence = sequence;
      sequence = addSequence(sequence, part.recordCount);
    }
    this.#open.splice(index, 1, ...parts);
    this.#shiftCounts(index, parts.length - 1);
  }

  /** Starts at 0 under `identity`; open batches get new numbers in the same order. None of them may be on its way. */
  restart(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#next = 0;
    this.#openBeforeLost = undefined;
    this.#hasGap = false;
    this.#overtaken = 0;
    for (const batch of this.#open) this.#assign(batch, identity);
  }

  #assign(batch: B, identity: ProducerIdentity): void {
    batch.identity = identity;
    batch.baseSequence = this.#next;
    batch.isInDoubt = false;
    this.#next = addSequence(this.#next, batch.recordCount);
  }

  #remove(batch: B): number {
    const index = this.#open.indexOf(batch);
    assert(index >= 0, "a batch that is not open was settled");
    this.#open.splice(index, 1);
    this.#shiftCounts(index, -1);
    return index;
  }

  /** `change` batches more are open at `index`. */
  #shiftCounts(index: number, change: number): void {
    if (this.#openBeforeLost !== undefined && index < this.#openBeforeLost) this.#openBeforeLost += change;
    if (index < this.#overtaken) this.#overtaken += change;
  }
}
