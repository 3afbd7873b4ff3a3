import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { apiVersions } from "../protocol/apis/api-versions.ts";
import { consumerGroupDescribe } from "../protocol/apis/consumer-group-describe.ts";
import { consumerGroupHeartbeat } from "../protocol/apis/consumer-group-heartbeat.ts";
import { createPartitions } from "../protocol/apis/create-partitions.ts";
import { deleteGroups } from "../protocol/apis/delete-groups.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { describeGroups } from "../protocol/apis/describe-groups.ts";
import { incrementalAlterConfigs } from "../protocol/apis/incremental-alter-configs.ts";
import { joinGroup } from "../protocol/apis/join-group.ts";
import { listConfigResources } from "../protocol/apis/list-config-resources.ts";
import { listGroups } from "../protocol/apis/list-groups.ts";
import { offsetCommit } from "../protocol/apis/offset-commit.ts";
import { offsetDelete } from "../protocol/apis/offset-delete.ts";
import { offsetFetch } from "../protocol/apis/offset-fetch.ts";
import { syncGroup } from "../protocol/apis/sync-group.ts";
import { encodeVersioned } from "../protocol/codec.ts";
import { type ErrorName, errorName } from "../protocol/errors.ts";
import { consumerProtocolSubscription } from "../protocol/internal/consumer-protocol.ts";
import { Broker } from "./broker.ts";

const GROUP_RESOURCE = 32;

let broker: Broker;
let session: RawSession;
let names = 0;

beforeAll(async () => {
  broker = await Broker.start({ groupMinSessionTimeoutMs: 1 });
  session = await RawSession.open(broker.address);
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

async function newGroup(): Promise<string> {
  const group = `consumer-group-${names++}`;
  await session.findCoordinator("group", group);
  return group;
}

/** "t0 t1", by the names that a test gives its topics. */
type Partitions = readonly string[];

interface Beat {
  readonly error: ErrorName;
  readonly message: string | null;
  readonly epoch: number;
  readonly intervalMs: number;
  /** Null: no news. */
  readonly assigned: Partitions | null;
}

/** A member of the new protocol, whose requests say only what a test wants. */
class Member {
  readonly session: RawSession;
  readonly group: string;
  readonly memberId: string;
  readonly topics: readonly RawTopic[];
  epoch = 0;

  constructor(through: RawSession, group: string, memberId: string, topics: readonly RawTopic[]) {
    this.session = through;
    this.group = group;
    this.memberId = memberId;
    this.topics = topics;
  }

  join(rest: { readonly regex?: string } = {}): Promise<Beat> {
    this.epoch = 0;
    return this.#send({
      rebalanceTimeoutMs: 30_000,
      topicPartitions: [],
      ...(rest.regex === undefined
        ? { subscribedTopicNames: this.topics.map(({ name }) => name) }
        : { subscribedTopicRegex: rest.regex }),
    });
  }

  beat(owned?: Partitions): Promise<Beat> {
    return this.#send(owned ? { topicPartitions: this.#toWire(owned) } : {});
  }

  leave(): Promise<Beat> {
    this.epoch = -1;
    return this.#send({});
  }

  async #send(body: object): Promise<Beat> {
    const { groupId, memberId, memberEpoch } = {
      groupId: this.group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
    };
    const response = await this.session.client.send(consumerGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch,
      ...body,
    });
    const error = errorName(response.errorCode);
    if (error === "NONE") this.epoch = response.memberEpoch;
    return {
      error,
      message: response.errorMessage,
      epoch: response.memberEpoch,
      intervalMs: response.heartbeatIntervalMs,
      assigned: response.assignment && this.#fromWire(response.assignment.topicPartitions),
    };
  }

  /** Commits an offset in partitions of the first topic; by id from version 10 on. */
  async commit(partitions: readonly number[], epoch: number = this.epoch, version = 10): Promise<ErrorName[]> {
    const { topics } = await this.session.client.send(offsetCommit, version, {
      groupId: this.group,
      memberId: this.memberId,
      generationIdOrMemberEpoch: epoch,
      topics: this.topics.slice(0, 1).map(({ name, id }) => ({
        name,
        topicId: id,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex, committedOffset: 7, committedMetadata: "" })),
      })),
    });
    return topics.flatMap((topic) => topic.partitions.map(({ errorCode }) => errorName(errorCode)));
  }

  async fetchOffset(epoch: number, memberId: string | null = this.memberId): Promise<string> {
    const topics = this.topics.slice(0, 1).map(({ id }) => ({ topicId: id, partitionIndexes: [0] }));
    const { groups } = await this.session.client.send(offsetFetch, 10, {
      groups: [{ groupId: this.group, memberId, memberEpoch: epoch, topics }],
    });
    const error = errorName(groups[0]?.errorCode ?? -1);
    return error === "NONE" ? String(groups[0]?.topics[0]?.partitions[0]?.committedOffset) : error;
  }

  #toWire(owned: Partitions): { topicId: string; partitions: number[] }[] {
    return this.topics.map(({ id, name }) => ({
      topicId: id,
      partitions: owned.filter((each) => each.startsWith(`${name}-`)).map((each) => Number(each.split("-").at(-1))),
    }));
  }

  #fromWire(topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]): Partitions {
    return topics.flatMap(({ topicId, partitions }) => {
      const name = this.topics.find(({ id }) => id === topicId)?.name ?? topicId;
      return partitions.map((partition) => `${name}-${partition}`);
    });
  }
}

