import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster } from "../../src/client/network/cluster.ts";
import { silentLogger } from "../../src/platform/logger.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import { createTopic, startCluster, type TestCluster, until } from "../support/cluster.ts";

let brokers: TestCluster;
let cluster: Cluster;

beforeAll(async () => {
  brokers = await startCluster();
  const [host = "", port] = brokers.brokers.split(":");
  cluster = new Cluster({
    bootstrap: [{ host, port: Number(port) }],
    clientId: "test",
    requestTimeoutMs: 30_000,
    connectTimeoutMs: 10_000,
    backoff: { baseMs: 20, maxMs: 1_000 },
    metadataMaxAgeMs: 300_000,
    missingTopicTimeoutMs: 5_000,
    platform: nodePlatform,
    logger: silentLogger,
  });
});
afterAll(async () => {
  cluster.close();
  await brokers.stop();
});

describe("metadata", () => {
  it("of topics by their ids is read again for those that are wanted while it is being read", async () => {
    const topic = brokers.unique("by-id");
    await createTopic(brokers.client, topic, 1);
    const [found] = await brokers.client.admin().describeTopics([topic]);
    const topicId = found?.topicId ?? "";
    const stop = cluster.onMetadata(() => {
      stop();
      cluster.requestTopics([topicId]);
    });
    await cluster.refresh();
    expect(cluster.metadata.nameOf(topicId)).toBeUndefined();
    await until(() => cluster.metadata.nameOf(topicId) === topic);
  });

  it("of a topic that may be created bring no deleted one back", async () => {
    const deleted = brokers.unique("deleted");
    await createTopic(brokers.client, deleted, 1);
    await cluster.refresh([deleted]);
    expect(cluster.metadata.topic(deleted)).toBeDefined();
    await brokers.client.admin().deleteTopics([deleted]);
    const created = brokers.unique("created");
    await cluster.refresh([created], true);
    expect(cluster.metadata.topic(deleted)).toBeUndefined();
    await until(async () => (await brokers.client.admin().listTopics()).includes(created));
    expect(await brokers.client.admin().listTopics()).not.toContain(deleted);
  });
});
