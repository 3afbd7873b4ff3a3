import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Admin, Client } from "../../src/client/index.ts";
import { streamsGroupHeartbeat } from "../../src/protocol/apis/streams-group-heartbeat.ts";
import { createTopic, startCluster, type TestCluster, until } from "../support/cluster.ts";
import { RawSession } from "../support/raw-session.ts";

let cluster: TestCluster;
let client: Client;
let admin: Admin;
let topic: string;

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client;
  admin = client.admin();
});
afterAll(() => cluster.stop());
beforeEach(() => {
  topic = cluster.unique("admin");
});

describe("an admin", () => {
  it("makes topics, looks at them, and deletes them", async () => {
    const other = cluster.unique("admin");
    await admin.createTopics([{ topic, partitions: 3 }, { topic: other }]);
    expect(await admin.listTopics()).toEqual(expect.arrayContaining([topic, other]));
    const [description, ...rest] = await admin.describeTopics([topic, `${topic}-missing`]);
    expect(rest).toEqual([]);
    expect(description).toMatchObject({ topic, isInternal: false });
    expect(description?.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
    const [node] = (await admin.describeCluster()).brokers;
    expect(description?.partitions[0]).toMatchObject({ leader: node?.nodeId, inSyncReplicas: [node?.nodeId] });
    await admin.deleteTopics([topic, other]);
    const left = await admin.listTopics();
    expect(left).not.toContain(topic);
    expect(left).not.toContain(other);
  });

  it("says which topic exists already, or does not", async () => {
    await admin.createTopics([{ topic }]);
    const again = admin.createTopics([{ topic }]);
    await expect(again).rejects.toMatchObject({
      code: "TOPIC_ALREADY_EXISTS",
      message: expect.stringContaining(topic),
    });
    const missing = admin.deleteTopics([`${topic}-missing`]);
    await expect(missing).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", retriable: false });
    await expect(admin.createTopics([{ topic: "a/b" }])).rejects.toMatchObject({ code: "INVALID_TOPIC_EXCEPTION" });
    const negative = admin.createTopics([{ topic: `${topic}-0`, partitions: 0 }]);
    await expect(negative).rejects.toMatchObject({ code: "INVALID_PARTITIONS" });
    const unknown = admin.createTopics([{ topic: `${topic}-c`, configs: { "no.such.config": "1" } }]);
    await expect(unknown).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  });

  it("only looks whether a topic could be made, when asked to", async () => {
    await admin.createTopics([{ topic }], { validateOnly: true });
    expect(await admin.describeTopics([topic])).toEqual([]);
  });

  it("adds partitions", async () => {
    await admin.createTopics([{ topic, partitions: 1 }]);
    await admin.createPartitions(topic, 4);
    expect((await admin.describeTopics([topic]))[0]?.partitions).toHaveLength(4);
    await expect(admin.createPartitions(topic, 2)).rejects.toMatchObject({ code: "INVALID_PARTITIONS" });
  });

  it("reads and changes configurations", async () => {
    await admin.createTopics([{ topic, configs: { "retention.ms": "1000000" } }]);
    const resource = { type: "topic", name: topic } as const;
    const configured = async (name: string): Promise<object | undefined> =>
      (await admin.describeConfigs(resource)).find((entry) => entry.name === name);
    expect(await configured("retention.ms")).toMatchObject({ value: "1000000", isDefault: false, isReadOnly: false });
    expect(await configured("cleanup.policy")).toMatchObject({ value: "delete", isDefault: true });
    await admin.alterConfigs(resource, [
      { name: "cleanup.policy", operation: "append", value: "compact" },
      { name: "max.message.bytes", operation: "set", value: "100000" },
      { name: "retention.ms", operation: "delete" },
    ]);
    await until(async () => ((await configured("retention.ms")) as { isDefault?: boolean }).isDefault === true);
    expect(await configured("cleanup.policy")).toMatchObject({ value: "delete,compact" });
    expect(await configured("max.message.bytes")).toMatchObject({ value: "100000" });
    const wrong = admin.alterConfigs(resource, [{ name: "retention.ms", operation: "set", value: "soon" }]);
    await expect(wrong).rejects.toMatchObject({ code: "INVALID_CONFIG" });
    const [node] = (await admin.describeCluster()).brokers;
    const ofBroker = await admin.describeConfigs({ type: "broker", name: `${node?.nodeId}` });
    expect(ofBroker.map(({ name }) => name)).toContain("transaction.max.timeout.ms");
  });

  it("finds the broker whose configuration it is asked for, though nothing was asked before", async () => {
    const [node] = (await admin.describeCluster()).brokers;
    const fresh = cluster.connect();
    const entries = await fresh.admin().describeConfigs({ type: "broker", name: `${node?.nodeId}` });
    expect(entries.length).toBeGreaterThan(0);
    await fresh.close();
  });

  it("describes the cluster", async () => {
    const { clusterId, controllerId, brokers } = await admin.describeCluster();
    const [host, port] = cluster.brokers.split(":");
    expect(clusterId).not.toBe("");
    expect(brokers).toContainEqual({ nodeId: expect.any(Number), host, port: Number(port) });
    expect(brokers.map(({ nodeId }) => nodeId)).toContain(controllerId);
  });

  it("finds offsets, and deletes what stands before one", async () => {
    await admin.createTopics([{ topic, partitions: 2 }]);
    const producer = client.producer();
    await producer.sendAll([3, 9, 6].map((timestamp) => ({ topic, partition: 0, value: "x", timestamp })));
    await producer.close();
    const at = { topic, partition: 0 };
    const offsets = await admin.listOffsets([
      { ...at, spec: "earliest" },
      { ...at, spec: "latest" },
      { ...at, spec: "max_timestamp" },
      { ...at, spec: { timestamp: 4 } },
      { topic, partition: 1, spec: "max_timestamp" },
    ]);
    expect(offsets).toMatchObject([
      { ...at, offset: 0 },
      { ...at, offset: 3 },
      { ...at, offset: 1, timestamp: 9 },
      { ...at, offset: 1, timestamp: 9 },
    ]);
    expect(await admin.deleteRecords([{ ...at, offset: 2 }])).toEqual([{ ...at, offset: 2 }]);
    expect(await admin.listOffsets([{ ...at, spec: "earliest" }])).toMatchObject([{ offset: 2 }]);
    expect(await admin.deleteRecords([{ ...at, offset: -1 }])).toEqual([{ ...at, offset: 3 }]);
    await expect(admin.deleteRecords([{ ...at, offset: 7 }])).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
  });

  it("looks after groups: lists, describes, moves their offsets, deletes them", async () => {
    await admin.createTopics([{ topic, partitions: 2 }]);
    const groupId = cluster.unique("admin-group");
    const consumer = client.consumer({ groupId, groupInstanceId: "one" });
    consumer.subscribe([topic]);
    await until(async () => {
      await consumer.poll({ timeoutMs: 20 });
      return consumer.assignment().length === 2;
    });
    await consumer.commit([{ topic, partition: 1, offset: 7, metadata: "note" }]);
    expect(await admin.listGroups()).toContainEqual({
      groupId,
      type: "classic",
      protocolType: "consumer",
      state: "Stable",
    });
    expect(await admin.describeGroups([groupId])).toMatchObject([
      {
        groupId,
        state: "Stable",
        protocol: "cooperative-sticky",
        members: [
          {
            memberId: consumer.groupMetadata().memberId,
            groupInstanceId: "one",
            clientId: "test",
            partitions: consumer.assignment(),
          },
        ],
      },
    ]);
    expect(await admin.listConsumerGroupOffsets(groupId)).toMatchObject([
      { topic, partition: 1, offset: 7, metadata: "note" },
    ]);
    const moved = [{ topic, partition: 1, offset: 3 }];
    await expect(admin.alterConsumerGroupOffsets(groupId, moved)).rejects.toMatchObject({ retriable: false });
    await expect(admin.deleteGroups([groupId])).rejects.toMatchObject({ code: "NON_EMPTY_GROUP" });
    await consumer.close({ leaveGroup: true });
    await admin.alterConsumerGroupOffsets(groupId, moved);
    expect(await admin.listConsumerGroupOffsets(groupId)).toMatchObject(moved);
    await admin.deleteGroups([groupId]);
    await expect(admin.deleteGroups([groupId])).rejects.toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
    expect((await admin.listGroups()).map((group) => group.groupId)).not.toContain(groupId);
  });

  it("knows streams groups, and their tasks", async () => {
    await createTopic(client, topic, 2);
    const groupId = cluster.unique("streams");
    const session = await RawSession.open(cluster.brokers.split(",")[0] ?? "");
    await session.findCoordinator("group", groupId);
    const nothing = { sourceTopicRegex: [], repartitionSinkTopics: [], repartitionSourceTopics: [] };
    const subtopology = { ...nothing, sourceTopics: [topic], stateChangelogTopics: [], copartitionGroups: [] };
    const heartbeat = (memberEpoch: number): Promise<{ readonly activeTasks: readonly unknown[] | null }> =>
      session.client.send(streamsGroupHeartbeat, 0, {
        groupId,
        memberId: "member",
        memberEpoch,
        rebalanceTimeoutMs: 30_000,
        topology: memberEpoch === 0 ? { epoch: 0, subtopologies: [{ ...subtopology, subtopologyId: "0" }] } : null,
        ...(memberEpoch === 0 ? { activeTasks: [], standbyTasks: [], warmupTasks: [] } : {}),
        processId: "process",
        endpointInformationEpoch: 0,
        shutdownApplication: false,
      });
    await until(async () => (await heartbeat(0)).activeTasks?.length === 1);
    const groups = await admin.listGroups();
    expect(groups).toContainEqual({ groupId, type: "streams", protocolType: "streams", state: "Stable" });
    const tasks = [0, 1].map((partition) => ({ role: "active", subtopologyId: "0", partition }));
    expect(await admin.describeGroups([groupId])).toMatchObject([
      { groupId, type: "streams", state: "Stable", members: [{ memberId: "member", partitions: [], tasks }] },
    ]);
    await heartbeat(-1);
    await admin.deleteGroups([groupId]);
    await expect(admin.describeGroups([groupId])).rejects.toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
    session.close();
  });

  it("tells whether a group has read everything that counts", async () => {
    const group = cluster.unique("group");
    await admin.createTopics([{ topic, partitions: 2 }]);
    const at = (offset: number) => ({ topic, partition: 0, offset });
    expect(await admin.isCaughtUp(group, [topic])).toBe(true);

    const producer = client.producer({ transactionalId: cluster.unique("tx") });
    await producer.initTransactions();
    await producer.transaction((tx) => tx.send({ topic, partition: 0, value: "counts" }));
    expect(await admin.isCaughtUp(group, [topic])).toBe(false);
    await admin.alterConsumerGroupOffsets(group, [at(1)]); // only the marker is left
    expect(await admin.isCaughtUp(group, [topic])).toBe(true);
    expect([await admin.isAtEnd([at(0)]), await admin.isAtEnd([at(1)])]).toEqual([false, true]);

    producer.beginTransaction();
    await producer.send({ topic, partition: 0, value: "is dropped" });
    expect(await admin.isCaughtUp(group, [topic])).toBe(false); // it may count yet
    await producer.abortTransaction();
    expect(await admin.isCaughtUp(group, [topic])).toBe(true);
    await producer.close();
  });

  it("does nothing once it is closed", async () => {
    const closed = client.admin();
    await closed.close();
    await expect(closed.listTopics()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(closed.listOffsets([{ topic, partition: 0, spec: "latest" }])).rejects.toMatchObject({
      code: "CLOSED",
    });
    await closed.close();
  });
});
