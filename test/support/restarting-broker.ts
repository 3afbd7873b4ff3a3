/** A broker that dies and comes back, on the same port, with what its disk holds. */
import { Broker, type BrokerOptions } from "../../src/broker/index.ts";
import { MemoryDisk } from "../../src/platform/memory-disk.ts";
import type { Connection, Listener, Network } from "../../src/platform/network.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import { seededRandom } from "../../src/platform/seeded-random.ts";

export class RestartingBroker {
  readonly #options: BrokerOptions;
  readonly #random = seededRandom(1);
  #disk = new MemoryDisk({ canCrash: true });
  #network = new CuttableNetwork();
  #broker: Broker | undefined;
  #port = 0;
  /** Of brokers that crashed: what is left of them ends with the test. */
  readonly #dead: Broker[] = [];

  private constructor(options: BrokerOptions) {
    this.#options = options;
  }

  static async start(options: BrokerOptions = {}): Promise<RestartingBroker> {
    const broker = new RestartingBroker(options);
    await broker.up();
    return broker;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts it again. */
  async up(): Promise<void> {
    this.#network = new CuttableNetwork();
    const platform = { ...nodePlatform, disk: this.#disk, network: this.#network };
    this.#broker = await Broker.start({ ...this.#options, platform, dataDir: "data", port: this.#port });
    this.#port = Number(this.#broker.address.split(":")[1]);
  }

  /** Stops it, as one should. */
  async down(): Promise<void> {
    await this.#broker?.stop();
    this.#broker = undefined;
  }

  /** Power loss: what was not synced is lost, or half of it. */
  async crash(): Promise<void> {
    await this.#network.cut();
    this.#disk = this.#disk.afterCrash(this.#random);
    if (this.#broker) this.#dead.push(this.#broker);
    this.#broker = undefined;
  }

  async stop(): Promise<void> {
    await this.down();
    await Promise.all(this.#dead.map((broker) => broker.stop()));
  }
}

/** Can be cut off from one moment to the next, for good. */
class CuttableNetwork implements Network {
  readonly #connections = new Set<Connection>();
  readonly #listeners: Listener[] = [];
  #isCut = false;

  async listen(
    options: { readonly host: string; readonly port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const listener = await nodePlatform.network.listen(options, (connection) => {
      if (this.#isCut) connection.destroy();
      else onConnection(this.#track(connection));
    });
    this.#listeners.push(listener);
    return { ...listener, close: () => (this.#isCut ? Promise.resolve() : listener.close()) };
  }

  connect(): Promise<Connection> {
    return Promise.reject(new Error("a broker on its own connects to nobody"));
  }

  async cut(): Promise<void> {
    this.#isCut = true;
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  #track(connection: Connection): Connection {
    this.#connections.add(connection);
    return {
      remoteAddress: connection.remoteAddress,
      get unsentBytes() {
        return connection.unsentBytes;
      },
      open: (handler) =>
        connection.open({
          onData: (chunk) => {
            if (!this.#isCut) handler.onData(chunk);
          },
          onDrain: () => handler.onDrain?.(),
          onClose: (error) => {
            this.#connections.delete(connection);
            handler.onClose(error);
          },
        }),
      write: (chunks, onSent) => !this.#isCut && connection.write(chunks, onSent),
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      end: () => connection.end(),
      destroy: () => connection.destroy(),
    };
  }
}
