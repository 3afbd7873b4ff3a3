/** Random lives of a group: clients that join, stall, die and return, transactions, a slow disk and power losses. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defined } from "../../platform/assert.ts";
import { errorName } from "../../protocol/errors.ts";
import type { MarkerType } from "../../protocol/records/control.ts";
import type { GroupCoordinator } from "./group-coordinator.ts";
import type {
  DescribedGroup,
  JoinGroupResponse,
  OffsetCommitResponse,
  OffsetFetchGroupResult,
  TxnOffsetCommitResponse,
} from "./messages.ts";
import { decodeRecord } from "./records.ts";
import {
  type Claim,
  commitRequest,
  GROUP,
  joinRequest,
  subscription,
  txnCommitRequest,
  World,
} from "./story.testing.ts";

const context = { apiVersion: 9, clientId: "c", clientHost: "/127.0.0.1" };

const client = fc.nat({ max: 4 });
const offsets = fc.uniqueArray(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 });
const producerId = fc.integer({ min: 7, max: 8 });

type Event =
  | { readonly do: "join"; readonly client: number; readonly anew: boolean; readonly topic: string }
  | { readonly do: "sync" | "beat" | "leave"; readonly client: number }
  | { readonly do: "commit"; readonly client: number; readonly offsets: number[] }
  | { readonly do: "txn"; readonly client: number; readonly offsets: number[]; readonly producerId: number }
  | { readonly do: "marker"; readonly producerId: number; readonly type: MarkerType }
  | { readonly do: "later"; readonly ms: number }
  | { readonly do: "settle" | "deleteGroup" | "deleteOffset" | "fetch" | "stall" | "resume" | "restart" };

function of<T extends Event["do"]>(name: T): fc.Arbitrary<T> {
  return fc.constant(name);
}

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: of("join"),
      client,
      anew: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      topic: fc.constantFrom("t", "u"),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: of("sync"), client }) },
  { weight: 5, arbitrary: fc.record({ do: of("beat"), client }) },
  { weight: 1, arbitrary: fc.record({ do: of("leave"), client }) },
  { weight: 4, arbitrary: fc.record({ do: of("commit"), client, offsets }) },
  { weight: 3, arbitrary: fc.record({ do: of("txn"), client, offsets, producerId }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: of("marker"), producerId, type: fc.constantFrom<MarkerType>("commit", "abort") }),
  },
  { weight: 6, arbitrary: fc.record({ do: of("later"), ms: fc.constantFrom(1, 500, 3_000, 9_000, 61_000) }) },
  { weight: 3, arbitrary: fc.record({ do: of("settle") }) },
  { weight: 4, arbitrary: fc.record({ do: of("fetch") }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("deleteGroup", "deleteOffset", "stall", "resume", "restart") }),
  },
) as fc.Arbitrary<Event>;

/** What the log alone says about offsets, worked out the plain way. */
function offsetsIn(log: World["log"]): Map<string, number> {
  const committed = new Map<string, { value: number; position: number }>();
  let pending: { producerId: number; key: string; value: number; position: number }[] = [];
  for (const [position, entry] of log.entries()) {
    if ("marker" in entry) {
      const ended = pending.filter((each) => each.producerId === entry.producerId);
      pending = pending.filter((each) => each.producerId !== entry.producerId);
      for (const { key, value, position: at } of entry.marker === "commit" ? ended : []) {
        if ((committed.get(key)?.position ?? -1) < at) committed.set(key, { value, position: at });
      }
      continue;
    }
    const decoded = defined(decodeRecord(entry));
    if (decoded.kind !== "offset") continue;
    const key = `${decoded.key.topic}-${decoded.key.partition}`;
    if (!decoded.value) {
      committed.delete(key);
      pending = pending.filter((each) => each.key !== key);
    } else if (entry.transaction) {
      pending.push({ producerId: entry.transaction.producerId, key, value: decoded.value.offset, position });
    } else committed.set(key, { value: decoded.value.offset, position });
  }
  return new Map([...committed].map(([key, { value }]) => [key, value]));
}