async function describeGroup(through: RawSession, group: string): Promise<string> {
  const { groups } = await through.client.send(consumerGroupDescribe, 1, {
    groupIds: [group],
    includeAuthorizedOperations: true,
  });
  const [described] = groups;
  if (described?.errorCode !== 0) return errorName(described?.errorCode ?? -1);
  const members = described.members.map(({ memberId, memberType, assignment }) => {
    const partitions = assignment.topicPartitions.flatMap((topic) => topic.partitions);
    return `${memberType === 0 ? "classic" : memberId} ${partitions.join(" ")}`;
  });
  return [`${described.groupState} ${described.assignorName}`, ...members.sort()].join("; ");
}

describe("ConsumerGroupHeartbeat", () => {
  it("is announced, and its feature finalized", async () => {
    const response = await session.client.send(apiVersions, 4, { clientSoftwareName: "x", clientSoftwareVersion: "1" });
    const keys = response.apiKeys.filter(({ apiKey }) => apiKey === 68 || apiKey === 69);
    expect(keys.map(({ maxVersion }) => maxVersion)).toEqual([1, 1]);
    expect(response.finalizedFeatures).toContainEqual({
      name: "group.version",
      maxVersionLevel: 1,
      minVersionLevel: 1,
    });
  });

  it("moves partitions from one member to the next, and offsets only from who may have them", async () => {
    const topic = await session.createTopic(`topic-${names++}`, 2);
    const group = await newGroup();
    const [ann, bob] = ["ann", "bob"].map((name) => new Member(session, group, name, [topic])) as [Member, Member];
    const [p0, p1] = [`${topic.name}-0`, `${topic.name}-1`];
    expect(await ann.join()).toMatchObject({ error: "NONE", intervalMs: 5_000, assigned: [p0, p1] });
    const first = ann.epoch;
    expect(await ann.commit([0, 1])).toEqual(["NONE", "NONE"]);
    expect(await bob.join()).toMatchObject({ error: "NONE", assigned: [] });
    expect(await ann.beat()).toMatchObject({ assigned: [p0] });
    expect(await bob.beat()).toMatchObject({ assigned: null });
    expect(await ann.beat([p0])).toMatchObject({ assigned: null });
    expect(await bob.beat()).toMatchObject({ assigned: [p1] });
    expect(await ann.commit([0, 1], first)).toEqual(["STALE_MEMBER_EPOCH", "STALE_MEMBER_EPOCH"]);
    expect(await ann.commit([0], first)).toEqual(["NONE"]);
    expect(await ann.commit([0], ann.epoch, 8)).toEqual(["UNSUPPORTED_VERSION"]);
    expect(await ann.fetchOffset(ann.epoch)).toBe("7");
    expect(await ann.fetchOffset(first)).toBe("STALE_MEMBER_EPOCH");
    expect(await ann.fetchOffset(-1, null)).toBe("7");
    expect(await describeGroup(session, group)).toBe("Stable uniform; ann 0; bob 1");
    expect(await bob.leave()).toMatchObject({ error: "NONE", epoch: -1 });
    expect(await bob.beat()).toMatchObject({ error: "UNKNOWN_MEMBER_ID" });
    expect(await ann.beat()).toMatchObject({ assigned: [p0, p1] });
  });

  it("finds out that a topic has grown", async () => {
    const topic = await session.createTopic(`topic-${names++}`, 1);
    const ann = new Member(session, await newGroup(), "ann", [topic]);
    await ann.join();
    await session.client.send(createPartitions, 3, {
      topics: [{ name: topic.name, count: 2, assignments: null }],
      timeoutMs: 1000,
      validateOnly: false,
    });
    expect(await ann.beat()).toMatchObject({ assigned: [`${topic.name}-0`, `${topic.name}-1`] });
  });

  it("takes RE2 expressions that match whole names, and refuses others", async () => {
    const prefix = `regex-${names++}`;
    const [a, b] = [await session.createTopic(`${prefix}-a`), await session.createTopic(`${prefix}-b`)];
    await session.createTopic(`${prefix}-ab`);
    const ann = new Member(session, await newGroup(), "ann", [a, b]);
    expect(await ann.join({ regex: `${prefix}-[ab]` })).toMatchObject({ assigned: [`${a.name}-0`, `${b.name}-0`] });
    expect(await ann.join({ regex: "[" })).toMatchObject({
      error: "INVALID_REGULAR_EXPRESSION",
      message: "SubscribedTopicRegex `[` is not a valid regular expression: missing closing ].",
    });
    // Backtracking, this one would take years.
    expect(await ann.join({ regex: `(${prefix}-?)+[ab]?(a|a|a)*$` })).toMatchObject({ error: "NONE" });
  });

  it("survives the broker", async () => {
    const disk = new MemoryDisk();
    const options = { dataDir: "data", platform: { ...nodePlatform, disk } };
    const one = await Broker.start(options);
    const before = await RawSession.open(one.address);
    const topic = await before.createTopic("topic", 2);
    await before.findCoordinator("group", "g");
    const ann = new Member(before, "g", "ann", [topic]);
    await ann.join();
    await ann.commit([0]);
    await alterGroup(before, "g", "consumer.heartbeat.interval.ms", "9000");
    before.close();
    await one.stop();
    const two = await Broker.start(options);
    const after = await RawSession.open(two.address);
    await after.findCoordinator("group", "g");
    expect(await describeGroup(after, "g")).toBe("Stable uniform; ann 0 1");
    const same = new Member(after, "g", "ann", [topic]);
    same.epoch = ann.epoch;
    expect(await same.beat()).toMatchObject({ error: "NONE", epoch: ann.epoch, intervalMs: 9_000, assigned: null });
    expect(await same.fetchOffset(ann.epoch)).toBe("7");
    after.close();
    await two.stop();
  });
});

