/** Groups of the consumer protocol (KIP-848): their settings, and what they do not take. */
import { setTimeout as sleep } from "node:timers/promises";
import { describeConfigs } from "../../../../src/protocol/apis/describe-configs.ts";
import { incrementalAlterConfigs } from "../../../../src/protocol/apis/incremental-alter-configs.ts";
import { CONSUMER_SESSION_MS } from "../brokers.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
import {
  AWAY_EPOCH,
  type ConsumerMember,
  describeConsumerGroup,
  findKnowing,
  LEAVE_EPOCH,
  newcomer,
  pulse,
  pulseAside,
} from "../verbs/consumer-groups.ts";
import { beat, commit, committed, describeGroup, join, joinAnew, leave, REBALANCE_MS, sync } from "../verbs/groups.ts";
import { find } from "../verbs/transactions.ts";

const GROUP = 32;
const SET = 0;
const INTERVAL_MS = 2_000;

const subscription = { topics: ["t"], assignor: "range" };

async function setGroupConfig(side: Side, groupId: string, name: string, value: string): Promise<void> {
  const resource = { resourceType: GROUP, resourceName: side.unique(groupId) };
  const configs = [{ name, configOperation: SET, value }];
  const { responses } = await side.ask(
    incrementalAlterConfigs,
    1,
    { resources: [{ ...resource, configs }], validateOnly: false },
    { note: `${name}=${value}` },
  );
  if (responses[0]?.errorCode !== 0) return;
  await side.until(`${name} is ${value}`, async () => {
    const resources = [{ ...resource, configurationKeys: [name] }];
    const { results } = await side.peek(describeConfigs, 4, { resources, includeSynonyms: false });
    return results[0]?.configs[0]?.value === value;
  });
}

/** A heartbeat that says what it has. */
function goOn(side: Side, member: ConsumerMember): Promise<ConsumerMember> {
  return pulse(side, "g", member, { owned: member.owned });
}

