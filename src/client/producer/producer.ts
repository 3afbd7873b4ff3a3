import type { Clock } from "../../platform/clock.ts";
import { asOncillaError, OncillaError } from "../errors.ts";
import type { Cluster } from "../network/cluster.ts";
import type { Lane } from "../network/lane.ts";
import type { RecordSerdes } from "../serde.ts";
import type {
  BytesLike,
  ConsumerGroupMetadata,
  PartitionInfo,
  ProducerRecord,
  RecordMetadata,
  TopicPartitionOffset,
} from "../types.ts";
import { Accumulator } from "./accumulator.ts";
import type { DeliveryCallback } from "./batch.ts";
import { Idempotence } from "./idempotence.ts";
import { type ProducerOptions, type ProducerSettings, producerSettings } from "./options.ts";
import { checkRecord, encodeRecord } from "./records.ts";
import { Sender } from "./sender.ts";
import { ProducerTopics } from "./topics.ts";
import { type BatchControl, TransactionManager } from "./transaction-manager.ts";

/**
 * Produces records. Records of one partition are stored in the order in which they were given; without idempotence retries may change
 * it, unless `maxInFlight` is 1.
 *
 * Made by `client.producer()`. With a transactionalId: `initTransactions()` once, then `transaction(work)`, or
 * `beginTransaction()` … `commitTransaction()` or `abortTransaction()`.
 */