describe("what operators see", () => {
  it("a group has a type, and each type is described by its own request", async () => {
    const topic = await session.createTopic(`topic-${names++}`);
    const group = await newGroup();
    const ann = new Member(session, group, "ann", [topic]);
    await ann.join();
    const list = async (statesFilter: string[], typesFilter: string[]): Promise<unknown[]> => {
      const { groups } = await session.client.send(listGroups, 5, { statesFilter, typesFilter });
      return groups.filter(({ groupId }) => groupId === group);
    };
    const listed = { groupId: group, protocolType: "consumer", groupState: "Stable", groupType: "consumer" };
    expect(await list([], [])).toEqual([listed]);
    expect(await list(["stable"], ["CONSUMER"])).toEqual([listed]);
    expect(await list(["Empty"], [])).toEqual([]);
    expect(await list([], ["classic"])).toEqual([]);
    const classic = await session.client.send(describeGroups, 6, { groups: [group] });
    expect(classic.groups[0]).toMatchObject({ errorCode: 69, errorMessage: `Group ${group} is not a classic group.` });
    expect(await describeGroup(session, "nothing")).toBe("GROUP_ID_NOT_FOUND");
    const remove = async (): Promise<ErrorName> => {
      const { results } = await session.client.send(deleteGroups, 2, { groupsNames: [group] });
      return errorName(results[0]?.errorCode ?? -1);
    };
    const topics = [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }];
    const deleted = await session.client.send(offsetDelete, 0, { groupId: group, topics });
    expect(errorName(deleted.topics[0]?.partitions[0]?.errorCode ?? -1)).toBe("GROUP_SUBSCRIBED_TO_TOPIC");
    expect(await remove()).toBe("NON_EMPTY_GROUP");
    await ann.leave();
    expect(await remove()).toBe("NONE");
    expect(await describeGroup(session, group)).toBe("GROUP_ID_NOT_FOUND");
  });

  it("groups have settings of their own", async () => {
    const topic = await session.createTopic(`topic-${names++}`);
    const group = await newGroup();
    const ann = new Member(session, group, "ann", [topic]);
    expect(await ann.join()).toMatchObject({ intervalMs: 5_000 });
    expect(await alterGroup(session, group, "consumer.heartbeat.interval.ms", "12000")).toBe("NONE");
    expect(await ann.beat()).toMatchObject({ intervalMs: 12_000 });
    expect(await alterGroup(session, group, "consumer.session.timeout.ms", "5")).toBe("INVALID_CONFIG");
    expect(await alterGroup(session, group, "consumer.assignment.interval.ms", "15001")).toBe("INVALID_CONFIG");
    expect(await alterGroup(session, group, "retention.ms", "50000")).toBe("INVALID_CONFIG");
    expect(await alterGroup(session, "", "consumer.session.timeout.ms", "50000")).toBe("INVALID_REQUEST");
    const { results } = await session.client.send(describeConfigs, 4, {
      resources: [{ resourceType: GROUP_RESOURCE, resourceName: group, configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: false,
    });
    const configs = results[0]?.configs.map(({ name, value, synonyms }) => [name, value, synonyms.length]);
    expect(configs).toEqual([
      ["consumer.assignment.interval.ms", "0", 1],
      ["consumer.heartbeat.interval.ms", "12000", 2],
      ["consumer.session.timeout.ms", "45000", 1],
      ["streams.assignment.interval.ms", "0", 1],
      ["streams.heartbeat.interval.ms", "5000", 1],
      ["streams.initial.rebalance.delay.ms", "0", 1],
      ["streams.num.standby.replicas", "0", 1],
      ["streams.session.timeout.ms", "45000", 1],
    ]);
    const resources = async (): Promise<string[]> => {
      const response = await session.client.send(listConfigResources, 1, { resourceTypes: [GROUP_RESOURCE] });
      return response.configResources.map(({ resourceName }) => resourceName);
    };
    expect(await resources()).toEqual([group]);
    expect(await alterGroup(session, group, "consumer.heartbeat.interval.ms", null)).toBe("NONE");
    expect(await resources()).toEqual([]);
    expect(await ann.beat()).toMatchObject({ intervalMs: 5_000 });
  });
});

/** Null: back to the default. */
async function alterGroup(through: RawSession, group: string, name: string, value: string | null): Promise<ErrorName> {
  const configOperation = value === null ? 1 : 0;
  const { responses } = await through.client.send(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: GROUP_RESOURCE, resourceName: group, configs: [{ name, value, configOperation }] }],
    validateOnly: false,
  });
  return errorName(responses[0]?.errorCode ?? -1);
}

