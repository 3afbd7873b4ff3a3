/** Everything of a broker but its connections: the logs, the metadata and the coordinators on a folder. */
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type { TopicCatalog } from "../coordinator/group/topic-catalog.ts";
import type { GroupStep } from "../coordinator/group/turn.ts";
import { defaultTransactionCoordinatorConfig } from "../coordinator/transaction/config.ts";
import type { TransactionCoordinator } from "../coordinator/transaction/transaction-coordinator.ts";
import type { TransactionStep } from "../coordinator/transaction/turn.ts";
import { defaultLogConfig } from "../log/log-config.ts";
import { PartitionLog } from "../log/partition-log.ts";
import { METADATA_FILE } from "../log/segment-files.ts";
import { defined } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { closeInTurn } from "../platform/closing.ts";
import type { Disk } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { type Random, randomUuid } from "../platform/random.ts";
import { DynamicConfigs } from "./configs/dynamic-configs.ts";
import { groupSettings } from "./configs/group-configs.ts";
import { CoordinatorRuntime } from "./coordinator-runtime.ts";
import { LogCleaner } from "./log-cleaner.ts";
import { MarkerWriter } from "./marker-writer.ts";
import { ALL_BROKERS } from "./metadata/config-resource.ts";
import type { MetadataImage, Topic } from "./metadata/image.ts";
import { MetadataLog } from "./metadata/metadata-log.ts";
import { ProducerIdAllocator } from "./metadata/producer-ids.ts";
import { clusterRecord, epochRecord, type MetadataRecord, type MetadataRow, topicRecord } from "./metadata/records.ts";
import {
  isInternalTopic,
  METADATA_TOPIC,
  METADATA_TOPIC_ID,
  OFFSETS_TOPIC,
  TRANSACTIONS_TOPIC,
} from "./metadata/topic-name.ts";
import { Topics } from "./metadata/topics.ts";
import type { BrokerMetrics } from "./metrics/broker-metrics.ts";
import type { BrokerConfig } from "./options.ts";
import { Partitions } from "./partitions.ts";

export interface CoreOptions {
  readonly config: BrokerConfig;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: BrokerMetrics;
  /** Holds a folder for each partition. */
  readonly folder: string;
}

export class BrokerCore {
  readonly metadata: MetadataLog;
  readonly configs: DynamicConfigs;
  readonly partitions: Partitions;
  readonly topics: Topics;
  readonly groups: CoordinatorRuntime<GroupCoordinator, GroupStep>;
  readonly transactions: CoordinatorRuntime<TransactionCoordinator, TransactionStep>;
  readonly markers: MarkerWriter;
  readonly #cleaner: LogCleaner;
  readonly #options: CoreOptions;
  #producerIds: ProducerIdAllocator | undefined;

  /** Opens every log of the folder. What is open when this fails is closed again: coordinators that go on would write into
   * logs that the next broker has. */
  static async open(options: CoreOptions): Promise<BrokerCore> {
    const metadataLog = await openMetadataLog(options);
    let core: BrokerCore | undefined;
    try {
      core = new BrokerCore(options, metadataLog);
      await core.#start();
      return core;
    } catch (error) {
      // Why it does not start is what there is to tell.
      await (core ?? metadataLog).close().catch(() => {});
      throw error;
    }
  }

