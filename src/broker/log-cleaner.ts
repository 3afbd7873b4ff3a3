/** Compacts the logs of topics with cleanup.policy=compact, one after the other, the dirtiest first. */

import { removeChecked, replaceChecked } from "../log/checked-text.ts";
import type { CleaningStatus } from "../log/compaction/cleanable.ts";
import {
  CLEANER_CHECKPOINT_FILE,
  type CleanedOffsets,
  encodeCleanedOffsets,
  readCleanedOffsets,
} from "../log/compaction/cleaner-checkpoint.ts";
import { CompactionStopped } from "../log/compaction/compactable-log.ts";
import { HASH_SECRET_BYTES } from "../log/compaction/key-hash.ts";
import { Pace } from "../log/compaction/pace.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { shortageOf } from "../log/write-file.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { type Disk, DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import type { Random } from "../platform/random.ts";
import type { BrokerConfig } from "./options.ts";
import type { Partition } from "./partition.ts";
import type { Partitions } from "./partitions.ts";

interface DirtyPartition {
  readonly partition: Partition;
  readonly status: CleaningStatus;
}

export class LogCleaner {
  readonly #options: {
    readonly partitions: Partitions;
    readonly disk: Disk;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly config: BrokerConfig;
    /** Holds the checkpoint file. */
    readonly folder: string;
  };
  readonly #pace: Pace;
  /** Up to where logs are compacted. */
  #cleanedOffsets = new Map<PartitionLog, number>();
  /** Logs that are damaged: they are left as they are, for someone to look at. */
  readonly #uncleanable = new WeakSet<PartitionLog>();
  /** While it rests. */
  #rest: { readonly timer: Timer; readonly backoffMs: number } | undefined;
  #work: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: {
    readonly partitions: Partitions;
    readonly disk: Disk;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly config: BrokerConfig;
    readonly folder: string;
  }) {
    this.#options = options;
    this.#pace = new Pace(options.clock, () => options.config.cleanerIoBytesPerSecond);
  }

  /** To be called when all logs that are there are open. */
  async start(): Promise<void> {
    const saved = this.#readSaved();
    for (const partition of this.#options.partitions.all()) {
      const offset = saved?.get(nameOf(partition));
      if (offset !== undefined) this.#cleanedOffsets.set(partition.log, offset);
    }
    // A topic of the name of one that is gone must not inherit from it.
    if (saved?.size !== this.#cleanedOffsets.size) await this.#save();
    if (this.#options.config.cleanerEnabled) this.#beginRest();
  }

  /** To be called when settings have changed: one who shortens the backoff does not wait until the one before is over. */
  reconfigure(): void {
    if (this.#rest === undefined || this.#rest.backoffMs === this.#options.config.cleanerBackoffMs) return;
    this.#rest.timer.cancel();
    this.#beginRest();
  }

  /** Undefined when it is damaged, or cannot be looked at. */
  #readSaved(): CleanedOffsets | undefined {
    const { disk, folder, logger } = this.#options;
    const path = `${folder}/${CLEANER_CHECKPOINT_FILE}`;
    let error: DiskError | undefined;
    try {
      if (!disk.exists(path)) return new Map();
      const saved = readCleanedOffsets(disk, folder);
      if (saved) return saved;
    } catch (caught) {
      if (!(caught instanceof DiskError)) throw caught;
      error = caught;
    }
    logger.log("warn", "damaged cleaner checkpoint passed over: logs are compacted anew", {
      path,
      ...(error && { error }),
    });
    return undefined;
  }

  /** Resolves when nothing is compacted any more. The logs must be closed behind it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#rest?.timer.cancel();
    this.#rest = undefined;
    await Promise.all(this.#options.partitions.all().map(({ log }) => log.compaction.stop()));
    await this.#work;
  }

  /** To be awaited before a topic's files are deleted: another of its name starts from nothing. */
  async forget(topic: string): Promise<void> {
    const gone = this.#options.partitions.all().filter((partition) => partition.topic === topic);
    await Promise.all(gone.map(({ log }) => log.compaction.stop()));
    const known = gone.filter(({ log }) => this.#cleanedOffsets.delete(log));
    if (known.length > 0) await this.#save();
  }

  #beginRest(): void {
    const backoffMs = this.#options.config.cleanerBackoffMs;
    const timer = this.#options.clock.setTimer(backoffMs, () => {
      this.#rest = undefined;
      this.#work = this.#cleanAll().then(() => {
        if (!this.#isStopped) this.#beginRest();
      });
    });
    this.#rest = { timer, backoffMs };
  }

  async #cleanAll(): Promise<void> {
    const failed = new Set<Partition>();
    while (!this.#isStopped) {
      const dirtiest = this.#dirtiest(failed);
      if (!dirtiest) return;
      if (!(await this.#clean(dirtiest))) failed.add(dirtiest.partition);
    }
  }

  #dirtiest(excluded: ReadonlySet<Partition>): DirtyPartition | undefined {
    let dirtiest: DirtyPartition | undefined;
    for (const partition of this.#options.partitions.all()) {
      const { log } = partition;
      if (!log.config.cleanupPolicy.includes("compact") || excluded.has(partition)) continue;
      if (partition.isOffline || this.#uncleanable.has(log)) continue;
      const status = this.#statusOf(partition);
      if (status?.isDue && (!dirtiest || dirtyRatio(status) > dirtyRatio(dirtiest.status))) {
        dirtiest = { partition, status };
      }
    }
    return dirtiest;
  }

  #statusOf(partition: Partition): CleaningStatus | undefined {
    try {
      return partition.log.compaction.status(this.#cleanedOffsets.get(partition.log) ?? 0);
    } catch (error) {
      this.#giveUp(partition, error);
      return undefined;
    }
  }

  /** False when the log is to be left alone for now. */
  async #clean({ partition, status }: DirtyPartition): Promise<boolean> {
    const { clock, config, logger, random } = this.#options;
    const { log } = partition;
    const startedMs = clock.monotonic();
    const sizeBytes = log.sizeBytes;
    try {
      const offset = await log.compaction.run(status.firstDirtyOffset, {
        dedupeBufferBytes: config.cleanerDedupeBufferBytes,
        secret: random.bytes(HASH_SECRET_BYTES),
        pace: this.#pace,
      });
      if (offset === status.firstDirtyOffset) return false;
      this.#cleanedOffsets.set(log, offset);
      logger.log("info", "log compacted", {
        topicPartition: `${partition.topic}-${partition.index}`,
        fromOffset: status.firstDirtyOffset,
        toOffset: offset,
        fromBytes: sizeBytes,
        toBytes: log.sizeBytes,
        durationMs: Math.round(clock.monotonic() - startedMs),
      });
    } catch (error) {
      if (!(error instanceof CompactionStopped || partition.isOffline)) this.#giveUp(partition, error);
      return false;
    }
    await this.#saveIfPossible();
    return true;
  }

  /** What is not saved is compacted again after a power loss, which is no fault of any log. */
  async #saveIfPossible(): Promise<void> {
    try {
      await this.#save();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#options.logger.log("warn", "cleaner checkpoint not synced: it may be lost with the power", { error });
    }
  }

  #giveUp({ topic, index, log }: Partition, error: unknown): void {
    const { logger } = this.#options;
    const topicPartition = `${topic}-${index}`;
    const shortage = shortageOf(error);
    if (shortage !== undefined) {
      logger.log("warn", `compaction put off: ${shortage}`, { topicPartition, error });
      return;
    }
    this.#uncleanable.add(log);
    logger.log("error", "log is not compacted any more: it cannot be read or written", { topicPartition, error });
  }

  /** One after the other: each write begins with what is known by then, whatever became of the one before. */
  #save(): Promise<void> {
    const saved = this.#saving.then(() => this.#write());
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async #write(): Promise<void> {
    const { disk, folder, logger, partitions } = this.#options;
    const offsets = new Map<string, number>();
    for (const partition of partitions.all()) {
      const offset = this.#cleanedOffsets.get(partition.log);
      if (offset !== undefined) offsets.set(nameOf(partition), offset);
    }
    try {
      await replaceChecked(disk, folder, CLEANER_CHECKPOINT_FILE, encodeCleanedOffsets(offsets));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      logger.log("warn", "cleaner checkpoint not saved: the next start compacts logs anew", { error });
      // An old one may tell of a topic that is gone.
      removeChecked(disk, folder, CLEANER_CHECKPOINT_FILE);
    }
    await disk.syncFolder(folder);
  }
}

function nameOf({ topic, index }: Partition): string {
  return `${topic} ${index}`;
}

function dirtyRatio({ cleanBytes, dirtyBytes }: CleaningStatus): number {
  return dirtyBytes / (cleanBytes + dirtyBytes);
}
