// kafkajs as a client that does what it is told; see ../../driver.ts for the commands.

import { createRequire } from "node:module";
import {
  CompressionTypes,
  type Consumer,
  type IHeaders,
  Kafka,
  logLevel,
  type Message,
  Partitioners,
  type Producer,
  type Transaction,
} from "kafkajs";
import type { ConsumerSettings, Position, ProducerSettings, WireRecord } from "../../driver.ts";
import { type Assigned, type Commands, decode, encode, Inbox, type ReadWireRecord, serve } from "../commands.ts";

class Driver implements Commands {
  #producer: Producer | undefined;
  #transaction: Transaction | undefined;
  #compression: CompressionTypes = CompressionTypes.None;
  #consumer: Consumer | undefined;
  #group = "";
  #assigned: Assigned[] = [];
  #inbox = new Inbox<ReadWireRecord>();

  async open(command: Parameters<Commands["open"]>[0]): Promise<void> {
    await this.close();
    const kafka = new Kafka({ brokers: [command.bootstrap], clientId: "kafkajs", logLevel: logLevel.NOTHING });
    if (command.producer !== null) await this.#openProducer(kafka, command.producer);
    if (command.consumer !== null) await this.#openConsumer(kafka, command.consumer);
  }

  async #openProducer(kafka: Kafka, settings: ProducerSettings): Promise<void> {
    this.#compression = settings.compression === "gzip" ? CompressionTypes.GZIP : CompressionTypes.None;
    this.#producer = kafka.producer({
      idempotent: settings.idempotent,
      // Of several it keeps no order (its documentation says so).
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      ...(settings.transactionalId === null ? {} : { transactionalId: settings.transactionalId }),
    });
    await this.#producer.connect();
    // It asks for its producer id, which ends what an earlier one left open, when a transaction begins.
    if (settings.transactionalId !== null) await (await this.#producer.transaction()).abort();
  }

  async #openConsumer(kafka: Kafka, settings: ConsumerSettings): Promise<void> {
    const inbox = new Inbox<ReadWireRecord>();
    const consumer = kafka.consumer({
      groupId: settings.group,
      readUncommitted: settings.isolation === "read_uncommitted",
      maxWaitTimeInMs: 100,
      heartbeatInterval: 500,
      sessionTimeout: 10_000,
      rebalanceTimeout: 10_000,
    });
    consumer.on(consumer.events.REBALANCING, () => {
      this.#assigned = [];
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => ({ topic, partition })),
      );
    });
    this.#group = settings.group;
    this.#inbox = inbox;
    this.#consumer = consumer;
    await consumer.connect();
    await consumer.subscribe({ topics: [...settings.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        inbox.put({
          topic,
          partition,
          offset: Number(message.offset),
          timestamp: Number(message.timestamp),
          key: encode(message.key),
          value: encode(message.value),
          headers: Object.entries(message.headers ?? {}).map(([name, value]) => [name, encode(value as Buffer | null)]),
        });
      },
    });
  }

  async send({ records }: { records: readonly WireRecord[] }): Promise<{ offsets: number[] }> {
    const byTopic = Map.groupBy(records, ({ topic }) => topic);
    const topicMessages = [...byTopic].map(([topic, of]) => ({ topic, messages: of.map(toMessage) }));
    const sender = this.#transaction ?? this.#producer;
    const sent = await sender?.sendBatch({ acks: -1, compression: this.#compression, topicMessages });
    const next = new Map(
      sent?.map(({ topicName, partition, baseOffset }) => [`${topicName}/${partition}`, Number(baseOffset)]),
    );
    const offsets = records.map(({ topic, partition }) => {
      const offset = next.get(`${topic}/${partition}`) ?? -1;
      next.set(`${topic}/${partition}`, offset + 1);
      return offset;
    });
    return { offsets };
  }

  async begin(): Promise<void> {
    this.#transaction = await this.#producer?.transaction();
  }

  async sendOffsets({ offsets }: { offsets: readonly Position[] }): Promise<void> {
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, of]) => ({
      topic,
      partitions: of.map(({ partition, offset }) => ({ partition, offset: `${offset}` })),
    }));
    await this.#transaction?.sendOffsets({ consumerGroupId: this.#group, topics });
  }

  async commit(): Promise<void> {
    await this.#transaction?.commit();
    this.#transaction = undefined;
  }

  async abort(): Promise<void> {
    await this.#transaction?.abort();
    this.#transaction = undefined;
  }

  async poll({ timeoutMs, max }: { timeoutMs: number; max: number }): ReturnType<Commands["poll"]> {
    return { records: await this.#inbox.take(max, timeoutMs), assigned: this.#assigned };
  }

  async commitOffsets({ offsets }: { offsets: readonly Position[] }): Promise<void> {
    await this.#consumer?.commitOffsets(
      offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: `${offset}` })),
    );
  }

  async close(): Promise<void> {
    const [consumer, producer] = [this.#consumer, this.#producer];
    this.#consumer = undefined;
    this.#producer = undefined;
    this.#transaction = undefined;
    this.#assigned = [];
    await consumer?.disconnect();
    await producer?.disconnect();
  }
}

function toMessage({ partition, timestamp, key, value, headers }: WireRecord): Message {
  // Its types know no header without a value, its encoder does.
  const pairs = headers.map(([name, text]) => [name, decode(text)] as const);
  return {
    partition,
    timestamp: `${timestamp}`,
    key: decode(key),
    value: decode(value),
    headers: Object.fromEntries(pairs) as IHeaders,
  };
}

const { version } = createRequire(import.meta.url)("kafkajs/package.json") as { version: string };
await serve("kafkajs", version, new Driver());
