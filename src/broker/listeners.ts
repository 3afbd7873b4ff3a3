/** The addresses that a broker listens on, and those that clients are told for them. */
import type { Connection, Listener, Network } from "../platform/network.ts";
import { NetworkError } from "../platform/network.ts";
import { BrokerError } from "./broker-error.ts";

/** One address to listen on. Clients that come through it are told its advertised address, so that those inside a
 * network and those outside can each be given one that they reach. */
export interface ListenerOptions {
  /** As Kafka shows it in `listeners`: letters, digits, ".", "_" and "-"; each listener has another. */
  readonly name: string;
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: `host` and the port listened on. */
  readonly advertisedHost?: string;
  readonly advertisedPort?: number;
}

export interface ListenerConfig {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly advertisedHost: string | undefined;
  readonly advertisedPort: number | undefined;
}

/** Where clients of a listener connect to. */
export interface Endpoint {
  readonly listener: string;
  readonly host: string;
  readonly port: number;
}

/** Addresses that stand for every interface of a machine, as "0.0.0.0", "0", "::" and "::0": something to listen on, and nothing to
 * connect to. */
const ANY_ADDRESS = /^(::ffff:)?[0.:]+$/i;

/** "127.0.0.1:9092", "[::1]:9092". */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Why listeners, each right by itself, do not go together or cannot be reached; undefined when there is no reason. */
export function listenersProblem(listeners: readonly ListenerConfig[]): string | undefined {
  const names = new Set<string>();
  const addresses = new Set<string>();
  for (const { name, host, port, advertisedHost } of listeners) {
    if (names.has(name.toUpperCase())) return `two listeners have the name ${name}`;
    names.add(name.toUpperCase());
    const address = formatAddress({ host, port });
    if (port !== 0 && addresses.has(address)) return `two listeners have the address ${address}`;
    addresses.add(address);
    if (ANY_ADDRESS.test(advertisedHost ?? host)) {
      return `clients cannot connect to ${advertisedHost ?? host}: give an advertised host that they can reach`;
    }
  }
  return undefined;
}

export interface ConnectionTaker {
  onConnection(connection: Connection, endpoint: Endpoint): void;
  /** Connections cannot be handed over. */
  onAcceptError(error: NetworkError): void;
}

/** All listeners of a broker. */
export class Listeners {
  readonly #open: Listener[] = [];
  readonly #endpoints: Endpoint[] = [];

  /** In the order of the configuration, as far as they are open. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Rejects with a BrokerError when one of them cannot be had; the others are closed then. */
  async open(network: Network, configs: readonly ListenerConfig[], taker: ConnectionTaker): Promise<void> {
    try {
      for (const config of configs) await this.#openOne(network, config, taker);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Takes no further connection. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.close()));
  }

  async #openOne(
    network: Network,
    { name, host, port, advertisedHost, advertisedPort }: ListenerConfig,
    taker: ConnectionTaker,
  ): Promise<void> {
    // Nobody connects before the port is known, but for who was told it by others.
    const waiting: Connection[] = [];
    let accept = (connection: Connection): void => {
      waiting.push(connection);
    };
    const listener = await network
      .listen(
        { host, port },
        (connection) => accept(connection),
        (error) => taker.onAcceptError(error),
      )
      .catch((error: unknown) => {
        throw asListenError(error, { host, port });
      });
    const endpoint = { listener: name, host: advertisedHost ?? host, port: advertisedPort ?? listener.port };
    this.#open.push(listener);
    this.#endpoints.push(endpoint);
    accept = (connection) => taker.onConnection(connection, endpoint);
    for (const connection of waiting) accept(connection);
  }
}

/** Why an address could not be had. */
export function asListenError(error: unknown, address: { readonly host: string; readonly port: number }): unknown {
  if (!(error instanceof NetworkError)) return error;
  if (error.code === "EADDRINUSE") {
    return new BrokerError("PORT_IN_USE", `${formatAddress(address)} is in use by another program`, { cause: error });
  }
  return new BrokerError("CANNOT_LISTEN", `cannot listen on ${error.message}`, { cause: error });
}
