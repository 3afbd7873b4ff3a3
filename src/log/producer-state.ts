/**
 * What one partition knows about its producers: what makes a retry recognisable and a zombie's write refusable. Pure.
 *
 * `check…` decides and changes nothing; `apply…` takes in what stands in the log. The same `replay` serves recovery.
 * Sources: KIP-98, KIP-360, KIP-890, KIP-1228; the order of checks and the answers are Apache Kafka 4.3's.
 */
import { assert } from "../platform/assert.ts";
import { addSequence, NO_PRODUCER_EPOCH, NO_SEQUENCE, type RecordBatch } from "../protocol/records/batch.ts";
import { readMarker } from "../protocol/records/control.ts";
import { refuse } from "./refuse.ts";
import type {
  ActiveProducer,
  AppendOrigin,
  LogRefusal,
  MarkerOptions,
  OpenTransaction,
  VerificationGuard,
  VerificationOutcome,
} from "./types.ts";

/** So many of a producer's batches are remembered: as many as a client may have in flight. */
export const REMEMBERED_BATCHES = 5;

const MAX_EPOCH = 0x7fff;
const NO_OFFSET = -1;

export interface ProducedBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  /** Last minus first offset, which is last minus first sequence. */
  readonly offsetDelta: number;
  readonly timestamp: number;
}

/** One producer. */
export interface ProducerEntry {
  readonly producerId: number;
  producerEpoch: number;
  /** Of the coordinator that wrote the last marker; -1 before any. */
  coordinatorEpoch: number;
  /** Of its last batch or marker; -1 before any. */
  lastTimestamp: number;
  /** First offset of the open transaction; -1 when none is open. */
  txnFirstOffset: number;
  /** The latest batches of this epoch, oldest first, at most REMEMBERED_BATCHES. */
  batches: ProducedBatch[];
  /** When it was last heard of here. Timestamps are the client's word, and may be years old. */
  lastSeenMs: number;
}

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** The marker's. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
  /** Below this offset everything was decided when the marker had been written. */
  readonly lastStableOffset: number;
}

export type BatchDecision =
  | { readonly kind: "append" }
  | { readonly kind: "duplicate"; readonly original: ProducedBatch }
  | { readonly kind: "refuse"; readonly refusal: LogRefusal };

/** A producer that asks the coordinator whether it may begin its transaction here. */
interface Verification {
  readonly guard: VerificationGuard;
  readonly isVersion2: boolean;
  readonly startedMs: number;
  producerEpoch: number;
  /** A batch above the lowest sequence seen must wait: else the lower one, refused for a while, never gets in. */
  lowestSequence: number;
}

const APPEND: BatchDecision = { kind: "append" };

export class ProducerState {
  readonly #producers = new Map<number, ProducerEntry>();
  /** Producers with an open transaction, by first offset: a transaction opens at the log's end, so that insertion order
   * is that order. */
  readonly #open = new Map<number, ProducerEntry>();
  readonly #verifications = new Map<number, Verification>();

  get(producerId: number): ProducerEntry | undefined {
    return this.#producers.get(producerId);
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#producers.values();
  }

  get size(): number {
    return this.#producers.size;
  }

