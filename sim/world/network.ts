/** A simulated network: delay, lost and half-open connections, partitions. Within a connection bytes keep their order. */
import type { Connection, ConnectionHandler, Listener, Network } from "../../src/platform/network.ts";
import { NetworkError } from "../../src/platform/network.ts";
import type { Random } from "../../src/platform/random.ts";
import { randomInt } from "../../src/platform/random.ts";
import type { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

export interface NetworkConditions {
  /** One way, at least. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** How likely a chunk of data is the last one that a connection carries. */
  readonly resetProbability: number;
  /** How likely the other side of a connection does not notice when one side dies. */
  readonly halfOpenProbability: number;
}

interface OpenListener {
  readonly life: Life;
  readonly onConnection: (connection: Connection) => void;
}

export class SimulatedNetwork {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #listeners = new Map<string, OpenListener>();
  readonly #connections = new Set<Endpoint>();
  readonly #cuts = new Set<string>();
  #nextPort = 40_000;
  conditions: NetworkConditions;

  constructor(scheduler: Scheduler, random: Random, conditions: NetworkConditions) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.conditions = conditions;
  }

  /** The network as one process sees it. */
  portFor(life: Life): Network {
    return {
      listen: ({ host, port }, onConnection) => this.#listen(life, host, port || this.#nextPort++, onConnection),
      connect: ({ host, port, timeoutMs }) => this.#connect(life, host, port, timeoutMs),
    };
  }

  /** Between these two hosts nothing gets through any more; connections stay, silent, until healed or given up. */
  cut(hostA: string, hostB: string): void {
    this.#cuts.add(pair(hostA, hostB));
  }

  heal(hostA: string, hostB: string): void {
    this.#cuts.delete(pair(hostA, hostB));
    for (const endpoint of [...this.#connections]) endpoint.flushHeld();
  }

  isCut(hostA: string, hostB: string): boolean {
    return this.#cuts.has(pair(hostA, hostB));
  }

  /** Ends every connection between the two hosts, noticed by both. */
  reset(hostA: string, hostB: string): void {
    for (const endpoint of [...this.#connections]) {
      if (pair(endpoint.life.host, endpoint.peerHost) === pair(hostA, hostB)) endpoint.fail("ECONNRESET");
    }
  }

  delayMs(): number {
    const { delayMsMin, delayMsMax } = this.conditions;
    return delayMsMin + this.#random.float() * (delayMsMax - delayMsMin);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#random.float() < probability;
  }

  /** Where a chunk of `length` bytes is split in two on its way; `length` when it is not. */
  splitPoint(length: number): number {
    return length > 1 && this.chance(0.2) ? 1 + randomInt(this.#random, length - 1) : length;
  }

  add(endpoint: Endpoint): void {
    this.#connections.add(endpoint);
  }

  remove(endpoint: Endpoint): void {
    this.#connections.delete(endpoint);
  }

  #listen(life: Life, host: string, port: number, onConnection: (connection: Connection) => void): Promise<Listener> {
    const name = `${life.host}:${port}`;
    if (this.#listeners.has(name)) return Promise.reject(new NetworkError("EADDRINUSE", `${name}: address in use`));
    const listener: OpenListener = { life, onConnection };
    this.#listeners.set(name, listener);
    const close = (): void => {
      if (this.#listeners.get(name) === listener) this.#listeners.delete(name);
    };
    life.onDeath(close);
    return Promise.resolve({
      host,
      port,
      close: () => {
        close();
        return Promise.resolve();
      },
    });
  }

  #connect(life: Life, host: string, port: number, timeoutMs: number): Promise<Connection> {
    const name = `${host}:${port}`;
    return new Promise((resolve, reject) => {
      const fail = (code: string, delayMs: number): void => {
        life.later(delayMs, () => reject(new NetworkError(code, `${name}: ${code}`)));
      };
      if (!life.isAlive) return;
      if (this.isCut(life.host, host)) {
        fail("TIMEOUT", timeoutMs);
        return;
      }
      this.#scheduler.schedule(this.delayMs(), () => {
        const listener = this.#listeners.get(name);
        if (!listener?.life.isAlive) {
          fail("ECONNREFUSED", this.delayMs());
          return;
        }
        const client = new Endpoint(this, life, host, name);
        const server = new Endpoint(this, listener.life, life.host, `${life.host}:${this.#nextPort++}`);
        client.join(server);
        listener.life.later(0, () => listener.onConnection(server));
        life.later(this.delayMs(), () => resolve(client));
      });
    });
  }
}

/** One end of a connection. */
class Endpoint implements Connection {
  readonly life: Life;
  readonly peerHost: string;
  readonly remoteAddress: string;
  readonly #network: SimulatedNetwork;
  #peer: Endpoint | undefined;
  #handler: ConnectionHandler | undefined;
  /** Arrived before `open`, or while paused. */
  #arrived: Uint8Array[] = [];
  /** Written while the network was cut. */
  #held: Uint8Array[] = [];
  #isPaused = false;
  #isClosed = false;
  #closeError: NetworkError | undefined;
  #closeTold = false;
  /** Sent bytes arrive in order: never before what was sent earlier. */
  #lastArrivalMs = 0;

  constructor(network: SimulatedNetwork, life: Life, peerHost: string, remoteAddress: string) {
    this.#network = network;
    this.life = life;
    this.peerHost = peerHost;
    this.remoteAddress = remoteAddress;
    network.add(this);
    life.onDeath(() => this.#die());
  }

  join(peer: Endpoint): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.life.later(0, () => this.#deliver());
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed || !this.life.isAlive) return true;
    for (const chunk of chunks) this.#send(chunk.slice());
    return true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.life.later(0, () => this.#deliver());
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#close(undefined);
    this.#afterDelay(() => this.#peer?.closeFromOutside(undefined));
  }

  /** Both sides lose the connection. */
  fail(code: string): void {
    const error = new NetworkError(code, `${this.remoteAddress}: ${code}`);
    this.closeFromOutside(error);
    this.#peer?.closeFromOutside(error);
  }

  flushHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.#send(chunk);
  }

  #send(bytes: Uint8Array): void {
    if (this.#network.isCut(this.life.host, this.peerHost)) {
      this.#held.push(bytes);
      return;
    }
    if (this.#network.chance(this.#network.conditions.resetProbability)) {
      this.#afterDelay(() => this.fail("ECONNRESET"));
      return;
    }
    const split = this.#network.splitPoint(bytes.length);
    this.#afterDelay(() => this.#peer?.arrive(bytes.subarray(0, split)));
    if (split < bytes.length) this.#afterDelay(() => this.#peer?.arrive(bytes.subarray(split)));
  }

  /** Once the bytes of before are there, and some time has passed. */
  #afterDelay(run: () => void): void {
    const now = this.life.clock.monotonic();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, now + this.#network.delayMs());
    const peer = this.#peer;
    peer?.life.later(this.#lastArrivalMs - now, run);
  }

  arrive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#arrived.push(bytes);
    this.#deliver();
  }

  #deliver(): void {
    const handler = this.#handler;
    if (!handler) return;
    while (!this.#isPaused && !this.#closeTold) {
      const chunk = this.#arrived.shift();
      if (!chunk) break;
      handler.onData(chunk);
    }
    if (this.#isClosed && !this.#closeTold && this.#arrived.length === 0) this.#tellClose(handler);
  }

  closeFromOutside(error: NetworkError | undefined): void {
    if (this.#isClosed || !this.life.isAlive) return;
    this.#close(error);
  }

  #close(error: NetworkError | undefined): void {
    this.#isClosed = true;
    this.#closeError = error;
    this.#network.remove(this);
    if (error) this.#arrived = [];
    this.life.later(0, () => this.#deliver());
  }

  #tellClose(handler: ConnectionHandler): void {
    this.#closeTold = true;
    if (this.#closeError) handler.onClose(this.#closeError);
    else handler.onClose();
  }

  /** The process is gone: the other side is told by its kernel, unless the machine went with it. */
  #die(): void {
    this.#network.remove(this);
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#network.chance(this.#network.conditions.halfOpenProbability)) return;
    const error = new NetworkError("ECONNRESET", `${this.remoteAddress}: ECONNRESET`);
    this.#afterDelay(() => this.#peer?.closeFromOutside(error));
  }
}

function pair(hostA: string, hostB: string): string {
  return hostA < hostB ? `${hostA}|${hostB}` : `${hostB}|${hostA}`;
}
