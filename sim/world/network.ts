/** A simulated network: delay, lost and half-open connections, partitions. Within a connection bytes keep their order. */

import type { Dice } from "../../src/platform/dice.ts";
import type { Connection, Listener, Network } from "../../src/platform/network.ts";
import { NetworkError } from "../../src/platform/network.ts";
import { Endpoint, type Wire } from "./endpoint.ts";
import type { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

export interface NetworkConditions {
  /** One way. */
  delayMsMin: number;
  delayMsMax: number;
  /** How likely a chunk of data is lost, and the connection with it. */
  resetProbability: number;
  /** How likely one side does not notice that a connection has ended. */
  halfOpenProbability: number;
  /** What may be under way in one direction before the sender is told to wait. */
  windowBytes: number;
}

export const calmNetwork: Readonly<NetworkConditions> = {
  delayMsMin: 0.05,
  delayMsMax: 1,
  resetProbability: 0,
  halfOpenProbability: 0,
  windowBytes: 256 * 1024,
};

interface OpenListener {
  readonly life: Life;
  isOpen: boolean;
  readonly onConnection: (connection: Connection) => void;
}

export class SimulatedNetwork {
  readonly conditions: NetworkConditions;
  readonly #scheduler: Scheduler;
  readonly #dice: Dice;
  readonly #trace: Trace | undefined;
  readonly #listeners = new Map<string, OpenListener>();
  readonly #endpoints = new Set<Endpoint>();
  readonly #cuts = new Set<string>();
  /** Hosts without power. */
  readonly #dark = new Set<string>();
  readonly #wire: Wire;
  #nextPort = 40_000;

  constructor(scheduler: Scheduler, dice: Dice, trace: Trace | undefined) {
    this.#scheduler = scheduler;
    this.#dice = dice;
    this.#trace = trace;
    this.conditions = { ...calmNetwork };
    this.#wire = {
      conditions: this.conditions,
      dice,
      scheduler,
      trace,
      delayMs: () => this.#delayMs(),
      isCut: (hostA, hostB) => this.isCut(hostA, hostB),
      isDark: (host) => this.#dark.has(host),
      ended: (endpoint) => this.#endpoints.delete(endpoint),
    };
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
    this.cutOneWay(hostA, hostB);
    this.cutOneWay(hostB, hostA);
  }

  /** What `from` sends does not get to `to`. */
  cutOneWay(from: string, to: string): void {
    this.#cuts.add(way(from, to));
  }

  heal(hostA: string, hostB: string): void {
    this.#cuts.delete(way(hostA, hostB));
    this.#cuts.delete(way(hostB, hostA));
    for (const endpoint of [...this.#endpoints]) endpoint.sendHeld();
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(way(from, to));
  }

  /** The host falls silent: its connections stay half open on the other side. */
  powerLost(host: string): void {
    this.#dark.add(host);
  }

  powerBack(host: string): void {
    this.#dark.delete(host);
  }

  /** Ends every connection between the two hosts. */
  reset(hostA: string, hostB: string): void {
    for (const endpoint of this.#between(hostA, hostB)) endpoint.fail();
  }

  /** Ends every connection of the host. */
  resetAll(host: string): void {
    for (const endpoint of [...this.#endpoints]) if (endpoint.life.host === host) endpoint.fail();
  }

  /** What is sent on the connections that there are now between the two hosts takes so much longer; what goes over new ones
   * overtakes it. */
  detour(hostA: string, hostB: string, delayMs: number): void {
    for (const endpoint of this.#between(hostA, hostB)) endpoint.detour(delayMs);
  }

  #between(hostA: string, hostB: string): Endpoint[] {
    const isBetween = ({ life, peerHost }: Endpoint): boolean =>
      (life.host === hostA && peerHost === hostB) || (life.host === hostB && peerHost === hostA);
    return [...this.#endpoints].filter(isBetween);
  }

  #delayMs(): number {
    const { delayMsMin, delayMsMax } = this.conditions;
    return this.#dice.between(delayMsMin, delayMsMax);
  }

  #listen(life: Life, host: string, port: number, onConnection: (connection: Connection) => void): Promise<Listener> {
    if (!life.step()) return new Promise(() => {});
    const name = `${life.host}:${port}`;
    if (this.#listeners.has(name)) return Promise.reject(new NetworkError("EADDRINUSE", `${name}: address in use`));
    const listener: OpenListener = { life, isOpen: true, onConnection };
    this.#listeners.set(name, listener);
    const stop = (): void => {
      listener.isOpen = false;
      if (this.#listeners.get(name) === listener) this.#listeners.delete(name);
    };
    life.onDeath(stop);
    const close = (): Promise<void> => {
      stop();
      return Promise.resolve();
    };
    return Promise.resolve({ host, port, close });
  }

  #connect(life: Life, host: string, port: number, timeoutMs: number): Promise<Connection> {
    const name = `${host}:${port}`;
    return new Promise((resolve, reject) => {
      if (!life.step()) return;
      const fail = (code: string, delayMs: number): void => {
        this.#trace?.note(life.host, `connect to ${name}: ${code}`);
        life.later(delayMs, () => reject(new NetworkError(code, `${name}: ${code}`)));
      };
      if (this.isCut(life.host, host) || this.isCut(host, life.host) || this.#dark.has(host)) {
        fail("TIMEOUT", timeoutMs);
        return;
      }
      this.#scheduler.schedule(this.#delayMs(), () => {
        const listener = this.#listeners.get(name);
        if (listener) life.later(this.#delayMs(), () => resolve(this.#join(life, listener, host, name)));
        else fail("ECONNREFUSED", this.#delayMs());
      });
    });
  }

  /** The connection is there for both when the one who asked for it learns of it. */
  #join(life: Life, listener: OpenListener, host: string, name: string): Connection {
    const here = `${life.host}:${this.#nextPort++}`;
    const client = new Endpoint(this.#wire, life, host, name);
    const server = new Endpoint(this.#wire, listener.life, life.host, here);
    client.join(server);
    for (const endpoint of [client, server]) this.#endpoints.add(endpoint);
    // Whoever listened may be gone, or may have closed, before it gets to take the connection.
    if (!listener.life.isAlive) client.fail();
    else {
      listener.life.later(0, () => {
        if (listener.isOpen) listener.onConnection(server);
        else server.fail();
      });
    }
    this.#trace?.note(life.host, `connected to ${name} as ${here}`);
    return client;
  }
}

function way(from: string, to: string): string {
  return `${from}>${to}`;
}