const scripts: readonly Script[] = [
  {
    name: "consumer groups: settings of single groups",
    async run(side) {
      const settings: readonly (readonly [name: string, value: string])[] = [
        ["consumer.session.timeout.ms", "60001"],
        ["consumer.session.timeout.ms", `${CONSUMER_SESSION_MS - 1}`],
        ["consumer.session.timeout.ms", "60000"],
        ["consumer.session.timeout.ms", "x"],
        ["consumer.heartbeat.interval.ms", "15001"],
        ["consumer.heartbeat.interval.ms", "499"],
        ["consumer.heartbeat.interval.ms", "15000"],
        ["consumer.assignment.interval.ms", "15001"],
        ["consumer.assignment.interval.ms", "-1"],
        ["consumer.assignment.interval.ms", "15000"],
        ["consumer.max.size", "5"],
        ["streams.num.standby.replicas", "3"],
        ["streams.assignment.interval.ms", "15001"],
        ["streams.assignment.interval.ms", "5"],
      ];
      for (const [name, value] of settings) await setGroupConfig(side, "g", name, value);
    },
  },
  {
    name: "consumer groups: an assignment stays for its interval",
    async run(side) {
      await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      await setGroupConfig(side, "g", "consumer.assignment.interval.ms", String(INTERVAL_MS));
      let m = newcomer("m");
      let n = newcomer("n");
      await side.inTime(INTERVAL_MS, async () => {
        m = await pulse(side, "g", m, subscription);
        n = await pulse(side, "g", n, subscription);
        m = await goOn(side, m);
        n = await goOn(side, n);
        await describeConsumerGroup(side, "g", { note: "the second member has nothing yet" });
      });
      await sleep(INTERVAL_MS);
      await side.inTime(INTERVAL_MS, async () => {
        for (let round = 0; round < 3; round++) {
          m = await goOn(side, m);
          n = await goOn(side, n);
        }
        await describeConsumerGroup(side, "g", { note: "both have something" });
        await pulse(side, "g", { ...n, epoch: LEAVE_EPOCH });
        m = await goOn(side, m);
        await describeConsumerGroup(side, "g", { note: "one has left, its share is nobody's yet" });
      });
      await setGroupConfig(side, "g", "consumer.assignment.interval.ms", "0");
      m = await goOn(side, m);
      await describeConsumerGroup(side, "g", { note: "the rest is the other's" });
    },
  },
  {
    name: "consumer groups: a member of the classic protocol while an assignment stays",
    async run(side) {
      await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      await setGroupConfig(side, "g", "consumer.assignment.interval.ms", String(INTERVAL_MS));
      const [m, first] = await side.inTime(INTERVAL_MS, async () => {
        const member = await pulse(side, "g", newcomer("m"), subscription);
        const classic = await joinAnew(side, "g");
        await sync(side, "g", classic, [], { note: "before the next assignment" });
        await beat(side, "g", classic, { note: "before the next assignment" });
        return [member, classic];
      });
      await sleep(INTERVAL_MS);
      // Which of them has what is as chance gives the other its id.
      await pulseAside(side, "g", m, { owned: m.owned });
      await beat(side, "g", first, { note: "there is something to join for" });
      const again = await join(side, "g", { memberId: first.memberId });
      await sync(side, "g", again, [], { note: "at the next epoch" });
    },
  },
  {
    name: "consumer groups: a member of the classic protocol commits before it has asked for its assignment",
    async run(side) {
      await side.createTopic("t", 2);
      const u = await side.createTopic("u", 2);
      await findKnowing(side, "g", ["t", "u"]);
      await setGroupConfig(side, "g", "consumer.assignment.interval.ms", "0");
      await pulse(side, "g", newcomer("m"), subscription);
      const n = await joinAnew(side, "g", { topics: ["u"] });
      await commit(side, "g", n, u, 1, { note: "between JoinGroup and SyncGroup" });
      await commit(side, "g", { ...n, generationId: n.generationId - 1 }, u, 1, { note: "of the generation before" });
      await sync(side, "g", n);
      const again = await join(side, "g", { memberId: n.memberId, topics: ["t", "u"], note: "reads something else" });
      await commit(side, "g", n, u, 2, { note: "of the generation before, and still its own" });
      await commit(side, "g", again, u, 2, { note: "between JoinGroup and SyncGroup" });
      await committed(side, "g", u);
    },
  },
  {
    name: "consumer groups: what a member ceases to read goes before the next assignment",
    async run(side) {
      await side.createTopic("t", 4);
      await side.createTopic("u", 2);
      await findKnowing(side, "g", ["t", "u"]);
      await setGroupConfig(side, "g", "consumer.assignment.interval.ms", String(INTERVAL_MS));
      let m = newcomer("m");
      let n = newcomer("n");
      await side.inTime(INTERVAL_MS, async () => {
        m = await pulse(side, "g", m, { topics: ["t", "u"], assignor: "range" });
        n = await pulse(side, "g", n, { topics: ["u"], assignor: "range" });
        const had = m.owned;
        m = await pulse(side, "g", m, { topics: ["t"], owned: m.owned }, { note: "reads t only" });
        await describeConsumerGroup(side, "g", { note: "gives up u" });
        await pulse(side, "g", m, { owned: had }, { note: "has not given up u yet" });
        m = await goOn(side, m);
        await describeConsumerGroup(side, "g", { note: "has given up u" });
        m = await goOn(side, m);
      });
      await sleep(INTERVAL_MS);
      await goOn(side, n);
      await goOn(side, m);
      await describeConsumerGroup(side, "g", { note: "u is the other's" });
    },
  },
  {
    name: "consumer groups: what is to be given up becomes more meanwhile",
    async run(side) {
      await side.createTopic("t", 4);
      await side.createTopic("u", 3);
      await findKnowing(side, "g", ["t", "u"]);
      let m = await pulse(side, "g", newcomer("m"), { topics: ["t", "u"], assignor: "range" });
      let n = await pulse(side, "g", newcomer("n"), subscription);
      m = await goOn(side, m);
      n = await pulse(side, "g", n, { topics: ["u"], owned: n.owned });
      m = await goOn(side, m);
      await describeConsumerGroup(side, "g", { note: "something else to be given up" });
      m = await goOn(side, m);
      n = await goOn(side, n);
      await describeConsumerGroup(side, "g", { note: "given up" });
    },
  },
  {
    name: "consumer groups: a late heartbeat seems to give up what its member got since at the same epoch",
    async run(side) {
      await side.createTopic("t", 1);
      const u = await side.createTopic("u", 1);
      await findKnowing(side, "g", ["t", "u"]);
      let t1 = await pulse(side, "g", newcomer("t1"), { topics: ["t"], assignor: "range" });
      let u1 = await pulse(side, "g", newcomer("u1"), { topics: ["u"], assignor: "range" });
      let m = await pulse(side, "g", newcomer("m"), { topics: ["t", "u"], assignor: "range" });
      for (let round = 0; round < 2; round++) t1 = await goOn(side, t1);
      m = await goOn(side, m);
      const before = m;
      for (let round = 0; round < 2; round++) u1 = await goOn(side, u1);
      m = await goOn(side, m);
      const { epoch } = m;
      let a = await pulse(side, "g", newcomer("a"), { topics: ["u"], assignor: "range" });
      await goOn(side, m);
      a = await pulse(side, "g", a, { topics: ["t", "u"], owned: [] });
      await pulse(side, "g", before, { owned: before.owned }, { note: "the late one" });
      a = await goOn(side, a);
      await describeConsumerGroup(side, "g", { note: "u is another's" });
      const member = { memberId: side.unique("m"), generationId: epoch };
      await commit(side, "g", member, u, 5, { note: "of what it does not have" });
    },
  },
  {
    name: "consumer groups: a member that reads nothing",
    async run(side) {
      await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      const m = await pulse(side, "g", newcomer("m"), subscription);
      const n = await pulse(side, "g", newcomer("n"), subscription);
      await pulse(side, "g", { ...n, epoch: LEAVE_EPOCH });
      await pulse(
        side,
        "g",
        newcomer("n"),
        { topics: [], assignor: "range" },
        { note: "comes back, and reads nothing" },
      );
      await pulse(side, "g", m, { owned: m.owned }, { note: "reads all there is" });
    },
  },
  {
    name: "consumer groups: static members",
    async run(side) {
      await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      const instance = side.unique("p");
      const p = await pulse(side, "g", newcomer("p1", instance), subscription);
      await pulse(side, "g", newcomer("p2", instance), subscription, { note: "another life, too early" });
      await pulse(side, "g", { ...p, name: "p2" }, {}, { note: "another's heartbeat under its instance id" });
      await pulse(side, "g", { ...p, epoch: AWAY_EPOCH }, {}, { note: "goes away" });
      await describeConsumerGroup(side, "g", { note: "away" });
      await goOn(side, p);
      const back = await pulse(side, "g", newcomer("p1", instance), subscription, { note: "comes back under its id" });
      await pulse(side, "g", { ...back, epoch: AWAY_EPOCH }, {}, { note: "goes away again" });
      const next = await pulse(side, "g", newcomer("p2", instance), subscription, { note: "another life" });
      await goOn(side, back);
      await goOn(side, next);
      await pulse(side, "g", { ...next, epoch: LEAVE_EPOCH }, {}, { note: "leaves for good" });
      await describeConsumerGroup(side, "g", { note: "nobody" });
      await pulse(side, "g", newcomer("p1", instance), subscription, { note: "yet another life" });
      await pulse(side, "g", newcomer("p1", instance), subscription, { note: "joins again under its own id" });
    },
  },
  {
    name: "consumer groups: epochs of members in commits and fetches of offsets",
    async run(side) {
      const topic = await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      const m = await pulse(side, "g", newcomer("m"), subscription);
      const n = await pulse(side, "g", newcomer("n"), subscription);
      const { epoch } = await goOn(side, { ...m, owned: m.owned.map((each) => ({ ...each, partitions: [0, 1] })) });
      await goOn(side, n);
      for (const skew of [-2, -1, 0, 1]) {
        const note = `epoch ${skew}`;
        const memberId = side.unique("m");
        await commit(side, "g", { memberId, generationId: epoch + skew }, topic, 5, { note });
        await commit(side, "g", { memberId, generationId: epoch + skew }, topic, 5, {
          note: `${note}, of what it does not have`,
          partition: 3,
        });
        await committed(side, "g", topic, { version: 9, member: { memberId, memberEpoch: epoch + skew }, note });
      }
      const stranger = { memberId: side.unique("who"), memberEpoch: epoch };
      await committed(side, "g", topic, { version: 9, member: stranger, note: "nobody" });
      await committed(side, "g", topic, { version: 9, member: { ...stranger, memberEpoch: -1 }, note: "nobody, -1" });
      await committed(side, "g", topic, { version: 9, note: "an outsider" });
      await committed(side, "g", undefined, { version: 9, member: stranger, note: "nobody, all topics" });
    },
  },
  {
    name: "consumer groups: no more members than may be, whichever protocol they speak",
    brokers: "with small groups",
    async run(side) {
      await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      let m = await pulse(side, "g", newcomer("m"), subscription);
      const p = await pulse(side, "g", newcomer("p1", side.unique("p")), subscription);
      await pulse(side, "g", newcomer("n"), subscription, { note: "a third" });
      for (const version of [3, 9]) await join(side, "g", { version, note: "a classic third" });
      m = await goOn(side, m);
      await pulse(side, "g", newcomer("m"), subscription, { note: "one of the two, again" });
      await pulse(side, "g", { ...p, epoch: AWAY_EPOCH }, {}, { note: "goes away" });
      await pulse(side, "g", newcomer("n"), subscription, { note: "a third, while one is away" });
      await pulse(side, "g", newcomer("p1", side.unique("p")), subscription, { note: "comes back, under its id" });
      await pulse(side, "g", { ...p, epoch: LEAVE_EPOCH }, {}, { note: "leaves" });
      await pulse(side, "g", newcomer("n"), subscription, { note: "instead of it" });
      await describeConsumerGroup(side, "g");
    },
  },
  {
    name: "consumer groups: a static member's next life in a full group",
    brokers: "with small groups",
    async run(side) {
      await side.createTopic("t", 4);
      await findKnowing(side, "g", ["t"]);
      await pulse(side, "g", newcomer("m"), subscription);
      const p = await pulse(side, "g", newcomer("p1", side.unique("p")), subscription);
      await pulse(side, "g", { ...p, epoch: AWAY_EPOCH }, {}, { note: "goes away" });
      await pulse(side, "g", newcomer("p2", side.unique("p")), subscription, { note: "comes back to a full group" });
    },
  },
  {
    name: "groups: no more members than may be",
    brokers: "with small groups",
    async run(side) {
      await find(side, "group", "g");
      const first = await joinAnew(side, "g");
      await sync(side, "g", first, [[first, "all"]]);
      const other = join(side, "g", { version: 3, connection: "other", note: "a second" });
      await side.untilGroup(side.unique("g"), "PreparingRebalance", 2);
      const again = await join(side, "g", { memberId: first.memberId, note: "the first again" });
      const second = await other;
      await joinAs(side, "a third, before the assignment");
      await sync(side, "g", again, [[again, "all"]]);
      await sync(side, "g", second);
      await joinAs(side, "a third, late");
      const joining = await side.inTime(REBALANCE_MS, async () => {
        const calling = join(side, "g", { memberId: first.memberId, connection: "first", note: "the leader calls" });
        await side.untilGroup(side.unique("g"), "PreparingRebalance", 2);
        const early = joinAnew(side, "g", { connection: "third", note: "a third, before the second is back" });
        await side.untilGroup(side.unique("g"), "PreparingRebalance", 3);
        await join(side, "g", { memberId: second.memberId, note: "the second, too late" });
        await joinAs(side, "a fourth");
        await leave(side, "g", [second], { note: "who was turned away" });
        return [calling, early] as const;
      });
      const [leader, third] = await Promise.all(joining);
      await sync(side, "g", leader, [[leader, "all"]]);
      await sync(side, "g", third);
      await joinAs(side, "the second, as somebody else");
      await leave(side, "g", [third]);
      await describeGroup(side, ["g"]);
    },
  },
];

/** Nobody is dropped on the way. */
export const consumerGroups: readonly Script[] = scripts.map((script) =>
  script.name.startsWith("consumer groups") ? { limitMs: CONSUMER_SESSION_MS, ...script } : script,
);

/** Of both kinds: one that is given its id with the answer, and one that has to come again with it. */
async function joinAs(side: Side, note: string): Promise<void> {
  await join(side, "g", { version: 3, connection: "somebody", note });
  await joinAnew(side, "g", { connection: "somebody", note });
}
