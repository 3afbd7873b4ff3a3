import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession, type RawTopic } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import { consumerGroupDescribe } from "../protocol/apis/consumer-group-describe.ts";
import { deleteGroups } from "../protocol/apis/delete-groups.ts";
import { describeGroups } from "../protocol/apis/describe-groups.ts";
import { heartbeat } from "../protocol/apis/heartbeat.ts";
import { joinGroup } from "../protocol/apis/join-group.ts";
import { leaveGroup } from "../protocol/apis/leave-group.ts";
import { listGroups } from "../protocol/apis/list-groups.ts";
import { offsetCommit } from "../protocol/apis/offset-commit.ts";
import { offsetDelete } from "../protocol/apis/offset-delete.ts";
import { offsetFetch } from "../protocol/apis/offset-fetch.ts";
import { streamsGroupDescribe } from "../protocol/apis/streams-group-describe.ts";
import { syncGroup } from "../protocol/apis/sync-group.ts";
import { type ErrorName, errorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";

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
  const group = `group-${names++}`;
  await session.findCoordinator("group", group);
  return group;
}

function newTopic(): Promise<RawTopic> {
  return session.createTopic(`topic-${names++}`);
}

interface Joined {
  readonly error: ErrorName;
  readonly memberId: string;
  readonly generationId: number;
  readonly leader: string;
  readonly members: readonly string[];
}

/** A member on a connection of its own. */
class Member {
  readonly session: RawSession;
  readonly group: string;
  memberId = "";
  generationId = -1;

  private constructor(through: RawSession, group: string) {
    this.session = through;
    this.group = group;
  }

  static async open(group: string): Promise<Member> {
    return new Member(await RawSession.open(broker.address), group);
  }

  async join(sessionTimeoutMs = 30_000): Promise<Joined> {
    const response = await this.session.client.send(joinGroup, 5, {
      groupId: this.group,
      sessionTimeoutMs,
      rebalanceTimeoutMs: 30_000,
      memberId: this.memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.from(this.group) }],
    });
    const error = errorName(response.errorCode);
    if (response.memberId !== "") this.memberId = response.memberId;
    // A new member is told its id first, and asked to come again with it (KIP-394).
    if (error === "MEMBER_ID_REQUIRED") return this.join(sessionTimeoutMs);
    this.generationId = response.generationId;
    const { memberId, generationId, leader } = response;
    return { error, memberId, generationId, leader, members: response.members.map((member) => member.memberId) };
  }

  /** The leader gives each member its id as its assignment. */
  async sync(members: readonly string[] = []): Promise<string> {
    const { errorCode, assignment } = await this.session.client.send(syncGroup, 3, {
      groupId: this.group,
      generationId: this.generationId,
      memberId: this.memberId,
      assignments: members.map((memberId) => ({ memberId, assignment: Buffer.from(memberId) })),
    });
    return errorCode === 0 ? Buffer.from(assignment).toString() : errorName(errorCode);
  }

  async heartbeat(): Promise<ErrorName> {
    const { group: groupId, generationId, memberId } = this;
    return errorName((await this.session.client.send(heartbeat, 3, { groupId, generationId, memberId })).errorCode);
  }

  async leave(): Promise<ErrorName> {
    const members = [{ memberId: this.memberId }];
    const { errorCode } = await this.session.client.send(leaveGroup, 3, { groupId: this.group, members });
    return errorName(errorCode);
  }
}

async function untilRebalance(member: Member): Promise<void> {
  await until(async () => (await member.heartbeat()) === "REBALANCE_IN_PROGRESS");
}

