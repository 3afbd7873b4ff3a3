/** What an admin's calls do when part of them is refused, or an answer does not come. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Admin, Client, PartitionProducer } from "../../src/client/index.ts";
import { defined } from "../../src/platform/assert.ts";
import { alterClientQuotas } from "../../src/protocol/apis/alter-client-quotas.ts";
import { createPartitions } from "../../src/protocol/apis/create-partitions.ts";
import { createTopics } from "../../src/protocol/apis/create-topics.ts";
import { deleteRecords } from "../../src/protocol/apis/delete-records.ts";
import { deleteTopics } from "../../src/protocol/apis/delete-topics.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { writeTxnMarkers } from "../../src/protocol/apis/write-txn-markers.ts";
import { errorCodes } from "../../src/protocol/errors.ts";
import { readAll, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";
import { type RawProducer, RawSession } from "../support/raw-session.ts";

/** Before transactions v2, where a producer keeps its epoch. */
const CLASSIC_END_VERSION = 3;

let cluster: TestCluster;
let network: FaultyNetwork;
let client: Client;
let admin: Admin;
let clientId: string;
let topic: string;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(() => {
  network = new FaultyNetwork();
  clientId = cluster.unique("client");
  client = cluster.connect({ platform: network.platform, clientId, retryBackoffMs: 5, retryBackoffMaxMs: 20 });
  admin = client.admin();
  topic = cluster.unique("topic");
});
afterEach(() => client.close());

/** Resolves when the answer to the next request of the API is lost; nothing gets through then until `network.up`. */
function answerLost(api: Parameters<FaultyNetwork["at"]>[0]): Promise<void> {
  return new Promise((resolve) => {
    network.at(api, 1, "lose answer", () => {
      network.down();
      resolve();
    });
  });
}

describe("a change of several topics of which the quota leaves some for later", () => {
  const PER_SECOND = 2;
  /** More than a client may do at once. */
  const MANY = 11 * PER_SECOND + 1;

  it("is made once for each of them, and tells what is wrong with another", async () => {
    const session = await RawSession.open(cluster.brokers);
    const quota = { key: "controller_mutation_rate", value: PER_SECOND, remove: false };
    const entity = [{ entityType: "client-id", entityName: clientId }];
    const { entries } = await session.client.send(alterClientQuotas, 1, {
      entries: [{ entity, ops: [quota] }],
      validateOnly: false,
    });
    expect(entries[0]?.errorCode).toBe(0);
    session.close();
    const [existing, large, small] = ["existing", "large", "small"].map((name) => `${topic}-${name}`) as [
      string,
      string,
      string,
    ];
    await cluster.client.admin().createTopics([{ topic: existing }]);
    const asked = [{ topic: existing }, { topic: large, partitions: MANY }, { topic: small }];
    await expect(admin.createTopics(asked)).rejects.toMatchObject({
      code: "TOPIC_ALREADY_EXISTS",
      message: expect.stringContaining(existing),
    });
    const names = async (): Promise<string[]> => (await admin.listTopics()).filter((name) => name.startsWith(topic));
    await until(async () => (await names()).length === 3);
    // In the order in which there is least to wait for.
    await admin.deleteTopics([small, existing, large]);
    await until(async () => (await names()).length === 0);
  });
});