  private constructor(options: CoreOptions, metadataLog: PartitionLog) {
    const { clock, logger, random } = options;
    this.configs = new DynamicConfigs(options.config);
    const config = this.configs.now;
    this.#options = { ...options, config };
    this.metadata = new MetadataLog({ log: metadataLog, clock, carryOut: (row) => this.#carryOut(row) });
    const { image } = this.metadata;
    this.#updateConfigs();
    this.partitions = new Partitions(image, this.#options);
    this.#cleaner = new LogCleaner({ ...this.#options, partitions: this.partitions });
    this.topics = new Topics(this.metadata, config, random);
    this.groups = this.#createGroups(image);
    this.markers = new MarkerWriter({
      partitions: this.partitions,
      clock,
      logger,
      onOffsetsMarker: (partition, producerId, type) => this.groups.shard(partition)?.markerAppended(producerId, type),
    });
    this.transactions = this.#createTransactions(image);
  }

  get image(): MetadataImage {
    return this.metadata.image;
  }

  get producerIds(): ProducerIdAllocator {
    return defined(this.#producerIds);
  }

  /** Retention and the like, and what there was no room or no descriptor for. To be called every half minute or so. */
  maintain(): void {
    this.partitions.maintain();
    // A metadata log that is offline has said so.
    this.metadata
      .catchUp(() => this.#catchUp())
      .catch((error: unknown) => {
        if (!this.metadata.isOffline) throw error;
      });
  }

  /** To be called when no request comes in any more. What was decided is made durable and answered; who waits for
   * something that will not come is told so. */
  async settle(): Promise<void> {
    await this.partitions.flush();
    this.#stopCoordinators();
  }

  /** Closes the logs, so that the next start has nothing to repair. What was not settled is only made durable as far as that
   * goes without waiting, for a descriptor, say. */
  async close(): Promise<void> {
    this.#stopCoordinators();
    await closeInTurn([() => this.#cleaner.stop(), () => this.metadata.close(), () => this.partitions.close()]);
  }

  #stopCoordinators(): void {
    this.groups.stop();
    this.transactions.stop();
    this.markers.stop();
  }

  async #start(): Promise<void> {
    const { random } = this.#options;
    await this.metadata.change((image) => {
      const clusterId = Buffer.from(randomUuid(random)).toString("base64url");
      const newCluster = image.clusterId === "" ? [clusterRecord(clusterId)] : [];
      return { records: [...newCluster, epochRecord(image.leaderEpoch + 1)], result: undefined };
    });
    await this.#finishDeletions();
    for (const topic of this.image.topics()) await this.partitions.updateConfig(topic);
    await Promise.all(this.image.topics().map((topic) => this.partitions.open(topic)));
    await this.#cleaner.start();
    this.#producerIds = await ProducerIdAllocator.create(this.metadata);
    // The offsets first: transactions that were being completed write their markers there.
    for (const runtime of [this.groups, this.transactions]) {
      const topic = this.image.topic(runtime.topic);
      if (topic) await runtime.start(topic, this.partitions);
    }
    // A crash may have come before it was remembered what was opened.
    await this.metadata.change((image) => {
      return { records: image.topics().flatMap((topic) => this.#openedRecords(topic)), result: undefined };
    });
  }

  /** A crash may have come between the record of a deletion and the removal of the files. */
  async #finishDeletions(): Promise<void> {
    await this.topics.forget(await this.partitions.removeLeftovers(this.image.deletedTopics()));
  }

  async #carryOut(row: MetadataRow): Promise<MetadataRecord[]> {
    if (row.kind === "topic") return this.#carryOutTopic(row.topic);
    if (row.kind === "configs" && row.resource.kind === "broker") {
      this.#updateConfigs({ name: row.resource.name, configs: row.configs });
      this.#cleaner.reconfigure();
      for (const topic of this.image.topics()) await this.partitions.updateConfig(topic);
    }
    return [];
  }

  /** `change`: what the image does not show yet. */
  #updateConfigs(change?: { readonly name: string; readonly configs: ReadonlyMap<string, string> }): void {
    const configsOf = (name: string): ReadonlyMap<string, string> =>
      change?.name === name ? change.configs : this.image.configsOf("broker", name);
    this.configs.update(configsOf(ALL_BROKERS), configsOf(String(this.configs.start.nodeId)));
  }

  async #carryOutTopic(topic: Topic): Promise<MetadataRecord[]> {
    if (topic.isDeleted) {
      try {
        await this.#cleaner.forget(topic.name);
      } finally {
        // The topic is gone, whatever becomes of this: another of its name may be made, and needs its place.
        await this.partitions.delete(topic);
      }
      return [];
    }
    await this.partitions.updateConfig(topic);
    return this.#bringUp(topic);
  }

  /** Partitions that were short of something when they were to be opened, and coordinators that could not be loaded. */
  async #catchUp(): Promise<MetadataRecord[]> {
    const incomplete = this.image.topics().filter(({ id, name, openedCount, partitionCount }) => {
      return isInternalTopic(name) || Math.min(openedCount, this.partitions.openedCount(id)) < partitionCount;
    });
    const outcomes = await Promise.all(incomplete.map((topic) => this.#bringUp(topic)));
    return outcomes.flat();
  }

  async #bringUp(topic: Topic): Promise<MetadataRecord[]> {
    const { logger } = this.#options;
    await this.partitions.open(topic);
    for (const runtime of [this.groups, this.transactions]) {
      if (runtime.topic !== topic.name) continue;
      await runtime.start(topic, this.partitions).catch((error: unknown) => {
        // Of too many files that are open, for one.
        logger.log("error", "coordinators cannot be loaded, trying again", { topic: topic.name, error });
      });
    }
    return this.#openedRecords(topic);
  }

  /** What to remember of the partitions that could be opened. */
  #openedRecords(topic: Topic): MetadataRecord[] {
    const openedCount = this.partitions.openedCount(topic.id);
    return openedCount > topic.openedCount ? [topicRecord({ ...topic, openedCount })] : [];
  }

  #createGroups(image: MetadataImage): CoordinatorRuntime<GroupCoordinator, GroupStep> {
    const { clock, logger, random, config } = this.#options;
    return new CoordinatorRuntime<GroupCoordinator, GroupStep>(
      {
        topic: OFFSETS_TOPIC,
        load: async () => {
          const { GroupCoordinator } = await import("../coordinator/group/group-coordinator.ts");
          return () =>
            new GroupCoordinator({
              random,
              logger,
              topics: topicCatalog(image),
              settingsOf(groupId) {
                return groupSettings(image.configsOf("group", groupId), config);
              },
              config: {
                maxGroupSize: config.groupMaxSize,
                consumerMaxGroupSize: config.groupConsumerMaxSize,
                streamsMaxGroupSize: config.groupStreamsMaxSize,
                consumerMigrationPolicy: config.groupConsumerMigrationPolicy,
                minSessionTimeoutMs: config.groupMinSessionTimeoutMs,
                maxSessionTimeoutMs: config.groupMaxSessionTimeoutMs,
                initialRebalanceDelayMs: config.groupInitialRebalanceDelayMs,
                offsetsRetentionMs: config.offsetsRetentionMs,
              },
            });
        },
        hooks: {
          applyMarker: (machine, producerId, type) => machine.applyMarker(producerId, type),
          loaded(machine, now) {
            machine.loaded(now);
            return undefined;
          },
        },
      },
      { image, clock, logger },
    );
  }

  #createTransactions(image: MetadataImage): CoordinatorRuntime<TransactionCoordinator, TransactionStep> {
    const { clock, logger, config } = this.#options;
    return new CoordinatorRuntime<TransactionCoordinator, TransactionStep>(
      {
        topic: TRANSACTIONS_TOPIC,
        load: async () => {
          const { TransactionCoordinator } = await import("../coordinator/transaction/transaction-coordinator.ts");
          return () =>
            new TransactionCoordinator({
              coordinatorEpoch: image.leaderEpoch,
              config: {
                maxTransactionTimeoutMs: config.transactionMaxTimeoutMs,
                transactionalIdExpirationMs: config.transactionalIdExpirationMs,
                completionWaitMs: defaultTransactionCoordinatorConfig.completionWaitMs,
              },
              producerIds: this.producerIds,
              offsetsPartitionOf: (groupId) => defined(this.groups.partitionFor(groupId)),
              logger,
            });
        },
        hooks: {
          loaded: (machine, now) => machine.resumeCompletions(now),
          durable: (shard, step) => {
            if (step.markers.length === 0) return;
            // The reply to EndTxn leaves first: many markers take longer than all else that a commit waits for.
            clock.setImmediate(() => {
              for (const request of step.markers) {
                this.markers.writeAll(
                  request,
                  () => this.transactions.isCurrent(shard),
                  () => shard.notify((machine, now) => machine.markersWritten(request, request.partitions, now)),
                );
              }
            });
          },
        },
      },
      { image, clock, logger },
    );
  }
}