describe("membership", () => {
  it("a group of two: join, sync, heartbeat, and a new generation when one leaves", async () => {
    const group = await newGroup();
    const [a, b] = [await Member.open(group), await Member.open(group)];
    expect(await a.join()).toMatchObject({ error: "NONE", generationId: 1 });
    expect(await a.sync([a.memberId])).toBe(a.memberId);

    const joinedB = b.join();
    await untilRebalance(a);
    const [again, joined] = await Promise.all([a.join(), joinedB]);
    expect(again).toMatchObject({ generationId: 2, leader: a.memberId });
    expect([...again.members].sort()).toEqual([a.memberId, b.memberId].sort());
    expect(joined).toMatchObject({ generationId: 2, leader: a.memberId, members: [] });
    const waiting = b.sync();
    expect(await a.sync(again.members)).toBe(a.memberId);
    expect(await waiting).toBe(b.memberId);
    expect(await Promise.all([a.heartbeat(), b.heartbeat()])).toEqual(["NONE", "NONE"]);

    expect(await a.leave()).toBe("NONE");
    expect(await a.heartbeat()).toBe("UNKNOWN_MEMBER_ID");
    await untilRebalance(b);
    expect(await b.join()).toMatchObject({ generationId: 3, leader: b.memberId, members: [b.memberId] });
    for (const member of [a, b]) member.session.close();
  });

  it.each([
    [null, "range", "INCONSISTENT_GROUP_PROTOCOL"],
    ["consumer", null, "INCONSISTENT_GROUP_PROTOCOL"],
    ["consumer", "range", "NONE"],
  ] as const)("SyncGroup 5 names the protocol: type %s, name %s", async (protocolType, protocolName, expected) => {
    const member = await Member.open(await newGroup());
    await member.join();
    const { group: groupId, generationId, memberId } = member;
    const request = { groupId, generationId, memberId, protocolType, protocolName, assignments: [] };
    const { errorCode } = await member.session.client.send(syncGroup, 5, request);
    expect(errorName(errorCode)).toBe(expected);
    member.session.close();
  });

  it("a member that is not heard of any more is dropped", async () => {
    const group = await newGroup();
    const [silent, lively] = [await Member.open(group), await Member.open(group)];
    await silent.join(50);
    await silent.sync([silent.memberId]);
    const joined = await lively.join();
    expect(joined.members).toEqual([lively.memberId]);
    for (const member of [silent, lively]) member.session.close();
  });

  it("a stalled member's commit is refused once its partitions moved", async () => {
    const group = await newGroup();
    const topic = await newTopic();
    const [a, b] = [await Member.open(group), await Member.open(group)];
    await a.join();
    await a.sync([a.memberId]);
    expect(await session.commitOffset(group, topic, 5, a)).toBe("NONE");
    const joinedB = b.join();
    await untilRebalance(a);
    const before = { memberId: a.memberId, generationId: a.generationId };
    const again = await a.join();
    await joinedB;
    await a.sync(again.members);
    expect(await session.commitOffset(group, topic, 6, before)).toBe("ILLEGAL_GENERATION");
    expect(await session.commitOffset(group, topic, 6, { ...before, memberId: "gone" })).toBe("UNKNOWN_MEMBER_ID");
    // From outside, a group with members takes no commits.
    expect(await session.commitOffset(group, topic, 6)).toBe("UNKNOWN_MEMBER_ID");
    expect(await session.committedOffset(group, topic)).toBe(5);

    const id = `id-${names++}`;
    const producer = await session.newTransactional(id);
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 6, before)).toBe("ILLEGAL_GENERATION");
    expect(await session.commitOffsetInTransaction(id, producer, group, topic, 7, a)).toBe("NONE");
    await session.endTransaction(id, producer, "commit");
    await until(async () => (await session.committedOffset(group, topic)) === 7);
    for (const member of [a, b]) member.session.close();
  });

  it("without an internal topic there is no coordinator yet", async () => {
    const fresh = await Broker.start();
    const through = await RawSession.open(fresh.address);
    const topic = await through.createTopic("topic");
    expect(await through.commitOffset("group", topic, 1)).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(await through.committedOffset("group", topic)).toBe("COORDINATOR_NOT_AVAILABLE");
    through.close();
    await fresh.stop();
  });

  it("who waits for others is answered when the broker stops", async () => {
    const stopping = await Broker.start({ groupInitialRebalanceDelayMs: 60_000 });
    const through = await RawSession.open(stopping.address);
    await through.findCoordinator("group", "group");
    const joining = through.client.send(joinGroup, 3, {
      groupId: "group",
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.alloc(0) }],
    });
    // Behind the join on the same connection: its answer would have to wait for that of the join.
    const other = await RawSession.open(stopping.address);
    await until(async () => (await other.client.send(listGroups, 2, {})).groups.length === 1);
    await stopping.stop();
    expect(errorName((await joining).errorCode)).toBe("COORDINATOR_NOT_AVAILABLE");
  });
});

