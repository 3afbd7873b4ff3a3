import { describe, expect, it } from "vitest";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type {
  DescribedGroup,
  JoinGroupResponse,
  LeaveGroupResponse,
  ListedGroup,
  OffsetCommitResponse,
  TxnOffsetCommitResponse,
} from "./messages.ts";
import { commitRequest, GROUP, joinRequest, txnCommitRequest, World } from "./story.testing.ts";

const nobody = { memberId: "", generationId: -1, groupInstanceId: null };

/** Joins with an old version, which needs no id first. */
function join(world: World, fields: Parameters<typeof joinRequest>[0] = {}, apiVersion = 3): JoinGroupResponse[] {
  const responses: JoinGroupResponse[] = [];
  const context = { apiVersion, clientId: "client", clientHost: "/127.0.0.1" };
  const reply = (response: JoinGroupResponse): void => void responses.push(response);
  world.take(world.coordinator.joinGroup(joinRequest(fields), context, world.now, reply));
  return responses;
}

function errorsOf(responses: readonly JoinGroupResponse[]): ErrorName[] {
  return responses.map(({ errorCode }) => errorName(errorCode));
}

function describeGroup(world: World, groupId: string, apiVersion: number): DescribedGroup[] {
  const described: DescribedGroup[] = [];
  const context = { apiVersion, clientId: "", clientHost: "" };
  world.take(world.coordinator.describeGroup(groupId, context, world.now, (group) => void described.push(group)));
  return described;
}

