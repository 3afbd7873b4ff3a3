import { Broker, type BrokerOptions } from "../broker/index.ts";
import {
  Client,
  type ConsumerRecord,
  type IsolationLevel,
  type NewTopic,
  type ProducerRecord,
  type RecordMetadata,
  type RecordSerdes,
} from "../client/index.ts";
import { closeInTurn } from "../platform/closing.ts";

export interface TestClusterOptions {
  /** Topics to create; a name alone has one partition. */
  readonly topics?: readonly (string | NewTopic)[];
  /** Of the broker, which is in memory unless given a dataDir. Sessions may be as short as 100 ms. */
  readonly broker?: BrokerOptions;
}

export type TopicRecord<K, V> = Omit<ProducerRecord<K, V>, "topic">;

export interface ReadOptions<K, V> {
  /** Default: bytes. */
  readonly serdes?: RecordSerdes<K, V>;
  /** Default "read_committed". */
  readonly isolationLevel?: IsolationLevel;
}

/**
 * A whole cluster inside of a test: ready within some 20 ms, gone with `stop`.
 *
 * ```ts
 * const cluster = await TestCluster.start({ topics: ["orders", { topic: "totals", partitions: 3 }] });
 * // … whatever takes `brokers: cluster.brokers`
 * await cluster.stop();
 * ```
 */
export class TestCluster implements AsyncDisposable {
  readonly broker: Broker;
  /** For what the helpers below do not do. Closed by `stop`. */
  readonly client: Client;

  private constructor(broker: Broker) {
    this.broker = broker;
    this.client = new Client({ brokers: broker.address, clientId: "test" });
  }

  static async start({ topics = [], broker: options = {} }: TestClusterOptions = {}): Promise<TestCluster> {
    const broker = await Broker.start({ durability: "os", groupMinSessionTimeoutMs: 100, ...options });
    const cluster = new TestCluster(broker);
    const newTopics = topics.map((topic) => (typeof topic === "string" ? { topic, partitions: 1 } : topic));
    try {
      if (newTopics.length > 0) await cluster.client.admin().createTopics(newTopics);
    } catch (error) {
      // Why it does not start is what there is to tell.
      await cluster.stop().catch(() => {});
      throw error;
    }
    return cluster;
  }

  /** "host:port": what clients and apps are given. */
  get brokers(): string {
    return this.broker.address;
  }

  /** Sends the records and waits until they are acknowledged. */
  async produce<K = Uint8Array | string, V = Uint8Array | string>(
    topic: string,
    records: readonly TopicRecord<K, V>[],
    { serdes }: { readonly serdes?: RecordSerdes<K, V> } = {},
  ): Promise<RecordMetadata[]> {
    const producer = this.client.producer(serdes ? { serdes } : {});
    try {
      return await producer.sendAll(records.map((record) => ({ ...record, topic })));
    } finally {
      await producer.close();
    }
  }

  /** All records that can be read now, partition by partition. */
  async readAll<K = Buffer, V = Buffer>(
    topic: string,
    options: ReadOptions<K, V> = {},
  ): Promise<ConsumerRecord<K, V>[]> {
    const consumer = this.client.consumer<K, V>(options);
    try {
      const partitions = await this.#partitionsOf(topic);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      const records: ConsumerRecord<K, V>[] = [];
      for (const end of await consumer.endOffsets(partitions)) {
        while ((await consumer.position(end)) < end.offset) records.push(...(await consumer.poll({ timeoutMs: 100 })));
      }
      return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
    } finally {
      await consumer.close();
    }
  }

  stop(): Promise<void> {
    return closeInTurn([() => this.client.close(), () => this.broker.stop()]);
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #partitionsOf(topic: string): Promise<{ readonly topic: string; readonly partition: number }[]> {
    const [description] = await this.client.admin().describeTopics([topic]);
    if (!description) throw new Error(`there is no topic ${topic}: create it, or produce to it first`);
    return description.partitions.map(({ partition }) => ({ topic, partition }));
  }
}
