import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Client, Consumer } from "../../src/client/index.ts";
import { apiVersions } from "../../src/protocol/apis/api-versions.ts";
import { fetch } from "../../src/protocol/apis/fetch.ts";
import { listOffsets } from "../../src/protocol/apis/list-offsets.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { offsetForLeaderEpoch } from "../../src/protocol/apis/offset-for-leader-epoch.ts";
import type { ResponseOf } from "../../src/protocol/schema.ts";
import { createTopic, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";

let cluster: TestCluster;
let client: Client;
let topic: string;
let network: FaultyNetwork;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("fetch");
  await createTopic(cluster.client, topic, 1);
  network = new FaultyNetwork();
  client = cluster.connect({ platform: network.platform, retryBackoffMs: 5, retryBackoffMaxMs: 20 });
});
afterEach(() => client.close());

/** Each a batch of its own. */
async function produce(...values: readonly string[]): Promise<void> {
  const producer = cluster.client.producer();
  for (const value of values) await producer.send({ topic, partition: 0, value });
  await producer.close();
}

/** The values of the next `count` records. */
async function read(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = [];
  await until(async () => {
    for (const { value } of await consumer.poll({ timeoutMs: 50 })) values.push(text(value));
    return values.length >= count;
  });
  return values;
}

function damageSecondBatch(response: ResponseOf<typeof fetch>): ResponseOf<typeof fetch> {
  for (const { records } of response.responses.flatMap(({ partitions }) => partitions)) {
    if (!records) continue;
    const buffer = Buffer.from(records.buffer, records.byteOffset, records.length);
    const second = 12 + buffer.readInt32BE(8);
    if (second < buffer.length) buffer.writeInt32BE(5, second + 8);
  }
  return response;
}

it("a damaged length of a batch is told behind the records before it, and a seek goes on", async () => {
  await produce("a", "b", "c");
  let isDamaged = true;
  network.rewrite(fetch, (response) => (isDamaged ? damageSecondBatch(response) : undefined));
  const consumer = client.consumer();
  consumer.assign([{ topic, partition: 0 }]);
  expect((await consumer.poll({ timeoutMs: 5_000 })).map(({ value }) => text(value))).toEqual(["a"]);
  const damage = { code: "CORRUPT_DATA", message: expect.stringContaining("offset 1 of") };
  for (let i = 0; i < 2; i++) await expect(consumer.poll({ timeoutMs: 5_000 })).rejects.toMatchObject(damage);
  isDamaged = false;
  consumer.seek({ topic, partition: 0 }, 1);
  expect(await read(consumer, 2)).toEqual(["b", "c"]);
});

it("a consumer with a rack asks the leaders, which would send it to a replica in its rack (KIP-392)", async () => {
  await produce("a");
  const racks: string[] = [];
  network.watch(fetch, ({ rackId }) => racks.push(rackId));
  const consumer = client.consumer({ rackId: "r1" });
  consumer.assign([{ topic, partition: 0 }]);
  expect(await read(consumer, 1)).toEqual(["a"]);
  expect(new Set(racks)).toEqual(new Set([""]));
});

it("a topic made anew is read on brokers that know topics' ids, and not yet in Fetch", async () => {
  network.rewrite(apiVersions, (response) => {
    const apiKeys = response.apiKeys.map((api) => (api.apiKey === fetch.key ? { ...api, maxVersion: 12 } : api));
    return { ...response, apiKeys };
  });
  const versions = new Set<number>();
  const forgotten: string[] = [];
  network.watch(fetch, ({ forgottenTopicsData }, version) => {
    versions.add(version);
    for (const each of forgottenTopicsData) forgotten.push(each.topic);
  });
  await produce("a");
  const consumer = client.consumer();
  consumer.assign([{ topic, partition: 0 }]);
  expect(await read(consumer, 1)).toEqual(["a"]);
  await cluster.client.admin().deleteTopics([topic]);
  await createTopic(cluster.client, topic, 1);
  for (const value of ["b", "c"]) {
    await produce(value);
    expect(await read(consumer, 1)).toEqual([value]);
  }
  expect(versions).toEqual(new Set([12]));
  // Apache Kafka would read no more of it: it forgets last, whatever the same request asks for.
  expect(forgotten).toEqual([]);
});

it("a position that one leader tells is checked at the next, also when that leads before the answer comes", async () => {
  await produce("a");
  const epochs: (number | undefined)[] = [];
  network.watch(listOffsets, ({ topics }) => epochs.push(topics[0]?.partitions[0]?.currentLeaderEpoch));
  network.at(listOffsets, 1, "hold");
  const consumer = client.consumer();
  consumer.assign([{ topic, partition: 0 }]);
  await consumer.poll({ timeoutMs: 0 });
  await until(() => network.hits === 1);
  const [known] = await cluster.client.producer().partitionsFor(topic);
  expect(epochs).toEqual([known?.leaderEpoch]);
  network.rewrite(metadata, (response) => {
    for (const { partitions } of response.topics) for (const partition of partitions) partition.leaderEpoch++;
    return response;
  });
  const other = cluster.unique("other");
  await createTopic(cluster.client, other, 1);
  // Reads the metadata of all topics that are known.
  await client.producer().partitionsFor(other);
  expect(network.sent.get(offsetForLeaderEpoch.key)).toBeUndefined();
  network.release();
  await until(() => (network.sent.get(offsetForLeaderEpoch.key) ?? 0) > 0);
});