describe("limits", () => {
  it.each([
    [5_999, "INVALID_SESSION_TIMEOUT"],
    [6_000, undefined],
    [1_800_000, undefined],
    [1_800_001, "INVALID_SESSION_TIMEOUT"],
  ])("a session timeout of %d ms", (sessionTimeoutMs, error) => {
    expect(errorsOf(join(new World(), { sessionTimeoutMs }))).toEqual(error ? [error] : []);
  });

  it("an empty group id", () => {
    expect(errorsOf(join(new World(), { groupId: "" }))).toEqual(["INVALID_GROUP_ID"]);
  });

  it("a group takes no more members than it may; those that it has stay, restarted or not", () => {
    const world = new World({ maxGroupSize: 2 });
    const members = [join(world, { groupInstanceId: "A" }), join(world, { groupInstanceId: "B" })];
    expect(errorsOf(join(world))).toEqual(["GROUP_MAX_SIZE_REACHED"]);
    world.later(6_000);
    expect(members.flatMap(errorsOf)).toEqual(["NONE", "NONE"]);
    expect(errorsOf(join(world))).toEqual(["GROUP_MAX_SIZE_REACHED"]);
    expect(errorsOf(join(world, { groupInstanceId: "B" }))).toEqual([]);
    expect(describeGroup(world, GROUP, 6)[0]?.members).toHaveLength(2);
  });

  it("a group that has more members than it may, since the limit was lowered, calls them to join again", () => {
    const world = new World({ initialRebalanceDelayMs: 0 });
    const [first] = join(world, { groupInstanceId: "A" });
    const second = join(world, { groupInstanceId: "B" });
    const memberId = first?.memberId ?? "";
    const [again] = join(world, { groupInstanceId: "A", memberId });
    const { generationId = -1 } = again ?? {};
    const request = { groupId: GROUP, protocolType: null, protocolName: null, assignments: [] };
    const leader = { memberId, groupInstanceId: "A", generationId };
    world.take(world.coordinator.syncGroup({ ...request, ...leader }, world.now, () => {}));
    expect(describeGroup(world, GROUP, 6)[0]?.groupState).toBe("Stable");

    world.config = { maxGroupSize: 1 };
    world.restart();
    world.later(0);
    expect(describeGroup(world, GROUP, 6)[0]?.groupState).toBe("PreparingRebalance");
    join(world, { groupInstanceId: "A", memberId });
    const turnedAway = join(world, { groupInstanceId: "B", memberId: second[0]?.memberId ?? "" });
    expect(errorsOf(turnedAway)).toEqual(["GROUP_MAX_SIZE_REACHED"]);
    expect(describeGroup(world, GROUP, 6)[0]?.members).toHaveLength(1);
  });

  it("one that never comes back with the ids that it is given keeps nobody out", () => {
    const world = new World({ maxPendingMembers: 2 });
    const given = ["a", "a", "a", "b"].map((groupId) => {
      const [{ errorCode, memberId } = { errorCode: -1, memberId: "" }] = join(world, { groupId }, 9);
      expect(errorName(errorCode)).toBe("MEMBER_ID_REQUIRED");
      return { groupId, memberId };
    });
    // The two that were given last are remembered, in all groups together.
    const answers = given.map((fields) => errorsOf(join(world, fields, 9)));
    expect(answers).toEqual([["UNKNOWN_MEMBER_ID"], ["UNKNOWN_MEMBER_ID"], [], []]);
  });

  it("a group waits no longer for a member that was forgotten for others", () => {
    const world = new World({ maxPendingMembers: 1, initialRebalanceDelayMs: 0 });
    const [first] = join(world, { groupId: "a", groupInstanceId: "A" });
    join(world, { groupId: "a" }, 9);
    const again = join(world, { groupId: "a", groupInstanceId: "A", memberId: first?.memberId ?? "" }, 9);
    const rejoined = join(world, { groupId: "a", groupInstanceId: "B" }, 9);
    expect([again, rejoined].flatMap(errorsOf)).toEqual(["NONE"]);
    const last = join(world, { groupId: "a", groupInstanceId: "A", memberId: first?.memberId ?? "" }, 9);
    expect([rejoined, last].flatMap(errorsOf)).toEqual([]);
    join(world, { groupId: "b" }, 9);
    expect([rejoined, last].flatMap(errorsOf)).toEqual(["NONE", "NONE"]);
  });

  it("the first join phase ends in time, though the clock be put back and members come on and on", () => {
    const world = new World({ initialRebalanceDelayMs: 3_000 });
    const first = join(world, { rebalanceTimeoutMs: 5_000 });
    world.setClock(-3_600_000);
    for (let i = 0; i < 3; i++) {
      world.later(2_000);
      join(world, { rebalanceTimeoutMs: 5_000 });
    }
    expect(errorsOf(first)).toEqual(["NONE"]);
  });

  it("a commit of a few KB that would be very many bytes is refused whole: the group's name is in each record", () => {
    const world = new World();
    const groupId = "g".repeat(30_000);
    const offsets = Array.from({ length: 3_000 }, () => "t-0=1");
    const errors = new Set<ErrorName>();
    const tell = ({ topics }: OffsetCommitResponse | TxnOffsetCommitResponse): void => {
      for (const { partitions } of topics) for (const { errorCode } of partitions) errors.add(errorName(errorCode));
    };
    const context = { apiVersion: 9, clientId: "", clientHost: "" };
    const plain = { ...commitRequest(offsets, nobody), groupId };
    world.take(world.coordinator.commitOffsets(plain, context, world.now, tell));
    const transactional = { ...txnCommitRequest("7/0", offsets, nobody), groupId };
    world.take(world.coordinator.commitTransactionalOffsets(transactional, world.now, tell));
    expect([...errors]).toEqual(["INVALID_COMMIT_OFFSET_SIZE"]);
    expect(world.log).toEqual([]);
  });

  it("subscriptions and assignments beyond the limit are refused, and the group goes on", () => {
    const world = new World({ maxGroupSizeBytes: 1000, initialRebalanceDelayMs: 0 });
    const tooLarge = [{ name: "range", metadata: new Uint8Array(1001) }];
    expect(errorsOf(join(world, { protocols: tooLarge }))).toEqual(["UNKNOWN_SERVER_ERROR"]);
    const [joined] = join(world);
    const memberId = joined?.memberId ?? "";
    const assign = (sizeBytes: number): ErrorName[] => {
      const errors: ErrorName[] = [];
      const assignments = [{ memberId, assignment: new Uint8Array(sizeBytes) }];
      const { generationId = -1 } = join(world, { memberId })[0] ?? {};
      const request = { groupId: GROUP, memberId, groupInstanceId: null, protocolType: null, protocolName: null };
      const reply = ({ errorCode }: { errorCode: number }): void => void errors.push(errorName(errorCode));
      world.take(world.coordinator.syncGroup({ ...request, generationId, assignments }, world.now, reply));
      return errors;
    };
    expect(assign(1000)).toEqual(["UNKNOWN_SERVER_ERROR"]);
    expect(world.log).toEqual([]);
    expect(assign(900)).toEqual(["NONE"]);
  });

  it("a request's bytes are copied: the connection uses its buffer again", () => {
    const world = new World({ initialRebalanceDelayMs: 0 });
    const metadata = Buffer.from("metadata");
    const [joined] = join(world, { protocols: [{ name: "range", metadata }] });
    const member = {
      memberId: joined?.memberId ?? "",
      groupInstanceId: null,
      generationId: joined?.generationId ?? -1,
    };
    const assignment = Buffer.from("assignment");
    const assignments = [{ memberId: member.memberId, assignment }];
    const request = { groupId: GROUP, ...member, protocolType: null, protocolName: null, assignments };
    world.take(world.coordinator.syncGroup(request, world.now, () => {}));
    metadata.fill(0);
    assignment.fill(0);
    const [described] = describeGroup(world, GROUP, 6)[0]?.members ?? [];
    expect(Buffer.from(described?.memberMetadata ?? []).toString()).toBe("metadata");
    expect(Buffer.from(described?.memberAssignment ?? []).toString()).toBe("assignment");
  });

  it("a heartbeat leaves the next deadline where it is, which is found to have moved when it comes", () => {
    const world = new World({ initialRebalanceDelayMs: 0 });
    const [joined] = join(world, { rebalanceTimeoutMs: 600_000 });
    const { memberId = "", generationId = -1 } = joined ?? {};
    const before = world.coordinator.nextDeadline();
    expect(before).toBe(world.now + 10_000);
    world.now += 9_000;
    const beat = { groupId: GROUP, memberId, generationId, groupInstanceId: null };
    world.take(world.coordinator.heartbeat(beat, world.now, () => {}));
    expect(world.coordinator.nextDeadline()).toBe(before);
    world.later(1_000);
    expect(world.coordinator.nextDeadline()).toBe(world.now + 9_000);
    expect(describeGroup(world, GROUP, 6)[0]?.members).toHaveLength(1);
  });
});

