/** Where records wait: collected into batches, a queue of them for each partition, within a bound of memory. No I/O. */
import type { OncillaError } from "../errors.ts";
import { type DeliveryCallback, type EncodedRecord, ProducerBatch } from "./batch.ts";
import { Fifo } from "./fifo.ts";
import type { PartitionQueue } from "./partition-queue.ts";

export interface AccumulatorOptions {
  readonly batchSizeBytes: number;
  readonly bufferMemoryBytes: number;
  /** A batch has become worth looking at: it is new, or it is full. */
  readonly onBatch: (batch: ProducerBatch) => void;
  /** The first error of records that have no callback of their own. */
  readonly onSilentError: (error: OncillaError) => void;
}

/** Someone who waits for batches to be done. */
interface FlushWaiter {
  readonly batches: Set<ProducerBatch>;
  readonly resolve: () => void;
}

export class Accumulator {
  readonly #options: AccumulatorOptions;
  /** Batches whose records' fate is not told, oldest first. */
  readonly #incomplete = new Set<ProducerBatch>();
  readonly #queues = new Set<PartitionQueue>();
  readonly #flushes = new Set<FlushWaiter>();
  /** Run, in order, as memory becomes free. */
  readonly #waiters = new Fifo<() => void>();
  #usedBytes = 0;

  constructor(options: AccumulatorOptions) {
    this.#options = options;
  }

  /** Partitions that have batches waiting, those that were served longest ago first. */
  get queues(): ReadonlySet<PartitionQueue> {
    return this.#queues;
  }

  get incomplete(): ReadonlySet<ProducerBatch> {
    return this.#incomplete;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get hasRoom(): boolean {
    return this.#usedBytes < this.#options.bufferMemoryBytes && this.#waiters.length === 0;
  }

  /** Someone waits for room, or for batches to be done: there is no point in lingering. */
  get isUrgent(): boolean {
    return this.#flushes.size > 0 || this.#waiters.length > 0;
  }

  /** Runs `action` once there is room, after those that asked before. */
  whenRoom(action: () => void): void {
    this.#waiters.push(action);
  }

  /** Counts memory for records that are not in a batch yet; negative when they are. */
  reserve(bytes: number): void {
    this.#usedBytes += bytes;
    this.#admitWaiters();
  }

  append(queue: PartitionQueue, record: EncodedRecord, callback: DeliveryCallback | undefined, now: number): number {
    const last = queue.waiting.at(-1);
    const before = last?.sizeBytes ?? 0;
    if (last?.tryAppend(record, callback)) {
      this.#usedBytes += last.sizeBytes - before;
      if (last.isClosed) this.#options.onBatch(last);
      return last.sizeBytes - before;
    }
    // What did not fit closed the batch before.
    const batch = new ProducerBatch(queue, now, this.#options.batchSizeBytes);
    batch.tryAppend(record, callback);
    queue.waiting.push(batch);
    this.#queues.add(queue);
    this.#incomplete.add(batch);
    this.#usedBytes += batch.sizeBytes;
    this.#options.onBatch(batch);
    return batch.sizeBytes;
  }

  /** Takes the first batch of a queue, to be sent. */
  take(queue: PartitionQueue): ProducerBatch | undefined {
    const batch = queue.waiting.shift();
    // Moved to the end, so that partitions take turns.
    this.#queues.delete(queue);
    if (queue.waiting.length > 0) this.#queues.add(queue);
    return batch;
  }

  putBack(batch: ProducerBatch): void {
    batch.queue.putBack(batch);
    this.#queues.add(batch.queue);
  }

  /** Puts the two halves of a batch in its place. */
  split(batch: ProducerBatch): void {
    const parts = batch.split();
    if (batch.isNumbered) batch.queue.sequences.split(batch, parts);
    const incomplete = [...this.#incomplete].flatMap((each) => (each === batch ? parts : [each]));
    this.#incomplete.clear();
    for (const each of incomplete) this.#incomplete.add(each);
    for (const part of parts) {
      this.#usedBytes += part.sizeBytes;
      this.putBack(part);
      for (const flush of this.#flushes) if (flush.batches.has(batch)) flush.batches.add(part);
    }
    this.#done(batch);
  }

  /** Nothing happens when the batch is done already, as with `fail`. */
  succeed(batch: ProducerBatch, baseOffset: number, logAppendTimeMs: number): void {
    if (!this.#incomplete.delete(batch)) return;
    batch.succeed(baseOffset, logAppendTimeMs);
    this.#done(batch);
  }

  /** Fails the records of a batch that is no longer waiting. */
  fail(batch: ProducerBatch, error: OncillaError, errorOf: (index: number) => OncillaError = () => error): void {
    if (!this.#incomplete.delete(batch)) return;
    if (batch.hasSilentRecords) this.#options.onSilentError(error);
    batch.fail(errorOf);
    this.#done(batch);
  }

  /** Takes a batch out of its queue, whether it waits there or not. */
  withdraw(batch: ProducerBatch): boolean {
    const isRemoved = batch.queue.remove(batch);
    if (batch.queue.waiting.length === 0) this.#queues.delete(batch.queue);
    return isRemoved;
  }

  /** Resolves when every batch that there is now is done, well or not. */
  flushed(): Promise<void> {
    if (this.#incomplete.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#flushes.add({ batches: new Set(this.#incomplete), resolve }));
  }

  #done(batch: ProducerBatch): void {
    this.#usedBytes -= batch.sizeBytes;
    for (const flush of this.#flushes) {
      if (!flush.batches.delete(batch) || flush.batches.size > 0) continue;
      this.#flushes.delete(flush);
      flush.resolve();
    }
    this.#admitWaiters();
  }

  #admitWaiters(): void {
    while (this.#waiters.length > 0 && this.#usedBytes < this.#options.bufferMemoryBytes) this.#waiters.shift()?.();
  }
}
