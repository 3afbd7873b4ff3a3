import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { allEnded } from "../platform/closing.ts";
import type { Disk } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { RecordBatch } from "../protocol/records/batch.ts";
import { buildMarker } from "../protocol/records/control.ts";
import { Checkpoints, readLogStartOffset, readTopicId } from "./checkpoints.ts";
import { CompactionPort } from "./compaction/compaction-port.ts";
import { LogCompaction } from "./compaction/log-compaction.ts";
import { finishSwaps } from "./compaction/swap.ts";
import { removeFolder } from "./deleted-folder.ts";
import { FailedSync } from "./failed-sync.ts";
import { FolderSync } from "./folder-sync.ts";
import { GroupCommit } from "./group-commit.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogConfig } from "./log-config.ts";
import { LogHealth } from "./log-health.ts";
import { LogLostError } from "./log-lost-error.ts";
import { findLatestRecord, findRecordByTime, NO_BATCHES, readBatches } from "./log-reader.ts";
import { LogStart } from "./log-start.ts";
import { LogSync } from "./log-sync.ts";
import { LogWriter } from "./log-writer.ts";
import { takeSnapshot } from "./producer-snapshot.ts";
import type { ProducedBatch, ProducerState } from "./producer-state.ts";
import type { ReadAhead } from "./read-ahead.ts";
import {
  decidedOffsetAt,
  type RecoveredLog,
  type RecoveryContext,
  readSnapshot,
  rebuildIndexes,
  recoverLog,
} from "./recovery.ts";
import { refuse } from "./refuse.ts";
import { mustRoll } from "./retention.ts";
import { METADATA_FILE } from "./segment-files.ts";
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
import { Watermarks } from "./watermarks.ts";
import { shortageOf } from "./write-file.ts";

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
  readonly #readAhead: ReadAhead | undefined;
  readonly #segments: SegmentList;
  readonly #producers: ProducerState;
  readonly #epochs: LeaderEpochs;
  readonly #commit: GroupCommit;
  readonly #checkpoints: Checkpoints;
  readonly #health: LogHealth;
  readonly #start: LogStart;
  readonly #writer: LogWriter;
  readonly #watermarks: Watermarks;
  #config: LogConfig;
  /** It is open. */
  #isInUse = false;

  /**
   * Opens, or makes, the log in `folder`, repairs what a crash left behind, and resolves when everything in it is durable
   * (with durability "os": the log itself, not what is in it). Rejects with a DiskError, with a LogCorruptionError that says
   * where, when bytes that had been durable are damaged or gone, or with a LogLostError.
   */
  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    const { disk, folder, topicId } = options;
    if (options.isKnown && !disk.exists(folder)) throw new LogLostError(folder, "there is no such folder");
    disk.makeFolder(folder);
    const foundTopicId = readTopicId(disk, folder);
    if (foundTopicId !== undefined && foundTopicId !== topicId) {
      throw new Error(`${folder} belongs to the topic with the id ${foundTopicId}, not ${topicId}`);
    }
    const metadataPath = `${folder}/${METADATA_FILE}`;
    if (foundTopicId === undefined && disk.exists(metadataPath))
      options.logger.log("warn", "topic id unfinished or damaged: written anew", { path: metadataPath });
    await finishSwaps(disk, folder, options.logger);
    await new FailedSync(options).mend();
    const logStartOffset = readLogStartOffset(disk, folder, (path) => {
      options.logger.log("warn", "log start offset damaged: the log starts with what is there, deleted or not", {
        path,
      });
    });
    const recovered = recoverLog(recoveryContext(options, logStartOffset));
    const log = new PartitionLog(options, recovered, logStartOffset);
    try {
      await log.#begin(foundTopicId === undefined, recovered.areEpochsSaved);
    } catch (error) {
      await log.close();
      throw error;
    }
    return log;
  }

  private constructor(options: PartitionLogOptions, recovered: RecoveredLog, savedLogStartOffset: number) {
    const { disk, clock, logger, folder, topicPartition, onAdvance = () => {}, onSynced = () => {} } = options;
    const { leaderEpoch } = options;
    const { producers, epochs } = recovered;
    this.leaderEpoch = leaderEpoch;
    this.scannedBytes = recovered.scannedBytes;
    this.#disk = disk;
    this.#clock = clock;
    this.#logger = logger;
    this.#folder = folder;
    this.#name = `${topicPartition.topic}-${topicPartition.partition}`;
    this.#topicId = options.topicId;
    this.#onAdvance = onAdvance;
    this.#readAhead = options.readAhead;
    this.#config = options.config;
    this.#producers = producers;
    this.#epochs = epochs;
    const health = new LogHealth(this.#name, logger, (error) => this.#ended(error));
    const context = (): RecoveryContext => recoveryContext({ ...options, config: this.#config }, this.logStartOffset);
    const segments = new SegmentList(epochs, recovered.segments, recovered.sealed, {
      rebuild: (all, index) => {
        this.#commit.request();
        return rebuildIndexes(context(), epochs, all, index);
      },
      decidedOffset: (segment) => decidedOffsetAt(context(), segment.nextOffset),
    });
    const failedSync = new FailedSync(options);
    const onFailed = (): void => failedSync.mark();
    // Whoever opens, closes or deletes a log tries again, or does without.
    const folderSync = new FolderSync(options, () => this.#isInUse && !health.unavailable(), onFailed);
    const checkpoints = new Checkpoints({
      ...options,
      folderSync,
      snapshotOffsets: recovered.snapshotOffsets,
      soundSnapshotOffset: recovered.soundSnapshotOffset,
      onFailure: (error) => health.goOffline(error),
    });
    this.#health = health;
    this.#segments = segments;
    this.#checkpoints = checkpoints;
    const config = (): LogConfig => this.#config;
    const sync = new LogSync(
      { clock, logger, folderSync, segments, producers, config, checkpoints, onSynced, onFailed },
      recovered,
    );
    this.#commit = new GroupCommit(
      clock,
      { endOffset: () => this.logEndOffset, sync: () => sync.run() },
      recovered.durableOffset,
      () => this.#advance(),
      (error) => health.goOffline(error),
    );
    const commit = this.#commit;
    this.#writer = new LogWriter({ disk, clock, folder, leaderEpoch, segments, producers, health, sync, commit });
    this.compaction = new LogCompaction(
      new CompactionPort(options, {
        log: this,
        name: this.#name,
        folderSync,
        segments,
        producers,
        checkpoints,
        health,
        readSnapshot: (offset) => readSnapshot(context(), offset),
      }),
    );
    this.#start = new LogStart(savedLogStartOffset, {
      logger,
      folder,
      folderSync,
      segments,
      checkpoints,
      epochs,
      mayRemove: () => !health.unavailable() && !this.compaction.isSwapping,
      durableOffset: () => this.#commit.durableOffset,
      onMoved: (offset) => {
        this.#watermarks.startAt(offset);
        this.#onAdvance();
      },
    });
    const { logStartOffset } = this;
    this.#watermarks = new Watermarks(Math.max(recovered.durableOffset, logStartOffset), logStartOffset);
  }

  async #begin(isNew: boolean, areEpochsSaved: boolean): Promise<void> {
    if (isNew) {
      // The metadata's presence tells the next start that the folder itself is durable.
      await this.#disk.syncFolder(parentOf(this.#folder));
      this.#checkpoints.saveMetadata(this.#topicId);
    }
    const hasNewEpoch = this.#epochs.assign(this.leaderEpoch, this.logEndOffset);
    if (hasNewEpoch || !areEpochsSaved) this.#checkpoints.saveEpochs(this.#epochs);
    this.#commit.request();
    if (this.#config.durability === "fsync") await this.flush();
    // An epoch is known before anything of it is written: a batch of one that is not known is damaged.
    else await this.#checkpoints.settled();
    if (this.offlineReason) throw this.offlineReason;
    this.#isInUse = true;
    this.#advance();
  }

  get logStartOffset(): number {
    return this.#start.offset;
  }
  get logEndOffset(): number {
    return this.#segments.active.nextOffset;
  }
  /** Everything below is durable (fsync) or written (os), and never changes. */
  get highWatermark(): number {
    return this.#watermarks.highWatermark;
  }
  /** Everything below is decided: committed, aborted, or outside any transaction. Never above the high watermark. */
  get lastStableOffset(): number {
    return this.#watermarks.lastStableOffset;
  }
  /** Why the log takes no more calls (all answer KAFKA_STORAGE_ERROR); undefined while it is healthy. */
  get offlineReason(): Error | undefined {
    return this.#health.offlineReason;
  }
  /** Of all segments' records. */
  get sizeBytes(): number {
    return this.#segments.sizeBytes;
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
    const unavailable = this.#health.unavailable();
    if (unavailable) return unavailable;
    if (first.hasProducerId) {
      const decision = this.#producers.check(first, origin, guard);
      if (decision.kind === "duplicate") return this.#duplicate(decision.original);
      if (decision.kind === "refuse") return decision.refusal;
    }
    const outcome = this.#writer.write(batches, this.#config, this.logStartOffset);
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
    const refusal = this.#health.unavailable() ?? this.#producers.checkMarker(marker);
    if (refusal) return refusal;
    const outcome = this.#writer.write([new RecordBatch(buildMarker(marker))], this.#config, this.logStartOffset);
    if (!outcome.ok) return outcome;
    const completed = this.#producers.applyMarker(marker, outcome.lastOffset, this.#clock.now());
    if (completed) this.#watermarks.completed(completed);
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
      this.#health.unavailable() ??
      this.#producers.startVerification(producerId, producerEpoch, baseSequence, isVersion2, now)
    );
  }

  /** Calls back once everything below `offset` is durable, or with the error that took the log offline. Calls back before
   * it returns when that is so already, and always with durability "os". */
  whenDurable(offset: number, callback: (error?: Error) => void): void {
    if (offset <= this.highWatermark) callback();
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
    const unavailable = this.#health.unavailable();
    if (unavailable) return unavailable;
    const startOffset = Math.max(this.logStartOffset, this.#segments.oldest.baseOffset);
    if (offset < startOffset || offset > this.logEndOffset) {
      const range = `${startOffset} to ${this.logEndOffset}`;
      return refuse("OFFSET_OUT_OF_RANGE", `${this.#name} holds the offsets ${range}, not ${offset}`);
    }
    const listsAborted = options.isolation === "read_committed";
    const limitOffset = listsAborted ? this.lastStableOffset : this.highWatermark;
    const state = {
      ok: true,
      highWatermark: this.highWatermark,
      lastStableOffset: this.lastStableOffset,
      logStartOffset: this.logStartOffset,
    } as const;
    const mayHaveRecords = offset < limitOffset && (options.maxBytes > 0 || options.minOneBatch);
    if (!mayHaveRecords) return { ...state, ...NO_BATCHES };
    const readAhead = this.#readAhead;
    try {
      return { ...state, ...readBatches(this.#segments, { ...options, limitOffset, listsAborted, readAhead }) };
    } catch (error) {
      return this.#health.unreadable(error as Error);
    }
  }

  /** The first record with this timestamp or a later one, among those that a reader of that isolation may see. Errors as of
   * `read`. */
  offsetForTimestamp(timestamp: number, isolation: ReadOptions["isolation"]): TimestampOutcome {
    const limitOffset = isolation === "read_committed" ? this.lastStableOffset : this.highWatermark;
    return this.#find(() => findRecordByTime(this.#segments, timestamp, this.logStartOffset, limitOffset));
  }

  /** The record with the highest timestamp (ListOffsets' -3); none, as in Apache Kafka, when a reader of that isolation may
   * not see it yet. Errors as of `read`. */
  offsetOfMaxTimestamp(isolation: ReadOptions["isolation"]): TimestampOutcome {
    return this.#find(() => {
      const found = findLatestRecord(this.#segments, this.logStartOffset, this.highWatermark);
      return isolation === "read_committed" && found && found.offset >= this.lastStableOffset ? undefined : found;
    });
  }

  #find(find: () => TimestampAndOffset | undefined): TimestampOutcome {
    const unavailable = this.#health.unavailable();
    if (unavailable) return unavailable;
    try {
      return { ok: true, found: find() };
    } catch (error) {
      return this.#health.unreadable(error as Error);
    }
  }

  /** Which epoch wrote the first offset; undefined when it is not known. */
  get logStartEpoch(): number | undefined {
    return this.#epochs.epochAt(this.logStartOffset);
  }

  /** Where the highest epoch up to `leaderEpoch` ends; undefined when the log knows none (KIP-101). */
  offsetForLeaderEpoch(leaderEpoch: number): EpochEndOffset | undefined {
    return this.#epochs.endOffsetFor(leaderEpoch, this.logEndOffset);
  }

  activeProducers(): ActiveProducer[] {
    return this.#producers.describe();
  }

  openTransaction(producerId: number): OpenTransaction | undefined {
    return this.#producers.openTransaction(producerId);
  }

  /** Has the log start offset moved to where it says; OFFSET_OUT_OF_RANGE above the high watermark. Going back does
   * nothing. It is there, and durable, once `flush` has resolved, unless the disk was too full even for that. */
  deleteRecordsBefore(offset: number): { readonly ok: true; readonly logStartOffset: number } | LogRefusal {
    const unavailable = this.#health.unavailable();
    if (unavailable) return unavailable;
    if (offset > this.highWatermark) {
      return refuse("OFFSET_OUT_OF_RANGE", `offset ${offset} is above the high watermark ${this.highWatermark}`);
    }
    // Only then, so that no log ever ends below its start.
    this.#commit.whenDurable(offset, (error) => {
      if (!error) this.#start.raise(offset);
    });
    return { ok: true, logStartOffset: Math.max(offset, this.#start.nextOffset) };
  }

  /** Deletes what retention allows, forgets expired producers, saves what found no room. To be called every half minute or so. */
  maintain(): void {
    if (this.#health.unavailable()) return;
    const now = this.#clock.now();
    const { active } = this.#segments;
    // What fails is tried again by the next maintenance; until then the log only keeps more than it must.
    const onUnreadable = (error: Error): void => void this.#health.unreadable(error);
    try {
      const mayRoll = active.sizeBytes > 0;
      if (mayRoll && mustRoll(this.#segments.timestampsOf(active), this.#config, now)) this.#writer.roll();
    } catch (error) {
      onUnreadable(error as Error);
    }
    this.#start.raise(this.#start.expiredOffset(this.#config, now, onUnreadable));
    this.#producers.expire(now, this.#config.producerIdExpirationMs);
    this.#checkpoints.saveMissingEpochs();
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
    if (this.offlineReason) throw this.offlineReason;
  }

  /** Stops cleanly: what is written becomes durable, and opening again scans nothing, unless the disk is too full for that. A
   * log that is offline only lets go of its files. */
  async close(): Promise<void> {
    if (this.#health.isClosed) return;
    this.#health.close();
    await this.compaction.stop();
    try {
      if (!this.offlineReason) {
        this.#checkpoints.saveMissingEpochs();
        await this.#leaveSnapshot();
      }
    } catch (error) {
      this.#notLeft(error as Error);
    }
    await this.#letGo();
  }

  /** Closes and removes the partition's folder. */
  async delete(): Promise<void> {
    this.#logger.log("info", "partition deleted", { topicPartition: this.#name });
    this.#health.end(new Error(`${this.#name} was deleted`));
    await this.#letGo();
    removeFolder(this.#disk, this.#folder, this.#topicId);
  }

  /** Closes the files, once nothing uses them behind the callers' back. */
  async #letGo(): Promise<void> {
    await this.compaction.stop();
    await this.#commit.idle();
    await this.#checkpoints.settled();
    this.#segments.closeFiles();
  }

  #duplicate(original: ProducedBatch): AppendOutcome {
    return {
      ok: true,
      baseOffset: original.lastOffset - original.offsetDelta,
      lastOffset: original.lastOffset,
      logAppendTimeMs: this.#config.messageTimestampType === "LogAppendTime" ? original.timestamp : -1,
      logStartOffset: this.logStartOffset,
      isDuplicate: true,
    };
  }

  /** Moves the high watermark and the last stable offset to where they may be. */
  #advance(): void {
    const readable = this.#config.durability === "os" ? this.logEndOffset : this.#commit.durableOffset;
    const { firstUndecidedOffset } = this.#producers;
    if (this.#watermarks.advance(readable, firstUndecidedOffset, this.logStartOffset)) this.#onAdvance();
  }

  async #leaveSnapshot(): Promise<void> {
    await this.flush();
    await this.#commit.idle();
    const { active, oldest, baseOffsets } = this.#segments;
    const { soundSnapshotOffset } = this.#checkpoints;
    const isEmpty = this.logEndOffset === oldest.baseOffset && this.#producers.size === 0;
    const isLeft = this.logEndOffset === soundSnapshotOffset && !active.hasIndexRemains;
    if (isEmpty || isLeft) return;
    await allEnded(active.saveIndexes().map((file) => file.sync()));
    this.#checkpoints.saveSnapshot(takeSnapshot(this.#producers, this.logEndOffset), baseOffsets);
  }

  #notLeft(error: Error): void {
    const shortage = shortageOf(error);
    if (shortage === undefined) this.#health.goOffline(error);
    else this.#logger.log("warn", `the next start will scan a log: ${shortage}`, { topicPartition: this.#name });
  }

  #ended(error: Error): void {
    this.#commit.fail(error);
    void this.compaction.stop();
    this.#onAdvance();
  }
}

function recoveryContext(options: PartitionLogOptions, logStartOffset: number): RecoveryContext {
  const { disk, logger, folder, clock, leaderEpoch, isKnown = false } = options;
  const { indexIntervalBytes } = options.config;
  return { disk, logger, folder, now: clock.now(), indexIntervalBytes, leaderEpoch, logStartOffset, isKnown };
}

function parentOf(folder: string): string {
  const slash = folder.lastIndexOf("/");
  return slash < 0 ? "." : folder.slice(0, Math.max(slash, 1));
}
