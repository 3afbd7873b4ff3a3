import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { each, partitionSet, samePartitions } from "../../partitions.ts";
import type { Assignor, AssignorInput, AssignorMember } from "./assignor.ts";
import { rangeAssignor } from "./range.ts";
import { uniformAssignor } from "./uniform.ts";

const topicIds = ["s", "t", "u", "v"];

/** Members with what they had before; two may have had the same, as in a log of another broker's. */
function inputs(subscriptions: fc.Arbitrary<readonly string[]>): fc.Arbitrary<AssignorInput> {
  const partitions = fc.uniqueArray(fc.nat(11), { maxLength: 12 });
  const target = fc.dictionary(fc.constantFrom(...topicIds, "gone"), partitions, { maxKeys: 4 });
  const member = fc.record({ reads: subscriptions, target, isStatic: fc.boolean() });
  const members = fc.array(member, { minLength: 1, maxLength: 7 });
  const counts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: topicIds.length, maxLength: topicIds.length });
  return fc.record({ members, counts }).map(({ members: described, counts: sizes }) => {
    const topics = new Map(topicIds.map((id, i) => [id, sizes[i] ?? 1]));
    return { topics, members: described.map((each, i) => toMember(each, i)) };
  });
}

function toMember(
  described: { reads: readonly string[]; target: Record<string, number[]>; isStatic: boolean },
  index: number,
): AssignorMember {
  const topics = Object.entries(described.target).map(([topicId, partitions]) => ({ topicId, partitions }));
  return {
    memberId: `member-${index}`,
    instanceId: described.isStatic ? `instance-${9 - index}` : null,
    topicIds: new Set(described.reads),
    target: partitionSet(topics),
  };
}

const anySubscriptions = inputs(fc.subarray(topicIds));
const sameSubscriptions = inputs(fc.constant(topicIds));

/** Partitions of each member, as "t3". */
function assign(assignor: Assignor, input: AssignorInput): Map<string, string[]> {
  const assigned = assignor.assign(input);
  return new Map(
    input.members.map(({ memberId }) => {
      return [memberId, Array.from(each(assigned.get(memberId) ?? new Map()), ([id, partition]) => id + partition)];
    }),
  );
}

function readersOf({ members }: AssignorInput, topicId: string): string[] {
  return members.filter((member) => member.topicIds.has(topicId)).map(({ memberId }) => memberId);
}

describe.each([uniformAssignor, rangeAssignor])("$name", (assignor) => {
  it("gives each partition that somebody reads to one who reads it", () => {
    fc.assert(
      fc.property(anySubscriptions, (input) => {
        const holders = new Map<string, string>();
        for (const [memberId, partitions] of assign(assignor, input)) {
          for (const partition of partitions) {
            expect(holders.has(partition)).toBe(false);
            holders.set(partition, memberId);
          }
        }
        for (const [topicId, partitionCount] of input.topics) {
          const readers = readersOf(input, topicId);
          for (let p = 0; p < partitionCount; p++) {
            const holder = holders.get(topicId + p);
            if (readers.length === 0) expect(holder).toBeUndefined();
            else expect(readers).toContain(holder);
            holders.delete(topicId + p);
          }
        }
        expect(holders.size).toBe(0);
      }),
    );
  });

  it("changes nothing when nothing has changed", () => {
    fc.assert(
      fc.property(anySubscriptions, (input) => {
        const first = assignor.assign(input);
        const members = input.members.map((member) => ({ ...member, target: first.get(member.memberId) ?? new Map() }));
        const second = assignor.assign({ ...input, members });
        for (const { memberId, target } of members) {
          expect(samePartitions(second.get(memberId) ?? new Map(), target)).toBe(true);
        }
      }),
    );
  });
});

