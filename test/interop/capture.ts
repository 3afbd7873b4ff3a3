// Records what real clients and a real Apache Kafka say to each other, as golden frames for the protocol's tests.
//
//   npm ci && node test/interop/capture.ts [--only kcat|kafkajs|platformatic|java]
//
// needs java, mvn and kcat. It starts Apache Kafka behind a TCP proxy that the broker advertises as its own address,
// lets one client after the other work, and writes test/golden/<client>.json: an array of
// { client, apiKey, apiVersion, correlationId, request, response }, where request and response are the frames in hex
// without their length prefix. Of each client, API and version (and of each codec, for Produce and Fetch) it keeps the
// first exchange and the largest one that fits. What Apache Kafka sends to itself comes along as apache-kafka.json.
//
// Frames hold ids and timestamps of the run, so that a new recording differs everywhere; record again only when a
// client or Apache Kafka changes its version.

import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  FindCoordinatorKeyTypes,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
  type Message,
  Producer,
  stringDeserializers,
  stringSerializers,
} from "@platformatic/kafka";
import { CompressionTypes, Kafka, logLevel, Partitioners } from "kafkajs";
import { permissiveAuthorizer, startApacheKafka } from "./apache-kafka.ts";
import { type Context, openContext, setupClientId } from "./context.ts";
import { consumeWithJava, produceWithJava } from "./java-client.ts";
import { consumeWithKcat, produceWithKcat } from "./kcat.ts";
import { type Codec, codecs } from "./records.ts";
import { scenarios } from "./scenarios.ts";
import { freePort } from "./toolchain.ts";

interface Exchange {
  client: string;
  apiKey: number;
  apiVersion: number;
  correlationId: number;
  request: string;
  response: string;
  /** Produce and Fetch only, where records were compressed on purpose. */
  codec?: Codec;
}

/** Frames up to here are kept. */
const usualLimit = 4096;
/** An exchange that is never small (all settings of a broker, say) is kept up to here. */
const hardLimit = 16384;

/** The client ids under which Apache Kafka talks to itself: transaction markers, and checks of a transaction. */
const brokersOwn = /^(broker-\d|AddPartitionsManager-)/;

const recorded: Exchange[] = [];
let recording = "";
let codec: Codec | undefined;

/** Splits a byte stream into Kafka's length-prefixed frames. */
function frames(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0);
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const end = 4 + pending.readInt32BE(0);
      onFrame(Buffer.from(pending.subarray(4, end)));
      pending = pending.subarray(end);
    }
  };
}

function clientIdOf(request: Buffer): string {
  const length = request.readInt16BE(8);
  return length < 0 ? "" : request.toString("utf8", 10, 10 + length);
}

function onConnection(socket: Socket, brokerPort: number): void {
  const client = recording;
  const upstream = connect(brokerPort, "127.0.0.1");
  const waiting = new Map<number, Buffer>();
  const onRequest = frames((request) => waiting.set(request.readInt32BE(4), request));
  const onResponse = frames((response) => {
    const correlationId = response.readInt32BE(0);
    const request = waiting.get(correlationId);
    waiting.delete(correlationId);
    if (request === undefined) return;
    const clientId = clientIdOf(request);
    if (clientId === setupClientId) return;
    const apiKey = request.readInt16BE(0);
    recorded.push({
      client: brokersOwn.test(clientId) ? "apache-kafka" : client,
      apiKey,
      apiVersion: request.readInt16BE(2),
      correlationId,
      request: request.toString("hex"),
      response: response.toString("hex"),
      ...(codec !== undefined && apiKey <= 1 ? { codec } : {}),
    });
  });
  socket.on("data", onRequest);
  upstream.on("data", onResponse);
  socket.pipe(upstream);
  upstream.pipe(socket);
  // Either side may go without a word, and then the other has to go as well.
  socket.on("error", () => upstream.destroy());
  upstream.on("error", () => socket.destroy());
}

