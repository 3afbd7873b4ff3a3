/** The way to a cluster: where its brokers are, found out from any of them and kept up to date. */
import type { Logger } from "../../platform/logger.ts";
import type { Platform } from "../../platform/platform.ts";
import { randomInt } from "../../platform/random.ts";
import { metadata } from "../../protocol/apis/metadata.ts";
import { errorName } from "../../protocol/errors.ts";
import type { Api, RequestBody, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import type { BrokerConnection, ConnectionOptions } from "./connection.ts";
import { type BrokerDirectory, Lane, type RequestOptions } from "./lane.ts";
import { MetadataCache, type TopicMetadata } from "./metadata-cache.ts";
import { type RetryScope, retrying } from "./retry.ts";

const METADATA_BY_ID = 12;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ClusterOptions extends ConnectionOptions {
  readonly bootstrap: readonly Address[];
  readonly backoff: BackoffOptions;
  readonly metadataMaxAgeMs: number;
  readonly missingTopicTimeoutMs: number;
  readonly logger: Logger;
}

export class Cluster implements BrokerDirectory {
  readonly options: ClusterOptions;
  readonly platform: Platform;
  readonly metadata: MetadataCache = new MetadataCache();
  readonly #lanes = new Set<Lane>();
  readonly #lane: Lane;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #refreshAlarm: Alarm;
  /** Topics to ask for in the next refresh, and whether brokers may create the missing ones. */
  readonly #wanted = new Map<string, boolean>();
  /** Topics of which only the ids are known. */
  readonly #wantedIds = new Set<string>();
  #refreshing: Promise<void> | undefined;
  #failures = 0;
  /** Refreshes in a row that told nothing new. */
  #inVain = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #features: ReadonlyMap<string, number> = new Map();
  #featuresEpoch = -1;
  #obstacle: OncillaError | undefined;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.platform = options.platform;
    this.#lane = this.openLane();
    this.#refreshAlarm = new Alarm(options.platform.clock, () => this.#startRefresh());
  }

  /** Own connections for one purpose; close it when done. */
  openLane(): Lane {
    const lane = new Lane(this, this.options);
    this.#lanes.add(lane);
    return lane;
  }

  closeLane(lane: Lane): void {
    this.#lanes.delete(lane);
    lane.close();
  }

  /** For retry loops of an owner that ends with `signal`. */
  retryScope(signal: AbortSignal): RetryScope {
    const { clock, random } = this.platform;
    const { backoff, missingTopicTimeoutMs } = this.options;
    return { clock, random, backoff, signal, missingTopicTimeoutMs };
  }

  /** Bootstrap addresses have negative node ids, as in other clients. */
  addressOf(nodeId: number): Address | undefined {
    return nodeId < 0 ? this.options.bootstrap[-1 - nodeId] : this.metadata.broker(nodeId);
  }

  connected(connection: BrokerConnection): void {
    if (connection.featuresEpoch < this.#featuresEpoch) return;
    this.#featuresEpoch = connection.featuresEpoch;
    this.#features = connection.features;
  }

  /** Whether a broker has ever told about the cluster. */
  get isKnown(): boolean {
    return this.metadata.brokers.length > 0;
  }

  /** Why the last attempt to learn about the cluster failed. */
  get obstacle(): OncillaError | undefined {
    return this.#obstacle;
  }

  /** The level of a finalized feature, from the newest answer of any broker; 0 when it is not known. */
  featureLevel(name: string): number {
    return this.#features.get(name) ?? 0;
  }

  /** A broker to ask what any broker knows: one that works, else one that has failed least, else a bootstrap address. */
  anyNode(lane: Lane): number {
    const known = this.metadata.brokers.map((broker) => broker.nodeId);
    const best = this.#leastFailed(lane, known);
    if (best.length > 0 && lane.failuresOf(best[0] ?? 0) === 0) return this.#pick(best);
    // Every known broker fails: the cluster may have moved as a whole (KIP-899).
    const bootstrap = this.options.bootstrap.map((_, index) => -1 - index);
    return this.#pick(this.#leastFailed(lane, [...known, ...bootstrap]));
  }

  #leastFailed(lane: Lane, nodes: readonly number[]): number[] {
    const least = Math.min(...nodes.map((node) => lane.failuresOf(node)));
    return nodes.filter((node) => lane.failuresOf(node) === least);
  }

  #pick(nodes: readonly number[]): number {
    return nodes[randomInt(this.platform.random, nodes.length)] ?? -1;
  }

  requestAny<A extends Api>(
    lane: Lane,
    api: A,
    body: RequestBody<A>,
    options?: RequestOptions,
  ): Promise<ResponseOf<A>> {
    return lane.request(this.anyNode(lane), api, body, options);
  }

  /** Calls back after each refresh that succeeded. Returns how to stop that. */
  onMetadata(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads metadata again soon: the given topics and all that are known. Waits after failures; many calls make one request. */
  requestRefresh(topics: Iterable<string> = [], mayCreate = false): void {
    if (this.#closing.signal.aborted) return;
    for (const topic of topics) this.#wanted.set(topic, mayCreate || this.#wanted.get(topic) === true);
    if (this.#refreshing) return;
    const { clock, random } = this.platform;
    const { baseMs, maxMs } = this.options.backoff;
    const now = clock.monotonic();
    // Nobody asked for long: what follows is another matter.
    if (now - this.#refreshedAt > 2 * maxMs) this.#inVain = 0;
    // Even when all goes well: news takes its time, and asking in a loop does not hasten it.
    const tries = Math.max(this.#failures, this.#inVain);
    const pause = tries > 0 ? backoffMs(random, this.options.backoff, tries) : 0;
    this.#refreshAlarm.setBy(Math.max(now, this.#refreshedAt + Math.max(pause, baseMs)));
  }

  /** Reads metadata again soon, that of topics too of which only the ids are known (brokers since Apache Kafka 3.1). */
  requestTopics(topicIds: Iterable<string>): void {
    for (const topicId of topicIds) this.#wantedIds.add(topicId);
    this.requestRefresh();
  }

  /** Reads metadata again when what is known has become old. */
  refreshWhenOld(): void {
    if (this.platform.clock.monotonic() - this.#refreshedAt > this.options.metadataMaxAgeMs) this.requestRefresh();
  }

  /** Resolves with the topic, waiting for it to appear up to `timeoutMs`. `mayCreate`: brokers that create topics on
   * demand may do so. */
  topic(name: string, options: { timeoutMs: number; signal: AbortSignal; mayCreate: boolean }): Promise<TopicMetadata> {
    const known = this.metadata.topic(name);
    if (known) return Promise.resolve(known);
    return retrying(this.retryScope(options.signal), `metadata of topic ${name}`, options.timeoutMs, async () => {
      await this.refresh([name], options.mayCreate);
      const found = this.metadata.topic(name);
      if (found) return found;
      throw wireError(this.metadata.errorOf(name) ?? "UNKNOWN_TOPIC_OR_PARTITION", `metadata of topic ${name}`);
    });
  }

  /** Reads metadata of the given topics (and all that are known) now; rejects when that fails. */
  async refresh(topics: Iterable<string> = [], mayCreate = false): Promise<void> {
    for (const topic of topics) this.#wanted.set(topic, mayCreate || this.#wanted.get(topic) === true);
    // A request that is under way may have been sent before the topics were wanted.
    if (this.#refreshing) await this.#refreshing.catch(() => {});
    await this.#refreshNow();
  }

  /** Closes all lanes. */
  close(): void {
    this.#closing.abort(new OncillaError("CLOSED", "the client was closed"));
    this.#refreshAlarm.cancel();
    this.#listeners.clear();
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
  }

  #startRefresh(): void {
    this.#refreshNow().catch((error: unknown) => {
      if (!(error instanceof OncillaError)) throw error;
      this.options.logger.log("warn", "metadata could not be read", { error: error.message });
      this.requestRefresh();
    });
  }

  #refreshNow(): Promise<void> {
    this.#refreshing ??= this.#readMetadata().finally(() => {
      this.#refreshing = undefined;
      if (this.#wanted.size > 0 || this.#wantedIds.size > 0) this.requestRefresh();
    });
    return this.#refreshing;
  }

  async #readMetadata(): Promise<void> {
    const wanted = new Map(this.#wanted);
    this.#wanted.clear();
    this.#refreshAlarm.cancel();
    const names = [...new Set([...this.metadata.topicNames, ...wanted.keys()])];
    const created = names.filter((name) => wanted.get(name) === true);
    const others = names.filter((name) => wanted.get(name) !== true);
    this.#refreshedAt = this.platform.clock.monotonic();
    const { newsCount } = this.metadata;
    try {
      if (created.length > 0) await this.#readTopics(created, true);
      // Also for the brokers alone.
      if (others.length > 0 || created.length === 0) await this.#readTopics(others, false);
      await this.#readTopicsById();
      this.#failures = 0;
      this.#inVain = this.metadata.newsCount === newsCount ? this.#inVain + 1 : 0;
      this.#obstacle = undefined;
    } catch (error) {
      this.#failures++;
      if (error instanceof OncillaError) this.#obstacle = error;
      for (const [name, create] of wanted) if (!this.#wanted.has(name)) this.#wanted.set(name, create);
      throw error;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Apart from the topics that may be created: one that was deleted must not come back. */
  async #readTopics(names: readonly string[], allowAutoTopicCreation: boolean): Promise<void> {
    const topics = names.map((name) => ({ name }));
    const response = await this.requestAny(this.#lane, metadata, { topics, allowAutoTopicCreation });
    const error = errorName(response.errorCode);
    if (error !== "NONE") throw wireError(error, "metadata");
    this.metadata.update(response);
  }

  /** One request has either names or ids. */
  async #readTopicsById(): Promise<void> {
    const topicIds = [...this.#wantedIds].filter((topicId) => this.metadata.nameOf(topicId) === undefined);
    this.#wantedIds.clear();
    if (topicIds.length === 0) return;
    const topics = topicIds.map((topicId) => ({ topicId, name: null }));
    const body = { topics, allowAutoTopicCreation: false };
    this.metadata.update(await this.requestAny(this.#lane, metadata, body, { minVersion: METADATA_BY_ID }));
  }
}
