/** What operators ask and do (KIP-664): who writes where, and what becomes of a transaction that nobody ends. */
import type { Script } from "../compare.ts";
import { look } from "../verbs/reading.ts";
import {
  addPartitions,
  describe,
  end,
  find,
  init,
  list,
  marker,
  producers,
  within,
  write,
} from "../verbs/transactions.ts";

export const operators: readonly Script[] = [
  {
    name: "operators: transactions described and listed",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "transaction", "a");
      const open = await init(side, "open");
      await init(side, "empty", { timeoutMs: 1234 });
      let committed = await init(side, "committed");
      let aborted = await init(side, "aborted");
      await write(side, topic, ["a"], within("open", open));
      await write(side, topic, ["a"], { ...within("open", open), partition: 1 });
      await write(side, topic, ["b"], within("committed", committed));
      committed = await end(side, "committed", committed, "commit");
      await write(side, topic, ["c"], within("aborted", aborted));
      aborted = await end(side, "aborted", aborted, "abort");
      await describe(side, ["open", "empty", "committed", "aborted", "unknown", ""]);
      await list(side, {});
      await list(side, {}, { version: 0 });
      await list(side, { stateFilters: ["Ongoing"] });
      await list(side, { stateFilters: ["Ongoing", "Empty"] }, { version: 1 });
      await list(side, { stateFilters: ["CompleteCommit", "CompleteAbort", "PrepareCommit", "PrepareAbort"] });
      await list(side, { stateFilters: ["Dead", "PrepareEpochFence"] });
      await list(side, { stateFilters: ["ongoing", "Nonsense", "Ongoing"] });
      await list(side, { producerIdFilters: [open.producerId] });
      await list(side, { producerIdFilters: [open.producerId, committed.producerId], stateFilters: ["Ongoing"] });
      await list(side, { producerIdFilters: [12_345_678] });
      await list(side, { durationFilter: 0 });
      await list(side, { durationFilter: 3_600_000 });
      await list(side, { durationFilter: 3_600_000 }, { version: 1, note: "long" });
      await list(side, { transactionalIdPattern: ".*open" }, { note: "pattern .*open" });
      await list(side, { transactionalIdPattern: "open" }, { note: "pattern open" });
      await list(side, { transactionalIdPattern: side.unique("(open|em.*)") }, { note: "an alternative" });
      await list(side, { transactionalIdPattern: "" }, { note: "an empty pattern" });
      await list(side, { transactionalIdPattern: "(" }, { note: "no pattern" });
      await producers(side, topic);
      await producers(side, topic, 1);
      await producers(side, topic, 7, "no such partition");
      await producers(side, "missing", 0, "no such topic");
      await end(side, "open", open, "abort");
    },
  },
  {
    name: "operators: markers written by hand",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "transaction", "a");
      await init(side, "a");
      const first = await init(side, "a");
      await write(side, topic, ["a"], within("a", first));
      await marker(side, { ...first, producerEpoch: 5 }, "abort", [["missing", 0]], { note: "no such topic" });
      await marker(side, first, "abort", [[topic, 0]], {
        note: "version 2, at the epoch of the records",
        transactionVersion: 2,
      });
      await look(side, topic);
      await marker(side, first, "abort", [[topic, 0]], { note: "at the epoch of the records" });
      await look(side, topic);
      await producers(side, topic);
      await marker(side, first, "abort", [[topic, 0]], { note: "again" });
      await marker(side, first, "commit", [[topic, 0]], { note: "the opposite", version: 1 });
      await look(side, topic);
      await write(side, topic, ["b"], { ...within("a", first, 1), note: "behind the marker" });
      await look(side, topic);
      await marker(side, first, "abort", [[topic, 0]], { note: "of an older coordinator", coordinatorEpoch: -1 });
      await marker(side, { ...first, producerEpoch: first.producerEpoch - 1 }, "abort", [[topic, 0]], {
        note: "of an older epoch",
      });
      await marker(side, { ...first, producerEpoch: 3 }, "abort", [[topic, 0]], { note: "of a newer epoch" });
      await look(side, topic);
      await producers(side, topic);
      await marker(side, { producerId: 987_654, producerEpoch: 2 }, "abort", [[topic, 1]], { note: "of nobody known" });
      await producers(side, topic, 1);
      await look(side, topic, 1);
      await marker(side, { producerId: 987_655, producerEpoch: 2 }, "abort", [[topic, 1]], {
        note: "of a coordinator that was not yet",
        coordinatorEpoch: 5,
      });
    },
  },
  {
    name: "operators: markers of version 2 written by hand",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a");
      const next = { ...first, producerEpoch: first.producerEpoch + 1 };
      const options = { transactionVersion: 2 } as const;
      await write(side, topic, ["a"], within("a", first));
      await marker(side, first, "abort", [[topic, 0]], { ...options, note: "at the epoch of the records" });
      await marker(side, next, "abort", [[topic, 0]], { ...options, note: "at the next epoch" });
      await marker(side, next, "abort", [[topic, 0]], { ...options, note: "at the next epoch, again" });
      await look(side, topic);
      await producers(side, topic);
      await write(side, topic, ["b"], { ...within("a", first, 1), note: "at the old epoch" });
      await end(side, "a", first, "abort");
      await look(side, topic);
      await write(side, topic, ["c"], within("a", next));
      await marker(side, next, "abort", [[topic, 0]], { note: "of version 0 at the epoch of the records" });
      await look(side, topic);
      await write(side, topic, ["d"], { ...within("a", next, 1), note: "goes on" });
      await end(side, "a", next, "commit");
      await look(side, topic);
    },
  },
  {
    name: "operators: a classic transaction aborted by hand, and its producer goes on",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const producer = await init(side, "a", { version: 3 });
      await addPartitions(side, "a", producer, [[topic, 0]]);
      await write(side, topic, ["a"], { ...within("a", producer), version: 11 });
      await marker(side, producer, "abort", [[topic, 0]], { version: 1 });
      await write(side, topic, ["b"], { ...within("a", producer, 1), version: 11 });
      await look(side, topic);
      await end(side, "a", producer, "commit", { version: 3 });
      await look(side, topic);
    },
  },
];