describe("offsets", () => {
  it("are kept by partition, with their metadata, and forgotten on request", async () => {
    const group = await newGroup();
    const topic = await newTopic();
    const partition = { partitionIndex: 0, committedOffset: 42, committedLeaderEpoch: 3, committedMetadata: "note" };
    const { topics } = await session.client.send(offsetCommit, 7, {
      groupId: group,
      memberId: "",
      topics: [
        { name: topic.name, partitions: [partition, { ...partition, partitionIndex: 9 }] },
        { name: "absent", partitions: [partition] },
      ],
    });
    expect(topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)))).toEqual([
      ["NONE", "UNKNOWN_TOPIC_OR_PARTITION"],
      ["UNKNOWN_TOPIC_OR_PARTITION"],
    ]);
    const fetched = await session.client.send(offsetFetch, 5, { groupId: group, topics: null });
    expect(fetched.topics).toEqual([
      {
        name: topic.name,
        partitions: [
          { partitionIndex: 0, committedOffset: 42, committedLeaderEpoch: 3, metadata: "note", errorCode: 0 },
        ],
      },
    ]);
    const deleted = await session.client.send(offsetDelete, 0, {
      groupId: group,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }],
    });
    expect(deleted.topics[0]?.partitions[0]?.errorCode).toBe(0);
    expect(await session.committedOffset(group, topic)).toBe(-1);
  });

  it("of a partition that is not there, named twice: each topic has its own result", async () => {
    const topic = await newTopic();
    const partition = { partitionIndex: 0, committedOffset: 42, committedMetadata: "" };
    const { topics } = await session.client.send(offsetCommit, 7, {
      groupId: await newGroup(),
      memberId: "",
      topics: [
        { name: "absent", partitions: [partition, partition] },
        { name: topic.name, partitions: [partition] },
      ],
    });
    expect(topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)))).toEqual([
      ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION"],
      ["NONE"],
    ]);
  });

  it("by topic id: of a topic that is gone, nothing passes to another of its name", async () => {
    const group = await newGroup();
    const topic = await newTopic();
    const byId = (id: string) => ({
      groups: [{ groupId: group, topics: [{ topicId: id, partitionIndexes: [0] }] }],
      requireStable: true,
    });
    await session.client.send(offsetCommit, 10, {
      groupId: group,
      memberId: "",
      topics: [
        {
          topicId: topic.id,
          partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: "" }],
        },
      ],
    });
    const before = await session.client.send(offsetFetch, 10, byId(topic.id));
    expect(before.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(5);
    await session.deleteTopic(topic);
    const anew = await session.createTopic(topic.name);
    expect(await session.committedOffset(group, anew)).toBe(-1);
    const after = await session.client.send(offsetFetch, 10, byId(topic.id));
    expect(errorName(after.groups[0]?.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe("UNKNOWN_TOPIC_ID");
  });

  it("of several groups in one request", async () => {
    const [groupA, groupB] = [await newGroup(), await newGroup()];
    const topic = await newTopic();
    await session.commitOffset(groupA, topic, 1);
    await session.commitOffset(groupB, topic, 2);
    const asked = [groupA, groupB, "nobody"].map((groupId) => ({
      groupId,
      topics: [{ name: topic.name, partitionIndexes: [0] }],
    }));
    const { groups } = await session.client.send(offsetFetch, 8, { groups: asked, requireStable: false });
    expect(groups.map(({ topics }) => topics[0]?.partitions[0]?.committedOffset)).toEqual([1, 2, -1]);
  });

  it("all of a group's are told once, however often they are asked for", async () => {
    const group = await newGroup();
    const topic = await newTopic();
    await session.commitOffset(group, topic, 1);
    const one = { groupId: group, topics: [{ name: topic.name, partitionIndexes: [0] }] };
    const all = { groupId: group, topics: null };
    const { groups } = await session.client.send(offsetFetch, 8, { groups: [all, one, all, one, all] });
    expect(groups.map(({ topics }) => topics[0]?.partitions[0]?.committedOffset)).toEqual([1, 1, 1]);
  });
});

describe("operators", () => {
  it("list, describe and delete groups of every partition", async () => {
    const groups = await Promise.all(Array.from({ length: 8 }, newGroup));
    const topic = await newTopic();
    for (const group of groups) await session.commitOffset(group, topic, 1);
    const listed = await session.client.send(listGroups, 4, { statesFilter: ["Empty"] });
    expect(listed.groups.map(({ groupId }) => groupId)).toEqual(expect.arrayContaining(groups));
    const described = await session.client.send(describeGroups, 5, { groups: [...groups, "absent"] });
    expect(described.groups.map(({ groupState }) => groupState)).toEqual([...groups.map(() => "Empty"), "Dead"]);
    const deleted = await session.client.send(deleteGroups, 2, { groupsNames: [...groups, "absent"] });
    expect(deleted.results.map(({ errorCode }) => errorName(errorCode))).toEqual([
      ...groups.map(() => "NONE"),
      "GROUP_ID_NOT_FOUND",
    ]);
    expect(await session.committedOffset(groups[0] ?? "", topic)).toBe(-1);
  });

  it("are told of each group once, however often they ask", async () => {
    const { client } = session;
    const [group, other] = [await newGroup(), await newGroup()];
    const ids = [group, other, group, group];
    const body = { groupIds: ids, includeAuthorizedOperations: false };
    const answers = [
      await client.send(describeGroups, 5, { groups: ids }),
      await client.send(consumerGroupDescribe, 1, body),
      await client.send(streamsGroupDescribe, 0, body),
    ];
    for (const { groups } of answers) expect(groups.map(({ groupId }) => groupId)).toEqual([group, other]);
  });
});
