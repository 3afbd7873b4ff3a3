import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { type Disk, DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { RecordBatch } from "../protocol/records/batch.ts";
import { buildMarker } from "../protocol/records/control.ts";
import { chunksOf } from "./batch-chunks.ts";
import { Checkpoints, readLogStartOffset, readTopicId } from "./checkpoints.ts";
import type { CompactableLog } from "./compaction/compactable-log.ts";
import { LogCompaction } from "./compaction/log-compaction.ts";
import { finishSwaps } from "./compaction/swap.ts";
import { GroupCommit } from "./group-commit.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogConfig } from "./log-config.ts";
import { LogCorruptionError } from "./log-corruption-error.ts";
import { findLatestRecord, findRecordByTime, readBatches } from "./log-reader.ts";
import { encodeProducerSnapshot } from "./producer-snapshot.ts";
import type { CompletedTransaction, ProducedBatch, ProducerState } from "./producer-state.ts";
import {
  decidedOffsetAt,
  type PendingSnapshot,
  type RecoveredLog,
  type RecoveryContext,
  readSnapshot,
  rebuildIndexes,
  recoverLog,
} from "./recovery.ts";
import { isExpired, mustRoll } from "./retention.ts";
import { Segment } from "./segment.ts";
import { SegmentList } from "./segment-list.ts";
import type {
  ActiveProducer,
  AppendOrigin,
  AppendOutcome,
  EpochEndOffset,
  LogRefusal,
  MarkerOptions,
  OpenTransaction,
  PartitionLogOptions,
  ReadOptions,
  ReadOutcome,
  TimestampAndOffset,
  TimestampOutcome,
  VerificationGuard,
  VerificationOutcome,
} from "./types.ts";
import { isDiskFull } from "./write-file.ts";

/** With durability "os", so many bytes are written before a sync is started behind the appends' back: the kernel's own
 * write-back stalls writers when it has let more pile up. */
const WRITE_BACK_BYTES = 64 * 1024 * 1024;

/**
 * The log of one partition: batches in segments, what is known of their producers, and how far all of it is durable,
 * decided and readable. Calls are synchronous: they move bytes to and from the page cache; syncs run behind them.
 *
 * Always: logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset, and none of them goes back.
 */
export class PartitionLog {
  readonly leaderEpoch: number;
  /** How much of the segments was read to check it when the log was opened: 0 after a clean stop. */
  readonly scannedBytes: number;
  readonly compaction: LogCompaction;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #folder: string;
  readonly #name: string;
  readonly #topicId: string;
  readonly #onAdvance: () => void;
  readonly #onSynced: (elapsedMs: number) => void;
  readonly #segments: SegmentList;
  readonly #producers: ProducerState;
  readonly #epochs: LeaderEpochs;
  readonly #commit: GroupCommit;
  readonly #checkpoints: Checkpoints;
  #config: LogConfig;
  /** Durable: what was shown of it does not come back by a power loss. */
  #logStartOffset: number;
  /** Where the log start offset is being moved to; itself when it is not. */
  #nextLogStartOffset: number;
  #highWatermark: number;
  #lastStableOffset: number;
  #sizeBytes: number;
  /** Transactions whose marker is not below the high watermark yet, in the markers' order. */
  #unstable: CompletedTransaction[] = [];
  /** Of rolls whose data is not durable yet. */
  #snapshots: PendingSnapshot[];
  #folderIsDirty = true;
  #bytesSinceSync = 0;
  #isDiskFull = false;
  #lastReadProblem = "";
  #offlineReason: Error | undefined;
  #isClosed = false;

  /**
   * Opens, or makes, the log in `folder`, repairs what a crash left behind, and resolves when everything in it is durable
   * (with durability "os": at once). Rejects with a DiskError, or with a LogCorruptionError that says where, when bytes
   * that had been durable are damaged or gone.
   */
  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    const { disk, folder, topicId } = options;
    disk.makeFolder(folder);
    const foundTopicId = readTopicId(disk, folder);
    if (foundTopicId !== undefined && foundTopicId !== topicId) {
      throw new Error(`${folder} belongs to the topic with the id ${foundTopicId}, not ${topicId}`);
    }
    await finishSwaps(disk, folder, options.logger);
    const logStartOffset = readLogStartOffset(disk, folder);
    const recovered = recoverLog(recoveryContext(options, logStartOffset));
    const log = new PartitionLog(options, recovered, logStartOffset);
    try {
      await log.#start(foundTopicId === undefined, recovered.areEpochsSaved);
    } catch (error) {
      await log.close();
      throw error;
    }
    return log;
  }

  private constructor(options: PartitionLogOptions, recovered: RecoveredLog, logStartOffset: number) {
    const { topic, partition } = options.topicPartition;
    this.leaderEpoch = options.leaderEpoch;
    this.scannedBytes = recovered.scannedBytes;
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#folder = options.folder;
    this.#name = `${topic}-${partition}`;
    this.#topicId = options.topicId;
    this.#onAdvance = options.onAdvance ?? (() => {});
    this.#onSynced = options.onSynced ?? (() => {});
    this.#config = options.config;
    this.#producers = recovered.producers;
    this.#epochs = recovered.epochs;
    this.#snapshots = recovered.snapshots;
    const context = (): RecoveryContext => recoveryContext({ ...options, config: this.#config }, this.#logStartOffset);
    this.#segments = new SegmentList(recovered.segments, recovered.sealed, {
      rebuild: (segments, index) => {
        this.#commit.request();
        return rebuildIndexes(context(), segments, index);
      },
      decidedOffset: (segment) => decidedOffsetAt(context(), segment.nextOffset),
    });
    this.#commit = new GroupCommit(
      options.clock,
      { endOffset: () => this.logEndOffset, sync: () => this.#sync() },
      recovered.durableOffset,
      () => this.#advance(),
      (error) => this.#goOffline(error),
    );
    this.#checkpoints = new Checkpoints({
      ...options,
      snapshotOffsets: recovered.snapshotOffsets,
      soundSnapshotOffset: recovered.soundSnapshotOffset,
      onFailure: (error) => this.#goOffline(error),
    });
    this.compaction = new LogCompaction(this.#compactable(options, context));
    this.#logStartOffset = Math.max(logStartOffset, this.#segments.oldest.baseOffset);
    this.#nextLogStartOffset = this.#logStartOffset;
    this.#epochs.truncateFromStart(this.#logStartOffset);
    this.#highWatermark = Math.max(recovered.durableOffset, this.#logStartOffset);
    this.#lastStableOffset = this.#logStartOffset;
    this.#sizeBytes = recovered.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  #compactable({ disk, clock, logger, folder }: PartitionLogOptions, context: () => RecoveryContext): CompactableLog {
    const log = this;
    return {
      disk,
      clock,
      logger,
      folder,
      name: this.#name,
      segments: this.#segments,
      get config() {
        return log.#config;
      },
      get logStartOffset() {
        return log.#logStartOffset;
      },
      get logEndOffset() {
        return log.logEndOffset;
      },
      get lastStableOffset() {
        return log.#lastStableOffset;
      },
      get recoveryOffset() {
        return log.#checkpoints.soundSnapshotOffset ?? 0;
      },
      producersAt: (offset) => {
        const entries = readSnapshot(context(), offset) ?? [...this.#producers.entries()];
        return entries.filter(({ producerId }) => this.#producers.get(producerId));
      },
      flush: () => this.flush(),
      forgetSnapshotsBelow: async (offset) => {
        await this.#checkpoints.forgetSnapshotsBelow(offset);
        if (this.#offlineReason) throw this.#offlineReason;
      },
      shrunk: (bytes) => {
        this.#sizeBytes -= bytes;
      },
      fail: (error) => this.#goOffline(error),
    };
  }

  async #start(isNew: boolean, areEpochsSaved: boolean): Promise<void> {
    if (isNew) {
      // The metadata's presence tells the next start that the folder itself is durable.
      await this.#disk.syncFolder(parentOf(this.#folder));
      this.#checkpoints.saveMetadata(this.#topicId);
    }
    const hasNewEpoch = this.#epochs.assign(this.leaderEpoch, this.logEndOffset);
    if (hasNewEpoch || !areEpochsSaved) this.#checkpoints.saveEpochs(this.#epochs);
    this.#commit.request();
    if (this.#config.durability === "fsync") await this.flush();
    this.#advance();
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }
  get logEndOffset(): number {
    return this.#segments.active.nextOffset;
  }
  /** Everything below is durable (fsync) or written (os), and never changes. */
  get highWatermark(): number {
    return this.#highWatermark;
  }
  /** Everything below is decided: committed, aborted, or outside any transaction. Never above the high watermark. */
  get lastStableOffset(): number {
    return this.#lastStableOffset;
  }
  /** Why the log takes no more calls (all answer KAFKA_STORAGE_ERROR); undefined while it is healthy. */
  get offlineReason(): Error | undefined {
    return this.#offlineReason;
  }
  /** Of all segments' records. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }
  get segmentCount(): number {
    return this.#segments.count;
  }
  /** Producers whose sequences are known. */
  get producerCount(): number {
    return this.#producers.size;
  }
  get config(): LogConfig {
    return this.#config;
  }

  /**
   * Appends batches in one write: one producer's batch, or any number without producer id. They must have passed
   * `validateBatches`, or be the caller's own; they are changed in place (base offset, leader epoch, time) and not kept.
   * A transactional batch needs an open transaction of its producer here, or the guard that `startVerification` gave
   * before the coordinator said that the partition belongs to the transaction.
   *
   * Errors: INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE, KAFKA_STORAGE_ERROR.
   */
  append(batches: readonly RecordBatch[], origin: AppendOrigin, guard?: VerificationGuard): AppendOutcome {
    const [first] = batches;
    assert(first);
    assert(batches.length === 1 || batches.every((batch) => !batch.hasProducerId));
    // Before the producer is looked at: behind a batch that an offline log did not take, its next one is not out of order.
    const unavailable = this.#unavailable();
    if (unavailable) return unavailable;
    if (first.hasProducerId) {
      const decision = this.#producers.check(first, origin, guard);
      if (decision.kind === "duplicate") return this.#duplicate(decision.original);
      if (decision.kind === "refuse") return decision.refusal;
    }
    const outcome = this.#write(batches);
    if (!outcome.ok) return outcome;
    if (first.hasProducerId) this.#producers.apply(first, this.#clock.now());
    this.#advance();
    return outcome;
  }

  /**
   * Ends a producer's transaction in this partition; harmless when it has none open here.
   *
   * Errors: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, KAFKA_STORAGE_ERROR.
   */
  appendMarker(marker: MarkerOptions): AppendOutcome {
    const refusal = this.#unavailable() ?? this.#producers.checkMarker(marker);
    if (refusal) return refusal;
    const outcome = this.#write([new RecordBatch(buildMarker(marker))]);
    if (!outcome.ok) return outcome;
    const completed = this.#producers.applyMarker(marker, outcome.lastOffset, this.#clock.now());
    if (completed) this.#unstable.push(completed);
    if (completed?.isAborted) this.#segments.active.abortedIndex.append(completed);
    this.#advance();
    return outcome;
  }

  /**
   * Begins the check that a producer may open its transaction here, before the coordinator is asked; hand the guard to
   * `append` once it agreed. A marker that arrives in between makes the guard worthless, so that a late batch cannot
   * open a transaction that nobody will end (KIP-890). `isVersion2`: the producer bumps its epoch with each transaction.
   */
  startVerification(
    producerId: number,
    producerEpoch: number,
    baseSequence: number,
    isVersion2: boolean,
  ): VerificationOutcome {
    const now = this.#clock.now();
    return (
      this.#unavailable() ?? this.#producers.startVerification(producerId, producerEpoch, baseSequence, isVersion2, now)
    );
  }

  /** Calls back once everything below `offset` is durable, or with the error that took the log offline. Calls back before
   * it returns when that is so already, and always with durability "os". */
  whenDurable(offset: number, callback: (error?: Error) => void): void {
    if (offset <= this.#highWatermark) callback();
    else this.#commit.whenDurable(offset, callback);
  }

  /**
   * Whole batches from the one that holds `offset` up to the high watermark, or the last stable offset; none at that
   * offset or above it.
   *
   * Errors: OFFSET_OUT_OF_RANGE below the log start offset or above the log end offset, CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR.
   */
  read(options: ReadOptions): ReadOutcome {
    const { offset } = options;
    const unavailable = this.#unavailable();
    if (unavailable) return unavailable;
    const startOffset = Math.max(this.#logStartOffset, this.#segments.oldest.baseOffset);
    if (offset < startOffset || offset > this.logEndOffset) {
      const range = `${startOffset} to ${this.logEndOffset}`;
      return refuse("OFFSET_OUT_OF_RANGE", `${this.#name} holds the offsets ${range}, not ${offset}`);
    }
    const listsAborted = options.isolation === "read_committed";
    const limitOffset = listsAborted ? this.#lastStableOffset : this.#highWatermark;
    const state = {
      ok: true,
      highWatermark: this.#highWatermark,
      lastStableOffset: this.#lastStableOffset,
      logStartOffset: this.#logStartOffset,
    } as const;
    if (offset >= limitOffset) return { ...state, records: NOTHING, abortedTransactions: [] };
    try {
      return { ...state, ...readBatches(this.#segments, { ...options, limitOffset, listsAborted }) };
    } catch (error) {
      return this.#unreadable(error as Error);
    }
  }

  /** The first record with this timestamp or a later one, among those that a reader of that isolation may see. Errors as of
   * `read`. */
  offsetForTimestamp(timestamp: number, isolation: ReadOptions["isolation"]): TimestampOutcome {
    const limitOffset = isolation === "read_committed" ? this.#lastStableOffset : this.#highWatermark;
    return this.#find(() => findRecordByTime(this.#segments, timestamp, this.#logStartOffset, limitOffset));
  }

  /** The record with the highest timestamp (ListOffsets' -3). Errors as of `read`. */
  offsetOfMaxTimestamp(): TimestampOutcome {
    return this.#find(() => findLatestRecord(this.#segments, this.#logStartOffset, this.#highWatermark));
  }

  #find(find: () => TimestampAndOffset | undefined): TimestampOutcome {
    const unavailable = this.#unavailable();
    if (unavailable) return unavailable;
    try {
      return { ok: true, found: find() };
    } catch (error) {
      return this.#unreadable(error as Error);
    }
  }

  /** Where the highest epoch up to `leaderEpoch` ends; undefined when the log knows none (KIP-101). */
  offsetForLeaderEpoch(leaderEpoch: number): EpochEndOffset | undefined {
    return this.#epochs.endOffsetFor(leaderEpoch, this.logEndOffset);
  }

  activeProducers(): ActiveProducer[] {
    return [...this.#producers.entries()].map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.txnFirstOffset,
    }));
  }

  openTransaction(producerId: number): OpenTransaction | undefined {
    const entry = this.#producers.get(producerId);
    if (!entry || entry.txnFirstOffset < 0) return undefined;
    const { producerEpoch, txnFirstOffset: firstOffset, lastTimestamp } = entry;
    return { producerId, producerEpoch, firstOffset, lastTimestamp };
  }

  /** Has the log start offset moved to where it says; OFFSET_OUT_OF_RANGE above the high watermark. Going back does
   * nothing. It is there, and durable, once `flush` has resolved, unless the disk was too full even for that. */
  deleteRecordsBefore(offset: number): { readonly ok: true; readonly logStartOffset: number } | LogRefusal {
    const unavailable = this.#unavailable();
    if (unavailable) return unavailable;
    if (offset > this.#highWatermark) {
      return refuse("OFFSET_OUT_OF_RANGE", `offset ${offset} is above the high watermark ${this.#highWatermark}`);
    }
    // Only then, so that no log ever ends below its start.
    this.#commit.whenDurable(offset, (error) => {
      if (!error) this.#raiseLogStart(offset);
    });
    return { ok: true, logStartOffset: Math.max(offset, this.#nextLogStartOffset) };
  }

  /** Deletes what retention allows and forgets expired producers. To be called every half minute or so. */
  maintain(): void {
    if (this.#unavailable()) return;
    this.#raiseLogStart(this.#expiredOffset());
    this.#producers.expire(this.#clock.now(), this.#config.producerIdExpirationMs);
  }

  updateConfig(config: LogConfig): void {
    this.#config = config;
    this.#advance();
  }

  /** Resolves when everything appended so far is durable, whatever the durability, and the log starts where it was asked to
   * start. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#commit.whenDurable(this.logEndOffset, (error) => (error ? reject(error) : resolve()));
    });
    await this.#checkpoints.settled();
    if (this.#offlineReason) throw this.#offlineReason;
  }

  /** Stops cleanly: what is written becomes durable, and opening again scans nothing. A log that is offline only lets go
   * of its files. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.compaction.stop();
    try {
      if (!this.#offlineReason) await this.#leaveSnapshot();
    } catch (error) {
      this.#goOffline(error as Error);
    }
    await this.#letGo();
  }

  /** Closes and removes the partition's folder. It is moved aside in one step, under a name that ends in "-delete": after
   * a crash such a folder is to be removed. */
  async delete(): Promise<void> {
    const aside = `${this.#folder}.${this.#topicId}-delete`;
    this.#logger.log("info", "partition deleted", { topicPartition: this.#name });
    this.#end(new Error(`${this.#name} was deleted`));
    await this.#letGo();
    this.#disk.rename(this.#folder, aside);
    this.#disk.remove(aside);
  }

  /** Closes the files, once nothing uses them behind the callers' back. */
  async #letGo(): Promise<void> {
    await this.compaction.stop();
    await this.#commit.idle();
    await this.#checkpoints.settled();
    this.#segments.closeFiles();
  }

  #write(batches: readonly RecordBatch[]): AppendOutcome {
    const { leaderEpoch } = this;
    const { messageTimestampType, indexIntervalBytes, durability } = this.#config;
    const logAppendTimeMs = messageTimestampType === "LogAppendTime" ? this.#clock.now() : -1;
    const baseOffset = this.logEndOffset;
    let nextOffset = baseOffset;
    let maxTimestamp = -1;
    for (const batch of batches) {
      batch.assignOffset(nextOffset, leaderEpoch);
      if (logAppendTimeMs >= 0) batch.assignLogAppendTime(logAppendTimeMs);
      nextOffset = batch.nextOffset;
      maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp);
    }
    const { chunks, sizeBytes } = chunksOf(batches);
    const lastOffset = nextOffset - 1;
    try {
      if (this.#segments.active.isFullFor(sizeBytes, lastOffset, maxTimestamp, this.#config)) this.#roll();
      this.#segments.active.append(chunks, batches, indexIntervalBytes);
    } catch (error) {
      return this.#notWritten(error as Error);
    }
    this.#isDiskFull = false;
    this.#sizeBytes += sizeBytes;
    this.#bytesSinceSync += sizeBytes;
    if (durability === "fsync" || this.#bytesSinceSync >= WRITE_BACK_BYTES) this.#commit.request();
    return {
      ok: true,
      baseOffset,
      lastOffset,
      logAppendTimeMs,
      logStartOffset: this.#logStartOffset,
      isDuplicate: false,
    };
  }

  #duplicate(original: ProducedBatch): AppendOutcome {
    return {
      ok: true,
      baseOffset: original.lastOffset - original.offsetDelta,
      lastOffset: original.lastOffset,
      logAppendTimeMs: this.#config.messageTimestampType === "LogAppendTime" ? original.timestamp : -1,
      logStartOffset: this.#logStartOffset,
      isDuplicate: true,
    };
  }

  /** Seals the active segment and begins the next one. When it throws, nothing has changed. */
  #roll(): void {
    const offset = this.logEndOffset;
    const next = Segment.create(this.#disk, this.#folder, offset);
    const segment = this.#segments.active;
    try {
      this.#segments.add(next, { segment, files: segment.seal(this.#producers.firstUndecidedOffset ?? offset) });
    } catch (error) {
      next.remove();
      throw error;
    }
    this.#snapshots.push(this.#snapshot());
    this.#folderIsDirty = true;
    this.#commit.request();
  }

  #snapshot(): PendingSnapshot {
    return { offset: this.logEndOffset, bytes: encodeProducerSnapshot([...this.#producers.entries()]) };
  }

  /** Makes durable what is written. Sealed segments are among it: they count before what comes behind them does. */
  async #sync(): Promise<void> {
    const startedMs = this.#clock.monotonic();
    const snapshots = this.#snapshots;
    this.#snapshots = [];
    this.#bytesSinceSync = 0;
    const { unsynced: sealed, active } = this.#segments;
    const files = [...sealed.flatMap((segment) => segment.files), active.log];
    const syncs = files.map((file) => file.sync());
    if (this.#folderIsDirty) syncs.push(this.#disk.syncFolder(this.#folder));
    this.#folderIsDirty = false;
    await Promise.all(syncs);
    this.#onSynced(this.#clock.monotonic() - startedMs);
    this.#segments.synced(sealed);
    const { baseOffsets } = this.#segments;
    for (const snapshot of snapshots) this.#checkpoints.saveSnapshot(snapshot, baseOffsets);
  }

  /** Moves the high watermark and the last stable offset to where they may be. */
  #advance(): void {
    const readable = this.#config.durability === "os" ? this.logEndOffset : this.#commit.durableOffset;
    const highWatermark = Math.max(this.#highWatermark, readable);
    this.#unstable = this.#unstable.filter((transaction) => transaction.lastOffset >= highWatermark);
    let stable = Math.min(highWatermark, this.#producers.firstUndecidedOffset ?? highWatermark);
    for (const { firstOffset } of this.#unstable) stable = Math.min(stable, firstOffset);
    const lastStableOffset = Math.max(stable, this.#logStartOffset);
    assert(lastStableOffset >= this.#lastStableOffset);
    if (highWatermark === this.#highWatermark && lastStableOffset === this.#lastStableOffset) return;
    this.#highWatermark = highWatermark;
    this.#lastStableOffset = lastStableOffset;
    this.#onAdvance();
  }

  /** Moves the log's start up once that is durable, and removes the segments that then lie below. */
  #raiseLogStart(offset: number): void {
    if (offset <= this.#nextLogStartOffset) {
      this.#removeDeleted();
      return;
    }
    this.#nextLogStartOffset = offset;
    this.#checkpoints.saveLogStart(
      offset,
      () => this.#makeRoom(offset),
      (isSaved) => {
        if (isSaved) this.#moveLogStart(offset);
        else this.#nextLogStartOffset = this.#logStartOffset;
        this.#removeDeleted();
      },
    );
  }

  #moveLogStart(offset: number): void {
    if (offset <= this.#logStartOffset) return;
    this.#logStartOffset = offset;
    this.#epochs.truncateFromStart(offset);
    this.#lastStableOffset = Math.max(this.#lastStableOffset, offset);
    this.#onAdvance();
  }

  /** Removes what lies below the log's start in full. */
  #removeDeleted(): void {
    const removed: Segment[] = [];
    while (this.#isRemovable(this.#logStartOffset)) removed.push(this.#takeOldest());
    if (removed.length === 0) return;
    for (const segment of removed) segment.remove();
    this.#checkpoints.removeSnapshotsBelow(this.#segments.oldest.baseOffset);
  }

  /** On a full disk, where not even the log's start can be saved: removes what is to lie below it, one segment after the
   * other. The log then starts with the oldest one that is there. */
  async #makeRoom(offset: number): Promise<void> {
    while (this.#isRemovable(offset)) {
      this.#takeOldest().remove();
      await this.#disk.syncFolder(this.#folder);
      this.#moveLogStart(this.#segments.oldest.baseOffset);
    }
  }

  /** Whether the oldest segment lies below `offset` in full and may go. */
  #isRemovable(offset: number): boolean {
    // The next maintenance will do.
    if (this.#unavailable() || this.compaction.isSwapping) return false;
    const { oldest } = this.#segments;
    return oldest.isSealed && oldest.nextOffset <= offset && this.#mayGo(oldest);
  }

  /** What is not durable yet may still be all that the next start finds. */
  #mayGo(segment: Segment): boolean {
    return segment.nextOffset <= this.#commit.durableOffset && this.#segments.isSynced(segment);
  }

  #takeOldest(): Segment {
    const segment = this.#segments.takeOldest();
    this.#sizeBytes -= segment.sizeBytes;
    this.#logger.log("info", "segment removed", { path: segment.path("log"), sizeBytes: segment.sizeBytes });
    return segment;
  }

  /** Where the log may start by its retention. */
  #expiredOffset(): number {
    const now = this.#clock.now();
    let offset = this.#logStartOffset;
    let { sizeBytes } = this;
    try {
      const { active } = this.#segments;
      if (active.sizeBytes > 0 && mustRoll(active, this.#config, now)) this.#roll();
      for (const segment of this.#segments.sealed) {
        const { latest: maxTimestamp } = this.#segments.timestampsOf(segment);
        const { nextOffset } = segment;
        const log = { sizeBytes, logStartOffset: offset };
        if (!this.#mayGo(segment)) break;
        if (!isExpired({ sizeBytes: segment.sizeBytes, nextOffset, maxTimestamp }, log, this.#config, now)) break;
        offset = Math.max(offset, nextOffset);
        sizeBytes -= segment.sizeBytes;
      }
    } catch (error) {
      // The next maintenance tries again; until then the log only keeps more than it must.
      this.#unreadable(error as Error);
    }
    return offset;
  }

  async #leaveSnapshot(): Promise<void> {
    await this.flush();
    await this.#commit.idle();
    const { active, oldest, baseOffsets } = this.#segments;
    const { soundSnapshotOffset } = this.#checkpoints;
    const isEmpty = this.logEndOffset === oldest.baseOffset && this.#producers.size === 0;
    if (isEmpty || this.logEndOffset === soundSnapshotOffset) return;
    await Promise.all(active.saveIndexes().map((file) => file.sync()));
    this.#checkpoints.saveSnapshot(this.#snapshot(), baseOffsets);
  }

  #unavailable(): LogRefusal | undefined {
    if (this.#offlineReason)
      return refuse("KAFKA_STORAGE_ERROR", `${this.#name} is offline: ${this.#offlineReason.message}`);
    return this.#isClosed ? refuse("NOT_LEADER_OR_FOLLOWER", `${this.#name} is closed`) : undefined;
  }

  /** A full disk refuses the one append, and the log stays as it was; any other failure takes the log offline. */
  #notWritten(error: Error): LogRefusal {
    if (!(error instanceof DiskError)) throw error;
    if (!isDiskFull(error) || !this.#cutBack()) this.#goOffline(error);
    return refuse("KAFKA_STORAGE_ERROR", error.message);
  }

  #cutBack(): boolean {
    try {
      this.#segments.active.dropUnwritten();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return false;
    }
    if (!this.#isDiskFull)
      this.#logger.log("warn", "appends refused: the disk is full", { topicPartition: this.#name });
    this.#isDiskFull = true;
    return true;
  }

  #unreadable(error: Error): LogRefusal {
    if (!(error instanceof LogCorruptionError || error instanceof DiskError)) throw error;
    // Readers try again and again.
    if (error.message !== this.#lastReadProblem) {
      this.#logger.log("error", "read failed", { topicPartition: this.#name, path: error.path, error: error.message });
    }
    this.#lastReadProblem = error.message;
    return refuse(error instanceof DiskError ? "KAFKA_STORAGE_ERROR" : "CORRUPT_MESSAGE", error.message);
  }

  #goOffline(error: Error): void {
    if (this.#offlineReason) return;
    this.#logger.log("error", "partition offline", { topicPartition: this.#name, error: error.message });
    this.#end(error);
  }

  /** From now on nothing is taken and nothing given; whoever waits is told. */
  #end(error: Error): void {
    this.#offlineReason ??= error;
    this.#commit.fail(error);
    void this.compaction.stop();
    this.#onAdvance();
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

function refuse(error: ErrorName, message: string): LogRefusal {
  return { ok: false, error, message };
}

function recoveryContext(options: PartitionLogOptions, logStartOffset: number): RecoveryContext {
  const { disk, logger, folder, clock, leaderEpoch } = options;
  const { indexIntervalBytes } = options.config;
  return { disk, logger, folder, now: clock.now(), indexIntervalBytes, leaderEpoch, logStartOffset };
}

function parentOf(folder: string): string {
  const slash = folder.lastIndexOf("/");
  return slash < 0 ? "." : folder.slice(0, Math.max(slash, 1));
}
