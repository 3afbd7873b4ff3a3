/** Any life of a consumer group: members of both protocols that join, stall, die and come back, lost answers, topics that
 * change, power losses. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defined } from "../../../platform/assert.ts";
import { decodeVersioned, encodeVersioned } from "../../../protocol/codec.ts";
import { type ErrorName, errorName } from "../../../protocol/errors.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../../protocol/internal/consumer-protocol.ts";
import type { GroupCoordinator } from "../group-coordinator.ts";
import type { DescribedConsumerGroup, DescribedGroup, OffsetCommitResponse } from "../messages.ts";
import { commitRequest, GROUP, joinRequest, World } from "../story.testing.ts";

const TOPICS = ["t", "u"];
const HEARTBEAT_MS = 5_000;

const context = { apiVersion: 1, clientId: "client", clientHost: "/127.0.0.1" };

/** A member of the new protocol as clients are: it reads what it was assigned, gives up what it has to at its next
 * heartbeat, and says everything after an answer that did not come. */
class Member {
  readonly world: World;
  readonly instanceId: string | null;
  readonly reads: readonly string[];
  readonly #name: string;
  #life = 0;
  memberId = "";
  epoch = 0;
  isIn = false;
  owned: ReadonlySet<string> = new Set();
  #saysAll = true;
  #isWaiting = false;

  constructor(world: World, name: string, instanceId: string | null, reads: readonly string[]) {
    this.world = world;
    this.#name = name;
    this.instanceId = instanceId;
    this.reads = reads;
    this.startAnew();
  }

  /** The process was restarted, or fenced. */
  startAnew(): void {
    this.memberId = `${this.#name}-${++this.#life}`;
    this.epoch = 0;
    this.isIn = false;
    this.#isWaiting = false;
    this.#forget();
  }

  /** The broker died: the heartbeat that waits will not be answered. */
  brokerIsGone(): void {
    this.#isWaiting = false;
  }

  #forget(): void {
    this.owned = new Set();
    this.#saysAll = true;
  }

  heartbeat(isAnswerLost: boolean): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const all = this.#saysAll || this.epoch === 0;
    const { coordinator, now } = this.world;
    const request = {
      groupId: GROUP,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: this.instanceId,
      rackId: null,
      rebalanceTimeoutMs: all ? 30_000 : -1,
      subscribedTopicNames: all ? [...this.reads] : null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: this.#toWire(),
    };
    const { memberId } = this;
    this.#saysAll = true;
    this.world.take(
      coordinator.consumerGroupHeartbeat(request, context, now, ({ errorCode, memberEpoch, assignment = null }) => {
        if (coordinator !== this.world.coordinator || memberId !== this.memberId) return;
        this.#isWaiting = false;
        if (isAnswerLost) return;
        this.#saysAll = false;
        const error = errorName(errorCode);
        if (error === "NONE") {
          this.isIn = true;
          this.epoch = memberEpoch;
          if (assignment) this.owned = this.#fromWire(assignment.topicPartitions);
        } else if (error === "FENCED_MEMBER_EPOCH" || error === "UNKNOWN_MEMBER_ID" || error === "GROUP_ID_NOT_FOUND") {
          this.epoch = 0;
          this.isIn = false;
          this.#forget();
        } else if (error === "FENCED_INSTANCE_ID") this.startAnew();
        else expect(error).toBe("UNRELEASED_INSTANCE_ID");
      }),
    );
  }

  leave(memberEpoch: number): void {
    const { coordinator, now } = this.world;
    const { memberId, instanceId } = this;
    const rest = { rackId: null, subscribedTopicNames: null, subscribedTopicRegex: null, serverAssignor: null };
    const request = { groupId: GROUP, memberId, memberEpoch, instanceId, ...rest, rebalanceTimeoutMs: -1 };
    this.world.take(coordinator.consumerGroupHeartbeat({ ...request, topicPartitions: null }, context, now, () => {}));
    this.startAnew();
  }

  #toWire(): { topicId: string; partitions: number[] }[] {
    const { topics } = this.world;
    return TOPICS.flatMap((name) => {
      const partitions = [...this.owned].filter((each) => each.startsWith(name)).map((each) => Number(each.slice(1)));
      const topicId = topics.topic(name)?.id;
      return partitions.length > 0 && topicId !== undefined ? [{ topicId, partitions }] : [];
    });
  }

  #fromWire(assigned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]): Set<string> {
    const { topics } = this.world;
    return new Set(
      assigned.flatMap(({ topicId, partitions }) => partitions.map((p) => `${topics.nameOf(topicId) ?? "gone"}${p}`)),
    );
  }
}