export class Producer<K = BytesLike, V = BytesLike> implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #settings: ProducerSettings;
  readonly #serdes: RecordSerdes<K, V> | undefined;
  readonly #lane: Lane;
  readonly #closing = new AbortController();
  readonly #accumulator: Accumulator;
  readonly #topics: ProducerTopics;
  readonly #sender: Sender;
  readonly #transactions: TransactionManager | undefined;
  readonly #onClosed: () => void;
  /** The first failure of a record that nobody is called back for, since the last flush. */
  #silentError: OncillaError | undefined;
  #closed: Promise<void> | undefined;

  /** @internal Producers are made by `client.producer()`. */
  constructor(cluster: Cluster, options: ProducerOptions<K, V>, onClosed: () => void) {
    const settings = producerSettings(options);
    const onSilentError = (error: OncillaError): void => {
      this.#silentError ??= error;
    };
    this.#cluster = cluster;
    this.#clock = cluster.platform.clock;
    this.#settings = settings;
    this.#serdes = options.serdes;
    this.#onClosed = onClosed;
    this.#lane = cluster.openLane();
    const { signal } = this.#closing;
    const onBatch = (batch: Parameters<Sender["noteBatch"]>[0]): void => this.#sender.noteBatch(batch);
    this.#accumulator = new Accumulator({ ...settings, onBatch, onSilentError });
    const onRefused = (error: OncillaError): OncillaError => this.#transactions?.batchFailed(error) ?? error;
    this.#topics = new ProducerTopics(cluster, this.#accumulator, signal, { ...settings, onRefused, onSilentError });
    const { transactionalId } = settings;
    const control = this.#batchControl();
    this.#transactions =
      transactionalId === undefined
        ? undefined
        : new TransactionManager(cluster, this.#lane, signal, { ...settings, transactionalId }, control);
    const guard = this.#transactions ?? (settings.idempotent ? this.#idempotence(signal) : undefined);
    this.#sender = new Sender(cluster, this.#lane, this.#accumulator, guard, settings);
  }

  /** Resolves when the record is acknowledged; waits first while the buffer is full. Rejects with an OncillaError. In a
   * transaction it belongs to what `commitTransaction` commits from this call on; when it fails, so does the commit, and nobody needs to
   * wait for both. */
  send(record: ProducerRecord<K, V>): Promise<RecordMetadata> {
    const belongsToTransaction = this.#isInTransaction;
    const sent = this.#send(record);
    if (belongsToTransaction) sent.catch(() => {});
    return sent;
  }

  #send(record: ProducerRecord<K, V>): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      this.#requireOpen();
      const take = (): void => {
        // It may have waited for long.
        const refusal = this.#closing.signal.aborted ? closedError() : this.#transactions?.lateRefusal;
        if (refusal) {
          reject(refusal);
          return;
        }
        try {
          this.#take(record, (error, metadata) => (metadata ? resolve(metadata) : reject(error)));
        } catch (error) {
          reject(this.#refused(error));
        }
      };
      if (this.#accumulator.hasRoom) take();
      else this.#whenRoom(take);
    });
  }

  /** All of them, in order; resolves when each is acknowledged, rejects with the first error. */
  sendAll(records: readonly ProducerRecord<K, V>[]): Promise<RecordMetadata[]> {
    return Promise.all(records.map((record) => this.send(record)));
  }

  /**
   * The fast path: takes the record without a promise. Failures reach `callback`, or else the next `flush` or
   * `commitTransaction`, which throws the first of them. Does not wait when the buffer is full, and so comes before records whose `send`
   * does: ask `ready` now and then.
   * Throws at once when no record can be taken: outside of a transaction, after an error that needs an abort, when closed.
   */
  enqueue(record: ProducerRecord<K, V>, callback?: DeliveryCallback): void {
    this.#requireOpen();
    this.#take(record, callback);
  }

  /** Undefined while there is room in the buffer, else a promise to wait for before the next `enqueue`. */
  ready(): Promise<void> | undefined {
    if (this.#accumulator.hasRoom) return undefined;
    return new Promise((resolve) => this.#whenRoom(resolve));
  }

  /** Sends what waits without lingering; resolves when everything given so far is acknowledged. Throws the first error of
   * the records enqueued without a callback since the last `flush`. */
  async flush(): Promise<void> {
    await this.#flushed();
    const error = this.#silentError;
    this.#silentError = undefined;
    if (error) throw error;
  }

  async partitionsFor(topic: string): Promise<PartitionInfo[]> {
    const { maxBlockMs: timeoutMs } = this.#settings;
    const found = await this.#cluster.topic(topic, { timeoutMs, signal: this.#closing.signal, mayCreate: true });
    return [...found.partitions];
  }

  /** Once, before the first transaction: fences older producers of the transactionalId and ends their transaction. */
  initTransactions(): Promise<void> {
    return this.#requireTransactions().initialize();
  }

  beginTransaction(): void {
    this.#requireTransactions().begin();
    this.#silentError = undefined;
  }

  /** Makes the consumed offsets part of the transaction: they are committed with the records or not at all. When it fails, so does
   * the commit, and nobody needs to wait for both. */
  sendOffsetsToTransaction(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void> {
    const belongsToTransaction = this.#isInTransaction;
    const sent = this.#sendOffsets(offsets, group);
    if (belongsToTransaction) sent.catch(() => {});
    return sent;
  }

  async #sendOffsets(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void> {
    await this.#requireTransactions().sendOffsets(offsets, group);
  }

  /**
   * Flushes, then commits. An error with `abortable`: nothing is committed, call `abortTransaction` and go on. With `fatal`:
   * close the producer. A TimeoutError: the outcome is unknown; call it again, or close the producer and let the next one's
   * `initTransactions` settle it.
   */
  async commitTransaction(): Promise<void> {
    await this.#requireTransactions().commit();
  }

  /** Drops what is not sent and aborts. After it the producer can begin the next transaction. */
  async abortTransaction(): Promise<void> {
    await this.#requireTransactions().abort();
  }

  /** Begins, runs `work`, commits and gives its result; aborts and throws when `work` or the commit throws. */
  async transaction<T>(work: (tx: Producer<K, V>) => Promise<T>): Promise<T> {
    const transactions = this.#requireTransactions();
    this.beginTransaction();
    try {
      const result = await work(this);
      await this.commitTransaction();
      return result;
    } catch (error) {
      const { state } = transactions;
      if (state === "in_transaction" || state === "abortable_error") await this.abortTransaction();
      throw error;
    }
  }

  /** Waits up to `timeoutMs` (default 30,000) for what was given to be acknowledged, then lets go of everything. An open
   * transaction is aborted. */
  close({ timeoutMs = 30_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    try {
      await this.#settleWithin(timeoutMs);
    } finally {
      const error = closedError();
      this.#closing.abort(error);
      this.#topics.close();
      this.#topics.dropPending(error);
      this.#sender.stop(error);
      this.#cluster.closeLane(this.#lane);
      this.#onClosed();
    }
  }

  /** Ends what is under way, as far as that works out in time. */
  async #settleWithin(timeoutMs: number): Promise<void> {
    const settled = this.#settle().catch((error: unknown) => {
      // The records' own callbacks, and the transaction's calls, have told.
      if (!(error instanceof OncillaError)) throw error;
      this.#cluster.options.logger.log("warn", "closing a producer", { error: error.message });
    });
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.setTimer(timeoutMs, resolve);
      settled.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  async #settle(): Promise<void> {
    const transactions = this.#transactions;
    if (transactions?.state === "in_transaction" || transactions?.state === "abortable_error") {
      await transactions.abort();
    } else if (transactions?.state === "committing") await transactions.commit();
    else if (transactions?.state === "aborting") await transactions.abort();
    else await this.#flushed();
  }

  get #isInTransaction(): boolean {
    return this.#transactions?.state === "in_transaction";
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
    this.#transactions?.requireOpen();
  }

  #take(record: ProducerRecord<K, V>, callback: DeliveryCallback | undefined): void {
    checkRecord(record);
    this.#topics.add(record.topic, record.partition, encodeRecord(record, this.#serdes, this.#clock.now()), callback);
  }

  /** A record given to `send` was not taken. The transaction fails with it: its owner may learn of it only after the commit. */
  #refused(error: unknown): unknown {
    if (!this.#transactions) return error;
    return this.#transactions.batchFailed(asOncillaError(error));
  }

  async #flushed(): Promise<void> {
    // In turn: what was given to `send` before is taken then.
    await this.ready();
    await this.#topics.discovered();
    const flushed = this.#accumulator.flushed();
    this.#sender.wake();
    await flushed;
  }

  #whenRoom(action: () => void): void {
    this.#accumulator.whenRoom(action);
    // Someone waits: lingering batches go out.
    this.#sender.wake();
  }

  #idempotence(signal: AbortSignal): Idempotence {
    return new Idempotence(this.#cluster, this.#lane, signal, (error) => {
      if (error) this.#sender.dropUnsent(error);
      this.#sender.wake();
    });
  }

  #batchControl(): BatchControl {
    return {
      flushed: () => this.#flushed(),
      dropUnsent: (error) => {
        this.#topics.dropPending(error);
        this.#sender.dropUnsent(error);
      },
      stop: (error) => {
        this.#topics.dropPending(error);
        this.#sender.stop(error);
      },
      wake: () => this.#sender.wake(),
    };
  }

  #requireTransactions(): TransactionManager {
    if (this.#closed) throw closedError();
    if (this.#transactions) return this.#transactions;
    throw new OncillaError("INVALID_STATE", "transactions need a producer with a transactionalId");
  }
}

function closedError(): OncillaError {
  return new OncillaError("CLOSED", "the producer is closed: make a new one with client.producer()");
}