describe("a group of both protocols", () => {
  it("goes over to the new one and back, with a classic member in it", async () => {
    const topic = await session.createTopic(`topic-${names++}`, 2);
    const groupId = await newGroup();
    const old = await RawSession.open(broker.address);
    const classic = { memberId: "", generationId: -1 };
    const join = async (owned: readonly number[] = []): Promise<ErrorName> => {
      const ownedPartitions = [{ topic: topic.name, partitions: owned }];
      const subscription = { topics: [topic.name], ownedPartitions };
      const response = await old.client.send(joinGroup, 5, {
        groupId,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        memberId: classic.memberId,
        protocolType: "consumer",
        protocols: [
          { name: "cooperative-sticky", metadata: encodeVersioned(consumerProtocolSubscription, 1, subscription) },
        ],
      });
      Object.assign(classic, { memberId: response.memberId, generationId: response.generationId });
      return errorName(response.errorCode);
    };
    const sync = async (): Promise<ErrorName> => {
      const { errorCode } = await old.client.send(syncGroup, 4, { groupId, ...classic, assignments: [] });
      return errorName(errorCode);
    };
    expect(await join()).toBe("MEMBER_ID_REQUIRED");
    expect(await join()).toBe("NONE");
    expect(await sync()).toBe("NONE");
    const ann = new Member(session, groupId, "ann", [topic]);
    expect(await ann.join()).toMatchObject({ error: "NONE", assigned: [`${topic.name}-1`] });
    expect(await sync()).toBe("REBALANCE_IN_PROGRESS");
    expect(await join()).toBe("NONE");
    expect(await sync()).toBe("NONE");
    expect(await describeGroup(session, groupId)).toBe("Stable uniform; ann 1; classic 0");
    // From version 5 on a member says which protocol it believes to be chosen.
    const incomplete = await old.client.send(syncGroup, 5, { groupId, ...classic, assignments: [] });
    expect(errorName(incomplete.errorCode)).toBe("INCONSISTENT_GROUP_PROTOCOL");
    await ann.leave();
    expect(await describeGroup(session, groupId)).toBe("GROUP_ID_NOT_FOUND");
    expect(await join([0])).toBe("NONE");
    const { groups } = await session.client.send(describeGroups, 5, { groups: [groupId] });
    expect(groups[0]).toMatchObject({ groupState: "CompletingRebalance", members: [{ memberId: classic.memberId }] });
    old.close();
  });
});
