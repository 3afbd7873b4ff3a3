import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { alterConfigs } from "../protocol/apis/alter-configs.ts";
import { alterReplicaLogDirs } from "../protocol/apis/alter-replica-log-dirs.ts";
import { createPartitions } from "../protocol/apis/create-partitions.ts";
import { createTopics } from "../protocol/apis/create-topics.ts";
import { deleteTopics } from "../protocol/apis/delete-topics.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { describeLogDirs } from "../protocol/apis/describe-log-dirs.ts";
import { describeTopicPartitions } from "../protocol/apis/describe-topic-partitions.ts";
import { incrementalAlterConfigs } from "../protocol/apis/incremental-alter-configs.ts";
import { listConfigResources } from "../protocol/apis/list-config-resources.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import { errorName } from "../protocol/errors.ts";
import type { RequestBody, ResponseOf } from "../protocol/schema.ts";
import { Broker } from "./broker.ts";

type CreatableTopic = RequestBody<typeof createTopics>["topics"][number];

let broker: Broker;
let session: RawSession;
let names = 0;

beforeAll(async () => {
  broker = await Broker.start({ defaultPartitions: 3, topicDefaults: { "retention.ms": 5000 } });
  session = await RawSession.open(broker.address);
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

function newName(): string {
  return `topic-${names++}`;
}

function newTopic(partitions = 1): Promise<RawTopic> {
  return session.createTopic(newName(), partitions);
}

async function create(topic: Partial<CreatableTopic>, validateOnly = false): Promise<string> {
  const complete = { name: newName(), numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...topic };
  const { topics } = await session.client.send(createTopics, 7, { topics: [complete], validateOnly });
  const [result] = topics;
  return `${errorName(result?.errorCode ?? -1)}${result?.errorMessage ? `: ${result.errorMessage}` : ""}`;
}

async function describeTopic(name: string | null, topicId = ZERO_UUID, allowAutoTopicCreation = false) {
  const { topics } = await session.client.send(metadata, 12, { topics: [{ name, topicId }], allowAutoTopicCreation });
  const [topic] = topics;
  return { error: errorName(topic?.errorCode ?? -1), name: topic?.name, partitions: topic?.partitions.length };
}

async function configOf(topic: RawTopic, name: string): Promise<string | null | undefined> {
  const { results } = await session.client.send(describeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: topic.name, configurationKeys: [name] }],
    includeSynonyms: false,
  });
  return results[0]?.configs[0]?.value;
}

function lag(bound: "min" | "max", value: string): { name: string; value: string } {
  return { name: `${bound}.compaction.lag.ms`, value };
}

