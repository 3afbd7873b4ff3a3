import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession } from "../../test/support/raw-session.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { consumerGroupHeartbeat } from "../protocol/apis/consumer-group-heartbeat.ts";
import { deleteGroups } from "../protocol/apis/delete-groups.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { describeGroups } from "../protocol/apis/describe-groups.ts";
import { incrementalAlterConfigs } from "../protocol/apis/incremental-alter-configs.ts";
import { joinGroup } from "../protocol/apis/join-group.ts";
import { listGroups } from "../protocol/apis/list-groups.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { offsetCommit } from "../protocol/apis/offset-commit.ts";
import { streamsGroupDescribe } from "../protocol/apis/streams-group-describe.ts";
import { streamsGroupHeartbeat } from "../protocol/apis/streams-group-heartbeat.ts";
import { updateFeatures } from "../protocol/apis/update-features.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import { type ErrorName, errorName } from "../protocol/errors.ts";
import type { Decoded } from "../protocol/schema.ts";
import { Broker } from "./broker.ts";

const GROUP_RESOURCE = 32;
const TOPIC_RESOURCE = 2;

type Topology = NonNullable<Decoded<typeof streamsGroupHeartbeat.request>["topology"]>;

let broker: Broker;
let session: RawSession;
let names = 0;

