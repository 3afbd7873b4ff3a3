/** A network whose connections break now and then: before a request has left, or before its answer has come. Only so does a client
 * have to send again what may already be in the log. */
import type { Connection, ConnectionHandler, Listener, Network } from "../../platform/network.ts";

export class CuttingNetwork implements Network {
  readonly #inner: Network;
  readonly #strikes: () => boolean;
  /** Connections that were broken. */
  cuts = 0;
  /** From now on nothing breaks. */
  isCalm = false;

  /** `strikes` is asked at each write and each chunk that arrives. */
  constructor(inner: Network, strikes: () => boolean) {
    this.#inner = inner;
    this.#strikes = strikes;
  }

  listen(options: Parameters<Network["listen"]>[0], onConnection: (connection: Connection) => void): Promise<Listener> {
    return this.#inner.listen(options, onConnection);
  }

  async connect(options: Parameters<Network["connect"]>[0]): Promise<Connection> {
    return new CutConnection(await this.#inner.connect(options), () => this.#cuts());
  }

  #cuts(): boolean {
    if (this.isCalm || !this.#strikes()) return false;
    this.cuts++;
    return true;
  }
}

class CutConnection implements Connection {
  readonly #inner: Connection;
  readonly #cuts: () => boolean;

  constructor(inner: Connection, cuts: () => boolean) {
    this.#inner = inner;
    this.#cuts = cuts;
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  open(handler: ConnectionHandler): void {
    this.#inner.open({
      onData: (chunk) => {
        if (this.#cuts()) this.#inner.destroy();
        else handler.onData(chunk);
      },
      onDrain: () => handler.onDrain?.(),
      onClose: (error) => handler.onClose(error),
    });
  }

  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    if (!this.#cuts()) return this.#inner.write(chunks, onSent);
    this.#inner.destroy();
    return false;
  }

  get unsentBytes(): number {
    return this.#inner.unsentBytes;
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}
