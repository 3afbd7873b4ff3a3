/** What the handlers work with. */
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type { GroupStep } from "../coordinator/group/turn.ts";
import type { TransactionCoordinator } from "../coordinator/transaction/transaction-coordinator.ts";
import type { TransactionStep } from "../coordinator/transaction/turn.ts";
import type { Clock } from "../platform/clock.ts";
import type { DiskVolume } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import type { Random } from "../platform/random.ts";
import type { CoordinatorRuntime } from "./coordinator-runtime.ts";
import type { FetchSessions } from "./handlers/fetch-sessions.ts";
import type { Endpoint } from "./listeners.ts";
import type { MarkerWriter } from "./marker-writer.ts";
import type { MetadataImage } from "./metadata/image.ts";
import type { MetadataLog } from "./metadata/metadata-log.ts";
import type { ProducerIdAllocator } from "./metadata/producer-ids.ts";
import type { Topics } from "./metadata/topics.ts";
import type { BrokerMetrics } from "./metrics/broker-metrics.ts";
import type { BrokerConfig } from "./options.ts";
import type { Partitions } from "./partitions.ts";
import type { ClientQuotas } from "./quotas/client-quotas.ts";

export interface BrokerServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** As it is now. */
  readonly config: BrokerConfig;
  /** As it was at the start. */
  readonly startConfig: BrokerConfig;
  /** Of the data folder; empty where it is in memory, or not known. */
  readonly dataVolume: () => Partial<DiskVolume>;
  /** What clients are told to connect to, listener by listener. */
  readonly endpoints: readonly Endpoint[];
  readonly image: MetadataImage;
  readonly metadata: MetadataLog;
  readonly quotas: ClientQuotas;
  readonly metrics: BrokerMetrics;
  readonly topics: Topics;
  /** Each answers a waiting fetch with what there is; for the broker that stops. */
  readonly waitingFetches: Set<() => void>;
  readonly fetchSessions: FetchSessions;
  readonly partitions: Partitions;
  readonly producerIds: ProducerIdAllocator;
  readonly markers: MarkerWriter;
  readonly groups: CoordinatorRuntime<GroupCoordinator, GroupStep>;
  readonly transactions: CoordinatorRuntime<TransactionCoordinator, TransactionStep>;
}
