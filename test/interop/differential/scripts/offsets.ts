/** Offsets of groups: committed, read, in transactions. */
import type { Script } from "../compare.ts";
import { commit, committed, deleteGroup, joinAnew, missing, outsider, REBALANCE_MS, sync } from "../verbs/groups.ts";
import { addOffsets, end, find, init, txnOffsets } from "../verbs/transactions.ts";

export const offsets: readonly Script[] = [
  {
    name: "offsets: every version of both requests",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "group", "g");
      for (const version of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        await committed(side, "g", topic, { version, note: "unknown" });
      for (const version of [2, 5, 7, 8, 9, 10])
        await committed(side, "g", undefined, { version, note: "all, unknown" });
      for (const version of [2, 3, 4, 5, 6, 7, 8, 9, 10])
        await commit(side, "g", outsider, topic, version, { version });
      for (const version of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) await committed(side, "g", topic, { version });
      for (const version of [2, 5, 7, 8, 9, 10]) await committed(side, "g", undefined, { version, note: "all" });
      await committed(side, "g", topic, { partition: 1, note: "nothing committed" });
      await committed(side, "g", topic, { partition: 9, note: "no such partition" });
      await committed(side, "g", missing(side, "missing"), { version: 8, note: "no such topic" });
      await committed(side, "g", missing(side, "missing"), { version: 10, note: "no such topic" });
      await committed(side, "", topic, { note: "no group" });
      await committed(side, "g", topic, {
        version: 9,
        member: { memberId: "who", memberEpoch: 3 },
        note: "by no member",
      });
      await commit(side, "g", outsider, missing(side, "missing"), 1, { note: "no such topic" });
      await commit(side, "g", outsider, missing(side, "missing"), 1, { version: 10, note: "no such topic" });
      await commit(side, "g", outsider, topic, 1, { partition: 9, note: "no such partition" });
      await commit(side, "g", outsider, topic, 1, { metadata: "m".repeat(4097), note: "too much metadata" });
      await commit(side, "g", outsider, topic, 1, { metadata: "m".repeat(4096), note: "just enough metadata" });
      await commit(side, "", outsider, topic, 1, { note: "no group" });
      await commit(side, "g", outsider, topic, -1, { note: "a negative offset" });
      await commit(side, "g", outsider, topic, -5, { note: "a more negative offset" });
      await committed(side, "g", topic);
      await commit(side, "other", { memberId: "who", generationId: 2 }, topic, 1, { note: "of no member" });
      await commit(side, "other", { memberId: "", generationId: 2 }, topic, 1, { note: "of no member, a generation" });
    },
  },
  {
    name: "offsets: in transactions, while and after",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      await commit(side, "g", outsider, topic, 1);
      let producer = await init(side, "a");
      await txnOffsets(side, "a", producer, "g", topic, 5);
      for (const version of [7, 8, 9, 10]) {
        await committed(side, "g", topic, { version, requireStable: true, note: "stable" });
        await committed(side, "g", topic, { version, note: "as it is" });
        await committed(side, "g", undefined, { version, requireStable: true, note: "all, stable" });
      }
      await deleteGroup(side, ["g"], { note: "while a transaction is open" });
      producer = await end(side, "a", producer, "commit");
      await committed(side, "g", topic, { requireStable: true });
      await committed(side, "g", undefined, { requireStable: true });
      await txnOffsets(side, "a", producer, "h", topic, 6);
      await committed(side, "h", topic, { requireStable: true, note: "of a group that has nothing else" });
      await commit(side, "h", outsider, topic, 7, { note: "beside the transaction" });
      await committed(side, "h", topic);
      producer = await end(side, "a", producer, "commit");
      await committed(side, "h", topic, { note: "the later one in the log counts" });
      await txnOffsets(side, "a", producer, "h", topic, 8);
      producer = await end(side, "a", producer, "abort");
      await committed(side, "h", topic, { requireStable: true });
      await addOffsets(side, "a", producer, "g", { note: "nothing follows" });
      await committed(side, "g", topic, { requireStable: true });
      await end(side, "a", producer, "commit", { version: 3 });
      await committed(side, "g", topic, { requireStable: true });
    },
  },
  {
    name: "offsets: in transactions of a group's members (KIP-447)",
    limitMs: REBALANCE_MS,
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      const producer = await init(side, "a");
      const member = await joinAnew(side, "g");
      await txnOffsets(side, "a", producer, "g", topic, 1, { ...member, note: "before the assignment" });
      await sync(side, "g", member, [[member, "all"]]);
      await txnOffsets(side, "a", producer, "g", topic, 2, { ...member });
      await txnOffsets(side, "a", producer, "g", topic, 2, { ...member, version: 3, note: "classic" });
      await txnOffsets(side, "a", producer, "g", topic, 3, {
        ...member,
        generationId: 0,
        note: "the generation before",
      });
      await txnOffsets(side, "a", producer, "g", topic, 3, {
        ...member,
        generationId: 2,
        note: "the generation to come",
      });
      await txnOffsets(side, "a", producer, "g", topic, 3, { ...member, generationId: -1, note: "no generation" });
      await txnOffsets(side, "a", producer, "g", topic, 3, { generationId: member.generationId, note: "no member" });
      await txnOffsets(side, "a", producer, "g", topic, 3, { ...member, memberId: "who", note: "another member" });
      await txnOffsets(side, "a", producer, "g", topic, 3, { ...member, instanceId: "i", note: "an instance" });
      await txnOffsets(side, "a", producer, "g", topic, 4, { note: "from outside" });
      await end(side, "a", producer, "commit");
      await committed(side, "g", topic, { requireStable: true });
    },
  },
];
