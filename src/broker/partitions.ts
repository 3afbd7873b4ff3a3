/** The partitions that this broker serves: all there are. */

import { readTopicId } from "../log/checkpoints.ts";
import { leftFolders, removeFolder } from "../log/deleted-folder.ts";
import type { LogConfig } from "../log/log-config.ts";
import { LogLostError } from "../log/log-lost-error.ts";
import { PartitionLog } from "../log/partition-log.ts";
import { ReadAhead } from "../log/read-ahead.ts";
import type { PartitionLogOptions } from "../log/types.ts";
import { shortageOf } from "../log/write-file.ts";
import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { allEnded } from "../platform/closing.ts";
import { type Disk, DiskError } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { logConfigOf } from "./configs/log-config.ts";
import type { MetadataImage, Topic } from "./metadata/image.ts";
import { isInternalTopic } from "./metadata/topic-name.ts";
import type { BrokerMetrics } from "./metrics/broker-metrics.ts";
import type { BrokerConfig } from "./options.ts";
import { Partition } from "./partition.ts";

/** Logs take up to a millisecond each to be opened, and there may be thousands. */
const OPENED_IN_A_TURN = 10;

export class Partitions {
  readonly #image: MetadataImage;
  readonly #options: {
    readonly disk: Disk;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: BrokerMetrics;
    readonly config: BrokerConfig;
    /** Holds one folder for each partition. */
    readonly folder: string;
  };
  /** An error stands for a partition whose log could not be opened. */
  readonly #byTopicId = new Map<string, (Partition | Error)[]>();
  /** The ids of topics whose records are acknowledged once they are synced. As long as there is one, the coordinators' logs are
   * synced too: a power loss would take back who has which producer epoch, what was decided and what was committed, and leave the
   * records that rest on it. */
  readonly #syncedTopicIds = new Set<string>();
  readonly #readAhead: ReadAhead;
  /** Of logs that need room for a copy of a segment: all at once, they would need it for all. */
  #turns: Promise<void> = Promise.resolve();

  constructor(
    image: MetadataImage,
    options: {
      readonly disk: Disk;
      readonly clock: Clock;
      readonly logger: Logger;
      readonly metrics: BrokerMetrics;
      readonly config: BrokerConfig;
      readonly folder: string;
    },
  ) {
    this.#image = image;
    this.#options = options;
    this.#readAhead = new ReadAhead(options.clock);
  }

  /** How many there are, and how much of their logs was read to check it when they were opened. */
  summary(): { readonly partitions: number; readonly scannedBytes: number } {
    const all = this.all();
    return { partitions: all.length, scannedBytes: all.reduce((sum, { log }) => sum + log.scannedBytes, 0) };
  }

  /** Those that can be used. */
  online(): Partition[] {
    return this.all().filter(({ isOffline }) => !isOffline);
  }

  /** Or why it cannot be used. */
  find(topic: string, index: number): Partition | ErrorName {
    const id = this.#image.topic(topic)?.id;
    return id === undefined ? "UNKNOWN_TOPIC_OR_PARTITION" : this.findById(id, index);
  }

  findById(topicId: string, index: number): Partition | ErrorName {
    const partitions = this.#byTopicId.get(topicId);
    if (!partitions || index < 0 || index >= partitions.length) return "UNKNOWN_TOPIC_OR_PARTITION";
    const partition = partitions[index];
    return partition === undefined || !isOpen(partition) || partition.isOffline ? "KAFKA_STORAGE_ERROR" : partition;
  }

  /** How many of a topic's partitions, from 0 on, could be opened. */
  openedCount(topicId: string): number {
    const partitions = this.#byTopicId.get(topicId) ?? [];
    const failed = partitions.findIndex((partition) => !isOpen(partition));
    return failed < 0 ? partitions.length : failed;
  }

  /** Opens the partitions of a topic that are not open yet, those among them that lacked room or descriptors the last time.
   * One that failed for another reason stays as it is until the next start. */
  async open(topic: Topic): Promise<void> {
    const present = this.#byTopicId.get(topic.id) ?? [];
    const nextTurn = this.#newTurns();
    let turn: Promise<void> | undefined;
    let begun = 0;
    const partitions = Array.from({ length: topic.partitionCount }, (_, index) => {
      const partition = present[index];
      const isDue = partition === undefined || (!isOpen(partition) && shortageOf(partition) !== undefined);
      if (!isDue) return partition;
      if (begun > 0 && begun % OPENED_IN_A_TURN === 0) turn = nextTurn();
      begun++;
      const open = (): Promise<Partition | Error> => this.#openOne(topic, index, partition);
      return turn ? turn.then(open) : open();
    });
    // All at once: their syncs share the work of the file system.
    this.#byTopicId.set(topic.id, await Promise.all(partitions));
  }

  /** To be called before a topic is opened, and when its settings have changed. */
  async updateConfig(topic: Topic): Promise<void> {
    // The coordinators' logs come first: what the topic is about to keep may rest on any of their records.
    await this.#setSynced(topic.id, logConfigOf(topic.configs, this.#options.config).durability === "fsync");
    this.#applyConfig(topic);
  }

  /** Removes a topic's partitions with their files. Resolves when these cannot come back. Rejects when some could not be removed,
   * once all that could be is. */
  async delete(topic: Topic): Promise<void> {
    const partitions = this.#byTopicId.get(topic.id) ?? [];
    this.#byTopicId.delete(topic.id);
    await this.#setSynced(topic.id, false);
    // One folder in a turn of the event loop: thousands of them take seconds.
    const nextTurn = this.#newTurns();
    const remove = async (partition: Partition | Error, index: number): Promise<void> => {
      await nextTurn();
      if (!isOpen(partition)) {
        const path = this.#folderOf(topic, index);
        if (!this.#isAnothers(path, topic)) removeFolder(this.#options.disk, path, topic.id);
        return;
      }
      await partition.log.delete();
      partition.advanced();
    };
    // All, or the removal of one would go on when another topic may have its place.
    const outcomes = await Promise.allSettled(partitions.map(remove));
    await this.#options.disk.syncFolder(this.#options.folder);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  /** Removes what is left of topics whose deletion was interrupted. Resolves with those that nothing is left of. */
  async removeLeftovers(deleted: readonly Topic[]): Promise<Topic[]> {
    const { disk, folder } = this.#options;
    const gone = deleted.filter((topic) => {
      const removed = Array.from({ length: topic.partitionCount }, (_, index) => this.#removeLeftover(topic, index));
      return !removed.includes(false);
    });
    for (const name of leftFolders(disk, folder)) disk.remove(`${folder}/${name}`);
    await disk.syncFolder(folder);
    return gone;
  }

  /** False when it cannot be looked at or removed, which others can do without. */
  #removeLeftover(topic: Topic, index: number): boolean {
    const { disk, logger } = this.#options;
    const path = this.#folderOf(topic, index);
    try {
      const topicId = readTopicId(disk, path);
      // The place may be that of another topic of the same name by now, or of one whose name the disk does not tell apart.
      if (topicId === topic.id || (topicId === undefined && !this.#image.topic(topic.name))) disk.remove(path);
      return true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      logger.log("error", "left of a deleted topic: the next start tries again to remove it", { path, error });
      return false;
    }
  }

  /** Retention and the like. */
  maintain(): void {
    for (const { log } of this.all()) log.maintain();
  }

  /** Resolves when everything appended (by default: anywhere) is durable, but for logs that are offline. */
  async flush(partitions: readonly Partition[] = this.all()): Promise<void> {
    await Promise.all(partitions.map(flushUnlessOffline));
  }

  /** Rejects once all are closed that can be. */
  async close(): Promise<void> {
    this.#readAhead.close();
    await allEnded(this.all().map(({ log }) => log.close()));
  }

  /** All that could be opened. */
  all(): Partition[] {
    return [...this.#byTopicId.values()].flat().filter(isOpen);
  }

  async #setSynced(topicId: string, isSynced: boolean): Promise<void> {
    const { size } = this.#syncedTopicIds;
    if (isSynced) this.#syncedTopicIds.add(topicId);
    else this.#syncedTopicIds.delete(topicId);
    if (size > 0 === this.#syncedTopicIds.size > 0) return;
    const topics = this.#image.topics().filter(({ name }) => isInternalTopic(name));
    for (const topic of topics) this.#applyConfig(topic);
    if (!isSynced) return;
    await this.flush(topics.flatMap(({ id }) => this.#byTopicId.get(id) ?? []).filter(isOpen));
  }

  #applyConfig(topic: Topic): void {
    const config = this.#configOf(topic);
    for (const partition of this.#byTopicId.get(topic.id) ?? [])
      if (isOpen(partition)) partition.log.updateConfig(config);
  }

  #configOf(topic: Topic): LogConfig {
    const config = logConfigOf(topic.configs, this.#options.config);
    const isSynced = isInternalTopic(topic.name) && this.#syncedTopicIds.size > 0;
    return isSynced ? { ...config, durability: "fsync" } : config;
  }

  /** Whether a folder is, for sure, that of another topic: of the same name in capitals, where the disk makes no difference. */
  #isAnothers(path: string, topic: Topic): boolean {
    try {
      return (readTopicId(this.#options.disk, path) ?? topic.id) !== topic.id;
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  /** Moves away the folder of a deleted topic, which could not be moved then, from where another of its name is to be. */
  #makeWay(path: string): void {
    const { disk } = this.#options;
    const topicId = readTopicId(disk, path);
    if (topicId === undefined || !this.#image.deletedTopics().some(({ id }) => id === topicId)) return;
    removeFolder(disk, path, topicId);
  }

  /** Gives one caller after the other a turn of the event loop of its own. */
  #newTurns(): () => Promise<void> {
    let turns = Promise.resolve();
    return () => {
      turns = turns.then(() => new Promise<void>((resolve) => this.#options.clock.setImmediate(resolve)));
      return turns;
    };
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#turns.then(task);
    this.#turns = done.catch(() => {});
    return done;
  }

  #folderOf(topic: Topic, index: number): string {
    return `${this.#options.folder}/${topic.name}-${index}`;
  }

  /** `earlier`: why it could not be opened the last time. */
  async #openOne(topic: Topic, index: number, earlier: Error | undefined): Promise<Partition | Error> {
    const { disk, clock, logger, metrics } = this.#options;
    assert(this.#image.leaderEpoch >= 0);
    const partition: { current: Partition | undefined } = { current: undefined };
    const options: PartitionLogOptions = {
      disk,
      clock,
      logger,
      folder: this.#folderOf(topic, index),
      topicPartition: { topic: topic.name, partition: index },
      topicId: topic.id,
      config: this.#configOf(topic),
      leaderEpoch: this.#image.leaderEpoch,
      isKnown: index < topic.openedCount,
      onAdvance: () => partition.current?.advanced(),
      onSynced: (elapsedMs) => metrics.flushTime.observe(elapsedMs),
      readAhead: this.#readAhead,
      inTurn: (task) => this.#inTurn(task),
    };
    try {
      if (!options.isKnown) this.#makeWay(options.folder);
      const log = await this.#openLog(options);
      if (earlier) logger.log("info", "partition online: its log is open now", options.topicPartition);
      partition.current = new Partition(topic.name, index, log);
      return partition.current;
    } catch (caught) {
      // The other partitions can do without it.
      const error = caught as Error;
      const fields = { ...options.topicPartition, error };
      if (error.message !== earlier?.message) {
        logger.log("error", "partition offline: its log cannot be opened", fields);
      }
      return error;
    }
  }

  async #openLog(options: PartitionLogOptions): Promise<PartitionLog> {
    try {
      return await PartitionLog.open(options);
    } catch (error) {
      if (!(error instanceof LogLostError && this.#options.config.recreateLostLogs)) throw error;
      const { topicPartition, disk, folder } = options;
      this.#options.logger.log("error", "partition begins anew, empty: its log is lost", { ...topicPartition, error });
      disk.remove(folder);
      return PartitionLog.open({ ...options, isKnown: false });
    }
  }
}

function isOpen(partition: Partition | Error): partition is Partition {
  return partition instanceof Partition;
}

/** A log that is offline, or goes offline by this, has said so. */
async function flushUnlessOffline(partition: Partition): Promise<void> {
  await partition.log.flush().catch((error: unknown) => {
    if (!partition.isOffline) throw error;
  });
}
