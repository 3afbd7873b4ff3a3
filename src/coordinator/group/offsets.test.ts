import { describe, expect, it } from "vitest";
import { defined } from "../../platform/assert.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { GroupCoordinatorConfig } from "./config.ts";
import type { GroupRequestContext, OffsetFetchGroupResult } from "./messages.ts";
import {
  type Claim,
  commitRequest,
  GROUP,
  joinRequest,
  subscription,
  txnCommitRequest,
  World,
} from "./story.testing.ts";

const context: GroupRequestContext = { apiVersion: 9, clientId: "c", clientHost: "/127.0.0.1" };
const outsider: Claim = { memberId: "", generationId: -1, groupInstanceId: null };
const hour = 3_600_000;

function commit(world: World, offsets: string[], fields: Partial<ReturnType<typeof commitRequest>> = {}): void {
  const request = { ...commitRequest(offsets, outsider), ...fields };
  world.take(world.coordinator.commitOffsets(request, context, world.now, () => {}));
}

function fetchGroup(
  world: World,
  topics: { name: string; topicId: string; partitionIndexes: number[] }[] | null,
  groupId = GROUP,
): OffsetFetchGroupResult {
  let result: OffsetFetchGroupResult | undefined;
  world.take(
    world.coordinator.fetchOffsets(
      { groupId, memberId: null, memberEpoch: -1, topics },
      true,
      world.now,
      (response) => {
        result = response;
      },
    ),
  );
  return defined(result);
}

/** "t-0=5 t-1=6" */
function offsetsOf(world: World): string {
  return fetchGroup(world, null)
    .topics.flatMap(({ name, partitions }) => partitions.map((p) => `${name}-${p.partitionIndex}=${p.committedOffset}`))
    .join(" ");
}

function groupStates(world: World): string[] {
  let states: string[] = [];
  world.take(
    world.coordinator.listGroups({ statesFilter: [], typesFilter: [] }, world.now, (groups) => {
      states = groups.map(({ groupId, groupState }) => `${groupId}: ${groupState}`);
    }),
  );
  return states;
}

/** A group of one static member that reads `topic`; gives back the member. */
function stableGroup(world: World, topic = "t", protocolType = "consumer"): Claim {
  const claim: Claim = { memberId: "", generationId: -1, groupInstanceId: "A" };
  const protocols = [{ name: "range", metadata: subscription([topic]) }];
  const request = joinRequest({ groupInstanceId: "A", protocolType, protocols, sessionTimeoutMs: 1_800_000 });
  world.take(
    world.coordinator.joinGroup(request, context, world.now, (response) => {
      claim.memberId = response.memberId;
      claim.generationId = response.generationId ?? -1;
    }),
  );
  const sync = { groupId: GROUP, ...claim, protocolType: null, protocolName: null, assignments: [] };
  world.take(world.coordinator.syncGroup(sync, world.now, () => {}));
  return claim;
}

function leave(world: World): void {
  const members = [{ memberId: "", groupInstanceId: "A", reason: null }];
  world.take(world.coordinator.leaveGroup({ groupId: GROUP, memberId: "", members }, context, world.now, () => {}));
}

/** Lets time go by with a member's heartbeats. */
function hoursWith(world: World, claim: Claim, hours: number): void {
  for (let i = 0; i < hours * 4; i++) {
    world.later(hour / 4);
    world.take(world.coordinator.heartbeat({ groupId: GROUP, ...claim }, world.now, () => {}));
  }
}

