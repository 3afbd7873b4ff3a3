/**
 * A process inside the test's own: what runs on a life's platform can be killed or stalled at any moment. Its code cannot be
 * stopped, but it no longer reaches anything: no timer fires, no byte goes out or comes in, its locks are free.
 */
import type { Clock, Timer } from "../../src/platform/clock.ts";
import type { Disk } from "../../src/platform/disk.ts";
import type { Connection, ConnectionHandler, Network } from "../../src/platform/network.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { StoreEngine, StoreEngines } from "../../src/streams/index.ts";

/** Where the API's key stands in a request: behind the length. */
const API_KEY_AT = 4;

export class Life {
  readonly platform: Platform;
  readonly #connections = new Set<Connection>();
  readonly #locks = new Set<{ release(): void }>();
  #state: "alive" | "stalled" | "dead" = "alive";
  #held: (() => void)[] = [];
  /** How many requests of each API were sent. */
  readonly #sent = new Map<number | "any", number>();
  /** At how many requests of an API, or of any, it dies. */
  readonly #killAt = new Map<number | "any", number>();

  constructor() {
    this.platform = {
      clock: this.#clock(),
      network: this.#network(),
      disk: this.#disk(),
      random: nodePlatform.random,
    };
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  get isStalled(): boolean {
    return this.#state === "stalled";
  }

  /** As kill -9. The connections end, as the system would end them. */
  kill(): void {
    if (this.isDead) return;
    this.#state = "dead";
    this.#held = [];
    for (const connection of this.#connections) connection.destroy();
    for (const lock of this.#locks) lock.release();
  }

  /** As a long garbage collection: nothing runs until `wake`, and then all that was due. */
  stall(): void {
    if (this.#state === "alive") this.#state = "stalled";
  }

  wake(): void {
    if (this.#state !== "stalled") return;
    this.#state = "alive";
    for (const callback of this.#held.splice(0)) this.#run(callback);
  }

  /** Kills as soon as the `nth` request of an API is sent, so that its answer never comes. */
  killAfterRequest(apiKey: number, nth = 1): void {
    this.#killAt.set(apiKey, nth);
  }

  /** Kills as soon as so many requests are sent, of whatever kind. */
  killAfterRequests(count: number): void {
    this.#killAt.set("any", count);
  }

  requestsSent(apiKey: number): number {
    return this.#sent.get(apiKey) ?? 0;
  }

  /** Engines that belong to this life. `onCommit` runs before each commit, and may kill. */
  engines(inner: StoreEngines, onCommit: () => void = () => {}): StoreEngines {
    return {
      persistent: inner.persistent,
      open: (folder, store) => this.#engine(inner.open(folder, store), onCommit),
      remove: (folder, store) => inner.remove(folder, store),
    };
  }

  /** Never resolves once dead: what waits for it is not told. */
  whileAlive<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.#run(() => resolve(value)),
        (error) => this.#run(() => reject(error)),
      );
    });
  }

  #run(callback: () => void): void {
    if (this.#state === "alive") callback();
    else if (this.#state === "stalled") this.#held.push(callback);
  }

  #clock(): Clock {
    const { clock } = nodePlatform;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, callback): Timer => clock.setTimer(delayMs, () => this.#run(callback)),
      setImmediate: (callback) => clock.setImmediate(() => this.#run(callback)),
    };
  }

  #network(): Network {
    const { network } = nodePlatform;
    return {
      listen: () => Promise.reject(new Error("a life listens to nobody")),
      connect: (options) => this.whileAlive(network.connect(options).then((connection) => this.#adopt(connection))),
    };
  }

  #adopt(connection: Connection): Connection {
    if (this.isDead) connection.destroy();
    this.#connections.add(connection);
    return {
      remoteAddress: connection.remoteAddress,
      get unsentBytes() {
        return connection.unsentBytes;
      },
      open: (handler) => connection.open(this.#handler(connection, handler)),
      write: (chunks, onSent) => this.#write(connection, chunks, onSent),
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      end: () => connection.end(),
      destroy: () => connection.destroy(),
    };
  }

  #handler(connection: Connection, handler: ConnectionHandler): ConnectionHandler {
    return {
      onData: (chunk) => {
        if (this.#state === "alive") handler.onData(chunk);
        else if (this.#state === "stalled") {
          const copy = Buffer.from(chunk);
          this.#held.push(() => handler.onData(copy));
        }
      },
      onDrain: () => this.#run(() => handler.onDrain?.()),
      onClose: (error) => {
        this.#connections.delete(connection);
        this.#run(() => handler.onClose(error));
      },
    };
  }

  #write(connection: Connection, chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    if (this.isDead) return false;
    const wrote = connection.write(chunks, onSent && (() => this.#run(onSent)));
    const bytes = Buffer.concat(chunks);
    for (let at = 0; at + API_KEY_AT + 2 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
      this.#countRequest(bytes.readInt16BE(at + API_KEY_AT));
      this.#countRequest("any");
    }
    return wrote;
  }

  #countRequest(kind: number | "any"): void {
    const sent = (this.#sent.get(kind) ?? 0) + 1;
    this.#sent.set(kind, sent);
    // The bytes are on their way first.
    if (sent === this.#killAt.get(kind)) nodePlatform.clock.setTimer(2, () => this.kill());
  }

  #disk(): Disk {
    return {
      ...nodePlatform.disk,
      lock: (path) => {
        const lock = nodePlatform.disk.lock(path);
        this.#locks.add(lock);
        return {
          release: () => {
            if (this.#locks.delete(lock) && !this.isDead) lock.release();
          },
        };
      },
    };
  }

  #engine(inner: StoreEngine, onCommit: () => void): StoreEngine {
    return {
      position: () => inner.position(),
      get: (key) => inner.get(key),
      range: (from, to) => inner.range(from, to),
      commit: (changes, position) => {
        onCommit();
        if (this.isDead) throw new Error("dead");
        inner.commit(changes, position);
      },
      close: () => inner.close(),
    };
  }
}