describe("a change whose answer was lost", () => {
  const message = expect.stringMatching(/perhaps an attempt of this call did it/);

  it("says that a topic which exists may be its own, or is gone by its own doing", async () => {
    network.at(createTopics, 1, "lose answer");
    await expect(admin.createTopics([{ topic }])).rejects.toMatchObject({ code: "TOPIC_ALREADY_EXISTS", message });
    network.at(createPartitions, 1, "lose answer");
    await expect(admin.createPartitions(topic, 3)).rejects.toMatchObject({ code: "INVALID_PARTITIONS", message });
    network.at(deleteTopics, 1, "lose answer");
    await expect(admin.deleteTopics([topic])).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", message });
  });

  it("does not say so of a topic that was only to be validated", async () => {
    await admin.createTopics([{ topic }]);
    network.at(createTopics, 1, "lose answer");
    const validated = admin.createTopics([{ topic }], { validateOnly: true });
    await expect(validated).rejects.toMatchObject({
      code: "TOPIC_ALREADY_EXISTS",
      message: expect.not.stringMatching(/perhaps/),
    });
    expect(network.hits).toBe(1);
  });

  it("is made by the next attempt when the request did not get there", async () => {
    network.at(createTopics, 1, "lose request");
    await admin.createTopics([{ topic }]);
    network.at(createPartitions, 1, "lose request");
    await admin.createPartitions(topic, 3);
    network.at(deleteTopics, 1, "lose request");
    await admin.deleteTopics([topic]);
    expect(await admin.listTopics()).not.toContain(topic);
  });
});

it("a change goes to the new controller when the old one says that it is none any more", async () => {
  await admin.listTopics();
  let before: number | undefined;
  network.rewrite(createTopics, (response) => {
    const reads = network.sent.get(metadata.key) ?? 0;
    before ??= reads;
    if (reads > before) return undefined;
    const topics = response.topics.map((each) => ({ ...each, errorCode: errorCodes.NOT_CONTROLLER }));
    return { ...response, topics };
  });
  await admin.createTopics([{ topic }], { validateOnly: true });
});

describe("deleteRecords of all records", () => {
  it("leaves what is written while its answer is lost", async () => {
    await admin.createTopics([{ topic, partitions: 1 }]);
    const producer = cluster.client.producer();
    await producer.send({ topic, value: "before" });
    const lost = answerLost(deleteRecords);
    const deleted = admin.deleteRecords([{ topic, partition: 0, offset: -1 }]);
    await lost;
    await producer.send({ topic, value: "behind" });
    await producer.close();
    network.up();
    expect(await deleted).toEqual([{ topic, partition: 0, offset: 1 }]);
    expect((await readAll(cluster.client, topic)).map(({ value }) => text(value))).toEqual(["behind"]);
  });
});

it("a transaction that is aborted by hand is not taken for the producer's next one when the answer is lost", async () => {
  const id = cluster.unique("id");
  const session = await RawSession.open(cluster.brokers);
  await admin.createTopics([{ topic }]);
  const created = { name: topic, id: defined((await admin.describeTopics([topic]))[0]).topicId };
  await session.findCoordinator("transaction", id);
  let producer: RawProducer = { producerId: -1, producerEpoch: -1 };
  await until(async () => {
    const { error, ...given } = await session.initProducer(id);
    producer = given;
    return error === "NONE";
  });
  let sequence = 0;
  const begin = async (value: string): Promise<void> => {
    const partitions = [{ name: topic, partitions: [0] }];
    await until(async () => (await session.addPartitions(id, producer, partitions))[0] === "NONE");
    const options = { producer, transactionalId: id, sequence: sequence++ };
    await until(async () => (await session.produce(created, [value], options)).error === "NONE");
  };
  const end = async (type: "commit" | "abort"): Promise<void> => {
    expect((await session.endTransaction(id, producer, type, CLASSIC_END_VERSION)).error).toBe("NONE");
  };
  await begin("first");
  await end("commit");
  await begin("hangs");
  let open: PartitionProducer | undefined;
  await until(async () => {
    [open] = await admin.describeProducers([{ topic, partition: 0 }]);
    return open !== undefined && open.transactionStartOffset !== null;
  });
  const lost = answerLost(writeTxnMarkers);
  const aborted = admin.abortTransaction(defined(open));
  await lost;
  // Its coordinator is back, with the same epoch.
  await end("abort");
  await begin("next");
  network.up();
  await aborted;
  await end("commit");
  await until(
    async () =>
      (await session.endOffset(created, "read_committed")) === (await session.endOffset(created, "read_uncommitted")),
  );
  expect((await readAll(cluster.client, topic)).map(({ value }) => text(value))).toEqual(["first", "next"]);
  session.close();
});