/** A member of the classic protocol, cooperative, that does as it is told. */
class ClassicMember {
  readonly world: World;
  memberId = "";
  generationId = -1;
  owned: ReadonlySet<string> = new Set();
  isIn = false;
  #mustJoin = true;
  #isWaiting = false;

  constructor(world: World) {
    this.world = world;
  }

  startAnew(): void {
    this.memberId = "";
    this.generationId = -1;
    this.owned = new Set();
    this.isIn = false;
    this.#mustJoin = true;
    this.#isWaiting = false;
  }

  step(): void {
    if (this.#isWaiting) return;
    if (this.#mustJoin) this.#join();
    else this.#beat();
  }

  leave(): void {
    const { coordinator, now } = this.world;
    const members = [{ memberId: this.memberId, groupInstanceId: null, reason: null }];
    const request = { groupId: GROUP, memberId: "", members };
    this.world.take(coordinator.leaveGroup(request, { ...context, apiVersion: 5 }, now, () => {}));
    this.startAnew();
  }

  #join(): void {
    const { coordinator, now } = this.world;
    const ownedPartitions = TOPICS.map((topic) => ({
      topic,
      partitions: [...this.owned].filter((each) => each.startsWith(topic)).map((each) => Number(each.slice(1))),
    }));
    const metadata = encodeVersioned(consumerProtocolSubscription, 1, { topics: TOPICS, ownedPartitions });
    const request = joinRequest({
      memberId: this.memberId,
      protocols: [{ name: "cooperative", metadata }],
      sessionTimeoutMs: 20_000,
      rebalanceTimeoutMs: 20_000,
    });
    this.#isWaiting = true;
    this.world.take(
      coordinator.joinGroup(
        request,
        { ...context, apiVersion: 9 },
        now,
        ({ errorCode, memberId, generationId, members }) => {
          if (coordinator !== this.world.coordinator) return;
          this.#isWaiting = false;
          const error = errorName(errorCode);
          if (error === "MEMBER_ID_REQUIRED") this.memberId = memberId;
          else if (error === "UNKNOWN_MEMBER_ID") this.startAnew();
          if (error !== "NONE") return;
          this.memberId = memberId;
          this.generationId = generationId ?? -1;
          this.#sync(members.map((member) => member.memberId));
        },
      ),
    );
  }

  /** As a leader it gives everybody a share of its own, in turns. */
  #sync(memberIds: readonly string[]): void {
    const { coordinator, now, topics } = this.world;
    const all = TOPICS.flatMap((topic) => {
      const count = topics.topic(topic)?.partitionCount ?? 0;
      return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
    });
    const assignments = memberIds.map((memberId, index) => ({
      memberId,
      assignment: encodeVersioned(consumerProtocolAssignment, 1, {
        assignedPartitions: all
          .filter((_, i) => i % memberIds.length === index)
          .map(({ topic, partition }) => ({ topic, partitions: [partition] })),
      }),
    }));
    const { memberId, generationId } = this;
    const claim = { groupId: GROUP, memberId, generationId, groupInstanceId: null };
    this.#isWaiting = true;
    this.world.take(
      coordinator.syncGroup({ ...claim, protocolType: null, protocolName: null, assignments }, now, (response) => {
        if (coordinator !== this.world.coordinator || memberId !== this.memberId) return;
        this.#isWaiting = false;
        this.#mustJoin = response.errorCode !== 0;
        if (errorName(response.errorCode) === "UNKNOWN_MEMBER_ID") this.startAnew();
        if (response.errorCode !== 0) return;
        this.isIn = true;
        const { assignedPartitions } =
          response.assignment.length > 0
            ? decodeVersioned(consumerProtocolAssignment, response.assignment)
            : { assignedPartitions: [] };
        this.owned = new Set(assignedPartitions.flatMap((each) => each.partitions.map((p) => each.topic + p)));
      }),
    );
  }

