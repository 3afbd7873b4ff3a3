import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TopicPartition } from "../../types.ts";
import type { Assignor, AssignorCluster, GroupMember, MemberAssignment } from "../assignor.ts";
import { cooperativeStickyAssignor } from "./cooperative-sticky.ts";
import { rangeAssignor } from "./range.ts";
import { roundRobinAssignor } from "./round-robin.ts";

type Counts = Readonly<Record<string, number>>;

function clusterOf(counts: Counts): AssignorCluster {
  return { partitionsOf: (topic) => counts[topic] ?? 0 };
}

/** "a@i: t0 t1; b: t0" names members, their instances and what they subscribe to. */
function membersOf(text: string): GroupMember[] {
  return text.split("; ").map((each) => {
    const [name = "", topics = ""] = each.split(": ");
    const [memberId = "", groupInstanceId = null] = name.split("@");
    const nothing = { ownedPartitions: [], generationId: -1, userData: null };
    return { memberId, groupInstanceId, topics: topics.split(" "), ...nothing };
  });
}

async function assign(
  assignor: Assignor,
  counts: Counts,
  members: readonly GroupMember[],
): Promise<ReadonlyMap<string, MemberAssignment>> {
  return assignor.assign(clusterOf(counts), members);
}

function name({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function show(assignments: ReadonlyMap<string, MemberAssignment>): string {
  return [...assignments]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([memberId, { partitions }]) => `${memberId}: ${partitions.map(name).sort().join(" ")}`)
    .join("; ");
}

describe("as kafka-clients 4.3.1 assigns", () => {
  // Topics, members, what its RangeAssignor gives, what its RoundRobinAssignor gives.
  const cases: readonly (readonly [Counts, string, string, string])[] = [
    [
      { t0: 1, t1: 1, t2: 4 },
      "mv0@i9: t1 t2; mv1@i8: t0 t2",
      "mv0: t1-0 t2-2 t2-3; mv1: t0-0 t2-0 t2-1",
      "mv0: t1-0 t2-1 t2-3; mv1: t0-0 t2-0 t2-2",
    ],
    [
      { t0: 3, t1: 7, t2: 3 },
      "mb0@i9: t0 t1 t2; mn1: t2; mb2: t0",
      "mb0: t0-0 t0-1 t1-0 t1-1 t1-2 t1-3 t1-4 t1-5 t1-6 t2-0 t2-1; mb2: t0-2; mn1: t2-2",
      "mb0: t0-0 t0-2 t1-0 t1-1 t1-2 t1-3 t1-4 t1-5 t1-6 t2-1; mb2: t0-1; mn1: t2-0 t2-2",
    ],
    [{ t0: 0, t1: 4 }, "me0: t0 t1; mw1: t0", "me0: t1-0 t1-1 t1-2 t1-3; mw1: ", "me0: t1-0 t1-1 t1-2 t1-3; mw1: "],
    [
      { t0: 1, t1: 3, t2: 6 },
      "mt0: t0 t1 t2; ml1: t1 t2; mv2: t0 t2; mo3: t0",
      "ml1: t1-0 t1-1 t2-0 t2-1; mo3: t0-0; mt0: t1-2 t2-2 t2-3; mv2: t2-4 t2-5",
      "ml1: t1-1 t2-1 t2-4; mo3: t0-0; mt0: t1-0 t1-2 t2-2 t2-5; mv2: t2-0 t2-3",
    ],
    [
      { t0: 6, t1: 4, t2: 3 },
      "mz0: t0 t1; md1: t0 t1 t2; ml2: t0",
      "md1: t0-0 t0-1 t1-0 t1-1 t2-0 t2-1 t2-2; ml2: t0-2 t0-3; mz0: t0-4 t0-5 t1-2 t1-3",
      "md1: t0-0 t0-3 t1-0 t1-2 t2-0 t2-1 t2-2; ml2: t0-1 t0-4; mz0: t0-2 t0-5 t1-1 t1-3",
    ],
    [
      { t0: 3 },
      "my0@i9: t0; mt1@i8: t0; mv2: t0; ml3: t0",
      "ml3: t0-2; mt1: t0-0; mv2: ; my0: t0-1",
      "ml3: t0-2; mt1: t0-0; mv2: ; my0: t0-1",
    ],
    [
      { t0: 4, t1: 6, t2: 2 },
      "ml0: t0; me1@i8: t0 t1 t2; mt2@i7: t0 t1 t2",
      "me1: t0-2 t1-3 t1-4 t1-5 t2-1; ml0: t0-3; mt2: t0-0 t0-1 t1-0 t1-1 t1-2 t2-0",
      "me1: t0-1 t1-0 t1-2 t1-4 t2-0; ml0: t0-2; mt2: t0-0 t0-3 t1-1 t1-3 t1-5 t2-1",
    ],
  ];

  it.each(cases)("%o to %s", async (counts, members, byRange, byRoundRobin) => {
    expect(show(await assign(rangeAssignor, counts, membersOf(members)))).toBe(byRange);
    expect(show(await assign(roundRobinAssignor, counts, membersOf(members)))).toBe(byRoundRobin);
  });
});

const topics = ["t0", "t1", "t2"];
const anyCounts = fc.record({ t0: fc.nat(9), t1: fc.nat(9), t2: fc.nat(9) });
const anyMembers = fc
  .array(
    fc.record({
      memberId: fc.string({ minLength: 1, maxLength: 3 }),
      groupInstanceId: fc.option(fc.string({ minLength: 1, maxLength: 3 })),
      topics: fc.subarray(topics, { minLength: 1 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((members) =>
    members.map((member, i) => ({
      ...member,
      memberId: `${member.memberId}${i}`,
      ownedPartitions: [] as TopicPartition[],
      generationId: -1,
      userData: null,
    })),
  );

/** Every partition that someone wants. */
function wanted(counts: Counts, members: readonly GroupMember[]): string[] {
  const all = topics.filter((topic) => members.some((member) => member.topics.includes(topic)));
  return all.flatMap((topic) =>
    Array.from({ length: counts[topic] ?? 0 }, (_, partition) => name({ topic, partition })),
  );
}

function given(assignments: ReadonlyMap<string, MemberAssignment>): string[] {
  return [...assignments.values()].flatMap(({ partitions }) => partitions.map(name)).sort();
}

/** How far the fullest member is ahead of one that could take something of it. */
function imbalance(assignments: ReadonlyMap<string, MemberAssignment>, members: readonly GroupMember[]): number {
  let worst = 0;
  for (const { memberId } of members) {
    const share = assignments.get(memberId)?.partitions ?? [];
    for (const other of members) {
      if (!share.some(({ topic }) => other.topics.includes(topic))) continue;
      worst = Math.max(worst, share.length - (assignments.get(other.memberId)?.partitions.length ?? 0));
    }
  }
  return worst;
}

/** What the members do with an assignment: keep it, and say so the next time. */
function holding(
  assignments: ReadonlyMap<string, MemberAssignment>,
  members: readonly GroupMember[],
  generationId: number,
): GroupMember[] {
  return members.map((member) => {
    const ownedPartitions = assignments.get(member.memberId)?.partitions ?? [];
    return { ...member, ownedPartitions, generationId };
  });
}

describe.each([rangeAssignor, roundRobinAssignor, cooperativeStickyAssignor])("$name", (assignor) => {
  it("gives each partition that is wanted to one member that wants it, the same for every order of the members", async () => {
    await fc.assert(
      fc.asyncProperty(anyCounts, anyMembers, async (counts, members) => {
        const assignments = await assign(assignor, counts, members);
        expect([...assignments.keys()].sort()).toEqual(members.map(({ memberId }) => memberId).sort());
        expect(given(assignments)).toEqual(wanted(counts, members).sort());
        for (const { memberId, topics } of members) {
          for (const { topic } of assignments.get(memberId)?.partitions ?? []) expect(topics).toContain(topic);
        }
        const distinct = new Set(members.map(({ groupInstanceId }) => groupInstanceId)).size === members.length;
        if (distinct) expect(show(await assign(assignor, counts, members.toReversed()))).toBe(show(assignments));
      }),
    );
  });
});

describe("cooperative sticky", () => {
  it("is balanced: nobody has two more than another who could take one of them", async () => {
    await fc.assert(
      fc.asyncProperty(anyCounts, anyMembers, async (counts, members) => {
        expect(imbalance(await assign(cooperativeStickyAssignor, counts, members), members)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("changes nothing when nothing has changed", async () => {
    await fc.assert(
      fc.asyncProperty(anyCounts, anyMembers, async (counts, members) => {
        const first = await assign(cooperativeStickyAssignor, counts, members);
        const second = await assign(cooperativeStickyAssignor, counts, holding(first, members, 1));
        expect(show(second)).toBe(show(first));
      }),
    );
  });

  it("never gives away what someone still holds, and is balanced again after a few rebalances", async () => {
    const change = fc.record({ leaves: fc.nat(5), joins: anyMembers, counts: anyCounts });
    await fc.assert(
      fc.asyncProperty(anyCounts, anyMembers, change, async (counts, before, { leaves, joins, counts: grown }) => {
        const first = await assign(cooperativeStickyAssignor, counts, before);
        const stay = holding(first, before, 1).filter((_, i) => i !== leaves);
        const members = [...stay, ...joins.map((member) => ({ ...member, memberId: `new ${member.memberId}` }))];
        // Topics only ever grow.
        const now = Object.fromEntries(
          topics.map((topic) => [topic, Math.max(counts[topic as "t0"], grown[topic as "t0"])]),
        );
        const moving = await assign(cooperativeStickyAssignor, now, members);
        const owners = new Map(
          stay.flatMap(({ memberId, ownedPartitions }) => ownedPartitions.map((each) => [name(each), memberId])),
        );
        for (const [memberId, { partitions }] of moving) {
          for (const each of partitions) expect(owners.get(name(each)) ?? memberId).toBe(memberId);
        }
        // Two rebalances, or a few more when subscriptions differ.
        let settled = moving;
        for (let generation = 2; generation < 6; generation++) {
          settled = await assign(cooperativeStickyAssignor, now, holding(settled, members, generation));
        }
        expect(given(settled)).toEqual(wanted(now, members).sort());
        expect(imbalance(settled, members)).toBeLessThanOrEqual(1);
        const again = await assign(cooperativeStickyAssignor, now, holding(settled, members, 6));
        expect(show(again)).toBe(show(settled));
      }),
    );
  });

  it("moves no more than balance asks for, when a member joins", async () => {
    const counts = { t0: 12 };
    const [a, b] = membersOf("a: t0; b: t0") as [GroupMember, GroupMember];
    const first = await assign(cooperativeStickyAssignor, counts, [a, b]);
    const [c] = membersOf("c: t0") as [GroupMember];
    const members = [...holding(first, [a, b], 1), c];
    const moving = await assign(cooperativeStickyAssignor, counts, members);
    expect([...moving.values()].map(({ partitions }) => partitions.length)).toEqual([4, 4, 0]);
    const settled = await assign(cooperativeStickyAssignor, counts, holding(moving, members, 2));
    expect([...settled.values()].map(({ partitions }) => partitions.length)).toEqual([4, 4, 4]);
    for (const [memberId, { partitions }] of moving) {
      expect(settled.get(memberId)?.partitions).toEqual(expect.arrayContaining([...partitions]));
    }
  });

  it("believes the newer of two claims to a partition, and neither of two equal ones", async () => {
    const partition = { topic: "t0", partition: 0 };
    const claims = (older: number, newer: number): GroupMember[] =>
      membersOf("a: t0; b: t0").map((member, i) => ({
        ...member,
        ownedPartitions: [partition],
        generationId: i === 0 ? older : newer,
      }));
    expect(show(await assign(cooperativeStickyAssignor, { t0: 1 }, claims(4, 5)))).toBe("a: ; b: t0-0");
    expect(show(await assign(cooperativeStickyAssignor, { t0: 1 }, claims(5, 4)))).toBe("a: t0-0; b: ");
    // Both give it up; one gets it in the rebalance that follows.
    expect(show(await assign(cooperativeStickyAssignor, { t0: 1 }, claims(5, 5)))).toBe("a: ; b: ");
  });
});
