/** The faults of groups that are known to have broken others, by their numbers in the project's list. Each check runs
 * on the coordinator and, to show that it can fail, on a world with the fault in it. */
import { describe, expect, it } from "vitest";
import { defined } from "../../platform/assert.ts";
import { errorName } from "../../protocol/errors.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import type { GroupRequestContext, SyncGroupResponse } from "./messages.ts";
import { type Claim, commitRequest, GROUP, joinRequest, txnCommitRequest, World } from "./story.testing.ts";
import type { GroupStep } from "./turn.ts";

const context: GroupRequestContext = { apiVersion: 3, clientId: "c", clientHost: "/127.0.0.1" };
const outsider: Claim = { memberId: "", generationId: -1, groupInstanceId: null };

/** The clients' side of a world. */
class Clients {
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** Members that join at one moment, in their generation once it is complete. */
  join(count: number): Claim[] {
    const claims: Claim[] = [];
    for (let i = 0; i < count; i++) {
      const reply = ({ memberId, generationId = -1 }: { memberId: string; generationId?: number }): void => {
        claims.push({ memberId, generationId, groupInstanceId: null });
      };
      this.world.take(this.world.coordinator.joinGroup(joinRequest({}), context, this.world.now, reply));
    }
    this.world.later(6_000);
    return claims;
  }

  /** Joins again; undefined while the answer is outstanding. */
  rejoin(claim: Claim): void {
    const request = joinRequest({ memberId: claim.memberId });
    this.world.take(
      this.world.coordinator.joinGroup(request, context, this.world.now, ({ generationId = -1 }) => {
        claim.generationId = generationId;
      }),
    );
  }

  sync(claim: Claim, assignments: { memberId: string; assignment: Uint8Array }[] = []): SyncGroupResponse[] {
    const responses: SyncGroupResponse[] = [];
    const request = { groupId: GROUP, ...claim, protocolType: null, protocolName: null, assignments };
    this.world.take(this.world.coordinator.syncGroup(request, this.world.now, (response) => responses.push(response)));
    return responses;
  }

  beat(claim: Claim): string {
    let error = "";
    this.world.take(
      this.world.coordinator.heartbeat({ groupId: GROUP, ...claim }, this.world.now, ({ errorCode }) => {
        error = errorName(errorCode);
      }),
    );
    return error;
  }

  commit(claim: Claim, offset: string): string {
    let error = "";
    this.world.take(
      this.world.coordinator.commitOffsets(commitRequest([offset], claim), context, this.world.now, ({ topics }) => {
        error = errorName(defined(topics[0]?.partitions[0]).errorCode);
      }),
    );
    return error;
  }

  commitInTransaction(claim: Claim, producer: string, offset: string): string {
    let error = "";
    const request = txnCommitRequest(producer, [offset], claim);
    this.world.take(
      this.world.coordinator.commitTransactionalOffsets(request, this.world.now, ({ topics }) => {
        error = errorName(defined(topics[0]?.partitions[0]).errorCode);
      }),
    );
    return error;
  }