describe("uniform", () => {
  it("gives everyone the same, and one partition more to some, where all read the same", () => {
    fc.assert(
      fc.property(sameSubscriptions, (input) => {
        const counts = Array.from(assign(uniformAssignor, input).values(), (partitions) => partitions.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("moves no partition that could stay, where all read the same", () => {
    fc.assert(
      fc.property(sameSubscriptions, (input) => {
        const before = new Map<string, string>();
        const had = new Map<string, number>(input.members.map(({ memberId }) => [memberId, 0]));
        for (const { memberId, target } of input.members) {
          for (const [topicId, partition] of each(target)) {
            if (partition >= (input.topics.get(topicId) ?? 0) || before.has(topicId + partition)) continue;
            before.set(topicId + partition, memberId);
            had.set(memberId, (had.get(memberId) ?? 0) + 1);
          }
        }
        let kept = 0;
        for (const [memberId, partitions] of assign(uniformAssignor, input)) {
          kept += partitions.filter((partition) => before.get(partition) === memberId).length;
        }
        expect(kept).toBe(mostThatCanStay([...had.values()], input));
      }),
    );
  });

  /** Those that had most are the ones that may have one more than others. */
  function mostThatCanStay(had: number[], { topics, members }: AssignorInput): number {
    const total = [...topics.values()].reduce((sum, count) => sum + count, 0);
    const share = Math.floor(total / members.length);
    const larger = total % members.length;
    had.sort((a, b) => b - a);
    return had.reduce((sum, count, i) => sum + Math.min(count, share + (i < larger ? 1 : 0)), 0);
  }

  it("leaves no move that would make it more even, whatever members read", () => {
    fc.assert(
      fc.property(anySubscriptions, (input) => {
        const assigned = assign(uniformAssignor, input);
        const counts = new Map(Array.from(assigned, ([memberId, partitions]) => [memberId, partitions.length]));
        for (const [memberId, partitions] of assigned) {
          for (const partition of partitions) {
            for (const reader of readersOf(input, partition.charAt(0))) {
              expect((counts.get(memberId) ?? 0) - (counts.get(reader) ?? 0)).toBeLessThanOrEqual(1);
            }
          }
        }
      }),
    );
  });

  it("divides a hundred thousand partitions among a thousand members at once", () => {
    const members = Array.from({ length: 1000 }, (_, i) => ({
      memberId: `member-${i}`,
      instanceId: null,
      topicIds: new Set(topicIds),
      target: new Map<string, ReadonlySet<number>>(),
    }));
    const topics = new Map(topicIds.map((id) => [id, 25_000]));
    const counts = Array.from(assign(uniformAssignor, { members, topics }).values(), (partitions) => partitions.length);
    expect(new Set(counts)).toEqual(new Set([100]));
  });
});

describe("range", () => {
  it("gives ranges, the larger ones first, static members first", () => {
    const members = ["d", "c", "b", "a"].map((memberId) => ({
      memberId,
      instanceId: memberId === "c" ? "z" : memberId === "d" ? "y" : null,
      topicIds: new Set(["t", "u"]),
      target: new Map<string, ReadonlySet<number>>(),
    }));
    const topics = new Map([
      ["t", 6],
      ["u", 3],
    ]);
    expect(Object.fromEntries(assign(rangeAssignor, { members, topics }))).toEqual({
      d: ["t0", "t1", "u0"],
      c: ["t2", "t3", "u1"],
      a: ["t4", "u2"],
      b: ["t5"],
    });
  });

  it("divides topics alike that have the same partitions and readers", () => {
    fc.assert(
      fc.property(sameSubscriptions, ({ members, topics }) => {
        const alike = new Map(Array.from(topics.keys(), (id) => [id, 6]));
        for (const partitions of assign(rangeAssignor, { members, topics: alike }).values()) {
          const byTopic = topicIds.map((id) =>
            partitions.filter((each) => each.startsWith(id)).map((each) => each.slice(1)),
          );
          expect(new Set(byTopic.map(String)).size).toBe(1);
        }
      }),
    );
  });
});
