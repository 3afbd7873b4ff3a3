import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Assignor, serdes } from "../../client/index.ts";
import { encodeVersioned } from "../../protocol/codec.ts";
import { StreamsBuilder } from "../dsl/streams-builder.ts";
import { type TaskId, taskName } from "../tasks/task-id.ts";
import { shareTasks, streamsAssignor, type Worker, type WorkerShare } from "./assignor.ts";

const tasksOf = (...partitions: number[]): TaskId[] =>
  partitions.flatMap((count, subtopology) =>
    Array.from({ length: count }, (_, partition) => ({ subtopology, partition })),
  );
const worker = (memberId: string, activeTasks: TaskId[] = [], localTasks: TaskId[] = []): Worker => ({
  memberId,
  activeTasks,
  localTasks,
});
const names = (shares: Map<string, TaskId[]>): Record<string, string[]> =>
  Object.fromEntries([...shares].map(([memberId, tasks]) => [memberId, tasks.map(taskName).sort()]));

describe("sharing tasks", () => {
  it("spreads each subtopology", () => {
    expect(names(shareTasks(tasksOf(2, 2), [worker("a"), worker("b")]))).toEqual({
      a: ["0_0", "1_0"],
      b: ["0_1", "1_1"],
    });
  });

  it("leaves tasks where they run, and moves no more than balance needs", () => {
    const before = shareTasks(tasksOf(4, 4), [worker("a"), worker("b")]);
    const after = shareTasks(tasksOf(4, 4), [worker("a", before.get("a")), worker("b", before.get("b")), worker("c")]);
    const stayed = ["a", "b"].flatMap((id) => (after.get(id) ?? []).filter((task) => before.get(id)?.includes(task)));
    expect(stayed).toHaveLength(6);
    expect(after.get("c")).toHaveLength(2);
  });

  it("gives a worker that comes back the tasks whose stores it has", () => {
    const tasks = tasksOf(0, 4);
    const shares = shareTasks(tasks, [worker("a", [], tasks.slice(0, 2)), worker("b", [], tasks.slice(2))]);
    expect(names(shares)).toEqual({ a: ["1_0", "1_1"], b: ["1_2", "1_3"] });
  });

  it("running beats having been there", () => {
    const tasks = tasksOf(2);
    const shares = shareTasks(tasks, [worker("a", [], tasks), worker("b", [{ subtopology: 0, partition: 0 }])]);
    expect(names(shares)).toEqual({ a: ["0_1"], b: ["0_0"] });
  });

  it("property: every task once, balanced, and the same again when nothing changes", () => {
    const claim = fc.array(fc.record({ subtopology: fc.nat(2), partition: fc.nat(5) }));
    const claims = fc.array(fc.record({ activeTasks: claim, localTasks: claim }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.nat(6), { maxLength: 3 }), claims, (counts, told) => {
        const tasks = tasksOf(...counts);
        const workers = told.map((each, index) => ({ memberId: `m${index}`, ...each }));
        const shares = shareTasks(tasks, workers);
        expect([...shares.values()].flat().map(taskName).sort()).toEqual(tasks.map(taskName).sort());
        const sizes = [...shares.values()].map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        const settled = workers.map(({ memberId }) => worker(memberId, shares.get(memberId)));
        expect(names(shareTasks(tasks, settled))).toEqual(names(shares));
      }),
    );
  });
});