  /** Where the oldest open transaction begins. */
  get firstUndecidedOffset(): number | undefined {
    for (const entry of this.#open.values()) return entry.txnFirstOffset;
    return undefined;
  }

  describe(): ActiveProducer[] {
    return Array.from(this.#producers.values(), (entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.txnFirstOffset,
    }));
  }

  openTransaction(producerId: number): OpenTransaction | undefined {
    const entry = this.#open.get(producerId);
    if (!entry) return undefined;
    const { producerEpoch, txnFirstOffset: firstOffset, lastTimestamp } = entry;
    return { producerId, producerEpoch, firstOffset, lastTimestamp };
  }

  /** Takes over what a snapshot held. */
  load(entries: readonly ProducerEntry[]): void {
    assert(this.#producers.size === 0);
    for (const entry of entries) this.#producers.set(entry.producerId, entry);
    const open = entries.filter((entry) => entry.txnFirstOffset !== NO_OFFSET);
    open.sort((a, b) => a.txnFirstOffset - b.txnFirstOffset);
    for (const entry of open) this.#open.set(entry.producerId, entry);
  }

  /** Begins to ask whether a producer may open its transaction here; see PartitionLog.startVerification. */
  startVerification(
    producerId: number,
    producerEpoch: number,
    baseSequence: number,
    isVersion2: boolean,
    now: number,
  ): VerificationOutcome {
    const entry = this.#producers.get(producerId);
    if (entry && producerEpoch < entry.producerEpoch) return staleEpoch(producerEpoch, entry);
    if (hasOpenTransaction(entry, producerEpoch)) return { ok: true, guard: undefined };
    let verification = this.#verifications.get(producerId);
    if (!verification) {
      const guard: VerificationGuard = { producerId };
      verification = { guard, isVersion2, startedMs: now, producerEpoch, lowestSequence: baseSequence };
      this.#verifications.set(producerId, verification);
    }
    if (producerEpoch > verification.producerEpoch) {
      verification.producerEpoch = producerEpoch;
      verification.lowestSequence = baseSequence;
    } else if (producerEpoch === verification.producerEpoch) {
      verification.lowestSequence = Math.min(verification.lowestSequence, baseSequence);
    }
    return { ok: true, guard: verification.guard };
  }

  /** Decides on a batch of a producer with an id, before it is written. */
  check(batch: RecordBatch, origin: AppendOrigin, guard: VerificationGuard | undefined): BatchDecision {
    const entry = this.#producers.get(batch.producerId);
    if (origin === "client") {
      const original = entry && findDuplicate(entry, batch);
      if (original) return { kind: "duplicate", original };
    }
    const refusal =
      this.#checkEpoch(batch, entry) ??
      // A coordinator has asked for its partition in the same turn, and its records carry no sequences.
      (origin === "client"
        ? (this.#checkVerification(batch, entry, guard) ?? this.#checkSequence(batch, entry))
        : undefined) ??
      checkOpenTransaction(batch, entry);
    return refusal ? { kind: "refuse", refusal } : APPEND;
  }

  #checkEpoch(batch: RecordBatch, entry: ProducerEntry | undefined): LogRefusal | undefined {
    return entry && batch.producerEpoch < entry.producerEpoch ? staleEpoch(batch.producerEpoch, entry) : undefined;
  }

  #checkVerification(
    batch: RecordBatch,
    entry: ProducerEntry | undefined,
    guard: VerificationGuard | undefined,
  ): LogRefusal | undefined {
    const { producerId } = batch;
    if (!batch.isTransactional || hasOpenTransaction(entry, batch.producerEpoch)) return undefined;
    if (guard && this.#verifications.get(producerId)?.guard === guard) return undefined;
    return refuse("INVALID_TXN_STATE", `producer ${producerId} has no transaction in this partition`);
  }

  #checkSequence(batch: RecordBatch, entry: ProducerEntry | undefined): LogRefusal | undefined {
    const { producerId, producerEpoch, baseSequence } = batch;
    const refusal = (expected: string): LogRefusal =>
      refuse("OUT_OF_ORDER_SEQUENCE_NUMBER", `producer ${producerId} sent sequence ${baseSequence}, not ${expected}`);
    const verification = this.#verifications.get(producerId);
    // A producer that is known has only one next sequence, whatever late batch asked for a verification meanwhile.
    if (verification && !entry?.batches.length) {
      if (verification.isVersion2 && baseSequence !== 0) return refusal("0, as its first one here");
      if (baseSequence > verification.lowestSequence) return refusal(`${verification.lowestSequence}, seen before it`);
    }
    // An unknown producer may be one whose records were all deleted: any sequence is its next.
    if (!entry) return undefined;
    if (producerEpoch !== entry.producerEpoch) {
      return baseSequence === 0 ? undefined : refusal(`0, as the first one of epoch ${producerEpoch}`);
    }
    const expected = addSequence(entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE, 1);
    return baseSequence === expected ? undefined : refusal(`${expected}`);
  }

  /** Decides on a marker before it is written. */
  checkMarker(marker: MarkerOptions): LogRefusal | undefined {
    const entry = this.#producers.get(marker.producerId);
    if (!entry) return undefined;
    if (isStaleMarker(marker, entry)) return staleEpoch(marker.producerEpoch, entry);
    if (marker.coordinatorEpoch >= entry.coordinatorEpoch) return undefined;
    return refuse(
      "TRANSACTION_COORDINATOR_FENCED",
      `a marker of coordinator epoch ${marker.coordinatorEpoch}, last seen was ${entry.coordinatorEpoch}`,
    );
  }

  /** Takes in a batch of data that stands in the log. */
  apply(batch: RecordBatch, now: number): void {
    const { producerEpoch, lastOffset, lastOffsetDelta, maxTimestamp } = batch;
    const entry = this.#entryFor(batch.producerId);
    setEpoch(entry, producerEpoch);
    if (entry.batches.length === REMEMBERED_BATCHES) entry.batches.shift();
    const { lastSequence } = batch;
    entry.batches.push({ lastSequence, lastOffset, offsetDelta: lastOffsetDelta, timestamp: maxTimestamp });
    entry.lastTimestamp = maxTimestamp;
    entry.lastSeenMs = now;
    if (!batch.isTransactional) return;
    this.#verifications.delete(batch.producerId);
    if (entry.txnFirstOffset !== NO_OFFSET) return;
    entry.txnFirstOffset = batch.baseOffset;
    this.#open.set(entry.producerId, entry);
  }

  /** Takes in a marker that stands in the log at `offset`; returns the transaction it ended, if it had any records. */
  applyMarker(
    marker: Omit<MarkerOptions, "transactionVersion">,
    offset: number,
    now: number,
  ): CompletedTransaction | undefined {
    const { producerId, producerEpoch } = marker;
    const entry = this.#entryFor(producerId);
    const firstOffset = entry.txnFirstOffset;
    setEpoch(entry, producerEpoch);
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.lastTimestamp = marker.timestamp;
    entry.lastSeenMs = now;
    entry.txnFirstOffset = NO_OFFSET;
    this.#open.delete(producerId);
    const verification = this.#verifications.get(producerId);
    // Under version 2 the marker carries the next transaction's epoch: a verification of that epoch is of the next one.
    const isOfNext = verification?.isVersion2 && verification.producerEpoch === producerEpoch;
    if (!isOfNext) this.#verifications.delete(producerId);
    if (firstOffset === NO_OFFSET) return undefined;
    const lastStableOffset = this.firstUndecidedOffset ?? offset + 1;
    return { producerId, firstOffset, lastOffset: offset, isAborted: marker.type === "abort", lastStableOffset };
  }

  /** Takes in whatever batch recovery finds. */
  replay(batch: RecordBatch, now: number): CompletedTransaction | undefined {
    if (!batch.hasProducerId) return undefined;
    if (!batch.isControl) {
      this.apply(batch, now);
      return undefined;
    }
    const marker = readMarker(batch);
    if (!marker) return undefined;
    const { producerId, producerEpoch, maxTimestamp: timestamp } = batch;
    return this.applyMarker({ ...marker, producerId, producerEpoch, timestamp }, batch.lastOffset, now);
  }

  /** Forgets producers that were silent for `expirationMs`; never one with an open transaction. */
  expire(now: number, expirationMs: number): void {
    for (const entry of this.#producers.values()) {
      if (entry.txnFirstOffset !== NO_OFFSET) continue;
      const lastSign = Math.max(entry.lastTimestamp, entry.lastSeenMs);
      if (now - lastSign >= expirationMs) this.#producers.delete(entry.producerId);
    }
    for (const [producerId, verification] of this.#verifications) {
      if (now - verification.startedMs >= expirationMs) this.#verifications.delete(producerId);
    }
  }

  #entryFor(producerId: number): ProducerEntry {
    let entry = this.#producers.get(producerId);
    if (!entry) {
      entry = {
        producerId,
        producerEpoch: NO_PRODUCER_EPOCH,
        coordinatorEpoch: -1,
        lastTimestamp: -1,
        txnFirstOffset: NO_OFFSET,
        batches: [],
        lastSeenMs: 0,
      };
      this.#producers.set(producerId, entry);
    }
    return entry;
  }
}