describe("committed offsets", () => {
  it("keep leader epoch and metadata", () => {
    const world = new World();
    const partition = { partitionIndex: 3, committedOffset: 2 ** 40, committedLeaderEpoch: 6, committedMetadata: "m" };
    commit(world, [], { topics: [{ name: "t", topicId: ZERO_UUID, partitions: [partition] }] });
    world.restart();
    const { topics } = fetchGroup(world, [{ name: "t", topicId: ZERO_UUID, partitionIndexes: [3, 4] }]);
    expect(topics[0]?.partitions).toEqual([
      { partitionIndex: 3, committedOffset: 2 ** 40, committedLeaderEpoch: 6, metadata: "m", errorCode: 0 },
      { partitionIndex: 4, committedOffset: -1, committedLeaderEpoch: -1, metadata: "", errorCode: 0 },
    ]);
  });

  it("of an unknown group are none, which is no error", () => {
    const asked = [{ name: "t", topicId: ZERO_UUID, partitionIndexes: [0] }];
    expect(fetchGroup(new World(), asked, "unknown")).toMatchObject({
      errorCode: 0,
      topics: [{ partitions: [{ committedOffset: -1, errorCode: 0 }] }],
    });
    expect(fetchGroup(new World(), null, "unknown").topics).toEqual([]);
  });

  it("are deleted once each, however often they are named", () => {
    const world = new World();
    commit(world, ["t-0=5", "t-1=6"]);
    const before = world.log.length;
    const partitions = [0, 0, 1, 0].map((partitionIndex) => ({ partitionIndex }));
    const topics = Array.from({ length: 2 }, () => ({ name: "t", partitions }));
    world.take(world.coordinator.deleteOffsets({ groupId: GROUP, topics }, world.now, () => {}));
    expect(offsetsOf(world)).toBe("");
    expect(world.log.length - before).toBe(2);
  });

  it("do not pass to another topic of the same name", () => {
    const world = new World();
    const [former, present] = ["AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"] as const;
    const [topic] = commitRequest(["t-0=5"], outsider).topics;
    commit(world, [], { topics: [{ ...defined(topic), topicId: former }] });
    const offsetIn = (topicId: string): number | undefined =>
      fetchGroup(world, [{ name: "t", topicId, partitionIndexes: [0] }]).topics[0]?.partitions[0]?.committedOffset;
    expect(offsetIn(former)).toBe(5);
    expect(offsetIn(present)).toBe(-1);
    // Whoever asks by name alone means whatever has it.
    expect(offsetIn(ZERO_UUID)).toBe(5);
    expect(fetchGroup(world, null).topics[0]?.topicId).toBe(former);
  });

  it("do not pass to another topic of the same name where all are asked for, also after a crash in its deletion", () => {
    const world = new World();
    world.topics.set("t", 1);
    const idOf = (name: string): string => defined(world.topics.topic(name)).id;
    const [topic] = commitRequest(["t-0=5"], outsider).topics;
    commit(world, [], { topics: [{ ...defined(topic), topicId: idOf("t") }] });
    commit(world, ["u-0=6"]);
    world.topics.set("t", 0);
    world.topics.set("t", 1);
    world.restart();
    expect(offsetsOf(world)).toBe("u-0=6");
    commit(world, [], { topics: [{ ...defined(topic), topicId: idOf("t") }] });
    expect(offsetsOf(world)).toBe("t-0=5 u-0=6");
  });

  it("neither pass to another topic of the same name when they come with a transaction, nor take its offsets' place", () => {
    const world = new World();
    const commitAs = (topicId: string, offset: number): void => {
      const request = txnCommitRequest("7/0", [`t-0=${offset}`], outsider);
      const topics = request.topics.map((topic) => ({ ...topic, topicId }));
      world.take(world.coordinator.commitTransactionalOffsets({ ...request, topics }, world.now, () => {}));
    };
    world.topics.set("t", 1);
    const former = defined(world.topics.topic("t")).id;
    // The topic is deleted while the commit waits for its transaction to be verified.
    world.topics.set("t", 0);
    world.take(world.coordinator.topicsDeleted(["t"], world.now));
    commitAs(former, 5);
    world.marker(7, "commit");
    expect(offsetsOf(world)).toBe("");
    // And made anew.
    world.topics.set("t", 1);
    const present = defined(world.topics.topic("t")).id;
    commitAs(present, 1);
    world.marker(7, "commit");
    commitAs(former, 5);
    world.marker(7, "commit");
    world.restart();
    expect(offsetsOf(world)).toBe("t-0=1");
  });

  it("go when their topic does, of all groups, those of open transactions too", () => {
    const world = new World();
    commit(world, ["t-0=5", "u-0=6"]);
    commit(world, ["t-0=7"], { groupId: "other" });
    world.take(
      world.coordinator.commitTransactionalOffsets(txnCommitRequest("7/0", ["t-1=8"], outsider), world.now, () => {}),
    );
    world.take(world.coordinator.topicsDeleted(["t"], world.now));
    world.marker(7, "commit");
    expect(offsetsOf(world)).toBe("u-0=6");
    expect(fetchGroup(world, null, "other").topics).toEqual([]);
  });
});

it.each([
  ["KAFKA_STORAGE_ERROR", "COORDINATOR_NOT_AVAILABLE"],
  ["NOT_LEADER_OR_FOLLOWER", "COORDINATOR_NOT_AVAILABLE"],
  ["INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH"],
] as const)("a transactional commit that the log refuses with %s gets %s", (refusal, expected) => {
  const world = new World();
  let told: ErrorName | undefined;
  const request = txnCommitRequest("7/0", ["t-0=5"], outsider);
  const step = world.coordinator.commitTransactionalOffsets(request, world.now, ({ topics }) => {
    told = errorName(defined(topics[0]?.partitions[0]).errorCode);
  });
  step.refused?.(refusal);
  expect(told).toBe(expected);
});

