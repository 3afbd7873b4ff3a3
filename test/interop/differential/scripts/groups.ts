/** Groups of the classic protocol: members come, go, stall, and come back. */
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
import {
  beat,
  commit,
  deleteGroup,
  deleteOffset,
  describeGroup,
  type Joined,
  join,
  joinAnew,
  leave,
  listed,
  type Member,
  missing,
  outsider,
  REBALANCE_MS,
  sync,
} from "../verbs/groups.ts";
import { find } from "../verbs/transactions.ts";

export const groups: readonly Script[] = [
  {
    name: "groups: one member, from its first join to its last",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "group", "g");
      await describeGroup(side, ["g"], { note: "unknown" });
      await describeGroup(side, ["g"], { version: 5, note: "unknown" });
      const nobody: Member = { memberId: "nobody", generationId: 1 };
      await everythingBy(side, nobody, "nobody, the group is unknown");
      const { memberId } = await join(side, "g", { sessionTimeoutMs: 500 });
      await everythingBy(side, { memberId, generationId: -1 }, "by an id that was given out");
      const { memberId: second } = await join(side, "g");
      const member = await join(side, "g", { memberId: second });
      await describeGroup(side, ["g"], { note: "waits for the assignment" });
      await everythingBy(side, nobody, "nobody, the group waits");
      await beat(side, "g", member, { note: "before the assignment" });
      await commit(side, "g", member, topic, 3, { note: "before the assignment" });
      await sync(side, "g", member, [[member, "all"]]);
      await describeGroup(side, ["g"], { note: "stable" });
      await listed(side);
      await listed(side, { statesFilter: ["Stable"] });
      await listed(side, { statesFilter: ["Empty"] });
      await listed(side, { statesFilter: ["stable"], typesFilter: ["classic"] });
      await listed(side, { typesFilter: ["consumer"] });
      await listed(side, { typesFilter: ["nonsense"] });
      await listed(side, {}, { version: 3 });
      await sync(side, "g", member, [], { note: "again" });
      await sync(side, "g", member, [[member, "other"]], { note: "again, with another assignment" });
      await everythingBy(side, member, "the member");
      await everythingBy(side, nobody, "nobody, the group is stable");
      await everythingBy(side, { ...member, generationId: 0 }, "of the generation before");
      await everythingBy(side, { ...member, generationId: 2 }, "of the generation to come");
      await commit(side, "g", member, topic, 4);
      await commit(side, "g", outsider, topic, 5, { note: "from outside" });
      await commit(side, "g", { ...outsider, generationId: 1 }, topic, 5, { note: "a generation and no member" });
      await deleteGroup(side, ["g"], { note: "while it has a member" });
      await deleteOffset(side, "g", topic, { note: "while it has a member" });
      const again = await join(side, "g", { memberId: member.memberId, note: "nothing new" });
      await sync(side, "g", again, [[again, "all"]]);
      const changed = await join(side, "g", { memberId: member.memberId, userData: "n", note: "something new" });
      await beat(side, "g", member, { note: "of the generation before" });
      await sync(side, "g", changed, [[changed, "all"]]);
      await leave(side, "g", [changed]);
      await leave(side, "g", [changed], { note: "again" });
      await describeGroup(side, ["g"], { note: "empty" });
      await listed(side, { statesFilter: ["Empty"] });
      await everythingBy(side, member, "who has left");
      await commit(side, "g", outsider, topic, 6, { note: "from outside, the group is empty" });
      await deleteOffset(side, "g", topic);
      await deleteOffset(side, "g", topic, { note: "again" });
      await deleteOffset(side, "g", topic, { partition: 9, note: "no such partition" });
      await deleteOffset(side, "g", missing(side, "missing"), { note: "no such topic" });
      await deleteOffset(side, "unknown", topic, { note: "no such group" });
      await deleteGroup(side, ["g", "unknown"]);
      await deleteGroup(side, ["g"], { note: "again" });
      await describeGroup(side, ["g"], { note: "deleted" });
    },
  },
  {
    name: "groups: requests that make no sense",
    async run(side) {
      await find(side, "group", "g");
      await join(side, "", { note: "no group" });
      await join(side, "g", { sessionTimeoutMs: 1, note: "too short a session" });
      await join(side, "g", { sessionTimeoutMs: 2_000_000, note: "too long a session" });
      await join(side, "g", { protocols: [], note: "no protocols" });
      await join(side, "g", { protocolType: "", note: "no protocol type" });
      await join(side, "g", { memberId: "who", note: "an id that nobody gave out" });
      await join(side, "g", { memberId: "who", version: 3, note: "an id that nobody gave out" });
      for (const version of [0, 1, 2, 3]) {
        const member = await join(side, `v${version}`, { version });
        await sync(side, `v${version}`, member, [[member, "all"]], { version: Math.min(version, 2) });
        await leave(side, `v${version}`, [member], { version: Math.min(version, 2) });
      }
      const member = await joinAnew(side, "g", { protocols: ["range", "sticky"] });
      await sync(side, "g", member, [[member, "all"]], { protocolType: "connect", note: "another protocol type" });
      await sync(side, "g", member, [[member, "all"]], { protocol: "sticky", note: "another protocol" });
      await sync(side, "g", member, [[member, "all"]], { protocolType: null, note: "no protocol type" });
      await sync(side, "g", member, [[member, "all"]], { protocol: null, note: "no protocol" });
      await sync(side, "g", member, [[member, "all"]]);
      await join(side, "g", { protocolType: "connect", note: "another protocol type" });
      await join(side, "g", { protocols: ["other"], note: "no protocol in common" });
      await join(side, "g", { memberId: member.memberId, protocolType: "connect", note: "a member, another type" });
      await beat(side, "", member, { note: "no group" });
      await sync(side, "", member, [], { note: "no group" });
      await leave(side, "", [member], { note: "no group" });
      await leave(side, "g", [], { note: "nobody" });
      await describeGroup(side, ["g"]);
      await leave(side, "g", [{ memberId: "who" }, member, member]);
    },
  },
  {
    name: "groups: two members, and a rebalance from each state",
    limitMs: REBALANCE_MS,
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "group", "g");
      const first = await joinAnew(side, "g", { connection: "first" });
      await sync(side, "g", first, [[first, "all"]]);
      // The second one's join calls the first one.
      const { memberId } = await join(side, "g", { connection: "second" });
      const second = join(side, "g", { connection: "second", memberId, userData: "second" });
      await side.untilGroup(side.unique("g"), "PreparingRebalance", 2);
      await beat(side, "g", first, { note: "called to join" });
      await commit(side, "g", first, topic, 1, { note: "called to join" });
      await sync(side, "g", first, [], { note: "called to join" });
      await describeGroup(side, ["g"], { note: "members are called" });
      const firstAgain = await join(side, "g", { connection: "first", memberId: first.memberId });
      const secondIn = await second;
      await describeGroup(side, ["g"], { note: "the leader is to assign" });
      await beat(side, "g", firstAgain, { note: "the leader is to assign" });
      await commit(side, "g", firstAgain, topic, 2, { note: "the leader is to assign" });
      await commit(side, "g", first, topic, 2, { note: "of the generation before" });
      const waiting = sync(side, "g", secondIn, [], { connection: "second" });
      await sync(side, "g", firstAgain, [
        [firstAgain, "half"],
        [secondIn, "other half"],
      ]);
      await waiting;
      await describeGroup(side, ["g"], { note: "stable" });
      await beat(side, "g", secondIn);
      // A follower that comes again with nothing new disturbs nobody.
      await join(side, "g", {
        connection: "second",
        memberId: secondIn.memberId,
        userData: "second",
        note: "follower, nothing new",
      });
      await beat(side, "g", firstAgain, { note: "undisturbed" });
      // The leader's coming again is a call to all.
      const leaderAgain = join(side, "g", { connection: "first", memberId: first.memberId, note: "the leader" });
      await side.untilGroup(side.unique("g"), "PreparingRebalance", 2);
      await beat(side, "g", secondIn, { note: "called to join" });
      await leave(side, "g", [secondIn], { note: "instead of joining" });
      const alone = await leaderAgain;
      await sync(side, "g", alone, [[alone, "all"]]);
      await describeGroup(side, ["g"], { note: "alone" });
      await beat(side, "g", secondIn, { note: "who has left" });
    },
  },
  {
    name: "groups: the join of a third member while the leader is to assign",
    limitMs: 2 * REBALANCE_MS,
    async run(side) {
      await find(side, "group", "g");
      const first = await joinAnew(side, "g", { connection: "first" });
      await sync(side, "g", first, [[first, "all"]]);
      const { memberId } = await join(side, "g", { connection: "second" });
      const joined = join(side, "g", { connection: "second", memberId });
      await side.untilGroup(side.unique("g"), "PreparingRebalance", 2);
      await join(side, "g", { connection: "first", memberId: first.memberId });
      const second = await joined;
      const parked = sync(side, "g", second, [], { connection: "second", note: "waits for the leader" });
      const { memberId: thirdId } = await join(side, "g", { connection: "third" });
      const third = join(side, "g", { connection: "third", memberId: thirdId });
      await parked;
      await describeGroup(side, ["g"], { note: "called again" });
      const firstBack = join(side, "g", { connection: "first", memberId: first.memberId });
      const secondBack = await join(side, "g", { connection: "second", memberId: second.memberId });
      const leader = await firstBack;
      const newcomer = await third;
      await sync(side, "g", newcomer, [[newcomer, "by a follower"]], { connection: "parked", note: "unknown" }).catch(
        () => {},
      );
      void secondBack;
      void leader;
    },
  },
  {
    name: "groups: the leader does not come back in time",
    async run(side) {
      await find(side, "group", "g");
      const first = await joinAnew(side, "g");
      await sync(side, "g", first, [[first, "all"]]);
      const others: Promise<Member>[] = [];
      await side.inTime(REBALANCE_MS, async () => {
        for (const name of ["second", "third"]) {
          const { memberId } = await join(side, "g", { connection: name });
          // Which of them leads is anybody's guess: Apache Kafka asks a hash map.
          const select = ({ errorCode, generationId }: Joined) => ({ errorCode, generationId });
          others.push(join(side, "g", { connection: name, memberId, select }));
          await side.untilGroup(side.unique("g"), "PreparingRebalance", others.length + 1);
        }
      });
      const joined = await Promise.all(others);
      const leaders = joined.filter(({ memberId, leaderId }) => memberId === leaderId).length;
      const told = joined.map(({ toldMembers = 0 }) => toldMembers).toSorted();
      side.record("leaders, and of how many members each was told", [leaders, ...told]);
      await beat(side, "g", first, { note: "too late" });
      await describeGroup(side, ["g"]);
    },
  },
  {
    name: "groups: static members",
    limitMs: REBALANCE_MS,
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "group", "g");
      const a = await join(side, "g", { instanceId: "a", connection: "a" });
      await sync(side, "g", a, [[a, "all"]]);
      await describeGroup(side, ["g"]);
      const restarted = await join(side, "g", { instanceId: "a", connection: "a", note: "restarted" });
      await describeGroup(side, ["g"], { note: "restarted" });
      await beat(side, "g", a, { note: "of its former life" });
      await sync(side, "g", a, [], { note: "of its former life" });
      await commit(side, "g", a, topic, 3, { note: "of its former life" });
      await join(side, "g", { instanceId: "a", memberId: a.memberId, note: "of its former life" });
      await leave(side, "g", [{ memberId: a.memberId, instanceId: "a" }], { note: "of its former life" });
      await sync(side, "g", restarted, []);
      await beat(side, "g", restarted);
      await beat(side, "g", { ...restarted, instanceId: "b" }, { note: "under another's instance id" });
      await commit(side, "g", { ...restarted, instanceId: "b" }, topic, 3, { note: "under another's instance id" });
      await beat(
        side,
        "g",
        { memberId: restarted.memberId, generationId: restarted.generationId },
        { note: "no instance id" },
      );
      await commit(side, "g", restarted, topic, 4);
      await join(side, "g", { instanceId: "a", userData: "new", connection: "a", note: "restarted with news" });
      await describeGroup(side, ["g"], { note: "restarted with news" });
      await leave(side, "g", [{ memberId: "", instanceId: "b" }], { note: "an unknown instance" });
      await leave(side, "g", [{ memberId: "", instanceId: "a" }], { note: "by its instance id alone" });
      await describeGroup(side, ["g"], { note: "empty" });
      await join(side, "g", { instanceId: "a", memberId: "who", note: "an id that nobody gave out" });
    },
  },
  {
    name: "groups: sessions end",
    async run(side) {
      await find(side, "group", "g");
      const sessionTimeoutMs = 1_000;
      const member = await side.inTime(sessionTimeoutMs, async () => {
        const joined = await joinAnew(side, "g", { sessionTimeoutMs });
        await sync(side, "g", joined, [[joined, "all"]]);
        return joined;
      });
      await side.untilGroup(side.unique("g"), "Empty", 0);
      await describeGroup(side, ["g"]);
      await beat(side, "g", member, { note: "too late" });
      await join(side, "g", { memberId: member.memberId, note: "too late" });
      const fixed = await side.inTime(sessionTimeoutMs, async () => {
        const joined = await join(side, "h", { instanceId: "i", sessionTimeoutMs });
        await sync(side, "h", joined, [[joined, "all"]]);
        return joined;
      });
      await side.untilGroup(side.unique("h"), "Empty", 0);
      await describeGroup(side, ["h"]);
      await beat(side, "h", fixed, { note: "too late" });
    },
  },
];

/** What a member may ask, in a group whose coordinator is to find out whether it is one. */
async function everythingBy(side: Side, member: Member, note: string): Promise<void> {
  for (const version of [0, 4]) await beat(side, "g", member, { version, note });
  for (const version of [0, 5]) await sync(side, "g", member, [], { version, note });
  if (member.memberId === "nobody") for (const version of [0, 5]) await leave(side, "g", [member], { version, note });
}