function startProxy(port: number, brokerPort: number): Promise<Server> {
  const server = createServer((socket) => onConnection(socket, brokerPort));
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

const size = (exchange: Exchange): number => Math.max(exchange.request.length, exchange.response.length) / 2;

const apiOf = (exchange: Exchange): string => `${exchange.apiKey}/${exchange.apiVersion}`;

/** The first exchange of an API and version, and the largest; when all are too large, the smallest of them. */
function choose(exchanges: readonly Exchange[]): Exchange[] {
  const bySize = [...exchanges].sort((a, b) => size(a) - size(b));
  const usual = exchanges.filter((exchange) => size(exchange) <= usualLimit);
  const [first] = usual;
  const largest = bySize.findLast((exchange) => size(exchange) <= usualLimit);
  if (first === undefined || largest === undefined) return bySize.slice(0, 1).filter((e) => size(e) <= hardLimit);
  return first === largest ? [first] : [first, largest];
}

function write(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const client of new Set(recorded.map((exchange) => exchange.client))) {
    if (values.only !== undefined && values.only !== client) continue;
    const groups = new Map<string, Exchange[]>();
    for (const exchange of recorded.filter((candidate) => candidate.client === client)) {
      const key = `${apiOf(exchange)} ${exchange.codec ?? ""}`;
      groups.set(key, [...(groups.get(key) ?? []), exchange]);
    }
    const chosen = [...groups.values()].flatMap(choose);
    chosen.sort((a, b) => a.apiKey - b.apiKey || a.apiVersion - b.apiVersion);
    const lines = chosen.map((exchange) => `  ${JSON.stringify(exchange)}`);
    writeFileSync(join(directory, `${client}.json`), `[\n${lines.join(",\n")}\n]\n`);
    const kept = new Set(chosen.map(apiOf));
    const missed = [...new Set([...groups.values()].flat().map(apiOf))].filter((api) => !kept.has(api));
    const note = missed.length === 0 ? "" : `, too large to keep: ${missed.join(" ")}`;
    process.stdout.write(`${client}: ${chosen.length} exchanges, ${kept.size} APIs and versions${note}\n`);
  }
}

/** What the interop suite does with one client alone. */
async function scenariosOf(client: string, context: Context): Promise<void> {
  for (const scenario of scenarios) {
    if (scenario.client === client) await scenario.run(context);
  }
}

/** A few small records in each codec, written and read by one client. */
async function eachCodec(context: Context, work: (topic: string, codec: Codec) => Promise<void>): Promise<void> {
  for (const each of codecs) {
    const topic = await context.createTopic(1);
    codec = each;
    await work(topic, each);
    codec = undefined;
  }
}

async function kcat(context: Context): Promise<void> {
  await scenariosOf("kcat", context);
  const messages = Array.from({ length: 10 }, (_, index) => ({ key: `key-${index}`, value: `value-${index}` }));
  await eachCodec(context, async (topic, compression) => {
    await produceWithKcat(context.bootstrap, topic, messages, { compression });
    await consumeWithKcat(context.bootstrap, topic, "read_uncommitted");
  });
}

async function java(context: Context): Promise<void> {
  await scenariosOf("java", context);
  await eachCodec(context, async (topic, compression) => {
    await produceWithJava(context.bootstrap, topic, { count: 10, valueSize: 20, compression });
    await consumeWithJava(context.bootstrap, topic, "read_uncommitted");
  });
}

async function kafkajs(context: Context): Promise<void> {
  const kafka = new Kafka({ brokers: [context.bootstrap], clientId: "kafkajs", logLevel: logLevel.NOTHING });
  const topic = context.name("topic");
  const output = context.name("topic");
  const groupId = context.name("group");
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: "retention.ms", value: "3600000" }];
  await admin.createTopics({
    topics: [
      { topic, numPartitions: 2, replicationFactor: 1, configEntries },
      { topic: output, numPartitions: 2, replicationFactor: 1 },
    ],
  });
  await admin.listTopics();
  await admin.fetchTopicMetadata({ topics: [topic] });
  await admin.describeCluster();
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  await admin.describeConfigs({
    includeSynonyms: true,
    resources: [{ type: 2, name: topic, configNames: ["retention.ms", "cleanup.policy"] }],
  });
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] });

  const messages = ["a", "b", "c"].map((text) => ({
    key: `key-${text}`,
    value: `value-${text}`,
    headers: { origin: "kafkajs" },
  }));
  const createPartitioner = Partitioners.DefaultPartitioner;
  const idempotent = kafka.producer({ idempotent: true, createPartitioner });
  await idempotent.connect();
  await idempotent.send({ topic, messages });
  await idempotent.send({ topic, messages, compression: CompressionTypes.GZIP });
  await idempotent.disconnect();
  await admin.fetchTopicOffsets(topic);
  await admin.fetchTopicOffsetsByTimestamp(topic, Date.now() - 60_000);

  const transactionalId = context.name("id");
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true, createPartitioner });
  await producer.connect();
  const consumer = kafka.consumer({ groupId, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let transactions = 0;
  let received = 0;
  const all = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic: output, messages: [{ key: message.key, value: message.value }] });
      const offset = (Number(message.offset) + 1).toString();
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [{ topic, partitions: [{ partition, offset }] }],
      });
      if (transactions++ % 2 === 0) await transaction.commit();
      else await transaction.abort();
      if (++received === 2 * messages.length) all.resolve();
    },
  });
  await all.promise;
  await admin.describeGroups([groupId]);
  await admin.listGroups();
  await consumer.disconnect();
  await producer.disconnect();

  const plain = kafka.consumer({ groupId: context.name("group"), readUncommitted: true });
  await plain.connect();
  await plain.subscribe({ topic: output, fromBeginning: true });
  const some = Promise.withResolvers<void>();
  let seen = 0;
  await plain.run({
    autoCommitThreshold: 1,
    eachMessage: async () => {
      if (++seen === 3) some.resolve();
    },
  });
  await some.promise;
  await plain.disconnect();

  await admin.fetchOffsets({ groupId, topics: [topic] });
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: "0" }] });
  await admin.deleteGroups([groupId]);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "-1" }] });
  await admin.deleteTopics({ topics: [topic, output] });
  await admin.disconnect();
}

