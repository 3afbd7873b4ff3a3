/** Streams groups (KIP-1071): what they take and refuse, and how tasks go from one member to the next. */
import type { Script } from "../compare.ts";
import { newcomer as consumer, describeConsumerGroup, pulse as pulseConsumer } from "../verbs/consumer-groups.ts";
import {
  beat,
  commit,
  committed,
  deleteGroup,
  describeGroup,
  join,
  joinAnew,
  leave,
  outsider,
  sync,
} from "../verbs/groups.ts";
import {
  type Beat,
  describeStreamsGroup,
  enter,
  has,
  internalTopic,
  newcomer,
  pulse,
  pulseAside,
  reads,
} from "../verbs/streams-groups.ts";
import { find } from "../verbs/transactions.ts";

const NO_TASKS = { activeTasks: [], standbyTasks: [], warmupTasks: [] };

const scripts: readonly Script[] = [
  {
    name: "streams groups: what is refused",
    async run(side) {
      await side.createTopic("t", 2);
      await find(side, "group", "g");
      const topology = { epoch: 0, subtopologies: [reads(side, ["t"])] };
      const whole: Partial<Beat> = { topology, ...NO_TASKS, processId: "p", rebalanceTimeoutMs: 60_000 };
      const m = newcomer("m");
      const at = (epoch: number) => ({ ...m, epoch });
      const refused: readonly (readonly [note: string, group: string, member: typeof m, said: Partial<Beat>])[] = [
        ["no group", "", m, whole],
        ["a blank group", "g", m, { ...whole, groupId: " " }],
        ["no member", "g", { ...m, name: "" }, whole],
        ["a blank member", "g", m, { ...whole, memberId: " " }],
        ["epoch -3", "g", at(-3), {}],
        ["away, and not static", "g", at(-2), {}],
        ["away, and static", "g", at(-2), { instanceId: "i" }],
        ["static", "g", m, { ...whole, instanceId: "i" }],
        ["a blank instance", "g", m, { ...whole, instanceId: " " }],
        ["a blank rack", "g", m, { ...whole, rackId: " " }],
        ["a topology at epoch 1", "g", at(1), { topology }],
        ["a topology of who leaves", "g", at(-1), { topology }],
        ["no rebalance timeout", "g", m, { ...whole, rebalanceTimeoutMs: -1 }],
        ["no topology", "g", m, { ...whole, topology: null }],
        ["no active tasks said", "g", m, { ...whole, activeTasks: null }],
        ["no standby tasks said", "g", m, { ...whole, standbyTasks: null }],
        ["no warm-up tasks said", "g", m, { ...whole, warmupTasks: null }],
        ["active tasks", "g", m, { ...whole, activeTasks: [{ subtopologyId: "0", partitions: [0] }] }],
        ["standby tasks", "g", m, { ...whole, standbyTasks: [{ subtopologyId: "0", partitions: [0] }] }],
        ["one kind of tasks only", "g", at(1), { activeTasks: [] }],
        [
          "a regular expression",
          "g",
          m,
          { ...whole, topology: { epoch: 0, subtopologies: [reads(side, [], { sourceTopicRegex: ["t.*"] })] } },
        ],
        ["no group is there, epoch 1", "g", at(1), {}],
        ["no group is there, leaves", "g", at(-1), {}],
        ["no process", "g", { ...m, name: "no process" }, { ...whole, processId: null }],
      ];
      for (const [note, group, member, said] of refused) await pulse(side, group, member, said, { note });
      await describeStreamsGroup(side, "g");
    },
  },
  {
    name: "streams groups: tasks go from one to the next",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "group", "g");
      await describeStreamsGroup(side, "g", { note: "not there" });
      const program = [reads(side, ["t"])];
      let m = await enter(side, "g", "m", program);
      await describeStreamsGroup(side, "g", { note: "one member" });
      m = await pulse(side, "g", m);
      m = await has(side, "g", m);
      await commit(side, "g", { memberId: side.unique("m"), generationId: m.epoch }, topic, 5, { note: "of m" });
      await commit(side, "g", { memberId: side.unique("m"), generationId: m.epoch + 1 }, topic, 6, {
        note: "of a later m",
      });
      await commit(side, "g", { memberId: side.unique("m"), generationId: m.epoch }, topic, 6, {
        version: 8,
        note: "v8",
      });
      await commit(side, "g", outsider, topic, 7, { note: "from outside" });
      await committed(side, "g", topic, { version: 9, member: { memberId: side.unique("m"), memberEpoch: m.epoch } });
      await committed(side, "g", topic, { version: 9, member: { memberId: side.unique("m"), memberEpoch: 99 } });
      await committed(side, "g", topic, { version: 9, member: { memberId: side.unique("who"), memberEpoch: 1 } });
      let n = await enter(side, "g", "n", program);
      await describeStreamsGroup(side, "g", { note: "n has joined" });
      n = await pulse(side, "g", n);
      const before = m;
      m = await pulse(side, "g", m, {}, { note: "m learns that it is to give up a task" });
      await describeStreamsGroup(side, "g", { note: "m gives up" });
      n = await pulse(side, "g", n, {}, { note: "n waits" });
      await has(side, "g", before, { active: "0_0 0_1", note: "m has not given up what it should" });
      m = await has(side, "g", m);
      n = await pulse(side, "g", n, {}, { note: "n gets a task" });
      await commit(side, "g", { memberId: side.unique("m"), generationId: before.epoch }, topic, 8, {
        note: "of the epoch before",
      });
      await pulse(side, "g", { ...m, epoch: 1 }, {}, { note: "of an old epoch" });
      await pulse(side, "g", { ...m, epoch: 77 }, {}, { note: "of an epoch to come" });
      await pulse(side, "g", { ...newcomer("who"), epoch: 3 }, {}, { note: "of nobody" });
      await has(side, "g", m, { active: "0_7" });
      await has(side, "g", m, { active: "5_0" });
      await describeStreamsGroup(side, "g", { note: "both" });
      m = await pulse(side, "g", { ...m, epoch: -1 }, {}, { note: "m leaves" });
      await pulse(side, "g", { ...m, epoch: -1 }, {}, { note: "m leaves again" });
      n = await has(side, "g", n);
      await pulse(
        side,
        "g",
        { ...n, epoch: 0 },
        { ...NO_TASKS, rebalanceTimeoutMs: 60_000, topology: { epoch: 0, subtopologies: program } },
        { note: "n joins again" },
      );
      await deleteGroup(side, ["g"], { note: "with a member" });
      await pulse(side, "g", { ...n, epoch: -1 }, {}, { note: "n leaves" });
      await describeStreamsGroup(side, "g", { note: "empty" });
      await commit(side, "g", outsider, topic, 9, { note: "from outside, empty" });
      await committed(side, "g", topic);
      await deleteGroup(side, ["g"]);
      await describeStreamsGroup(side, "g", { note: "deleted" });
    },
  },
  {
    name: "streams groups: topologies that differ, and topics that are missing",
    async run(side) {
      await side.createTopic("t", 2);
      await side.createTopic("u", 3);
      await find(side, "group", "g");
      const m = await enter(side, "g", "m", [reads(side, ["v"])], { note: "a source topic is missing" });
      await describeStreamsGroup(side, "g", { note: "a source topic is missing" });
      await enter(side, "g", "n", [reads(side, ["t"])], { note: "another topology" });
      await enter(side, "g", "n", [reads(side, ["t"])], { epoch: 1, note: "a later topology" });
      await enter(side, "g", "n", [reads(side, ["v"])], { epoch: 1, note: "the same topology, later" });
      const together = { sourceTopics: [0, 1], sourceTopicRegex: [], repartitionSourceTopics: [] };
      await enter(side, "h", "m", [reads(side, ["t", "u"], { copartitionGroups: [together] })], {
        note: "do not fit together",
      });
      await describeStreamsGroup(side, "h", { note: "do not fit together" });
      await enter(side, "i", "m", [], { note: "nothing to do" });
      await describeStreamsGroup(side, "i", { note: "nothing to do" });
      await pulse(side, "g", { ...m, epoch: -1 }, {}, { note: "m leaves" });
      await enter(side, "g", "m", [reads(side, ["v"])], { note: "the same topology, in an empty group" });
      await pulse(side, "g", { ...m, epoch: -1 }, {}, { note: "m leaves again" });
      await enter(side, "g", "m", [reads(side, ["t"])], { epoch: 1, note: "the next topology of an empty group" });
    },
  },
  {
    name: "streams groups: groups of other kinds under their names",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      for (const group of ["g", "classic", "consumer", "simple"]) await find(side, "group", group);
      const program = [reads(side, ["t"])];
      let m = await enter(side, "g", "m", program);
      await join(side, "g", { note: "a streams group" });
      await beat(side, "g", { memberId: side.unique("m"), generationId: m.epoch }, { note: "a streams group" });
      await leave(side, "g", [{ memberId: side.unique("m") }], { note: "a streams group" });
      await sync(side, "g", { memberId: side.unique("m"), generationId: m.epoch }, [], { note: "a streams group" });
      await describeGroup(side, ["g"], { note: "a streams group" });
      await describeConsumerGroup(side, "g", { note: "a streams group" });
      await pulseConsumer(side, "g", consumer("c"), { topics: ["t"] }, { note: "a streams group" });
      m = await pulse(side, "g", { ...m, epoch: -1 }, {}, { note: "m leaves" });
      await pulseConsumer(side, "g", consumer("c"), { topics: ["t"] }, { note: "an empty streams group" });
      const member = await joinAnew(side, "g", { note: "an empty streams group" });
      await enter(side, "g", "m", program, { note: "a classic group" });
      await describeStreamsGroup(side, "g", { note: "a classic group" });
      await leave(side, "g", [member]);
      await enter(side, "g", "m", program, { note: "an empty classic group" });
      await pulseConsumer(side, "consumer", consumer("c"), { topics: [] }, { note: "a consumer group" });
      await enter(side, "consumer", "m", program, { note: "a consumer group" });
      await pulseConsumer(side, "consumer", { ...consumer("c"), epoch: -1 }, {}, { note: "c leaves" });
      await enter(side, "consumer", "m", program, { note: "an empty consumer group" });
      await commit(side, "simple", outsider, topic, 3);
      await enter(side, "simple", "m", program, { note: "a group that holds offsets" });
      await committed(side, "simple", topic);
    },
  },
  {
    name: "streams groups: internal topics are made",
    async run(side) {
      await side.createTopic("t", 2);
      await find(side, "group", "g");
      const program = [
        reads(side, ["t"], { repartitionSinkTopics: [side.unique("words")] }),
        reads(side, [], {
          subtopologyId: "1",
          repartitionSourceTopics: [internalTopic(side, "words")],
          stateChangelogTopics: [internalTopic(side, "counts")],
        }),
      ];
      let m = await enter(side, "g", "m", program, { note: "topics are missing" });
      await side.until("the topics are there, and m has tasks", async () => {
        m = await pulseAside(side, "g", m);
        return m.active !== "";
      });
      // How many epochs it takes depends on when each topic comes.
      await describeStreamsGroup(side, "g", {
        select: ({ groupState, topology, members }) => ({
          groupState,
          topology,
          tasks: members.map(({ assignment, targetAssignment }) => ({ assignment, targetAssignment })),
        }),
      });
    },
  },
];

export const streamsGroups: readonly Script[] = scripts;
