/** Transactions v2 (KIP-890): an epoch for each transaction, partitions added by writing to them. */
import type { Script } from "../compare.ts";
import { look, read } from "../verbs/reading.ts";
import { describe, end, find, init, producers, txnOffsets, within, write } from "../verbs/transactions.ts";

export const transactionsV2: readonly Script[] = [
  {
    name: "v2: commit, abort, commit",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      let producer = await init(side, "a");
      await write(side, topic, ["a", "b"], within("a", producer));
      await write(side, topic, ["c"], within("a", producer, 2));
      await describe(side, ["a"], "open");
      await producers(side, topic);
      await look(side, topic);
      producer = await end(side, "a", producer, "commit");
      await describe(side, ["a"], "committed");
      await producers(side, topic);
      await look(side, topic);
      await write(side, topic, ["d"], within("a", producer));
      producer = await end(side, "a", producer, "abort");
      await look(side, topic);
      await write(side, topic, ["e"], within("a", producer));
      producer = await end(side, "a", producer, "commit");
      await producers(side, topic);
      await look(side, topic);
      await read(side, topic, 4, { isolation: "read_committed" });
      await read(side, topic, 5, { isolation: "read_committed" });
      await read(side, topic, 6, { isolation: "read_committed" });
    },
  },
  {
    name: "v2: ends that come twice, or too late",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a");
      await end(side, "a", first, "commit", { note: "of nothing" });
      const second = await end(side, "a", first, "abort", { note: "of nothing" });
      await end(side, "a", first, "abort", { note: "of nothing, again" });
      await end(side, "a", first, "commit", { note: "of the past" });
      await write(side, topic, ["x"], within("a", second));
      await end(side, "a", first, "abort", { note: "of the past, while one is open" });
      await end(side, "a", first, "commit", { note: "of the past, while one is open" });
      const third = await end(side, "a", second, "commit");
      await end(side, "a", second, "commit", { note: "again" });
      await end(side, "a", second, "commit", { note: "a third time" });
      await end(side, "a", second, "abort", { note: "of what was committed" });
      await end(side, "a", first, "abort", { note: "two epochs ago" });
      await write(side, topic, ["y"], within("a", third));
      const fourth = await end(side, "a", third, "abort");
      await end(side, "a", third, "abort", { note: "again" });
      await end(side, "a", third, "commit", { note: "of what was aborted" });
      await end(side, "a", fourth, "commit", { note: "of nothing" });
      const fifth = await end(side, "a", fourth, "abort", { note: "of nothing" });
      await end(side, "a", { ...fifth, producerEpoch: fifth.producerEpoch + 1 }, "abort", { note: "of the future" });
      await end(side, "a", { ...fifth, producerId: fifth.producerId + 100_000 }, "abort", { note: "of another id" });
      await end(side, "nobody", fifth, "abort", { note: "of an id that is not known" });
      await look(side, topic);
      await describe(side, ["a"]);
    },
  },
  {
    name: "v2: a Produce of the past, of the future, of others",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "transaction", "a");
      const first = await init(side, "a");
      await write(side, topic, ["a"], within("a", first));
      await write(side, topic, ["a"], { ...within("a", first), note: "a retry" });
      await write(side, topic, ["c"], { ...within("a", first, 5), note: "a gap" });
      const second = await end(side, "a", first, "commit");
      await write(side, topic, ["late"], { ...within("a", first, 1), note: "of the transaction before" });
      await write(side, topic, ["a"], { ...within("a", first), note: "a retry of the transaction before" });
      await write(side, topic, ["late"], { ...within("a", first), partition: 1, note: "to a partition it was not in" });
      await write(side, topic, ["b"], { ...within("a", second, 3), note: "not from 0" });
      await write(side, topic, ["b"], within("a", second));
      await write(side, topic, ["late"], { ...within("a", first, 1), note: "of the transaction before, one is open" });
      await write(side, topic, ["c"], { ...within("b", second), partition: 1, note: "another's transactional id" });
      await write(side, topic, ["c"], {
        producer: second,
        sequence: 1,
        isTransactional: true,
        note: "without a transactional id",
      });
      await write(side, topic, ["c"], {
        producer: second,
        sequence: 1,
        isTransactional: true,
        partition: 1,
        note: "without a transactional id, elsewhere",
      });
      await write(side, topic, ["c"], {
        ...within("a", second, 1),
        isTransactional: false,
        note: "not transactional, while one is open",
      });
      await write(side, topic, ["c"], {
        ...within("a", second),
        isTransactional: false,
        partition: 1,
        note: "not transactional, elsewhere",
      });
      await end(side, "a", second, "commit");
      await look(side, topic, 0);
      await look(side, topic, 1);
      await producers(side, topic, 0);
      await producers(side, topic, 1);
    },
  },
  {
    name: "v2: a Produce of the future",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "transaction", "a");
      const producer = await init(side, "a");
      const ahead = { ...producer, producerEpoch: producer.producerEpoch + 1 };
      await write(side, topic, ["x"], { ...within("a", ahead), note: "before anything" });
      await write(side, topic, ["a"], within("a", producer));
      await write(side, topic, ["x"], { ...within("a", ahead), note: "while one is open" });
      await write(side, topic, ["b"], {
        ...within("a", producer, 1),
        note: "of the present, behind one of the future",
      });
    },
  },
  {
    name: "v2: offsets in transactions",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      const first = await init(side, "a");
      await txnOffsets(side, "a", first, "g", topic, 5);
      await describe(side, ["a"]);
      const second = await end(side, "a", first, "commit");
      await txnOffsets(side, "a", first, "g", topic, 6, { note: "late" });
      await txnOffsets(side, "a", second, "g", topic, 7);
      await txnOffsets(side, "a", second, "g", topic, 8, { note: "again" });
      const third = await end(side, "a", second, "abort");
      await txnOffsets(side, "a", third, "g", topic, 9, { memberId: "who", generationId: 1, note: "of no member" });
      await txnOffsets(side, "a", third, "g", topic, 9, { generationId: 1, note: "of a generation without member" });
      await txnOffsets(side, "a", third, "g", "missing", 9, { note: "of a topic that does not exist" });
      await txnOffsets(side, "a", third, "g", topic, 9, { partition: 9, note: "of a partition that does not exist" });
      await txnOffsets(side, "a", third, "g", topic, 9, { metadata: "m".repeat(5000), note: "with too much metadata" });
      await txnOffsets(side, "a", third, "", topic, 9, { note: "of no group" });
      await txnOffsets(side, "other", third, "g", topic, 9, { note: "by another transactional id" });
      await end(side, "a", third, "commit");
    },
  },
];