  /** The offset of t-0, or the error instead. */
  fetch(requireStable: boolean): number | string {
    let result: number | string = "no answer";
    const topics = [{ name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA", partitionIndexes: [0] }];
    const request = { groupId: GROUP, memberId: null, memberEpoch: -1, topics };
    this.world.take(
      this.world.coordinator.fetchOffsets(request, requireStable, this.world.now, (response) => {
        const { committedOffset, errorCode } = defined(response.topics[0]?.partitions[0]);
        result = errorCode === 0 ? committedOffset : errorName(errorCode);
      }),
    );
    return result;
  }
}

/** A broker that forgets which records belong to a transaction. */
class WithoutTransactions extends World {
  override take(step: GroupStep): void {
    const records = step.records.map(({ key, value }): CoordinatorRecord => ({ key, value }));
    super.take({ ...step, records });
  }
}

/** A broker that answers what the log has refused, and applies it all the same. */
class ApplyingRefused extends World {
  override take(step: GroupStep): void {
    const before = this.log.length;
    super.take(step);
    if (this.log.length > before) return;
    for (const record of step.records) this.coordinator.apply(record, this.log.length);
  }
}

/** A coordinator that believes whoever commits: consumers and producers that do not say who they are. */
class Gullible extends Clients {
  override commit(_: Claim, offset: string): string {
    this.world.log.push(
      ...this.world.coordinator.commitOffsets(commitRequest([offset], outsider), context, 0, () => {}).records,
    );
    return "NONE";
  }

  override commitInTransaction(_: Claim, producer: string, offset: string): string {
    return super.commitInTransaction(outsider, producer, offset);
  }
}

describe("fault 9: offsets committed in a transaction are invisible until it commits", () => {
  function check(world: World): void {
    const clients = new Clients(world);
    expect(clients.commit(outsider, "t-0=5")).toBe("NONE");
    expect(clients.commitInTransaction(outsider, "7/0", "t-0=8")).toBe("NONE");
    for (const restart of [() => {}, () => world.restart()]) {
      restart();
      expect(clients.fetch(false)).toBe(5);
      expect(clients.fetch(true)).toBe("UNSTABLE_OFFSET_COMMIT");
    }
    world.marker(7, "commit");
    expect(clients.fetch(true)).toBe(8);
    expect(clients.commitInTransaction(outsider, "7/0", "t-0=9")).toBe("NONE");
    world.marker(7, "abort");
    expect(clients.fetch(true)).toBe(8);
    world.restart();
    expect(clients.fetch(true)).toBe(8);
  }

  it("holds", () => check(new World()));
  it("is seen where it is broken", () => expect(() => check(new WithoutTransactions())).toThrow("expected 8 to be 5"));
});

/** Three members share the work; the last one stalls, and the others get its part. */
function moveOn(clients: Clients): { leader: Claim; stalled: Claim } {
  const claims = clients.join(3);
  const [leader, other, stalled] = claims as [Claim, Claim, Claim];
  for (const claim of [other, stalled, leader]) clients.sync(claim);
  const before = { ...stalled };
  clients.world.later(9_000);
  for (const claim of [leader, other]) expect(clients.beat(claim)).toBe("NONE");
  clients.world.later(2_000);
  for (const claim of [leader, other]) expect(clients.beat(claim)).toBe("REBALANCE_IN_PROGRESS");
  for (const claim of [leader, other]) clients.rejoin(claim);
  for (const claim of [other, leader]) clients.sync(claim);
  expect(clients.commit(leader, "t-0=20")).toBe("NONE");
  return { leader, stalled: before };
}

describe("fault 10: the group's generation or member has changed since the offsets were read", () => {
  function check(clients: Clients): void {
    const { leader, stalled } = moveOn(clients);
    expect(clients.commitInTransaction(stalled, "7/0", "t-0=15")).toBe("UNKNOWN_MEMBER_ID");
    const before = { ...leader, generationId: leader.generationId - 1 };
    expect(clients.commitInTransaction(before, "8/0", "t-0=16")).toBe("ILLEGAL_GENERATION");
    for (const producerId of [7, 8]) clients.world.marker(producerId, "commit");
    expect(clients.fetch(true)).toBe(20);
  }

  it("holds", () => check(new Clients(new World())));
  it("is seen where it is broken", () =>
    expect(() => check(new Gullible(new World()))).toThrow("expected 'NONE' to be 'UNKNOWN_MEMBER_ID'"));
});

describe("fault 19: a commit that reports an error has not been applied", () => {
  function check(world: World): void {
    const clients = new Clients(world);
    expect(clients.commit(outsider, "t-0=5")).toBe("NONE");
    expect(clients.commitInTransaction(outsider, "7/1", "t-0=6")).toBe("NONE");
    // Refused by the log, behind the coordinator's back: a producer of an older epoch.
    expect(clients.commitInTransaction(outsider, "7/0", "t-0=7")).toBe("INVALID_PRODUCER_EPOCH");
    world.marker(7, "commit");
    expect(clients.fetch(true)).toBe(6);
    const stranger = { memberId: "stranger", generationId: 3, groupInstanceId: null };
    expect(clients.commit(stranger, "t-0=8")).not.toBe("NONE");
    expect(clients.commitInTransaction(stranger, "8/0", "t-0=9")).not.toBe("NONE");
    world.marker(8, "commit");
    expect(clients.fetch(true)).toBe(6);
    world.restart();
    expect(clients.fetch(true)).toBe(6);
  }

  it("holds", () => check(new World()));
  it("is seen where it is broken", () => expect(() => check(new ApplyingRefused())).toThrow("expected 7 to be 6"));

  it("holds for each partition of one commit by itself", () => {
    const clients = new Clients(new World());
    const request = commitRequest(["t-0=5", "t-1=6"], outsider);
    const tooLong = "x".repeat(4097);
    defined(request.topics[1]?.partitions[0]).committedMetadata = tooLong;
    let errors: string[] = [];
    const step = clients.world.coordinator.commitOffsets(request, context, 0, ({ topics }) => {
      errors = topics.map(({ partitions }) => errorName(defined(partitions[0]).errorCode));
    });
    clients.world.take(step);
    expect(errors).toEqual(["NONE", "OFFSET_METADATA_TOO_LARGE"]);
    expect(step.records).toHaveLength(1);
  });
});

describe("fault 20: rebalances that are not as simple as they look", () => {
  it("a hundred members join at one moment, and again while the first rebalance is under way", () => {
    const clients = new Clients(new World());
    const claims = clients.join(100);
    expect(new Set(claims.map(({ memberId }) => memberId)).size).toBe(100);
    expect(new Set(claims.map(({ generationId }) => generationId))).toEqual(new Set([1]));
    const late = joinRequest({});
    clients.world.take(clients.world.coordinator.joinGroup(late, context, clients.world.now, () => {}));
    for (const claim of claims) clients.rejoin(claim);
    expect(new Set(claims.map(({ generationId }) => generationId))).toEqual(new Set([2]));
  });

  it("an assignment of several megabytes, read back after a restart", () => {
    const { world } = new Clients(new World());
    const clients = new Clients(world);
    const [leader, follower] = clients.join(2) as [Claim, Claim];
    const large = Buffer.alloc(5_000_000, "a");
    const waiting = clients.sync(follower);
    clients.sync(leader, [{ memberId: follower.memberId, assignment: large }]);
    expect(waiting[0]?.assignment.length).toBe(large.length);
    world.restart();
    expect(Buffer.from(clients.sync(follower)[0]?.assignment ?? []).equals(large)).toBe(true);
  });

  // The rest of it is told in stories.test.ts: static members that restart, session timeouts during a rebalance, and
  // cooperative rebalances in several rounds.
});

describe("fault 21: a stalled member returns after its partitions have moved", () => {
  function check(clients: Clients): void {
    const { stalled } = moveOn(clients);
    expect(clients.commit(stalled, "t-0=15")).toBe("UNKNOWN_MEMBER_ID");
    expect(clients.beat(stalled)).toBe("UNKNOWN_MEMBER_ID");
    expect(clients.fetch(true)).toBe(20);
  }

  it("holds", () => check(new Clients(new World())));
  it("is seen where it is broken", () =>
    expect(() => check(new Gullible(new World()))).toThrow("expected 'NONE' to be 'UNKNOWN_MEMBER_ID'"));
});
