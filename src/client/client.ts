import { type Logger, silentLogger } from "../platform/logger.ts";
import { nodePlatform } from "../platform/node/index.ts";
import type { Platform } from "../platform/platform.ts";
import { Admin } from "./admin/admin.ts";
import { Consumer } from "./consumer/consumer.ts";
import type { ConsumerOptions } from "./consumer/options.ts";
import { OncillaError } from "./errors.ts";
import { type Address, Cluster } from "./network/cluster.ts";
import type { ProducerOptions } from "./producer/options.ts";
import { Producer } from "./producer/producer.ts";
import type { BytesLike } from "./types.ts";

export interface ClientOptions {
  /** "host:port", several separated by commas or in an array: where to find the cluster. */
  readonly brokers: string | readonly string[];
  /** Shows in the broker's logs and quotas. Default "oncilla". */
  readonly clientId?: string;
  /** A request without an answer for this long ends its connection. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** The first wait before a retry; doubles up to `retryBackoffMaxMs`, give or take 20 %. Default 100. */
  readonly retryBackoffMs?: number;
  /** Default 1,000. */
  readonly retryBackoffMaxMs?: number;
  /** Metadata is read again after this long even when nothing failed. Default 300,000. */
  readonly metadataMaxAgeMs?: number;
  /** A call that needs a topic fails with UNKNOWN_TOPIC_OR_PARTITION once brokers have said for so long that it does not exist.
   * Default 5,000. */
  readonly missingTopicTimeoutMs?: number;
  /** Default: Node's. */
  readonly platform?: Platform;
  /** Default: silent. */
  readonly logger?: Logger;
}

export interface CloseOptions {
  /** How long what is under way may take: records to be acknowledged, groups to be left. Default 30,000. */
  readonly timeoutMs?: number;
}

/** The way to a cluster: Apache Kafka's or oncilla's own broker. Connects when first needed. */
export class Client implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #children = new Set<{ close(options: CloseOptions): Promise<void> }>();
  #closed: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    this.#cluster = new Cluster({
      bootstrap: parseAddresses(options.brokers),
      clientId: options.clientId ?? "oncilla",
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      backoff: { baseMs: options.retryBackoffMs ?? 100, maxMs: options.retryBackoffMaxMs ?? 1_000 },
      metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
      missingTopicTimeoutMs: options.missingTopicTimeoutMs ?? 5_000,
      platform: options.platform ?? nodePlatform,
      logger: options.logger ?? silentLogger,
    });
  }

  producer<K = BytesLike, V = BytesLike>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    this.#requireOpen();
    const producer: Producer<K, V> = new Producer(this.#cluster, options, () => this.#children.delete(producer));
    this.#children.add(producer);
    return producer;
  }

  consumer<K = Buffer, V = Buffer>(options: ConsumerOptions<K, V> = {}): Consumer<K, V> {
    this.#requireOpen();
    const consumer: Consumer<K, V> = new Consumer(this.#cluster, options, () => this.#children.delete(consumer));
    this.#children.add(consumer);
    return consumer;
  }

  admin(): Admin {
    this.#requireOpen();
    const admin: Admin = new Admin(this.#cluster, () => this.#children.delete(admin));
    this.#children.add(admin);
    return admin;
  }

  /** Closes the producers, consumers and admins that it made, each with these options, and all connections. Throws the first
   * error of a rebalance listener, once everything is closed. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: CloseOptions): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#children].map((child) => child.close(options)));
    this.#cluster.close();
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  #requireOpen(): void {
    if (this.#closed) throw new OncillaError("CLOSED", "the client is closed: make a new one");
  }
}

function parseAddresses(brokers: string | readonly string[]): Address[] {
  // Undefined where a program in JavaScript has read it from a variable that is not set.
  const given = (typeof brokers === "string" ? brokers.split(",") : brokers) ?? [];
  const texts = given.map((text) => text.trim());
  const addresses = texts.filter((text) => text !== "").map(parseAddress);
  if (addresses.length === 0) throw new OncillaError("INVALID_ARGUMENT", "brokers: give at least one host:port");
  return addresses;
}

/** "host:port" or "[v6 address]:port". */
function parseAddress(text: string): Address {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:\s]+)):(?<port>\d{1,5})$/.exec(text);
  const { v6, host = v6, port } = match?.groups ?? {};
  if (host === undefined || Number(port) > 65535) {
    throw new OncillaError("INVALID_ARGUMENT", `brokers: "${text}" is not host:port`);
  }
  return { host, port: Number(port) };
}
