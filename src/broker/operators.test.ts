/** What operators ask of a cluster and what a single broker has to say: features, elections, reassignments, the quorum. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import { alterPartitionReassignments } from "../protocol/apis/alter-partition-reassignments.ts";
import { apiVersions } from "../protocol/apis/api-versions.ts";
import { consumerGroupDescribe } from "../protocol/apis/consumer-group-describe.ts";
import { consumerGroupHeartbeat } from "../protocol/apis/consumer-group-heartbeat.ts";
import { createTopics } from "../protocol/apis/create-topics.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { describeGroups } from "../protocol/apis/describe-groups.ts";
import { describeQuorum } from "../protocol/apis/describe-quorum.ts";
import { electLeaders } from "../protocol/apis/elect-leaders.ts";
import { listPartitionReassignments } from "../protocol/apis/list-partition-reassignments.ts";
import { streamsGroupDescribe } from "../protocol/apis/streams-group-describe.ts";
import { updateFeatures } from "../protocol/apis/update-features.ts";
import { errorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";

let broker: Broker;
let session: RawSession;
let topic: RawTopic;

beforeAll(async () => {
  broker = await Broker.start();
  session = await RawSession.open(broker.address);
  topic = await session.createTopic("topic", 2);
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

describe("features", () => {
  async function finalized(of: RawSession = session): Promise<readonly [string, number]> {
    const software = { clientSoftwareName: "a", clientSoftwareVersion: "1" };
    const { finalizedFeatures, finalizedFeaturesEpoch } = await of.client.send(apiVersions, 4, software);
    const levels = finalizedFeatures.map(({ name, maxVersionLevel }) => `${name}=${maxVersionLevel}`);
    return [levels.join(" "), finalizedFeaturesEpoch];
  }

  async function update(
    feature: string,
    maxVersionLevel: number,
    upgradeType: number,
    options: { readonly validateOnly?: boolean; readonly version?: number; readonly of?: RawSession } = {},
  ) {
    const { validateOnly = false, version = 1, of = session } = options;
    const featureUpdates = [{ feature, maxVersionLevel, upgradeType, allowDowngrade: upgradeType > 1 }];
    const response = await of.client.send(updateFeatures, version, { featureUpdates, validateOnly });
    return [errorName(response.errorCode), response.results.length];
  }

  it("go down and up again, and ApiVersions tells", async () => {
    const [all, before] = await finalized();
    expect(all).toBe("group.version=1 metadata.version=30 streams.version=1 transaction.version=2");
    expect(await update("transaction.version", 1, 2, { validateOnly: true })).toEqual(["NONE", 1]);
    expect(await finalized()).toEqual([all, before]);
    expect(await update("transaction.version", 1, 2)).toEqual(["NONE", 1]);
    expect(await finalized()).toEqual([
      "group.version=1 metadata.version=30 streams.version=1 transaction.version=1",
      before + 1,
    ]);
    expect(await update("transaction.version", 0, 2, { version: 0 })).toEqual(["NONE", 1]);
    expect(await finalized()).toEqual(["group.version=1 metadata.version=30 streams.version=1", before + 2]);
    expect(await update("transaction.version", 2, 1, { version: 2 })).toEqual(["NONE", 0]);
    expect(await finalized()).toEqual([all, before + 3]);
    expect(await update("transaction.version", 2, 1)).toEqual(["NONE", 1]);
    expect(await finalized()).toEqual([all, before + 3]);
  });

  it.each<[string, string, number, number]>([
    ["a level that is not known", "transaction.version", 3, 1],
    ["a negative one", "transaction.version", -1, 3],
    ["a downgrade that does not say so", "transaction.version", 1, 1],
    ["an unknown kind of change", "transaction.version", 1, 4],
    ["a feature that is not known", "share.version", 1, 1],
    ["another version of the metadata", "metadata.version", 29, 3],
  ])("%s is refused", async (_what, feature, level, type) => {
    for (const version of [1, 2])
      expect(await update(feature, level, type, { version })).toEqual(["INVALID_UPDATE_VERSION", 0]);
  });

  it("all updates of a request or none", async () => {
    const before = await finalized();
    const featureUpdates = [
      { feature: "transaction.version", maxVersionLevel: 1, upgradeType: 2 },
      { feature: "group.version", maxVersionLevel: 9, upgradeType: 1 },
    ];
    const { errorCode } = await session.client.send(updateFeatures, 1, { featureUpdates, validateOnly: false });
    expect(errorName(errorCode)).toBe("INVALID_UPDATE_VERSION");
    expect(await finalized()).toEqual(before);
  });

  it("without group.version no group speaks the consumer protocol", async () => {
    await session.findCoordinator("group", "g");
    const heartbeat = {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: 1000,
      subscribedTopicNames: ["topic"],
      topicPartitions: [],
    };
    expect(await update("group.version", 0, 2)).toEqual(["NONE", 1]);
    const refused = await session.client.send(consumerGroupHeartbeat, 1, heartbeat as never);
    expect(errorName(refused.errorCode)).toBe("UNSUPPORTED_VERSION");
    const { groups } = await session.client.send(consumerGroupDescribe, 1, {
      groupIds: ["g"],
      includeAuthorizedOperations: false,
    });
    expect(groups.map(({ errorCode }) => errorName(errorCode))).toEqual(["UNSUPPORTED_VERSION"]);
    expect(await update("group.version", 1, 1)).toEqual(["NONE", 1]);
    const taken = await session.client.send(consumerGroupHeartbeat, 1, heartbeat as never);
    expect(errorName(taken.errorCode)).toBe("NONE");
  });

  it("outlive the broker", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "oncilla-features-"));
    for (const expected of [
      "group.version=1 metadata.version=30 streams.version=1 transaction.version=2",
      "group.version=1 metadata.version=30 streams.version=1 transaction.version=1",
    ]) {
      const onDisk = await Broker.start({ dataDir });
      const of = await RawSession.open(onDisk.address);
      expect((await finalized(of))[0]).toBe(expected);
      await update("transaction.version", 1, 2, { of });
      of.close();
      await onDisk.stop();
    }
    rmSync(dataDir, { recursive: true, force: true });
  });
});

describe("replicas that are where they are", () => {
  it("elections are not needed", async () => {
    const elect = async (electionType: number, topicPartitions: { topic: string; partitions: number[] }[] | null) => {
      const response = await session.client.send(electLeaders, 2, { electionType, topicPartitions });
      const results = response.replicaElectionResults.flatMap(({ topic: name, partitionResult }) =>
        partitionResult.map(({ partitionId, errorCode }) => `${name}-${partitionId} ${errorName(errorCode)}`),
      );
      return [errorName(response.errorCode), ...results];
    };
    const asked = [
      { topic: "topic", partitions: [0, 2] },
      { topic: "missing", partitions: [0] },
    ];
    const expected = [
      "NONE",
      "topic-0 ELECTION_NOT_NEEDED",
      "topic-2 UNKNOWN_TOPIC_OR_PARTITION",
      "missing-0 UNKNOWN_TOPIC_OR_PARTITION",
    ];
    expect(await elect(0, asked)).toEqual(expected);
    expect(await elect(1, asked)).toEqual(expected);
    expect(await elect(0, null)).toEqual(["NONE"]);
    expect(await elect(2, [{ topic: "topic", partitions: [0] }])).toEqual([
      "INVALID_REQUEST",
      "topic-0 INVALID_REQUEST",
    ]);
    const { replicaElectionResults } = await session.client.send(electLeaders, 0, { topicPartitions: asked });
    expect(replicaElectionResults.length).toBe(2);
  });

  it("partitions go nowhere else", async () => {
    const reassign = async (name: string, partitionIndex: number, replicas: number[] | null) => {
      const topics = [{ name, partitions: [{ partitionIndex, replicas }] }];
      const { responses } = await session.client.send(alterPartitionReassignments, 1, { topics });
      return errorName(responses[0]?.partitions[0]?.errorCode ?? -1);
    };
    expect(await reassign("topic", 0, [1])).toBe("NONE");
    expect(await reassign("topic", 0, null)).toBe("NO_REASSIGNMENT_IN_PROGRESS");
    for (const replicas of [[], [2], [1, 2], [1, 1]])
      expect(await reassign("topic", 0, replicas)).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(await reassign("topic", 2, [1])).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await reassign("missing", 0, [1])).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    const { topics } = await session.client.send(listPartitionReassignments, 0, { topics: null });
    expect(topics).toEqual([]);
  });

  it("the quorum is the broker itself", async () => {
    const ask = (topicName: string, partitionIndex: number, version: number) =>
      session.client.send(describeQuorum, version, { topics: [{ topicName, partitions: [{ partitionIndex }] }] });
    const { topics, nodes } = await ask("__cluster_metadata", 0, 2);
    const partition = topics[0]?.partitions[0];
    expect(partition).toMatchObject({ errorCode: 0, leaderId: 1, observers: [] });
    expect(partition?.currentVoters).toMatchObject([{ replicaId: 1, logEndOffset: partition?.highWatermark }]);
    expect(partition?.highWatermark).toBeGreaterThan(0);
    const [host, port] = broker.address.split(":");
    expect(nodes).toEqual([{ nodeId: 1, listeners: [{ name: "PLAINTEXT", host, port: Number(port) }] }]);
    for (const [name, index] of [
      [topic.name, 0],
      ["__cluster_metadata", 1],
    ] as const) {
      const refused = await ask(name, index, 0);
      expect(errorName(refused.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    }
  });
});

describe("a refusal that repeats a name as long as a string may be", () => {
  const name = "n".repeat(32_767);
  const startOf = (message: string | null | undefined): string | undefined => message?.slice(0, 25);

  it("of a topic is told, with what there is room for", async () => {
    for (const version of [1, 2]) {
      const asked = { topicPartitions: [{ topic: name, partitions: [0] }] };
      const { replicaElectionResults } = await session.client.send(electLeaders, version, asked);
      expect(startOf(replicaElectionResults[0]?.partitionResult[0]?.errorMessage)).toBe("No such topic as nnnnnnnn");
    }
    const topics = [{ name, partitions: [{ partitionIndex: 0, replicas: [1] }] }];
    const { responses } = await session.client.send(alterPartitionReassignments, 1, { topics });
    expect(startOf(responses[0]?.partitions[0]?.errorMessage)).toBe("Unable to find a topic na");
  });

  it("of a setting or a broker is told, with what there is room for", async () => {
    for (const version of [4, 5]) {
      const topics = [
        {
          name: "other",
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name, value: "1" }],
        },
      ];
      const created = await session.client.send(createTopics, version, { topics, validateOnly: false });
      expect(startOf(created.topics[0]?.errorMessage)).toBe("Unknown topic config name");
    }
    for (const version of [1, 4]) {
      const resources = [{ resourceType: 4, resourceName: name, configurationKeys: null }];
      const { results } = await session.client.send(describeConfigs, version, { resources, includeSynonyms: false });
      expect(startOf(results[0]?.errorMessage)).toBe("Unexpected broker id, exp");
    }
  });

  it("of a group is told, with what there is room for", async () => {
    await session.findCoordinator("group", "any");
    await until(async () => {
      const { groups } = await session.client.send(describeGroups, 6, { groups: [name] });
      return startOf(groups[0]?.errorMessage) === "Group nnnnnnnnnnnnnnnnnnn";
    });
    const consumers = await session.client.send(consumerGroupDescribe, 1, {
      groupIds: [name],
      includeAuthorizedOperations: false,
    });
    expect(startOf(consumers.groups[0]?.errorMessage)).toBe("Group nnnnnnnnnnnnnnnnnnn");
    const streams = await session.client.send(streamsGroupDescribe, 0, {
      groupIds: [name],
      includeAuthorizedOperations: false,
    });
    expect(startOf(streams.groups[0]?.errorMessage)).toBe("Group nnnnnnnnnnnnnnnnnnn");
  });
});
