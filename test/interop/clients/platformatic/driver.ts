// @platformatic/kafka as a client that does what it is told; see ../../driver.ts for the commands.

import { readFileSync } from "node:fs";
import {
  Consumer,
  FetchIsolationLevels,
  type Message,
  type MessagesStream,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  Producer,
} from "@platformatic/kafka";
import type { ConsumerSettings, Position, WireRecord } from "../../driver.ts";
import { type Commands, decode, encode, Inbox, type ReadWireRecord, serve } from "../commands.ts";

type Transaction = Awaited<ReturnType<Producer["beginTransaction"]>>;

class Driver implements Commands {
  #producer: Producer | undefined;
  #transaction: Transaction | undefined;
  #compression: "none" | "gzip" | "snappy" | "lz4" | "zstd" = "none";
  #consumer: Consumer | undefined;
  #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
  #inbox = new Inbox<Message>();
  /** The last one that was polled, by topic and partition: it puts messages into transactions, not positions. */
  #last = new Map<string, Message>();

  async open({ bootstrap, producer, consumer }: Parameters<Commands["open"]>[0]): Promise<void> {
    await this.close();
    const common = { clientId: "platformatic", bootstrapBrokers: [bootstrap] };
    if (producer !== null) {
      this.#compression = producer.compression;
      const { idempotent, transactionalId } = producer;
      this.#producer = new Producer({
        ...common,
        idempotent,
        ...(transactionalId === null ? {} : { transactionalId }),
      });
    }
    if (consumer !== null) await this.#openConsumer(common, consumer);
  }

  async #openConsumer(
    common: { clientId: string; bootstrapBrokers: string[] },
    { group, topics, isolation, protocol, assignor }: ConsumerSettings,
  ): Promise<void> {
    const inbox = new Inbox<Message>();
    const classic = { heartbeatInterval: 500, sessionTimeout: 10_000, rebalanceTimeout: 10_000 };
    const consumer = new Consumer({
      ...common,
      groupId: group,
      ...(protocol === "classic" ? classic : { groupProtocol: "consumer" as const, groupRemoteAssignor: assignor }),
      isolationLevel: FetchIsolationLevels[isolation === "read_committed" ? "READ_COMMITTED" : "READ_UNCOMMITTED"],
      maxWaitTime: 100,
      autocommit: false,
    });
    this.#inbox = inbox;
    this.#consumer = consumer;
    this.#stream = await consumer.consume({
      topics: [...topics],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    });
    this.#stream.on("data", (message) => inbox.put(message));
    this.#stream.on("error", (error) => process.stderr.write(`${error.stack}\n`));
  }

  async send({ records }: { records: readonly WireRecord[] }): Promise<{ offsets: number[] }> {
    const messages = records.map(({ topic, partition, timestamp, key, value, headers }) => ({
      topic,
      partition,
      timestamp: BigInt(timestamp),
      key: decode(key),
      value: decode(value),
      headers: new Map(headers.map(([name, text]) => [Buffer.from(name), decode(text)])),
    }));
    // Its types know no nulls.
    const options = { messages: messages as never, acks: -1, compression: this.#compression };
    const sent = await (this.#transaction ?? this.#producer)?.send(options);
    const next = new Map(
      sent?.offsets?.map(({ topic, partition, offset }) => [`${topic}/${partition}`, Number(offset)]),
    );
    const offsets = records.map(({ topic, partition }) => {
      const offset = next.get(`${topic}/${partition}`) ?? -1;
      next.set(`${topic}/${partition}`, offset + 1);
      return offset;
    });
    return { offsets };
  }

  async begin(): Promise<void> {
    this.#transaction = await this.#producer?.beginTransaction();
    if (this.#consumer !== undefined) await this.#transaction?.addConsumer(this.#consumer);
  }

  async sendOffsets({ offsets }: { offsets: readonly Position[] }): Promise<void> {
    for (const { topic, partition, offset } of offsets) {
      const message = this.#last.get(`${topic}/${partition}`);
      if (Number(message?.offset) !== offset - 1) throw new Error(`${topic}/${partition} was polled elsewhere`);
      await this.#transaction?.addOffset(message as Message);
    }
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
    const messages = await this.#inbox.take(max, timeoutMs);
    for (const message of messages) this.#last.set(`${message.topic}/${message.partition}`, message);
    const assigned = (this.#consumer?.assignments ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    return { records: messages.map(toWire), assigned };
  }

  async commitOffsets({ offsets }: { offsets: readonly Position[] }): Promise<void> {
    await this.#consumer?.commit({
      offsets: offsets.map((at) => ({ ...at, offset: BigInt(at.offset), leaderEpoch: -1 })),
    });
  }

  async close(): Promise<void> {
    const [consumer, stream, producer] = [this.#consumer, this.#stream, this.#producer];
    this.#consumer = undefined;
    this.#stream = undefined;
    this.#producer = undefined;
    this.#transaction = undefined;
    await stream?.close();
    await consumer?.close(true);
    await producer?.close(true);
  }
}

function toWire({ topic, partition, offset, timestamp, key, value, headers }: Message): ReadWireRecord {
  return {
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: encode(key),
    value: encode(value),
    headers: [...headers].map(([name, bytes]) => [name.toString(), encode(bytes)]),
  };
}

const manifest = new URL("../package.json", import.meta.resolve("@platformatic/kafka"));
const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
await serve("@platformatic/kafka", version, new Driver());
