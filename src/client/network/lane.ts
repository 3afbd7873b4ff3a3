/**
 * A set of connections, one per broker, that one owner uses for one purpose. Brokers answer a connection's requests one
 * after the other, so that what may wait for long (a fetch, a JoinGroup) must not share one with what may not (a heartbeat).
 */
import type { Api, RequestBody, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError } from "../errors.ts";
import { BrokerConnection, type ConnectionOptions } from "./connection.ts";

export interface RequestOptions {
  /** Default: the client's request timeout. */
  readonly timeoutMs?: number;
  /** The highest and the lowest version to use. */
  readonly maxVersion?: number;
  readonly minVersion?: number;
}

/** What a lane needs to know of the cluster. */
export interface BrokerDirectory {
  addressOf(nodeId: number): { readonly host: string; readonly port: number } | undefined;
  connected(connection: BrokerConnection): void;
}

interface Link {
  readonly address: string;
  readonly opening: Promise<BrokerConnection>;
  connection: BrokerConnection | undefined;
}

export class Lane {
  readonly #directory: BrokerDirectory;
  readonly #options: ConnectionOptions;
  readonly #links = new Map<number, Link>();
  readonly #failures = new Map<number, number>();
  readonly #closing = new AbortController();

  constructor(directory: BrokerDirectory, options: ConnectionOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** How often connecting to the broker has failed since it last worked. */
  failuresOf(nodeId: number): number {
    return this.#failures.get(nodeId) ?? 0;
  }

  /** The open connection to a broker, if there is one. */
  connected(nodeId: number): BrokerConnection | undefined {
    const link = this.#links.get(nodeId);
    return link && link.address === this.#addressOf(nodeId) ? link.connection : undefined;
  }

  /** The connection to a broker, opened when need be. Rejects with DISCONNECTED. */
  connect(nodeId: number): Promise<BrokerConnection> {
    if (this.#closing.signal.aborted) return Promise.reject(closedError());
    const where = this.#directory.addressOf(nodeId);
    if (!where) return Promise.reject(unknownBroker(nodeId));
    const old = this.#links.get(nodeId);
    const address = `${where.host}:${where.port}`;
    if (old?.address === address) return old.opening;
    // The broker has moved: what is open leads to where it was.
    old?.connection?.close(unknownBroker(nodeId));
    const link: Link = { address, opening: this.#open(nodeId, where), connection: undefined };
    this.#links.set(nodeId, link);
    link.opening.then(
      (connection) => this.#opened(nodeId, link, connection),
      () => this.#failed(nodeId, link),
    );
    return link.opening;
  }

  async request<A extends Api>(
    nodeId: number,
    api: A,
    body: RequestBody<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    const connection = this.connected(nodeId) ?? (await this.connect(nodeId));
    return connection.send(
      api,
      connection.versionOf(api, options.maxVersion, options.minVersion),
      body,
      options.timeoutMs,
    );
  }

  /** Ends all connections; open requests reject with CLOSED. */
  close(): void {
    this.#closing.abort(closedError());
    for (const link of this.#links.values()) link.connection?.close(closedError());
    this.#links.clear();
  }

  #addressOf(nodeId: number): string | undefined {
    const where = this.#directory.addressOf(nodeId);
    return where && `${where.host}:${where.port}`;
  }

  async #open(nodeId: number, where: { readonly host: string; readonly port: number }): Promise<BrokerConnection> {
    const connection = await BrokerConnection.open(where.host, where.port, this.#options, this.#closing.signal);
    this.#failures.delete(nodeId);
    this.#directory.connected(connection);
    return connection;
  }

  #opened(nodeId: number, link: Link, connection: BrokerConnection): void {
    if (this.#closing.signal.aborted || this.#links.get(nodeId) !== link) {
      connection.close(this.#closing.signal.aborted ? closedError() : unknownBroker(nodeId));
      return;
    }
    link.connection = connection;
    connection.onClosed(() => {
      if (this.#links.get(nodeId) === link) this.#links.delete(nodeId);
    });
  }

  #failed(nodeId: number, link: Link): void {
    this.#failures.set(nodeId, this.failuresOf(nodeId) + 1);
    if (this.#links.get(nodeId) === link) this.#links.delete(nodeId);
  }
}

function closedError(): OncillaError {
  return new OncillaError("CLOSED", "the client was closed while a request was open");
}

function unknownBroker(nodeId: number): OncillaError {
  return new OncillaError("DISCONNECTED", `broker ${nodeId} is not where it was known to be`, { retriable: true });
}
