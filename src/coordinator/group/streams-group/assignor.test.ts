import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignTasks, type TaskAssignorInput, type TaskAssignorMember } from "./assignor.ts";
import { keysOf, NO_TASKS, sameTasks, type Tasks, taskKey, taskSet } from "./tasks.ts";

const subtopologyIds = ["0", "1", "2"];
const processIds = ["P", "Q", "R"];

/** Members with what they had before; two may have had the same, as in a log of another broker's. */
function inputs(standbyReplicas: fc.Arbitrary<number>): fc.Arbitrary<TaskAssignorInput> {
  const partitions = fc.uniqueArray(fc.nat(7), { maxLength: 6 });
  const tasks = fc.dictionary(fc.constantFrom(...subtopologyIds, "gone"), partitions, { maxKeys: 3 });
  const member = fc.record({ processId: fc.constantFrom(...processIds), active: tasks, standby: tasks });
  const members = fc.array(member, { minLength: 1, maxLength: 6 }).map((list) => list.map(toMember));
  const counts = fc.array(fc.nat(6), { minLength: subtopologyIds.length, maxLength: subtopologyIds.length });
  return fc.record({ members, counts, standbyReplicas }).map(({ counts: taskCounts, ...rest }) => {
    const subtopologies = subtopologyIds.map((subtopologyId, i) => {
      return { subtopologyId, taskCount: taskCounts[i] ?? 0, isStateful: subtopologyId !== "0" };
    });
    return { ...rest, subtopologies };
  });
}

interface Described {
  readonly processId: string;
  readonly active: Readonly<Record<string, number[]>>;
  readonly standby: Readonly<Record<string, number[]>>;
}

function toMember({ processId, active, standby }: Described, index: number): TaskAssignorMember {
  const toTasks = (tasks: Described["active"]): Tasks["active"] =>
    taskSet(Object.entries(tasks).map(([subtopologyId, partitions]) => ({ subtopologyId, partitions })));
  return {
    memberId: `member-${index}`,
    processId,
    target: { ...NO_TASKS, active: toTasks(active), standby: toTasks(standby) },
  };
}

function allTasks({ subtopologies }: TaskAssignorInput): string[] {
  return subtopologies.flatMap(({ subtopologyId, taskCount }) =>
    Array.from({ length: taskCount }, (_, partition) => taskKey(subtopologyId, partition)),
  );
}

/** Who has each task of a role. */
function holders(input: TaskAssignorInput, assigned: ReadonlyMap<string, Tasks>, role: "active" | "standby") {
  const all = new Map<string, TaskAssignorMember[]>(allTasks(input).map((key) => [key, []]));
  for (const member of input.members) {
    for (const key of keysOf(assigned.get(member.memberId)?.[role] ?? new Map())) all.get(key)?.push(member);
  }
  return all;
}

const without = inputs(fc.constant(0));
const withStandbys = inputs(fc.integer({ min: 1, max: 3 }));

describe("tasks", () => {
  it("are each active at one member, and nothing else is", () => {
    fc.assert(
      fc.property(withStandbys, (input) => {
        const assigned = assignTasks(input);
        for (const members of holders(input, assigned, "active").values()) expect(members.length).toBe(1);
        const keys = [...assigned.values()].flatMap(({ active }) => [...keysOf(active)]);
        expect(keys.sort()).toEqual(allTasks(input).sort());
      }),
    );
  });

  it("are as many for each member, and one more for some", () => {
    fc.assert(
      fc.property(without, (input) => {
        const assigned = [...assignTasks(input).values()];
        const counts = assigned.map(({ active }) => [...keysOf(active)].length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("move only when somebody has too many, and then no more than that", () => {
    const onlyOne = without.map((input) => ({ ...input, subtopologies: input.subtopologies.slice(0, 1) }));
    fc.assert(
      fc.property(onlyOne, (input) => {
        const had = holders(input, new Map(input.members.map(({ memberId, target }) => [memberId, target])), "active");
        const heldBefore = input.members.map(
          (member) => [...had.values()].filter(([first]) => first === member).length,
        );
        const count = had.size;
        const [least, larger] = [Math.floor(count / input.members.length), count % input.members.length];
        // As many members as there are larger shares keep one more.
        const kept = heldBefore
          .toSorted((a, b) => b - a)
          .reduce((sum, held, i) => sum + Math.min(held, i < larger ? least + 1 : least), 0);
        const has = holders(input, assignTasks(input), "active");
        const stayed = [...has].filter(([key, [member]]) => had.get(key)?.[0] === member && member !== undefined);
        expect(stayed.length).toBe(kept);
      }),
    );
  });

  it("stay where they are when nothing has changed", () => {
    fc.assert(
      fc.property(withStandbys, (input) => {
        const first = assignTasks(input);
        const members = input.members.map((member) => ({ ...member, target: first.get(member.memberId) ?? NO_TASKS }));
        const second = assignTasks({ ...input, members });
        for (const { memberId, target } of members) {
          expect(sameTasks(second.get(memberId) ?? NO_TASKS, target)).toBe(true);
        }
      }),
    );
  });

  it("go to who has their state, when who had them is gone", () => {
    const target = { ...NO_TASKS, standby: taskSet([{ subtopologyId: "1", partitions: [1] }]) };
    const members = ["a", "b", "c"].map((memberId) => ({ memberId, processId: memberId, target: NO_TASKS as Tasks }));
    const input = { subtopologies: [{ subtopologyId: "1", taskCount: 3, isStateful: true }], standbyReplicas: 0 };
    for (const one of members) {
      const known = members.map((member) => (member === one ? { ...member, target } : member));
      const assigned = assignTasks({ ...input, members: known });
      expect([...keysOf(assigned.get(one.memberId)?.active ?? new Map())]).toEqual(["1_1"]);
    }
  });
});

describe("standbys", () => {
  it("are of tasks with state, as many as wanted, each in another process", () => {
    fc.assert(
      fc.property(withStandbys, (input) => {
        const assigned = assignTasks(input);
        const active = holders(input, assigned, "active");
        const processes = new Set(input.members.map(({ processId }) => processId)).size;
        for (const [key, members] of holders(input, assigned, "standby")) {
          const others = members.map(({ processId }) => processId);
          const wanted = key.startsWith("0_") ? 0 : Math.min(input.standbyReplicas, processes - 1);
          expect(others.length).toBe(wanted);
          expect(new Set([...others, active.get(key)?.[0]?.processId]).size).toBe(wanted + 1);
        }
      }),
    );
  });

  it("are divided among processes by how many members these have", () => {
    const members = ["a", "b", "c", "d"].map((memberId) => ({ memberId, processId: memberId, target: NO_TASKS }));
    const subtopologies = [{ subtopologyId: "1", taskCount: 8, isStateful: true }];
    const assigned = assignTasks({ members, subtopologies, standbyReplicas: 1 });
    expect([...assigned.values()].map(({ standby }) => [...keysOf(standby)].length)).toEqual([2, 2, 2, 2]);
  });
});
