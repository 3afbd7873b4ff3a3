/** The broker as a whole: a core, a listener and connections. */

import { defined } from "../platform/assert.ts";
import type { Timer } from "../platform/clock.ts";
import { closeInTurn } from "../platform/closing.ts";
import type { FolderLock } from "../platform/disk.ts";
import { type Logger, silentLogger } from "../platform/logger.ts";
import type { Listener } from "../platform/network.ts";
import { nodePlatform } from "../platform/node/index.ts";
import type { Platform } from "../platform/platform.ts";
import { BrokerCore } from "./broker-core.ts";
import { BrokerError } from "./broker-error.ts";
import type { BrokerServices } from "./broker-services.ts";
import { Connections } from "./connections.ts";
import { takeDataFolder } from "./data-folder.ts";
import { FetchSessions } from "./handlers/fetch-sessions.ts";
import { createHandlers } from "./handlers/index.ts";
import { asListenError, formatAddress, Listeners } from "./listeners.ts";
import { BrokerMetrics } from "./metrics/broker-metrics.ts";
import { collectMetrics } from "./metrics/collect.ts";
import { type BrokerConfig, type BrokerOptions, resolveOptions } from "./options.ts";
import { ClientQuotas } from "./quotas/client-quotas.ts";
import { createRouter } from "./router.ts";

/** In memory there is only one folder. */
const MEMORY_FOLDER = "memory";
/** How long clients have to take their last replies when the broker stops. */
const FAREWELL_MS = 1000;

/**
 * A single broker that speaks Apache Kafka's protocol.
 *
 *     const broker = await Broker.start({ dataDir: "data", port: 9092 });
 *     // any Kafka client connects to broker.address
 *     await broker.stop();
 */
export class Broker implements AsyncDisposable {
  readonly #config: BrokerConfig;
  readonly #platform: Platform;
  readonly #logger: Logger;
  readonly #metrics: BrokerMetrics;
  readonly #core: BrokerCore;
  readonly #lock: FolderLock;
  readonly #waitingFetches = new Set<() => void>();
  readonly #connections: Connections;
  readonly #quotas: ClientQuotas;
  readonly #listeners = new Listeners();
  #metricsListener: Listener | undefined;
  #maintenance: Timer | undefined;
  #stopped: Promise<void> | undefined;

  /** Resolves when clients can connect. Rejects with a BrokerError. */
  static async start(options: BrokerOptions = {}): Promise<Broker> {
    const config = resolveOptions(options);
    const { platform = nodePlatform, logger = silentLogger } = options;
    const disk =
      config.dataDir === undefined
        ? new (await import("../platform/memory-disk.ts")).MemoryDisk({ now: () => platform.clock.now() })
        : platform.disk;
    const folder = config.dataDir ?? MEMORY_FOLDER;
    const lock = await takeDataFolder(disk, folder);
    try {
      const { clock, random } = platform;
      const metrics = new BrokerMetrics();
      const core = await openCore({ config, disk, clock, random, logger, metrics, folder });
      const broker = new Broker(config, platform, logger, metrics, core, lock);
      try {
        await broker.#listen();
      } catch (error) {
        // A listener that was open for a moment may have let someone in.
        broker.#connections.destroy();
        await broker.#metricsListener?.close();
        // Why it does not start is what there is to tell.
        await core.close().catch(() => {});
        throw error;
      }
      return broker;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(
    config: BrokerConfig,
    platform: Platform,
    logger: Logger,
    metrics: BrokerMetrics,
    core: BrokerCore,
    lock: FolderLock,
  ) {
    this.#config = config;
    this.#platform = platform;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#core = core;
    this.#lock = lock;
    this.#quotas = new ClientQuotas(core.image, platform.clock);
    this.#connections = new Connections({
      clock: platform.clock,
      logger,
      config: core.configs.now,
      quotas: this.#quotas,
    });
  }

  /** Where clients connect to: "127.0.0.1:9092". With several listeners, through the first. */
  get address(): string {
    return defined(this.addresses[0]);
  }

  /** Where clients connect to, listener by listener. */
  get addresses(): readonly string[] {
    return this.#listeners.endpoints.map(formatAddress);
  }