async function platformatic(context: Context): Promise<void> {
  const base = { clientId: "platformatic", bootstrapBrokers: [context.bootstrap] };
  const topic = context.name("topic");
  const output = context.name("topic");
  const groupId = context.name("group");
  const admin = new Admin(base);
  const configs = [{ name: "retention.ms", value: "3600000" }];
  await admin.createTopics({ topics: [topic, output], partitions: 2, replicas: 1, configs });
  await admin.listTopics();
  await admin.metadata({ topics: [topic] });
  await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] });
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic };
  await admin.describeConfigs({ resources: [{ ...resource, configurationKeys: ["retention.ms", "cleanup.policy"] }] });
  const configOperation = IncrementalAlterConfigOperationTypes.SET;
  await admin.incrementalAlterConfigs({
    resources: [{ ...resource, configs: [{ name: "retention.ms", value: "60000", configOperation }] }],
  });
  await admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [groupId] });
  await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] });

  const messages = ["a", "b", "c"].map((text) => ({
    topic,
    key: `key-${text}`,
    value: `value-${text}`,
    headers: { origin: "platformatic" },
  }));
  const plain = new Producer({ ...base, serializers: stringSerializers });
  await plain.send({ messages, acks: 1 });
  await plain.close();
  const idempotent = new Producer({ ...base, serializers: stringSerializers, idempotent: true });
  await idempotent.send({ messages, compression: "zstd" });
  await idempotent.close();
  await admin.listOffsets({
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: ListOffsetTimestamps.LATEST }] }],
  });

  const transactionalId = context.name("id");
  const producer = new Producer({ ...base, serializers: stringSerializers, idempotent: true, transactionalId });
  const consumer = new Consumer({ ...base, groupId, deserializers: stringDeserializers });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false, isolationLevel: 1 });
  let received = 0;
  for await (const message of stream as AsyncIterable<Message<string, string, string, string>>) {
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages: [{ topic: output, key: message.key, value: message.value }] });
    await transaction.addConsumer(consumer);
    await transaction.addOffset(message);
    if (received % 2 === 0) await transaction.commit();
    else await transaction.abort();
    if (++received === 2 * messages.length) break;
  }
  await admin.describeGroups({ groups: [groupId] });
  await admin.listGroups();
  await consumer.commit({ offsets: [{ topic, partition: 0, offset: 1n, leaderEpoch: 0 }] });
  await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0, 1, 2] }] });
  await consumer.close(true);
  await producer.close();

  const modern = context.name("group");
  const member = new Consumer({
    ...base,
    groupId: modern,
    groupProtocol: "consumer",
    deserializers: stringDeserializers,
  });
  const second = await member.consume({ topics: [topic], mode: "earliest", autocommit: false });
  for await (const _ of second) break;
  await member.close(true);

  await admin.listConsumerGroupOffsets({ groups: [groupId] });
  await admin.alterConsumerGroupOffsets({
    groupId,
    topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 0n }] }],
  });
  await admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [0] }] });
  await admin.deleteGroups({ groups: [groupId] });
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 0n }] }] });
  await admin.deleteTopics({ topics: [topic, output] });
  await admin.close();
}

const recordings: Record<string, (context: Context) => Promise<void>> = {
  kcat,
  kafkajs,
  platformatic,
  java,
};

const { values } = parseArgs({ options: { only: { type: "string" } } });
const brokerPort = await freePort();
const proxyPort = await freePort();
const apache = await startApacheKafka({
  port: brokerPort,
  overrides: { ...permissiveAuthorizer, "advertised.listeners": `PLAINTEXT://127.0.0.1:${proxyPort}` },
});
const proxy = await startProxy(proxyPort, brokerPort);
try {
  const context = await openContext(`127.0.0.1:${proxyPort}`);
  for (const [client, work] of Object.entries(recordings)) {
    if (values.only !== undefined && values.only !== client) continue;
    recording = client;
    process.stdout.write(`recording ${client}\n`);
    await work(context);
  }
  await context.close();
} finally {
  await apache.stop();
  proxy.close();
}
write(join(import.meta.dirname, "..", "golden"));