beforeAll(async () => {
  broker = await Broker.start();
  session = await RawSession.open(broker.address);
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

async function newGroup(): Promise<string> {
  const group = `streams-group-${names++}`;
  await session.findCoordinator("group", group);
  return group;
}

/** Reads `source`, divides it anew by way of an internal topic, and counts. */
function wordCount(source: string, group: string, changelogConfigs: Readonly<Record<string, string>> = {}): Topology {
  const internal = { partitions: 0, replicationFactor: 0, topicConfigs: [] };
  const topicConfigs = Object.entries(changelogConfigs).map(([key, value]) => ({ key, value }));
  const nothing = {
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
  };
  return {
    epoch: 0,
    subtopologies: [
      { ...nothing, subtopologyId: "0", sourceTopics: [source], repartitionSinkTopics: [`${group}-words`] },
      {
        ...nothing,
        subtopologyId: "1",
        repartitionSourceTopics: [{ ...internal, name: `${group}-words` }],
        stateChangelogTopics: [{ ...internal, name: `${group}-counts`, topicConfigs }],
      },
    ],
  };
}

interface Beat {
  readonly error: ErrorName;
  readonly epoch: number;
  /** "0_0 0_1"; null: no news. */
  readonly active: string | null;
  readonly standby: string | null;
  readonly status: readonly string[];
}

type Tasks = readonly { readonly subtopologyId: string; readonly partitions: readonly number[] }[] | null;

function show(tasks: Tasks): string | null {
  if (!tasks) return null;
  return tasks.flatMap(({ subtopologyId: id, partitions }) => partitions.map((p) => `${id}_${p}`)).join(" ");
}

function parse(tasks: string): { subtopologyId: string; partitions: number[] }[] {
  const keys = tasks === "" ? [] : tasks.split(" ").map((key) => key.split("_"));
  return keys.map(([subtopologyId = "", partition]) => ({ subtopologyId, partitions: [Number(partition)] }));
}

class Member {
  readonly session: RawSession;
  readonly group: string;
  readonly memberId: string;
  epoch = 0;

  constructor(through: RawSession, group: string, memberId: string) {
    this.session = through;
    this.group = group;
    this.memberId = memberId;
  }

  join(topology: Topology): Promise<Beat> {
    this.epoch = 0;
    const tasks = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
    return this.#send({ rebalanceTimeoutMs: 30_000, topology, processId: `process of ${this.memberId}`, ...tasks });
  }

  beat(active?: string, standby = ""): Promise<Beat> {
    if (active === undefined) return this.#send({});
    return this.#send({ activeTasks: parse(active), standbyTasks: parse(standby), warmupTasks: [] });
  }

  leave(): Promise<Beat> {
    this.epoch = -1;
    return this.#send({});
  }

  async #send(body: object): Promise<Beat> {
    const response = await this.session.client.send(streamsGroupHeartbeat, 0, {
      groupId: this.group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      endpointInformationEpoch: 0,
      shutdownApplication: false,
      ...body,
    });
    const error = errorName(response.errorCode);
    if (error === "NONE") this.epoch = response.memberEpoch;
    return {
      error,
      epoch: response.memberEpoch,
      active: show(response.activeTasks),
      standby: show(response.standbyTasks),
      status: (response.status ?? []).map(({ statusCode, statusDetail }) => `${statusCode}: ${statusDetail}`),
    };
  }

  async commit(topic: string, epoch: number = this.epoch): Promise<ErrorName> {
    const partitions = [{ partitionIndex: 1, committedOffset: 7, committedMetadata: "" }];
    const { topics } = await this.session.client.send(offsetCommit, 9, {
      groupId: this.group,
      memberId: this.memberId,
      generationIdOrMemberEpoch: epoch,
      topics: [{ name: topic, topicId: ZERO_UUID, partitions }],
    });
    return errorName(topics[0]?.partitions[0]?.errorCode ?? -1);
  }
}

async function describeGroup(through: RawSession, group: string): Promise<string> {
  const { groups } = await through.client.send(streamsGroupDescribe, 0, {
    groupIds: [group],
    includeAuthorizedOperations: true,
  });
  const [described] = groups;
  if (described?.errorCode !== 0) return errorName(described?.errorCode ?? -1);
  const members = described.members.map(({ memberId, assignment }) => `${memberId} ${show(assignment.activeTasks)}`);
  const topics = described.topology?.subtopologies?.flatMap((subtopology) =>
    [...subtopology.repartitionSourceTopics, ...subtopology.stateChangelogTopics].map((each) => each.partitions),
  );
  return [described.groupState, topics?.join(" "), ...members.sort()].join("; ");
}

describe("StreamsGroupHeartbeat", () => {
  it("makes internal topics, and gives tasks once all topics are there", async () => {
    const group = await newGroup();
    const source = `source-${names++}`;
    const ann = new Member(session, group, "ann");
    const joined = await ann.join(wordCount(source, group, { "cleanup.policy": "compact" }));
    expect(joined).toMatchObject({ error: "NONE", active: "", status: [`1: Source topics ${source} are missing.`] });
    expect(await describeGroup(session, group)).toBe("NotReady; 0 0; ann ");
    await session.createTopic(source, 3);
    const internal = `${group}-counts, ${group}-words`;
    expect(await ann.beat()).toMatchObject({ status: [`3: Internal topics are missing: ${internal}`] });
    const { topics } = await session.client.send(metadata, 12, {
      topics: [`${group}-words`, `${group}-counts`].map((name) => ({ topicId: ZERO_UUID, name })),
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    expect(topics.map(({ partitions }) => partitions.length)).toEqual([3, 3]);
    const { results } = await session.client.send(describeConfigs, 4, {
      resources: [
        { resourceType: TOPIC_RESOURCE, resourceName: `${group}-counts`, configurationKeys: ["cleanup.policy"] },
      ],
      includeSynonyms: false,
      includeDocumentation: false,
    });
    expect(results[0]?.configs[0]?.value).toBe("compact");
    expect(await ann.beat()).toMatchObject({ active: "0_0 0_1 0_2 1_0 1_1 1_2", status: [] });
    expect(await describeGroup(session, group)).toBe("Stable; 3 3; ann 0_0 0_1 0_2 1_0 1_1 1_2");
  });

  it("says why a topic could not be made", async () => {
    const group = await newGroup();
    const source = await session.createTopic(`source-${names++}`);
    const ann = new Member(session, group, "ann");
    const { status } = await ann.join(wordCount(source.name, group, { "retention.ms": "long" }));
    expect(status[0]).toContain(`Internal topics are missing: ${group}-counts, ${group}-words; Creation failed: `);
    expect(status[0]).toContain(`${group}-counts (INVALID_CONFIG: `);
    expect((await ann.beat()).status[0]).toContain(`Internal topics are missing: ${group}-counts; Creation failed: `);
  });

  it("says it of as many topics as a string has room for, whatever their number", async () => {
    const group = await newGroup();
    const source = await session.createTopic(`source-${names++}`);
    const topology = wordCount(source.name, group);
    const [reader, counter] = topology.subtopologies;
    if (!reader || !counter) throw new Error("no subtopologies");
    const missing = Array.from({ length: 300 }, (_, i) => `${"\u00e9".repeat(70)}-${i}`);
    const ann = new Member(session, group, "ann");
    const noSources = [{ ...reader, sourceTopics: missing }, counter];
    expect((await ann.join({ ...topology, subtopologies: noSources })).status[0]).toMatch(
      /^1: Source topics \u00e9.*\u2026$/,
    );
    await ann.leave();
    const stateChangelogTopics = missing.map((name) => ({
      name,
      partitions: 0,
      replicationFactor: 0,
      topicConfigs: [],
    }));
    const noChangelogs = [reader, { ...counter, stateChangelogTopics }];
    const bob = new Member(session, group, "bob");
    expect((await bob.join({ ...topology, subtopologies: noChangelogs })).status[0]).toMatch(
      /^3: Internal topics are missing: .*\u2026$/,
    );
  });

  it("moves tasks from one member to the next, and offsets only from who may have them", async () => {
    const group = await newGroup();
    const source = await session.createTopic(`source-${names++}`, 2);
    const topology = wordCount(source.name, group);
    const [ann, bob] = [new Member(session, group, "ann"), new Member(session, group, "bob")];
    await ann.join(topology);
    expect(await ann.beat()).toMatchObject({ active: "0_0 0_1 1_0 1_1" });
    const first = ann.epoch;
    expect(await ann.commit(source.name)).toBe("NONE");
    expect(await bob.join(topology)).toMatchObject({ active: "", standby: "" });
    expect(await ann.beat()).toMatchObject({ active: "0_0 1_0" });
    expect(await bob.beat()).toMatchObject({ active: null });
    expect(await ann.beat("0_0 1_0")).toMatchObject({ active: null });
    expect(await bob.beat()).toMatchObject({ active: "0_1 1_1" });
    expect(await ann.commit(source.name, first)).toBe("STALE_MEMBER_EPOCH");
    expect(await bob.commit(source.name)).toBe("NONE");
    expect(await bob.leave()).toMatchObject({ error: "NONE", epoch: -1 });
    expect(await bob.beat()).toMatchObject({ error: "UNKNOWN_MEMBER_ID" });
    expect(await ann.beat()).toMatchObject({ active: "0_0 0_1 1_0 1_1" });
  });

  it("keeps as many standbys as the group's settings say", async () => {
    const group = await newGroup();
    const source = await session.createTopic(`source-${names++}`);
    const topology = wordCount(source.name, group);
    const [ann, bob] = [new Member(session, group, "ann"), new Member(session, group, "bob")];
    await ann.join(topology);
    expect(await bob.join(topology)).toMatchObject({ standby: "" });
    const set = async (value: string): Promise<ErrorName> => {
      const configs = [{ name: "streams.num.standby.replicas", value, configOperation: 0 }];
      const { responses } = await session.client.send(incrementalAlterConfigs, 1, {
        resources: [{ resourceType: GROUP_RESOURCE, resourceName: group, configs }],
        validateOnly: false,
      });
      return errorName(responses[0]?.errorCode ?? -1);
    };
    expect(await set("3")).toBe("INVALID_CONFIG");
    expect(await set("1")).toBe("NONE");
    const told = [await ann.beat(), await bob.beat()];
    expect(told.map(({ standby }) => standby)).toContain("1_0");
  });

  it("is refused without streams.version", async () => {
    const update = async (maxVersionLevel: number, upgradeType: number): Promise<ErrorName> => {
      const { errorCode } = await session.client.send(updateFeatures, 1, {
        featureUpdates: [{ feature: "streams.version", maxVersionLevel, upgradeType, allowDowngrade: upgradeType > 1 }],
        validateOnly: false,
      });
      return errorName(errorCode);
    };
    const ann = new Member(session, await newGroup(), "ann");
    expect(await update(0, 2)).toBe("NONE");
    expect((await ann.join(wordCount("none", "none"))).error).toBe("UNSUPPORTED_VERSION");
    expect(await describeGroup(session, ann.group)).toBe("UNSUPPORTED_VERSION");
    expect(await update(1, 1)).toBe("NONE");
    expect((await ann.join(wordCount("none", "none"))).error).toBe("NONE");
  });

  it("survives the broker", async () => {
    const options = { dataDir: "data", platform: { ...nodePlatform, disk: new MemoryDisk() } };
    const one = await Broker.start(options);
    const before = await RawSession.open(one.address);
    const source = await before.createTopic("source", 2);
    await before.findCoordinator("group", "g");
    const ann = new Member(before, "g", "ann");
    await ann.join(wordCount(source.name, "g"));
    await ann.beat();
    await ann.commit(source.name);
    before.close();
    await one.stop();
    const two = await Broker.start(options);
    const after = await RawSession.open(two.address);
    await after.findCoordinator("group", "g");
    const same = new Member(after, "g", "ann");
    same.epoch = ann.epoch;
    expect(await same.beat()).toMatchObject({ error: "NONE", epoch: ann.epoch, active: null, status: [] });
    expect(await describeGroup(after, "g")).toBe("Stable; 2 2; ann 0_0 0_1 1_0 1_1");
    expect(await same.commit(source.name)).toBe("NONE");
    after.close();
    await two.stop();
  });
});

describe("what operators see of a streams group", () => {
  it("is listed and described as what it is, and nobody of another kind gets in", async () => {
    const group = await newGroup();
    const source = await session.createTopic(`source-${names++}`);
    const ann = new Member(session, group, "ann");
    await ann.join(wordCount(source.name, group));
    const { groups } = await session.client.send(listGroups, 5, { statesFilter: [], typesFilter: ["streams"] });
    const listed = groups.filter(({ groupId }) => groupId === group);
    const groupState = "NotReady";
    expect(listed).toEqual([{ groupId: group, protocolType: "streams", groupState, groupType: "streams" }]);
    const classic = await session.client.send(describeGroups, 6, { groups: [group] });
    expect(errorName(classic.groups[0]?.errorCode ?? -1)).toBe("GROUP_ID_NOT_FOUND");
    expect(await describeGroup(session, "nothing")).toBe("GROUP_ID_NOT_FOUND");
    const joined = await session.client.send(joinGroup, 9, {
      groupId: group,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array() }],
    } as never);
    expect(errorName(joined.errorCode)).toBe("INCONSISTENT_GROUP_PROTOCOL");
    const consumer = await session.client.send(consumerGroupHeartbeat, 1, {
      groupId: group,
      memberId: "bob",
      memberEpoch: 0,
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: [source.name],
      topicPartitions: [],
    } as never);
    expect(errorName(consumer.errorCode)).toBe("GROUP_ID_NOT_FOUND");
    const remove = async (): Promise<ErrorName> => {
      const { results } = await session.client.send(deleteGroups, 2, { groupsNames: [group] });
      return errorName(results[0]?.errorCode ?? -1);
    };
    expect(await remove()).toBe("NON_EMPTY_GROUP");
    await ann.leave();
    expect(await remove()).toBe("NONE");
    expect(await describeGroup(session, group)).toBe("GROUP_ID_NOT_FOUND");
  });
});