function topicCatalog(image: MetadataImage): TopicCatalog {
  return {
    get version() {
      return image.topicsVersion;
    },
    topic: (name) => image.topic(name),
    nameOf: (topicId) => image.topicById(topicId)?.name,
    names: () => image.topicNames(),
  };
}

function openMetadataLog({ disk, clock, logger, folder }: CoreOptions): Promise<PartitionLog> {
  return PartitionLog.open({
    disk,
    clock,
    logger,
    folder: `${folder}/${METADATA_TOPIC}-0`,
    topicPartition: { topic: METADATA_TOPIC, partition: 0 },
    topicId: METADATA_TOPIC_ID,
    isKnown: holdsPartitions(disk, folder),
    // Nothing of it is ever deleted, and nothing is ever lost: neither producer ids nor leader epochs may come again. Changes are few: each
    // is a recovery point, but for one that comes while the last one's is being saved. So also after a crash damage is found, and not taken
    // for a write that was interrupted.
    config: {
      ...defaultLogConfig,
      durability: "fsync",
      cleanupPolicy: [],
      retentionMs: Number.POSITIVE_INFINITY,
      recoveryPointIntervalBytes: 1,
    },
    leaderEpoch: 0,
  });
}

/** The metadata log is made before any topic: where a partition is, it was. Without it the cluster would be another one, and
 * what the partitions hold would be nobody's. */
function holdsPartitions(disk: Disk, folder: string): boolean {
  const others = disk.list(folder).filter((name) => /-\d+\/$/.test(name) && name !== `${METADATA_TOPIC}-0/`);
  return others.some((name) => {
    try {
      return disk.exists(`${folder}/${name}${METADATA_FILE}`);
    } catch {
      // Nobody can look into it. It has the name of one, and will be offline.
      return true;
    }
  });
}