describe("streams assignor", () => {
  const builder = new StreamsBuilder();
  const text = { key: serdes.string, value: serdes.string };
  builder
    .stream("a", text)
    .merge(builder.stream("b", text))
    .groupBy((v) => v, text)
    .count({ store: "counts" });
  const topology = builder.build();

  const partitions = new Map([
    ["a", 2],
    ["b", 1],
    ["app-counts-repartition", 2],
  ]);
  const shares: WorkerShare[] = [];
  const nobody = { groupInstanceId: "i", topics: [], ownedPartitions: [], generationId: 1, userData: null };

  function assignorOf(activeTasks: TaskId[]): Assignor {
    return streamsAssignor({
      topology,
      applicationId: "app",
      inputs: partitions,
      ownTasks: () => ({ activeTasks, localTasks: [], rejoins: 0 }),
      onAssignment: (share) => shares.push(share),
    });
  }

  it("keeps a task's partitions together, those that exist", async () => {
    const owned = [
      { subtopology: 0, partition: 1 },
      { subtopology: 1, partition: 1 },
    ];
    const member = (memberId: string, activeTasks: TaskId[]) => ({
      memberId,
      groupInstanceId: null,
      topics: [],
      ownedPartitions: [],
      generationId: -1,
      userData: assignorOf(activeTasks).subscriptionUserData?.([]) ?? null,
    });
    const members = [member("first", []), member("second", owned)];
    const cluster = { partitionsOf: (topic: string) => partitions.get(topic) ?? 0 };
    const assignment = await assignorOf([]).assign(cluster, members);
    const show = (memberId: string) =>
      assignment.get(memberId)?.partitions.map(({ topic, partition }) => `${topic}-${partition}`);
    expect(show("first")).toEqual(["a-0", "b-0", "app-counts-repartition-0"]);
    expect(show("second")).toEqual(["a-1", "app-counts-repartition-1"]);
  });

  it("does not begin with tasks whose other parts a leader with another topology gives to others", async () => {
    const apart = new StreamsBuilder();
    for (const topic of ["a", "b"]) apart.stream(topic).to("c");
    const inputs = new Map([...partitions].filter(([topic]) => topic === "a" || topic === "b"));
    const leader = streamsAssignor({
      topology: apart.build(),
      applicationId: "app",
      inputs,
      ownTasks: () => ({ activeTasks: [], localTasks: [], rejoins: 0 }),
      onAssignment: () => {},
    });
    const given = async (memberIds: readonly string[]): Promise<string[]> => {
      const members = memberIds.map((memberId) => ({ ...nobody, memberId }));
      const assignment = await leader.assign({ partitionsOf: (topic) => inputs.get(topic) ?? 0 }, members);
      return memberIds.map((memberId) => {
        const ofMember = assignment.get(memberId) ?? { partitions: [] };
        assignorOf([]).onAssignment?.(ofMember, { generationId: 1, memberId });
        const share = shares.at(-1);
        const whole = share?.partitions.map(({ topic, partition }) => `${topic}-${partition}`);
        return `${whole?.join(" and ")}${share?.isDivided ? ", divided" : ""}${share?.isOutdated ? ", outdated" : ""}`;
      });
    };
    expect(await given(["1", "2", "3"])).toEqual([", divided, outdated", "a-1, outdated", ", divided, outdated"]);
    expect(await given(["1", "2"])).toEqual(["a-0 and b-0, outdated", "a-1, outdated"]);
  });

  it("reads what a leader of the version before gives, which does not say how topics are put together", () => {
    const data = {
      name: "OncillaStreamsShare",
      versions: [0, 0],
      flexible: Number.POSITIVE_INFINITY,
      fields: { inputs: { array: { topic: "string", partitions: "int32" } } },
    } as const;
    const inputs = [...partitions].sort().map(([topic, count]) => ({ topic, partitions: count }));
    const userData = encodeVersioned(data, 0, { inputs });
    const given = [0, 1].map((partition) => ({ topic: "a", partition }));
    assignorOf([]).onAssignment?.({ partitions: given, userData }, { generationId: 1, memberId: "m" });
    expect(shares.at(-1)).toEqual({ partitions: given.slice(1), isOutdated: true, isDivided: true });
    // Nothing to ask for a rebalance for, or to warn of.
    const whole = [...given, { topic: "b", partition: 0 }];
    assignorOf([]).onAssignment?.({ partitions: whole, userData }, { generationId: 1, memberId: "m" });
    expect(shares.at(-1)).toEqual({ partitions: whole, isOutdated: false, isDivided: false });
  });

  it.each([
    ["the same inputs", new Map(partitions), false],
    ["a topic that has grown", new Map(partitions).set("a", 3), true],
    ["another topic", new Map([["c", 2]]), true],
  ])("tells an inherited share that was made of %s", async (_name, made, isOutdated) => {
    const assignor = assignorOf([]);
    const members = [{ ...nobody, memberId: "m" }];
    const assignment = await assignor.assign({ partitionsOf: (topic) => made.get(topic) ?? 0 }, members);
    assignor.onAssignment?.(assignment.get("m") ?? { partitions: [] }, { generationId: 1, memberId: "m" });
    expect(shares.at(-1)?.isOutdated).toBe(isOutdated);
  });
});