describe("offsets expire", () => {
  const config: Partial<GroupCoordinatorConfig> = { offsetsRetentionMs: 24 * hour, initialRebalanceDelayMs: 0 };

  it("of a group without members: each some time after its commit, the group with the last", () => {
    const world = new World(config);
    commit(world, ["t-0=5"]);
    world.later(12 * hour);
    commit(world, ["t-1=6"]);
    world.later(12 * hour + hour / 2);
    expect(offsetsOf(world)).toBe("t-1=6");
    world.later(12 * hour);
    expect(groupStates(world)).toEqual([]);
    world.restart();
    expect(groupStates(world)).toEqual([]);
  });

  it("of a group that has lost its members: all some time after that, however old they are", () => {
    const world = new World(config);
    const claim = stableGroup(world);
    const request = commitRequest(["t-0=5", "other-0=6"], claim);
    world.take(world.coordinator.commitOffsets(request, context, world.now, () => {}));
    hoursWith(world, claim, 20);
    leave(world);
    // A restart does not set the clock back.
    world.restart();
    world.later(23 * hour);
    expect(offsetsOf(world)).toBe("t-0=5 other-0=6");
    world.later(2 * hour);
    expect(groupStates(world)).toEqual([]);
  });

  it("of a group at work: those of topics that no member reads any more", () => {
    const world = new World(config);
    const claim = stableGroup(world, "t");
    const request = commitRequest(["t-0=5", "former-0=6"], claim);
    world.take(world.coordinator.commitOffsets(request, context, world.now, () => {}));
    hoursWith(world, claim, 25);
    expect(offsetsOf(world)).toBe("t-0=5");
    expect(groupStates(world)).toEqual(["g: Stable"]);
  });

  it("never of a group at work whose subscriptions cannot be read", () => {
    const world = new World(config);
    const claim = stableGroup(world, "t", "connect");
    const request = commitRequest(["former-0=6"], claim);
    world.take(world.coordinator.commitOffsets(request, context, world.now, () => {}));
    hoursWith(world, claim, 25);
    expect(offsetsOf(world)).toBe("former-0=6");
  });

  it("at the time that an old client has set", () => {
    const world = new World(config);
    commit(world, ["t-0=5"], { retentionTimeMs: 2 * hour });
    commit(world, ["t-1=6"]);
    world.restart();
    world.later(3 * hour);
    expect(offsetsOf(world)).toBe("t-1=6");
  });

  it("not while a transaction is about to move them", () => {
    const world = new World(config);
    commit(world, ["t-0=5"]);
    const request = txnCommitRequest("7/0", ["t-0=8"], outsider);
    world.take(world.coordinator.commitTransactionalOffsets(request, world.now, () => {}));
    world.later(30 * hour);
    expect(groupStates(world)).toEqual(["g: Empty"]);
    world.marker(7, "abort");
    world.later(hour);
    expect(groupStates(world)).toEqual([]);
  });

  it("in steps of bounded size", () => {
    const world = new World(config);
    for (let i = 0; i < 50; i++) {
      const offsets = Array.from({ length: 50 }, (_, p) => `t-${p}=1`);
      commit(world, offsets, { groupId: `group-${i}` });
    }
    world.later(24 * hour - 1);
    world.now += hour;
    const sizes: number[] = [];
    while ((world.coordinator.nextDeadline() ?? Infinity) <= world.now) {
      const step = world.coordinator.tick(world.now);
      if (step.records.length > 0) sizes.push(step.records.length);
      world.take(step);
    }
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThan(1100);
    expect(groupStates(world)).toEqual([]);
  });
});

describe("groups that are deleted", () => {
  function deleteGroups(world: World, ids: string[]): [string, ErrorName][] {
    let results: [string, ErrorName][] = [];
    world.take(
      world.coordinator.deleteGroups(ids, world.now, (deleted) => {
        results = deleted.map(({ groupId, errorCode }) => [groupId, errorName(errorCode)]);
      }),
    );
    return results;
  }

  it("are answered for one by one, each once", () => {
    const world = new World({ initialRebalanceDelayMs: 0 });
    stableGroup(world);
    commit(world, ["t-0=5"], { groupId: "simple" });
    expect(deleteGroups(world, ["simple", GROUP, "unknown", "simple"])).toEqual([
      ["simple", "NONE"],
      [GROUP, "NON_EMPTY_GROUP"],
      ["unknown", "GROUP_ID_NOT_FOUND"],
    ]);
    expect(groupStates(world)).toEqual(["g: Stable"]);
    world.restart();
    expect(groupStates(world)).toEqual(["g: Stable"]);
  });

  it("forget whom they have sent away to come back", () => {
    const world = new World();
    let memberId = "";
    const join = (fields: Parameters<typeof joinRequest>[0]): ErrorName => {
      let error: ErrorName = "NONE";
      world.take(
        world.coordinator.joinGroup(joinRequest(fields), context, world.now, (response) => {
          error = errorName(response.errorCode);
          memberId = response.memberId;
        }),
      );
      return error;
    };
    expect(join({})).toBe("MEMBER_ID_REQUIRED");
    expect(deleteGroups(world, [GROUP])).toEqual([[GROUP, "NONE"]]);
    expect(join({ memberId })).toBe("UNKNOWN_MEMBER_ID");
    expect(groupStates(world)).toEqual([]);
  });
});