describe("old versions", () => {
  it("JoinGroup before 7 cannot say that there is no protocol", () => {
    const wrong = { protocols: [] };
    expect(join(new World(), wrong, 6)[0]?.protocolName).toBe("");
    expect(join(new World(), wrong, 7)[0]?.protocolName).toBeNull();
  });

  it("JoinGroup 0 has no rebalance timeout: the session timeout is meant", () => {
    const world = new World({ initialRebalanceDelayMs: 0 });
    const [first] = join(world, { rebalanceTimeoutMs: -1, sessionTimeoutMs: 10_000 }, 0);
    const second = join(world, {}, 0);
    const beat = { groupId: GROUP, memberId: first?.memberId ?? "", generationId: 1, groupInstanceId: null };
    world.later(9_999);
    world.take(world.coordinator.heartbeat(beat, world.now, () => {}));
    expect(second).toEqual([]);
    world.later(60_000);
    expect(errorsOf(second)).toEqual(["NONE"]);
  });

  it("LeaveGroup before 3 names one member, and has one error", () => {
    const world = new World();
    const responses: LeaveGroupResponse[] = [];
    const request = { groupId: GROUP, memberId: "stranger", members: [] };
    const context = { apiVersion: 2, clientId: "", clientHost: "" };
    world.take(world.coordinator.leaveGroup(request, context, world.now, (response) => void responses.push(response)));
    expect(responses).toEqual([{ errorCode: 25 }]);
  });

  it("DescribeGroups before 6 shows an unknown group as dead", () => {
    const nothing = { groupId: "x", groupState: "Dead", protocolType: "", protocolData: "", members: [] };
    expect(describeGroup(new World(), "x", 5)).toEqual([{ ...nothing, errorCode: 0 }]);
    const message = "Group x not found.";
    expect(describeGroup(new World(), "x", 6)).toEqual([{ ...nothing, errorCode: 69, errorMessage: message }]);
  });
});

describe("ListGroups", () => {
  function list(world: World, statesFilter: string[], typesFilter: string[] = []): ListedGroup[] {
    let listed: ListedGroup[] = [];
    world.take(
      world.coordinator.listGroups({ statesFilter, typesFilter }, world.now, (groups) => {
        listed = groups;
      }),
    );
    return listed;
  }

  it.each([
    [[], [], ["a", "b"]],
    [["preparingrebalance"], [], ["a"]],
    [["Empty", "Dead"], ["Classic"], ["b"]],
    [["Stable"], [], []],
    [[], ["consumer"], []],
    [["nonsense"], [], []],
  ])("with states %j and types %j", (states, types, expected) => {
    const world = new World();
    join(world, { groupId: "a" });
    join(world, { groupId: "b" }, 9);
    expect(list(world, states, types).map(({ groupId }) => groupId)).toEqual(expected);
  });

  it("shows what a group is", () => {
    const world = new World();
    join(world);
    const shown = { groupId: GROUP, protocolType: "consumer", groupState: "PreparingRebalance", groupType: "classic" };
    expect(list(world, [])).toEqual([shown]);
  });
});
