/** One partition as the handlers use it: its log, those that wait for its records, and appends that wait their turn. */

import type { PartitionLog } from "../log/partition-log.ts";
import type { AppendOutcome, VerificationGuard } from "../log/types.ts";
import { assert } from "../platform/assert.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { RecordBatch } from "../protocol/records/batch.ts";

/** Asks the transaction coordinator whether the partition belongs to the producer's open transaction, and with
 * transactions v2 puts it there (KIP-890). */
export interface Verification {
  readonly isVersion2: boolean;
  /** `answer` is called once, during the call or later. */
  ask(answer: (error: ErrorName) => void): void;
}

export type AppendDone = (outcome: AppendOutcome) => void;

interface WaitingAppend {
  batch: RecordBatch;
  readonly verification: Verification | undefined;
  readonly done: AppendDone;
}

export class Partition {
  readonly topic: string;
  readonly index: number;
  readonly log: PartitionLog;
  /** Called when there may be more to read, or something else moved. */
  readonly onAdvance: Set<() => void> = new Set();
  /** By producer id: an append that is being verified, then those that came behind it. A producer's appends keep
   * their order, or its sequence numbers would have a gap; those of other producers pass by. */
  readonly #waiting = new Map<number, WaitingAppend[]>();

  constructor(topic: string, index: number, log: PartitionLog) {
    this.topic = topic;
    this.index = index;
    this.log = log;
  }

  get isOffline(): boolean {
    return this.log.offlineReason !== undefined;
  }

  /** To be called when the log advances. */
  advanced(): void {
    for (const listener of this.onAdvance) listener();
  }

  /**
   * Appends one validated batch of a client. `verification` comes with transactional batches. `done` is called once,
   * during the call unless the batch has to wait; then its bytes are copied.
   */
  append(batch: RecordBatch, verification: Verification | undefined, done: AppendDone): void {
    const queue = this.#waiting.size > 0 ? this.#waiting.get(batch.producerId) : undefined;
    if (queue) queue.push({ batch: copyOf(batch), verification, done });
    else if (verification) this.#verify(batch, verification, done);
    else done(this.log.append([batch], "client"));
  }

  #verify(batch: RecordBatch, verification: Verification, done: AppendDone): void {
    const { producerId, producerEpoch, baseSequence } = batch;
    const started = this.log.startVerification(producerId, producerEpoch, baseSequence, verification.isVersion2);
    if (!started.ok) {
      done(started);
      return;
    }
    const { guard } = started;
    if (!guard) {
      done(this.log.append([batch], "client"));
      return;
    }
    const entry: WaitingAppend = { batch, verification, done };
    this.#waiting.set(producerId, [entry]);
    verification.ask((error) => {
      const [, ...behind] = this.#takeWaiting(producerId);
      done(this.#appendVerified(entry.batch, guard, error));
      for (const next of behind) this.append(next.batch, next.verification, next.done);
    });
    // Without an answer yet, the bytes have to outlive the call.
    if (this.#waiting.get(producerId)?.[0] === entry) entry.batch = copyOf(batch);
  }

  #takeWaiting(producerId: number): readonly WaitingAppend[] {
    const queue = this.#waiting.get(producerId);
    assert(queue);
    this.#waiting.delete(producerId);
    return queue;
  }

  #appendVerified(batch: RecordBatch, guard: VerificationGuard, error: ErrorName): AppendOutcome {
    if (error === "NONE") return this.log.append([batch], "client", guard);
    const message = `${this.topic}-${this.index} is not in an open transaction of producer ${batch.producerId}`;
    return { ok: false, error, message };
  }
}

function copyOf(batch: RecordBatch): RecordBatch {
  return new RecordBatch(Buffer.from(batch.bytes()));
}