  #beat(): void {
    const { coordinator, now } = this.world;
    const { memberId, generationId } = this;
    this.world.take(
      coordinator.heartbeat({ groupId: GROUP, memberId, generationId, groupInstanceId: null }, now, ({ errorCode }) => {
        if (coordinator !== this.world.coordinator || memberId !== this.memberId) return;
        const error = errorName(errorCode);
        if (error === "UNKNOWN_MEMBER_ID") this.startAnew();
        else if (error !== "NONE") this.#mustJoin = true;
        if (error === "ILLEGAL_GENERATION") this.owned = new Set();
      }),
    );
  }

  /** The broker died: the request that waits will not be answered. */
  brokerIsGone(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#mustJoin = true;
  }
}

type Event =
  | { do: "beat"; member: number; isLost: boolean }
  | { do: "step"; member: number }
  | { do: "leave" | "away" | "die"; member: number }
  | { do: "commit"; member: number; partition: number; epochsAgo: number }
  | { do: "topic"; name: string; partitions: number }
  | { do: "later"; ms: number }
  | { do: "stall" | "resume" | "restart" };

const MEMBERS = 4;
const member = fc.nat(MEMBERS - 1);

function events(classics: number): fc.Arbitrary<Event[]> {
  const of = fc.constant;
  const event = fc.oneof(
    { weight: 14, arbitrary: fc.record({ do: of("beat"), member, isLost: fc.boolean() }) },
    {
      weight: classics > 0 ? 8 : 0,
      arbitrary: fc.record({ do: of("step"), member: fc.nat(Math.max(0, classics - 1)) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("leave", "away", "die"), member }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: of("commit"),
        member,
        partition: fc.nat(3),
        epochsAgo: fc.constantFrom(0, 0, 1, 2, -1),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: of("topic"), name: fc.constantFrom(...TOPICS), partitions: fc.nat(4) }) },
    { weight: 5, arbitrary: fc.record({ do: of("later"), ms: fc.constantFrom(1, 4_000, 15_000, 31_000, 46_000) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("stall", "resume", "restart") }) },
  ) as fc.Arbitrary<Event>;
  return fc.array(event, { minLength: 1, maxLength: 60, size: "max" });
}

class Life {
  readonly world = new World({ initialRebalanceDelayMs: 0 });
  readonly #members: readonly Member[];
  readonly #classics: readonly ClassicMember[];