/** The last generation that the log speaks of; 0 when the group is not in it. */
function generationIn(log: World["log"]): number {
  let generation = 0;
  for (const entry of log) {
    const decoded = "marker" in entry ? undefined : decodeRecord(entry);
    if (decoded?.kind === "group") generation = decoded.value?.generation ?? 0;
  }
  return generation;
}

function fetched({ topics }: OffsetFetchGroupResult): Map<string, number> {
  return new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map((p): [string, number] => [`${name}-${p.partitionIndex}`, p.committedOffset]),
    ),
  );
}

const all = { groupId: GROUP, memberId: null, memberEpoch: -1, topics: null };

/** Runs events, and checks at each what must always hold. */
class Life {
  readonly world = new World({ newMemberJoinTimeoutMs: 120_000 });
  readonly #claims: Claim[] = Array.from({ length: 5 }, (_, i) => ({
    memberId: "",
    generationId: -1,
    // Two are static.
    groupInstanceId: i >= 3 ? `instance-${i}` : null,
  }));
  /** Requests without an answer. */
  readonly #outstanding = new Set<object>();
  readonly #leaders = new Map<number, string>();
  #generation = 0;
  /** Grows when the group is deleted: the next one of its name begins anew. */
  #incarnation = 0;
  #offset = 0;

  /** Wraps a reply: each request is answered once, by the coordinator that took it. */
  #expect<T>(react: (response: T) => void): (response: T) => void {
    const request = {};
    const { coordinator } = this.world;
    this.#outstanding.add(request);
    return (response) => {
      expect(coordinator).toBe(this.world.coordinator);
      expect(this.#outstanding.delete(request)).toBe(true);
      react(response);
    };
  }

  perform(event: Event): void {
    const { world } = this;
    if (event.do === "join") this.#join(this.#claim(event.client), event.anew, event.topic);
    else if (event.do === "sync") this.#sync(this.#claim(event.client));
    else if (event.do === "beat") this.#beat(this.#claim(event.client));
    else if (event.do === "leave") this.#leave(this.#claim(event.client));
    else if (event.do === "commit") this.#commit(this.#claim(event.client), event.offsets);
    else if (event.do === "txn") this.#commitInTransaction(this.#claim(event.client), event.offsets, event.producerId);
    else if (event.do === "marker") world.marker(event.producerId, event.type);
    else if (event.do === "later") world.later(event.ms);
    else if (event.do === "settle") this.#settle();
    else if (event.do === "fetch") this.#fetch();
    else if (event.do === "deleteGroup") this.#deleteGroup();
    else if (event.do === "deleteOffset") this.#deleteOffset();
    else if (event.do === "stall") world.stallDisk();
    else if (event.do === "resume") world.resumeDisk();
    else this.#restart();
    this.#noteDeletion();
  }

  /** All clients do what well-behaved ones do, which the dice seldom make them. */
  #settle(): void {
    for (const claim of this.#claims) this.#join(claim, false, "t");
    for (const claim of this.#claims) if (claim.groupInstanceId === null) this.#join(claim, false, "t");
    this.world.later(6_000);
    for (const claim of this.#claims) this.#sync(claim);
  }

  #beat(claim: Claim): void {
    const react = this.#expect(() => {});
    this.world.take(this.world.coordinator.heartbeat({ groupId: GROUP, ...claim }, this.world.now, react));
  }

  #leave(claim: Claim): void {
    const request = { groupId: GROUP, memberId: "", members: [{ ...claim, reason: null }] };
    const react = this.#expect(() => {});
    this.world.take(this.world.coordinator.leaveGroup(request, context, this.world.now, react));
  }

  #deleteGroup(): void {
    const react = this.#expect(() => {});
    this.world.take(this.world.coordinator.deleteGroups([GROUP], this.world.now, react));
  }

  #deleteOffset(): void {
    const request = { groupId: GROUP, topics: [{ name: "p", partitions: [{ partitionIndex: 0 }] }] };
    const react = this.#expect(() => {});
    this.world.take(this.world.coordinator.deleteOffsets(request, this.world.now, react));
  }

  #claim(index: number): Claim {
    return defined(this.#claims[index]);
  }

  #join(claim: Claim, anew: boolean, topic: string): void {
    if (anew) claim.memberId = "";
    const protocols = [{ name: "range", metadata: subscription([topic]) }];
    const { memberId, groupInstanceId } = claim;
    const request = joinRequest({ memberId, groupInstanceId, protocols, rebalanceTimeoutMs: 20_000 });
    const incarnation = this.#incarnation;
    const react = this.#expect<JoinGroupResponse>((response) => {
      if (incarnation === this.#incarnation) this.#joined(claim, response);
    });
    this.world.take(this.world.coordinator.joinGroup(request, context, this.world.now, react));
  }

  #joined(claim: Claim, { errorCode, memberId, members, leader, generationId = -1 }: JoinGroupResponse): void {
    const error = errorName(errorCode);
    if (error === "MEMBER_ID_REQUIRED") claim.memberId = memberId;
    if (error === "UNKNOWN_MEMBER_ID" || error === "FENCED_INSTANCE_ID") claim.memberId = "";
    if (error !== "NONE") return;
    claim.memberId = memberId;
    claim.generationId = generationId;
    expect(generationId).toBeGreaterThanOrEqual(this.#generation);
    this.#generation = generationId;
    // One leader, who is the only one that is told of all members, and is one of them.
    expect(members.length > 0).toBe(leader === memberId);
    if (members.length === 0) return;
    expect(members.map((member) => member.memberId)).toContain(memberId);
    const instance = claim.groupInstanceId ?? memberId;
    expect(this.#leaders.get(generationId) ?? instance).toBe(instance);
    this.#leaders.set(generationId, instance);
  }

  #sync(claim: Claim): void {
    const { memberId, generationId } = claim;
    // Everyone plays the leader and assigns to everyone; followers' assignments must not count.
    const assignments = this.#claims.map((each) => ({
      memberId: each.memberId,
      assignment: Buffer.from(`${generationId} by ${claim.groupInstanceId ?? memberId}`),
    }));
    const request = { groupId: GROUP, ...claim, protocolType: null, protocolName: null, assignments };
    const react = this.#expect(({ errorCode, assignment }: { errorCode: number; assignment: Uint8Array }) => {
      if (errorCode !== 0) return;
      const text = Buffer.from(assignment).toString();
      if (text !== "") expect(text).toMatch(new RegExp(`^${generationId} by `));
    });
    this.world.take(this.world.coordinator.syncGroup(request, this.world.now, react));
  }

  /** Nobody commits but a member of the present generation, or an outsider while there are no members. */
  #mayCommit({ generationId }: Claim): boolean {
    if (generationId >= 0) return generationId === this.#generation;
    return ["Empty", "Dead"].includes(this.#describe(this.world.coordinator).groupState);
  }

  #commit(claim: Claim, partitions: readonly number[]): void {
    const { world } = this;
    const request = commitRequest(this.#newOffsets(partitions), claim);
    const mayCommit = this.#mayCommit(claim);
    const react = this.#expect<OffsetCommitResponse>(({ topics }) => {
      const isAccepted = topics.every((topic) => topic.partitions.every((partition) => partition.errorCode === 0));
      expect(step.records.length).toBe(isAccepted ? partitions.length : 0);
      if (isAccepted) expect(mayCommit).toBe(true);
    });
    const step = world.coordinator.commitOffsets(request, context, world.now, react);
    world.take(step);
  }

  #commitInTransaction(claim: Claim, partitions: readonly number[], producer: number): void {
    const { world } = this;
    const request = txnCommitRequest(`${producer}/0`, this.#newOffsets(partitions), claim);
    const mayCommit = this.#mayCommit(claim) || (claim.generationId < 0 && claim.memberId === "");
    const react = this.#expect<TxnOffsetCommitResponse>(({ topics }) => {
      const isAccepted = topics.every((topic) => topic.partitions.every((partition) => partition.errorCode === 0));
      expect(step.records.length).toBe(isAccepted ? partitions.length : 0);
      if (isAccepted) expect(mayCommit).toBe(true);
    });
    const step = world.coordinator.commitTransactionalOffsets(request, world.now, react);
    world.take(step);
  }

  /** No offset is committed twice, so that each tells where it comes from. */
  #newOffsets(partitions: readonly number[]): string[] {
    return partitions.map((partition) => `p-${partition}=${++this.#offset}`);
  }

  /** What is read is what the log says, and is durable. */
  #fetch(): void {
    const { world } = this;
    const end = world.log.length;
    const expected = offsetsIn(world.log);
    const react = this.#expect<OffsetFetchGroupResult>((response) => {
      expect(world.durableEnd).toBeGreaterThanOrEqual(end);
      expect(fetched(response)).toEqual(expected);
    });
    world.take(world.coordinator.fetchOffsets(all, false, world.now, react));
  }

  #restart(): void {
    this.#outstanding.clear();
    this.world.restart();
    // Generations that were not written down yet are agreed on anew.
    this.#generation = generationIn(this.world.log);
    for (const generation of this.#leaders.keys()) if (generation > this.#generation) this.#leaders.delete(generation);
    // Their numbers are given out again. A client has no work in them yet, and commits nothing.
    for (const claim of this.#claims) if (claim.generationId > this.#generation) claim.generationId = -1;
  }

  #noteDeletion(): void {
    if (generationIn(this.world.log) > 0 || this.#describe(this.world.coordinator).groupState !== "Dead") return;
    this.#incarnation++;
    this.#generation = 0;
    this.#leaders.clear();
    // The next group of the name counts from 1 again: a generation of this one would pass for one of that.
    for (const claim of this.#claims) claim.generationId = -1;
  }

  #describe(coordinator: GroupCoordinator): DescribedGroup {
    let group: DescribedGroup | undefined;
    const step = coordinator.describeGroup(GROUP, { apiVersion: 5, clientId: "", clientHost: "" }, 0, (response) => {
      group = response;
    });
    for (const reply of step.replies) reply();
    return defined(group);
  }

  #offsetsOf(coordinator: GroupCoordinator, requireStable: boolean): Map<string, number> {
    let result = new Map<string, number>();
    const step = coordinator.fetchOffsets(all, requireStable, 0, (response) => {
      result = fetched(response);
    });
    for (const reply of step.replies) reply();
    return result;
  }

  /** Whatever was agreed on was the leader's will, and of the generation that it is said to be of. */
  checkAssignments(): void {
    for (const entry of this.world.log) {
      const decoded = "marker" in entry ? undefined : decodeRecord(entry);
      if (decoded?.kind !== "group" || !decoded.value) continue;
      const { generation, leader, members } = decoded.value;
      const leaderName = members.find(({ memberId }) => memberId === leader)?.groupInstanceId ?? leader;
      for (const { assignment } of members) {
        if (assignment.length > 0) expect(Buffer.from(assignment).toString()).toBe(`${generation} by ${leaderName}`);
      }
    }
  }

  /** A coordinator that reads the log knows what this one does, save what is being agreed on. */
  checkRecovery(): void {
    const recovered = this.world.load();
    for (const requireStable of [false, true]) {
      expect(this.#offsetsOf(recovered, requireStable)).toEqual(this.#offsetsOf(this.world.coordinator, requireStable));
    }
    const live = this.#describe(this.world.coordinator);
    const settled = live.groupState === "Stable" || (live.groupState === "Empty" && generationIn(this.world.log) > 0);
    if (settled) expect(this.#describe(recovered)).toEqual(live);
  }

  /** When everybody has gone, nobody waits for an answer any more. */
  checkEnd(): void {
    this.world.resumeDisk();
    this.world.later(3_600_000);
    expect(this.#outstanding.size).toBe(0);
    expect(["Empty", "Dead"]).toContain(this.#describe(this.world.coordinator).groupState);
  }
}

describe("any life of a group", () => {
  it("has one leader a generation, growing generations, offsets that the log says, answers for all, and recovers", () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 100, size: "max" }), (events) => {
        const life = new Life();
        for (const each of events) life.perform(each);
        life.checkAssignments();
        life.checkRecovery();
        life.checkEnd();
        life.checkRecovery();
      }),
      { numRuns: 300 },
    );
  });
});
