/** All connections of a broker: who may come, what they may hold together, and who has to go. */
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Metric } from "../platform/metrics.ts";
import type { Connection, NetworkError } from "../platform/network.ts";
import { ClientConnection, type ConnectionLimits, type RequestDispatcher } from "./connection.ts";
import type { Endpoint } from "./listeners.ts";
import { LogLimiter } from "./log-limiter.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { BrokerConfig } from "./options.ts";
import type { ClientQuotas } from "./quotas/client-quotas.ts";

const MAX_IN_FLIGHT_REQUESTS = 1000;
const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** A connection is found idle that much later than allowed, as a part of the time allowed. */
const IDLE_CHECK_PART = 0.1;
/** Of that time: how long a request may rest in the middle while others wait for memory. */
const SCARCE_PART = 0.1;

/** Of one listener's connections. */
class ListenerCounts {
  created = 0;
  closed = 0;
  idleEnded = 0;
  refused = 0;
}

export class Connections {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #log: LogLimiter;
  readonly #config: BrokerConfig;
  readonly #quotas: ClientQuotas;
  readonly #limits: ConnectionLimits;
  readonly #all = new Set<ClientConnection>();
  readonly #countByAddress = new Map<string, number>();
  readonly #countByListener = new Map<string, ListenerCounts>();
  #idleCheck: Timer | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly config: BrokerConfig;
    readonly quotas: ClientQuotas;
  }) {
    const { clock, logger, config } = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#log = new LogLimiter(clock, logger);
    this.#config = config;
    this.#quotas = options.quotas;
    this.#limits = {
      maxRequestBytes: config.maxRequestBytes,
      maxInFlightRequests: MAX_IN_FLIGHT_REQUESTS,
      maxHeldBytes: MAX_HELD_BYTES,
      requestMemory: new MemoryBudget(clock, config.queuedMaxRequestBytes, config.maxRequestBytes),
      replyMemory: new MemoryBudget(clock, config.queuedMaxReplyBytes),
    };
  }

  /** Takes a connection in, or ends it when there are too many. */
  accept(connection: Connection, endpoint: Endpoint, dispatch: RequestDispatcher): void {
    const host = hostOf(connection.remoteAddress);
    const fromHost = this.#countByAddress.get(host) ?? 0;
    const refusal = this.#refusal(host, fromHost);
    const counts = this.#countsOf(endpoint.listener);
    if (refusal) {
      counts.refused++;
      connection.destroy();
      this.#log.log("warn", "connection refused", { client: connection.remoteAddress, reason: refusal });
      return;
    }
    const client = new ClientConnection({
      connection,
      endpoint,
      dispatch,
      clock: this.#clock,
      logger: this.#logger,
      complaints: this.#log,
      limits: this.#limits,
    });
    this.#all.add(client);
    counts.created++;
    this.#countByAddress.set(host, fromHost + 1);
    client.onClosed.add(() => {
      counts.closed++;
      this.#gone(client, host);
    });
    this.#scheduleIdleCheck();
    client.open();
  }

  /** The system cannot hand any over, for want of file handles most likely. */
  acceptFailed(error: NetworkError): void {
    this.#log.log("error", "no connections are taken", { error: error.message });
  }

  /** Takes no further request; resolves when all that were taken are answered. */
  async drain(): Promise<void> {
    await Promise.all([...this.#all].map((client) => client.drain()));
  }

  /** Resolves when all are gone, which the clients have a say in. */
  async end(): Promise<void> {
    await Promise.all([...this.#all].map((client) => client.end()));
  }

  destroy(): void {
    for (const client of [...this.#all]) client.destroy();
  }

  /** Kafka's socket-server-metrics, and the memory that connections take up. */
  collect(): Metric[] {
    const { requestMemory, replyMemory } = this.#limits;
    return [
      this.#metric("connection_count", "gauge", "Connections.", ({ created, closed }) => created - closed),
      this.#metric("connection_creation_total", "counter", "Connections that were taken.", ({ created }) => created),
      this.#metric("connection_close_total", "counter", "Connections that have ended.", ({ closed }) => closed),
      this.#metric("expired_connections_killed_count", "counter", "Ended for being idle.", (each) => each.idleEnded),
      this.#metric("connection_refused_total", "counter", "Refused by a limit.", ({ refused }) => refused),
      {
        name: "kafka_network_socketserver_memorypoolused",
        help: "Bytes of requests that are received or served, beyond the 64 KiB that each connection has.",
        type: "gauge",
        values: [{ labels: {}, value: requestMemory.usedBytes }],
      },
      {
        name: "oncilla_queued_reply_bytes",
        help: "Bytes of replies that clients have not taken.",
        type: "gauge",
        values: [{ labels: {}, value: replyMemory.usedBytes }],
      },
    ];
  }

  #metric(name: string, type: Metric["type"], help: string, value: (counts: ListenerCounts) => number): Metric {
    const values = [...this.#countByListener].map(([listener, counts]) => ({
      labels: { listener },
      value: value(counts),
    }));
    return { name: `kafka_server_socket_server_metrics_${name}`, help, type, values };
  }

  #refusal(host: string, fromHost: number): string | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#config;
    if (this.#all.size >= maxConnections) return `there are ${maxConnections} connections already`;
    if (fromHost >= maxConnectionsPerAddress) {
      return `there are ${maxConnectionsPerAddress} connections from this address already`;
    }
    return this.#quotas.connected(host) ? undefined : "there are more from this address than its quota allows";
  }

  #gone(client: ClientConnection, host: string): void {
    this.#all.delete(client);
    const left = (this.#countByAddress.get(host) ?? 0) - 1;
    if (left > 0) this.#countByAddress.set(host, left);
    else this.#countByAddress.delete(host);
    if (this.#all.size > 0) return;
    this.#idleCheck?.cancel();
    this.#idleCheck = undefined;
  }

  #scheduleIdleCheck(): void {
    const { connectionsMaxIdleMs } = this.#config;
    this.#idleCheck ??= this.#clock.setTimer(connectionsMaxIdleMs * IDLE_CHECK_PART, () => {
      this.#idleCheck = undefined;
      this.#endIdle(connectionsMaxIdleMs);
      if (this.#all.size > 0) this.#scheduleIdleCheck();
    });
  }

  #endIdle(maxIdleMs: number): void {
    const nowMs = this.#clock.monotonic();
    const maxRestMs = this.#limits.requestMemory.isScarce ? maxIdleMs * SCARCE_PART : maxIdleMs;
    for (const client of [...this.#all]) {
      if (!client.isIdleSince(nowMs - maxIdleMs, nowMs - maxRestMs)) continue;
      this.#logger.log("debug", "connection closed: idle", { client: client.address });
      this.#countsOf(client.endpoint.listener).idleEnded++;
      client.destroy();
    }
  }

  #countsOf(listener: string): ListenerCounts {
    let counts = this.#countByListener.get(listener);
    if (!counts) {
      counts = new ListenerCounts();
      this.#countByListener.set(listener, counts);
    }
    return counts;
  }
}

/** Of "127.0.0.1:54321". */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
