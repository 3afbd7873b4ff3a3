import type { Logger } from "../platform/logger.ts";
import type { Platform } from "../platform/platform.ts";
import type { Admin } from "./admin/admin.ts";
import type { Consumer } from "./consumer/consumer.ts";
import type { ConsumerOptions } from "./consumer/options.ts";
import type { ProducerOptions } from "./producer/options.ts";
import type { Producer } from "./producer/producer.ts";

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
  /** Default: Node's. */
  readonly platform?: Platform;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** The way to a cluster: Apache Kafka's or oncilla's own broker. Connects when first needed. */
export declare class Client {
  constructor(options: ClientOptions);
  producer(options?: ProducerOptions): Producer;
  consumer(options?: ConsumerOptions): Consumer;
  admin(): Admin;
  /** Closes the producers, consumers and admins that it made, and all connections. */
  close(): Promise<void>;
}