  constructor(classics: number) {
    for (const name of TOPICS) this.world.topics.set(name, 3);
    this.#members = Array.from({ length: MEMBERS }, (_, i) => {
      // One is static; all read one topic, some both.
      return new Member(this.world, `member${i}`, i === 0 ? "A" : null, i % 2 === 0 ? TOPICS : ["t"]);
    });
    this.#classics = Array.from({ length: classics }, () => new ClassicMember(this.world));
  }

  perform(event: Event): void {
    const { world } = this;
    if (event.do === "beat") this.#member(event.member).heartbeat(event.isLost);
    else if (event.do === "step") defined(this.#classics[event.member]).step();
    else if (event.do === "leave") this.#member(event.member).leave(-1);
    else if (event.do === "away") this.#member(event.member).leave(-2);
    else if (event.do === "die") this.#member(event.member).startAnew();
    else if (event.do === "commit") this.#commit(this.#member(event.member), event.partition, event.epochsAgo);
    else if (event.do === "topic") world.topics.set(event.name, event.partitions);
    else if (event.do === "later") world.later(event.ms);
    else if (event.do === "stall") world.stallDisk();
    else if (event.do === "resume") world.resumeDisk();
    else {
      world.restart();
      for (const each of [...this.#members, ...this.#classics]) each.brokerIsGone();
    }
    this.checkOwners();
  }

  #member(index: number): Member {
    return defined(this.#members[index]);
  }

  /** A commit at another epoch than the present one counts only for what the member has, and none for what another has. Nothing
   * is written otherwise. */
  #commit(member: Member, partition: number, epochsAgo: number): void {
    const { world } = this;
    const epoch = member.epoch - epochsAgo;
    const { members } = this.#describe(world.coordinator);
    const known = members.find(({ memberId }) => memberId === member.memberId);
    const owner = members.find(({ assignment }) =>
      assignment.topicPartitions.some(
        ({ topicName, partitions }) => topicName === "t" && partitions.includes(partition),
      ),
    );
    const claim = { memberId: member.memberId, generationId: epoch, groupInstanceId: null };
    const request = commitRequest([`t-${partition}=1`], claim);
    const errors: ErrorName[] = [];
    const react = ({ topics }: OffsetCommitResponse): void => {
      errors.push(errorName(topics[0]?.partitions[0]?.errorCode ?? -1));
    };
    const step = world.coordinator.commitOffsets(request, { ...context, apiVersion: 9 }, world.now, react);
    const isAccepted = step.records.length > 0;
    world.take(step);
    if (isAccepted && known) {
      expect(epoch).toBeLessThanOrEqual(known.memberEpoch);
      expect(owner ?? (epoch === known.memberEpoch ? known : undefined)).toBe(known);
    }
    if (errors.length > 0) expect(errors[0] === "NONE").toBe(isAccepted);
  }

  /** No partition has two owners, and none has one that is not known. */
  checkOwners(): void {
    const owners = new Map<string, string>();
    for (const { memberId, assignment } of this.#describe(this.world.coordinator).members) {
      for (const { topicId, partitions } of assignment.topicPartitions) {
        for (const partition of partitions) {
          expect(owners.get(`${topicId} ${partition}`)).toBeUndefined();
          owners.set(`${topicId} ${partition}`, memberId);
        }
      }
    }
  }

  /** A coordinator that reads the log knows what this one does. */
  checkRecovery(): void {
    this.world.resumeDisk();
    const recovered = this.world.load();
    const live = this.#describe(this.world.coordinator);
    if (live.errorCode === 0) expect(this.#describe(recovered)).toEqual(live);
    else expect(this.#describe(recovered).errorCode).toBe(live.errorCode);
    const classic = this.#describeClassic(this.world.coordinator);
    if (classic.groupState === "Stable") expect(this.#describeClassic(recovered)).toEqual(classic);
  }

  /** When all members do what they should, and nothing else happens, everybody has its share and nothing is left over. */
  checkConvergence(): void {
    this.world.resumeDisk();
    for (let round = 0; round < 30; round++) {
      for (const each of this.#members) each.heartbeat(false);
      for (const each of this.#classics) for (let i = 0; i < 3; i++) each.step();
      this.world.later(HEARTBEAT_MS);
      this.checkOwners();
    }
    const { groupState, members } = this.#describe(this.world.coordinator);
    expect(groupState).toBe("Stable");
    expect(members.length).toBe(this.#members.length + this.#classics.length);
    const all = [...this.#members, ...this.#classics].map(({ owned }) => owned);
    const partitions = TOPICS.flatMap((topic) => {
      const count = this.world.topics.topic(topic)?.partitionCount ?? 0;
      return Array.from({ length: count }, (_, partition) => topic + partition);
    });
    expect(all.flatMap((owned) => [...owned]).sort()).toEqual(partitions.sort());
  }

  #describe(coordinator: GroupCoordinator): DescribedConsumerGroup {
    return ask((reply) => coordinator.describeConsumerGroup(GROUP, 0, reply));
  }

  #describeClassic(coordinator: GroupCoordinator): DescribedGroup {
    return ask((reply) => coordinator.describeGroup(GROUP, { ...context, apiVersion: 5 }, 0, reply));
  }
}

function ask<T>(question: (reply: (response: T) => void) => { readonly replies: readonly (() => void)[] }): T {
  let answer: T | undefined;
  const step = question((response) => {
    answer = response;
  });
  for (const reply of step.replies) reply();
  return defined(answer);
}

describe("any life of a consumer group", () => {
  it.each([
    { classics: 0, numRuns: 200 },
    { classics: 2, numRuns: 200 },
  ])(
    "has one owner a partition, recovers, and comes to rest, with $classics classic members",
    ({ classics, numRuns }) => {
      fc.assert(
        fc.property(events(classics), (list) => {
          const life = new Life(classics);
          for (const each of list) life.perform(each);
          life.checkRecovery();
          life.checkConvergence();
          life.checkRecovery();
        }),
        { numRuns },
      );
    },
  );
});