describe("creating topics", () => {
  it("with partitions and settings, which the answer tells", async () => {
    const { topics } = await session.client.send(createTopics, 7, {
      topics: [
        {
          name: newName(),
          numPartitions: 5,
          replicationFactor: -1,
          assignments: [],
          configs: [{ name: "cleanup.policy", value: "compact" }],
        },
      ],
      validateOnly: false,
    });
    expect(topics[0]).toMatchObject({ errorCode: 0, numPartitions: 5, replicationFactor: 1 });
    const value = (name: string) => topics[0]?.configs?.find((config) => config.name === name)?.value;
    expect([value("cleanup.policy"), value("retention.ms"), value("max.message.bytes")]).toEqual([
      "compact",
      "5000",
      "1048588",
    ]);
  });

  it.each<[string, Partial<CreatableTopic>, string | RegExp]>([
    ["an empty name", { name: "" }, /^INVALID_TOPIC_EXCEPTION: .*empty/],
    ["a name with a slash", { name: "a/b" }, /^INVALID_TOPIC_EXCEPTION: .*a\/b/],
    ["a name that leads out of the folder", { name: ".." }, /^INVALID_TOPIC_EXCEPTION/],
    ["a name that is too long", { name: "a".repeat(250) }, /^INVALID_TOPIC_EXCEPTION: .*249/],
    ["the name of the metadata log", { name: "__cluster_metadata" }, /^INVALID_REQUEST/],
    ["no partitions", { numPartitions: 0 }, /^INVALID_PARTITIONS/],
    ["very many partitions", { numPartitions: 100_000 }, /^POLICY_VIOLATION/],
    ["more replicas than brokers", { replicationFactor: 2 }, /^INVALID_REPLICATION_FACTOR: .*1 broker/],
    ["no replicas", { replicationFactor: 0 }, /^INVALID_REPLICATION_FACTOR/],
    [
      "an assignment to another broker",
      { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [7] }] },
      /^INVALID_REPLICA_ASSIGNMENT/,
    ],
    [
      "an assignment with a gap",
      { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      /^INVALID_REPLICA_ASSIGNMENT/,
    ],
    [
      "a setting that there is not",
      { configs: [{ name: "retention.mss", value: "1" }] },
      "INVALID_CONFIG: Unknown topic config name: retention.mss",
    ],
    [
      "a setting with a value that is none",
      { configs: [{ name: "retention.ms", value: "week" }] },
      /^INVALID_CONFIG: Invalid value week for configuration retention.ms/,
    ],
    [
      "a setting that means nothing here, with another value than its default",
      { configs: [{ name: "remote.storage.enable", value: "true" }] },
      /^INVALID_CONFIG: .*remote.storage.enable.*tiered storage/,
    ],
    [
      "a delay before the files of deleted segments go",
      { configs: [{ name: "file.delete.delay.ms", value: "1000" }] },
      /^INVALID_CONFIG: .*file.delete.delay.ms: only 60000 is supported, since files go at once/,
    ],
    [
      "a compaction that has to wait for longer than it may",
      { configs: [lag("min", "1001"), lag("max", "1000")] },
      "INVALID_CONFIG: conflict topic config setting min.compaction.lag.ms (1001) > max.compaction.lag.ms (1000)",
    ],
    [
      "throttled replicas that are none",
      { configs: [{ name: "leader.replication.throttled.replicas", value: "0:1,foo" }] },
      /^INVALID_CONFIG: Invalid value 0:1,foo for .*: it must be \* or a list of partition:broker/,
    ],
  ])("%s is refused", async (_what, topic, expected) => {
    expect(await create(topic)).toMatch(expected);
  });

  it("a name that only '.' and '_' tell apart from a topic's is refused; metrics could not", async () => {
    await session.createTopic("one.name_only");
    for (const name of ["one_name_only", "one.name.only", "one_name.only"]) {
      expect(await create({ name })).toBe(
        `INVALID_TOPIC_EXCEPTION: Topic '${name}' collides with existing topic: one.name_only`,
      );
    }
    expect(await create({ name: "one.name_only" })).toMatch(/^TOPIC_ALREADY_EXISTS/);
    for (const name of ["one.name-only", "one.name_only."]) expect(await create({ name }, true)).toBe("NONE");
    await session.deleteTopic({ name: "one.name_only", id: "" });
    expect(await create({ name: "one_name.only" })).toBe("NONE");
  });

  it("a name like that of a topic of the broker's own does not keep that from being made", async () => {
    expect(await create({ name: "__transaction.state" })).toBe("NONE");
    expect((await session.newTransactional("beside-the-name")).producerId).toBeGreaterThan(0);
  });

  it("a topic that is there is refused; of several, the others are made", async () => {
    const there = await newTopic();
    const other = newName();
    const { topics } = await session.client.send(createTopics, 7, {
      topics: [there.name, other, "twice", "twice"].map((name) => ({
        name,
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [],
        configs: [],
      })),
      validateOnly: false,
    });
    expect(topics.map(({ name, errorCode }) => [name, errorName(errorCode)])).toEqual([
      [there.name, "TOPIC_ALREADY_EXISTS"],
      [other, "NONE"],
      ["twice", "INVALID_REQUEST"],
    ]);
    expect(await describeTopic(other)).toMatchObject({ error: "NONE", partitions: 3 });
    expect((await describeTopic("twice")).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  it("very many partitions, of all topics of a request together, are refused", async () => {
    const names = [newName(), newName()];
    const { topics } = await session.client.send(createTopics, 7, {
      topics: names.map((name) => ({ name, numPartitions: 5001, replicationFactor: 1, assignments: [], configs: [] })),
      validateOnly: true,
    });
    expect(topics.map(({ errorCode }) => errorName(errorCode))).toEqual(["POLICY_VIOLATION", "POLICY_VIOLATION"]);
  });

  it("only to validate makes none", async () => {
    const name = newName();
    expect(await create({ name }, true)).toBe("NONE");
    expect((await describeTopic(name)).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  it("at the same moment by many makes one", async () => {
    const name = newName();
    const answers = await Promise.all(Array.from({ length: 5 }, () => create({ name })));
    expect(answers.filter((answer) => answer === "NONE")).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith("TOPIC_ALREADY_EXISTS"))).toHaveLength(4);
  });
});

describe("metadata", () => {
  it("makes a topic that is asked for, where that is allowed", async () => {
    const name = newName();
    expect((await describeTopic(name)).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await describeTopic(name, ZERO_UUID, true)).toEqual({ error: "NONE", name, partitions: 3 });
    expect((await describeTopic("a/b", ZERO_UUID, true)).error).toBe("INVALID_TOPIC_EXCEPTION");
  });

  it("makes none when the broker says so", async () => {
    const strict = await Broker.start({ autoCreateTopics: false });
    const through = await RawSession.open(strict.address);
    const { topics } = await through.client.send(metadata, 12, { topics: [{ name: "topic", topicId: ZERO_UUID }] });
    expect(errorName(topics[0]?.errorCode ?? 0)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    through.close();
    await strict.stop();
  });

  it("finds topics by id", async () => {
    const topic = await newTopic(2);
    expect(await describeTopic(null, topic.id)).toEqual({ error: "NONE", name: topic.name, partitions: 2 });
    expect((await describeTopic(null, "4pDa7E0AQS6hJEFRVPTXMQ")).error).toBe("UNKNOWN_TOPIC_ID");
  });

  it("asked by id in a version that had the field before brokers took it is refused (fuzz, seed 1, frame 1586)", async () => {
    const topic = await newTopic(2);
    const asked = [{ name: null, topicId: topic.id }, { name: topic.name }];
    const { topics } = await session.client.send(metadata, 11, { topics: asked });
    expect(topics.map(({ name, errorCode }) => [name, errorName(errorCode)])).toEqual([
      ["", "INVALID_REQUEST"],
      [topic.name, "INVALID_REQUEST"],
    ]);
  });

  it("tells each topic once, however often it is asked for", async () => {
    const topic = await newTopic(2);
    const asked = [{ name: topic.name }, { name: "missing" }, { name: topic.name }, { name: "missing" }];
    const { topics } = await session.client.send(metadata, 12, { topics: asked, allowAutoTopicCreation: false });
    expect(topics.map(({ name }) => name)).toEqual([topic.name, "missing"]);
  });

  it("makes no topic of a name that comes with an id", async () => {
    const topicId = "4pDa7E0AQS6hJEFRVPTXMQ";
    expect((await describeTopic("with-an-id", topicId, true)).error).toBe("UNKNOWN_TOPIC_ID");
    expect((await describeTopic("with-an-id")).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  it("tells where to connect to", async () => {
    const { brokers, controllerId, clusterId } = await session.client.send(metadata, 12, { topics: [] });
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual([broker.address]);
    expect(controllerId).toBe(brokers[0]?.nodeId);
    expect(clusterId).toBe(broker.clusterId);
  });

  it("comes page by page", async () => {
    const topics = await Promise.all([newTopic(2), newTopic(3)]);
    const asked = topics.map(({ name }) => ({ name }));
    const pages: string[] = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    do {
      const page: ResponseOf<typeof describeTopicPartitions> = await session.client.send(describeTopicPartitions, 0, {
        topics: asked,
        responsePartitionLimit: 2,
        cursor,
      });
      pages.push(page.topics.map(({ name, partitions }) => `${name}:${partitions.length}`).join());
      cursor = page.nextCursor;
    } while (cursor);
    const [a, b] = topics.map(({ name }) => name).sort();
    expect(pages).toEqual([`${a}:2`, `${b}:2`, `${b}:1`]);
  });

  it("no page begins with a partition below 0", async () => {
    const { name } = await newTopic(2);
    const cursor = { topicName: name, partitionIndex: -2 };
    const ask = (topics: readonly { readonly name: string }[]) =>
      session.client.send(describeTopicPartitions, 0, { topics, responsePartitionLimit: 10, cursor });
    const { topics } = await ask([{ name }]);
    expect(topics.map((topic) => [errorName(topic.errorCode), topic.partitions.length])).toEqual([
      ["INVALID_REQUEST", 0],
    ]);
    expect((await ask([])).topics).toEqual([]);
  });
});

describe("deleting topics", () => {
  it("by name and by id", async () => {
    const [byName, byId] = [await newTopic(), await newTopic()];
    const { responses } = await session.client.send(deleteTopics, 6, {
      topics: [{ name: byName.name, topicId: ZERO_UUID }, { topicId: byId.id }],
      timeoutMs: 1000,
    });
    expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      [byName.name, 0],
      [byId.name, 0],
    ]);
    expect((await describeTopic(byName.name)).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  it("what is not there, twice the same, and internal ones, are refused", async () => {
    await session.findCoordinator("group", "any");
    const topic = await newTopic();
    const { responses } = await session.client.send(deleteTopics, 5, {
      topicNames: ["absent", topic.name, topic.name, "__consumer_offsets"],
      timeoutMs: 1000,
    });
    expect(responses.map(({ errorCode }) => errorName(errorCode))).toEqual([
      "UNKNOWN_TOPIC_OR_PARTITION",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
    ]);
    expect((await describeTopic(topic.name)).error).toBe("NONE");
  });
});

describe("more partitions", () => {
  async function widen(name: string, count: number): Promise<string> {
    const topics = [{ name, count, assignments: null }];
    const { results } = await session.client.send(createPartitions, 3, {
      topics,
      timeoutMs: 1000,
      validateOnly: false,
    });
    return errorName(results[0]?.errorCode ?? -1);
  }

  it("are no more than so many, of all topics of a request together", async () => {
    const topics = await Promise.all([newTopic(1), newTopic(1)]);
    const { results } = await session.client.send(createPartitions, 3, {
      topics: topics.map(({ name }) => ({ name, count: 5002, assignments: null })),
      timeoutMs: 1000,
      validateOnly: true,
    });
    expect(results.map(({ errorCode }) => errorName(errorCode))).toEqual(["NONE", "POLICY_VIOLATION"]);
  });

  it("can be had, never fewer", async () => {
    const topic = await newTopic(2);
    await session.produce(topic, ["a"], { partition: 1 });
    expect(await widen(topic.name, 4)).toBe("NONE");
    expect((await session.produce(topic, ["b"], { partition: 3 })).error).toBe("NONE");
    expect((await session.fetch(topic, { partition: 1 })).records).toEqual(["0:a"]);
    expect(await widen(topic.name, 4)).toBe("INVALID_PARTITIONS");
    expect(await widen(topic.name, 3)).toBe("INVALID_PARTITIONS");
    expect(await widen("absent", 3)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });
});

describe("settings", () => {
  async function change(topic: RawTopic, name: string, configOperation: number, value: string | null): Promise<string> {
    const { responses } = await session.client.send(incrementalAlterConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: topic.name, configs: [{ name, configOperation, value }] }],
      validateOnly: false,
    });
    const [response] = responses;
    return `${errorName(response?.errorCode ?? -1)}${response?.errorMessage ? `: ${response.errorMessage}` : ""}`;
  }

  it("change one by one, and count at once", async () => {
    const topic = await newTopic();
    expect(await change(topic, "max.message.bytes", 0, "200")).toBe("NONE");
    expect((await session.produce(topic, ["a".repeat(200)])).error).toBe("MESSAGE_TOO_LARGE");
    expect(await change(topic, "max.message.bytes", 1, null)).toBe("NONE");
    expect((await session.produce(topic, ["a".repeat(200)])).error).toBe("NONE");
    expect(await change(topic, "cleanup.policy", 2, "compact")).toBe("NONE");
    expect(await configOf(topic, "cleanup.policy")).toBe("delete,compact");
    expect(await change(topic, "cleanup.policy", 3, "delete")).toBe("NONE");
    expect(await configOf(topic, "cleanup.policy")).toBe("compact");
  });

  it("an unknown one is refused by its name", async () => {
    const topic = await newTopic();
    expect(await change(topic, "retention.mss", 0, "1")).toBe(
      "INVALID_CONFIG: Unknown topic config name: retention.mss",
    );
    expect(await change({ ...topic, name: "absent" }, "retention.ms", 0, "1")).toMatch(/^UNKNOWN_TOPIC_OR_PARTITION/);
  });

  it("are refused when they do not go together, with those that are there already", async () => {
    const topic = await session.createTopic(newName(), 1, { "min.compaction.lag.ms": "1000" });
    expect(await change(topic, "max.compaction.lag.ms", 0, "999")).toBe(
      "INVALID_CONFIG: conflict topic config setting min.compaction.lag.ms (1000) > max.compaction.lag.ms (999)",
    );
    expect(await change(topic, "max.compaction.lag.ms", 0, "1000")).toBe("NONE");
    expect(await change(topic, "min.compaction.lag.ms", 0, "1001")).toMatch(/^INVALID_CONFIG/);
    const configs = [lag("min", "6"), lag("max", "5")];
    const { responses } = await session.client.send(alterConfigs, 2, {
      resources: [{ resourceType: 2, resourceName: topic.name, configs }],
      validateOnly: false,
    });
    expect(errorName(responses[0]?.errorCode ?? -1)).toBe("INVALID_CONFIG");
  });

  it.each(["leader", "follower"])("replicas that throttle a %s are all or a list", async (side) => {
    const topic = await newTopic();
    const name = `${side}.replication.throttled.replicas`;
    for (const value of ["*", "*,", "", "0:1", " 0:1 , 1:1,"]) expect(await change(topic, name, 0, value)).toBe("NONE");
    for (const value of ["foo", "0:", "-1:0", "0:1:2", "0:1,*"]) {
      expect(await change(topic, name, 0, value), value).toMatch(/^INVALID_CONFIG/);
    }
  });

  it("all at once: what is not given goes back to its default", async () => {
    const topic = await newTopic();
    await change(topic, "max.message.bytes", 0, "200");
    const configs = [{ name: "retention.ms", value: "60000" }];
    await session.client.send(alterConfigs, 2, {
      resources: [{ resourceType: 2, resourceName: topic.name, configs }],
      validateOnly: false,
    });
    expect(await configOf(topic, "max.message.bytes")).toBe("1048588");
    expect(await configOf(topic, "retention.ms")).toBe("60000");
  });

  it("of the broker are told, and cannot be changed", async () => {
    const { configResources } = await session.client.send(listConfigResources, 1, { resourceTypes: [4] });
    expect(configResources).toEqual([{ resourceName: "1", resourceType: 4 }]);
    const { results } = await session.client.send(describeConfigs, 4, {
      resources: [{ resourceType: 4, resourceName: "1", configurationKeys: null }],
      includeSynonyms: false,
    });
    const told = new Map(results[0]?.configs.map(({ name, value }) => [name, value]));
    expect(told.get("num.partitions")).toBe("3");
    expect(told.get("log.retention.ms")).toBe("5000");
    const { responses } = await session.client.send(incrementalAlterConfigs, 1, {
      resources: [
        { resourceType: 4, resourceName: "1", configs: [{ name: "num.partitions", configOperation: 0, value: "4" }] },
      ],
      validateOnly: false,
    });
    expect(errorName(responses[0]?.errorCode ?? 0)).toBe("INVALID_REQUEST");
  });
});

describe("log dirs", () => {
  it("tell how large each partition is", async () => {
    const topic = await newTopic(2);
    await session.produce(topic, ["a".repeat(1000)], { partition: 1 });
    const { results } = await session.client.send(describeLogDirs, 4, {
      topics: [{ topic: topic.name, partitions: [0, 1, 2] }],
    });
    const sizes = results[0]?.topics[0]?.partitions.map(({ partitionIndex, partitionSize }) => [
      partitionIndex,
      partitionSize > 1000,
    ]);
    expect(sizes).toEqual([
      [0, false],
      [1, true],
    ]);
  });

  it("a partition stays in the one folder", async () => {
    const topic = await newTopic(1);
    const move = async (path: string, name: string, partition: number): Promise<string> => {
      const dirs = [{ path, topics: [{ name, partitions: [partition] }] }];
      const { results } = await session.client.send(alterReplicaLogDirs, 2, { dirs });
      return errorName(results[0]?.partitions[0]?.errorCode ?? -1);
    };
    expect(await move("memory", topic.name, 0)).toBe("NONE");
    expect(await move("memory", topic.name, 1)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await move("/elsewhere", topic.name, 0)).toBe("LOG_DIR_NOT_FOUND");
  });

  it("tell how much room there is, where that is known", async () => {
    const inMemory = await session.client.send(describeLogDirs, 4, { topics: [] });
    expect(inMemory.results[0]).toMatchObject({ totalBytes: -1, usableBytes: -1 });
    const dataDir = mkdtempSync(join(tmpdir(), "oncilla-room-"));
    const onDisk = await Broker.start({ dataDir });
    const through = await RawSession.open(onDisk.address);
    const { results } = await through.client.send(describeLogDirs, 4, { topics: [] });
    expect(results[0]?.usableBytes).toBeGreaterThan(0);
    expect(results[0]?.totalBytes).toBeGreaterThan(results[0]?.usableBytes ?? 0);
    through.close();
    await onDisk.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
});