function hasOpenTransaction(entry: ProducerEntry | undefined, producerEpoch: number): boolean {
  return entry !== undefined && entry.txnFirstOffset !== NO_OFFSET && entry.producerEpoch === producerEpoch;
}

/** An open transaction takes no batch from outside of it. One of an earlier epoch is over for its coordinator, and its marker is
 * missing here (a power loss took it): the next transaction's commit would commit it, too. Kafka lets the batch in. The producer,
 * refused, aborts, and that marker ends both. */
function checkOpenTransaction(batch: RecordBatch, entry: ProducerEntry | undefined): LogRefusal | undefined {
  if (!entry || entry.txnFirstOffset === NO_OFFSET) return undefined;
  const { producerId, producerEpoch, isTransactional } = batch;
  if (!isTransactional) {
    return refuse("INVALID_TXN_STATE", `producer ${producerId} wrote outside of the transaction that it has open`);
  }
  if (producerEpoch === entry.producerEpoch) return undefined;
  const open = `a transaction of epoch ${entry.producerEpoch}, not ${producerEpoch}`;
  return refuse("INVALID_TXN_STATE", `producer ${producerId} has ${open}, open since offset ${entry.txnFirstOffset}`);
}

/** Sequences count within an epoch. */
function setEpoch(entry: ProducerEntry, producerEpoch: number): void {
  if (entry.producerEpoch === producerEpoch) return;
  entry.producerEpoch = producerEpoch;
  entry.batches = [];
}

function findDuplicate(entry: ProducerEntry, batch: RecordBatch): ProducedBatch | undefined {
  if (batch.producerEpoch !== entry.producerEpoch) return undefined;
  const { lastSequence, lastOffsetDelta } = batch;
  return entry.batches.find((each) => each.lastSequence === lastSequence && each.offsetDelta === lastOffsetDelta);
}

/** Under version 2 a marker's epoch is above that of the records it ends; else it is the same. A version 2 marker of the
 * current epoch is a retry when no transaction is open, and is written once more (KAFKA-19999). */
function isStaleMarker(marker: MarkerOptions, entry: ProducerEntry): boolean {
  const { producerEpoch } = marker;
  if (marker.transactionVersion < 2) return producerEpoch < entry.producerEpoch;
  if (producerEpoch !== entry.producerEpoch) return producerEpoch < entry.producerEpoch;
  return entry.txnFirstOffset !== NO_OFFSET && producerEpoch !== MAX_EPOCH;
}

function staleEpoch(producerEpoch: number, entry: ProducerEntry): LogRefusal {
  return refuse(
    "INVALID_PRODUCER_EPOCH",
    `epoch ${producerEpoch} of producer ${entry.producerId}, last seen was ${entry.producerEpoch}`,
  );
}