  /** Where metrics are shown, at /metrics: "127.0.0.1:9308"; undefined without `metricsPort`. */
  get metricsAddress(): string | undefined {
    return this.#metricsListener && formatAddress(this.#metricsListener);
  }

  /** Base64url. The same for as long as the folder lives. */
  get clusterId(): string {
    return this.#core.image.clusterId;
  }

  /** Takes no new request, answers those that are under way, makes everything durable, and resolves when the folder is
   * free for the next broker. So it is when this rejects, as something could not be made durable or closed. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #listen(): Promise<void> {
    const services = this.#services();
    const { handlers, unknownVersion } = createHandlers(services);
    const { quotas, clock, metrics } = services;
    const dispatch = createRouter(handlers, unknownVersion, { quotas, clock, metrics: metrics.requests });
    await this.#showMetrics(services);
    await this.#listeners.open(this.#platform.network, this.#config.listeners, {
      onConnection: (connection, endpoint) => this.#connections.accept(connection, endpoint, dispatch),
      onAcceptError: (error) => this.#connections.acceptFailed(error),
    });
    this.#maintain();
    this.#logger.log("info", "broker started", {
      address: this.addresses.join(","),
      ...this.#identity(),
      ...this.#core.partitions.summary(),
    });
  }

  #identity(): Readonly<Record<string, unknown>> {
    const { clusterId, leaderEpoch } = this.#core.image;
    return { clusterId, leaderEpoch, dataDir: this.#config.dataDir ?? "in memory" };
  }

  async #showMetrics(services: BrokerServices): Promise<void> {
    const { metricsHost: host, metricsPort: port } = this.#config;
    if (port === undefined) return;
    const { metrics } = this.#platform;
    if (!metrics)
      throw new BrokerError("INVALID_OPTION", 'broker option "metricsPort": this platform shows no metrics');
    const connections = this.#connections;
    this.#metricsListener = await metrics
      .listen({ host, port }, () => collectMetrics({ ...services, connections }))
      .catch((error: unknown) => {
        throw asListenError(error, { host, port });
      });
  }

  #services(): BrokerServices {
    const { image, metadata, configs, topics, partitions, producerIds, markers, groups, transactions } = this.#core;
    const { clock, disk, random } = this.#platform;
    return {
      clock,
      random,
      logger: this.#logger,
      config: configs.now,
      startConfig: configs.start,
      dataVolume: () => (this.#config.dataDir === undefined ? {} : (disk.volume?.(this.#config.dataDir) ?? {})),
      endpoints: this.#listeners.endpoints,
      waitingFetches: this.#waitingFetches,
      fetchSessions: new FetchSessions({ maxSessions: this.#config.maxFetchSessions, clock, random }),
      image,
      metadata,
      quotas: this.#quotas,
      metrics: this.#metrics,
      topics,
      partitions,
      producerIds,
      markers,
      groups,
      transactions,
    };
  }

  #maintain(): void {
    this.#maintenance = this.#platform.clock.setTimer(this.#config.retentionCheckIntervalMs, () => {
      this.#core.maintain();
      this.#maintain();
    });
  }

  async #stop(): Promise<void> {
    this.#maintenance?.cancel();
    await closeInTurn([
      () => this.#listeners.close(),
      () => this.#answerAll(),
      () => this.#sayFarewell(),
      () => this.#metricsListener?.close(),
      () => this.#core.close(),
      () => this.#lock.release(),
    ]);
    this.#logger.log("info", "broker stopped", this.#identity());
  }

  /** What is under way. */
  async #answerAll(): Promise<void> {
    const drained = this.#connections.drain();
    for (const answer of [...this.#waitingFetches]) answer();
    await this.#core.settle();
    await drained;
  }

  /** Ends the connections; one whose client does not end it too is cut. */
  async #sayFarewell(): Promise<void> {
    const timer = this.#platform.clock.setTimer(FAREWELL_MS, () => this.#connections.destroy());
    await this.#connections.end();
    timer.cancel();
  }
}

async function openCore(options: Parameters<typeof BrokerCore.open>[0]): Promise<BrokerCore> {
  try {
    return await BrokerCore.open(options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the data folder ${options.folder} cannot be opened: ${reason}`;
    throw new BrokerError("DATA_DIR_UNUSABLE", message, { cause: error });
  }
}
