/** The classic protocol of transactions, in all versions of its five APIs. */
import type { Script } from "../compare.ts";
import { look } from "../verbs/reading.ts";
import {
  addOffsets,
  addPartitions,
  describe,
  end,
  find,
  init,
  producers,
  txnOffsets,
  within,
  write,
} from "../verbs/transactions.ts";

/** The version of Produce that is the classic protocol's newest. */
const CLASSIC = 11;

export const classicTransactions: readonly Script[] = [
  ...[0, 1, 2, 3].map(inVersion),
  {
    name: "classic: ends that come twice, or too late",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const producer = await init(side, "a", { version: 3 });
      await end(side, "a", producer, "commit", { version: 3, note: "of nothing" });
      await end(side, "a", producer, "abort", { version: 3, note: "of nothing" });
      await addPartitions(side, "a", producer, [[topic, 0]]);
      await addPartitions(side, "a", producer, [[topic, 0]], { note: "again" });
      await end(side, "a", producer, "commit", { version: 3, note: "of no records" });
      await end(side, "a", producer, "commit", { version: 3, note: "again" });
      await end(side, "a", producer, "abort", { version: 3, note: "of what was committed" });
      await addPartitions(side, "a", producer, [[topic, 0]]);
      await write(side, topic, ["x"], { ...within("a", producer), version: CLASSIC });
      await end(side, "a", producer, "abort", { version: 3 });
      await end(side, "a", producer, "abort", { version: 3, note: "again" });
      await end(side, "a", producer, "commit", { version: 3, note: "of what was aborted" });
      const older = { ...producer, producerEpoch: producer.producerEpoch - 1 };
      const newer = { ...producer, producerEpoch: producer.producerEpoch + 1 };
      for (const version of [1, 2, 3, 4]) {
        await end(side, "a", older, "abort", { version, note: "of a zombie" });
        await end(side, "a", newer, "abort", { version, note: "of the future" });
      }
      await end(side, "a", { ...producer, producerId: producer.producerId + 100_000 }, "abort", {
        version: 3,
        note: "of another id",
      });
      await end(side, "nobody", producer, "abort", { version: 3, note: "of an id that is not known" });
      await end(side, "", producer, "abort", { version: 3, note: "of an id with no name but the prefix" });
      await look(side, topic);
      await producers(side, topic);
    },
  },
  {
    name: "classic: a Produce without, before and behind its transaction",
    async run(side) {
      const topic = await side.createTopic("t", 3);
      await find(side, "transaction", "a");
      const producer = await init(side, "a", { version: 3 });
      await write(side, topic, ["x"], { ...within("a", producer), version: CLASSIC, note: "before anything" });
      await write(side, topic, ["x"], { ...within("a", producer), version: 10, note: "before anything" });
      await write(side, topic, ["x"], { ...within("a", producer), version: 3, note: "before anything" });
      await addPartitions(side, "a", producer, [
        [topic, 0],
        [topic, 1],
      ]);
      await write(side, topic, ["x"], { ...within("a", producer), version: CLASSIC, partition: 2, note: "elsewhere" });
      await write(side, topic, ["a"], { ...within("a", producer), version: CLASSIC });
      await write(side, topic, ["a"], { ...within("a", producer), version: CLASSIC, note: "again" });
      await write(side, topic, ["b"], { ...within("a", producer, 1), version: 7 });
      await write(side, topic, ["c"], { ...within("a", producer, 3), version: 7, note: "a gap" });
      await look(side, topic);
      await end(side, "a", producer, "commit", { version: 3 });
      await write(side, topic, ["late"], { ...within("a", producer, 2), version: CLASSIC, note: "late" });
      await write(side, topic, ["late"], { ...within("a", producer, 2), version: 10, note: "late" });
      await write(side, topic, ["a"], { ...within("a", producer), version: CLASSIC, note: "a late retry" });
      await write(side, topic, ["late"], { ...within("a", producer), version: CLASSIC, partition: 1, note: "late" });
      const next = await init(side, "a", { version: 3 });
      await write(side, topic, ["late"], { ...within("a", producer, 2), version: CLASSIC, note: "of a zombie" });
      await write(side, topic, ["late"], { ...within("a", producer, 2), version: 9, note: "of a zombie" });
      await addPartitions(side, "a", producer, [[topic, 0]], { note: "of a zombie" });
      await addPartitions(side, "a", producer, [[topic, 0]], { version: 1, note: "of a zombie" });
      await addPartitions(side, "a", next, [[topic, 0]]);
      await write(side, topic, ["d"], { ...within("a", next), version: CLASSIC });
      await end(side, "a", next, "abort", { version: 3 });
      await look(side, topic);
      await producers(side, topic);
    },
  },
  {
    name: "classic: partitions added in vain",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const producer = await init(side, "a", { version: 3 });
      await addPartitions(side, "a", producer, [["missing", 0]], { note: "no such topic" });
      await addPartitions(side, "a", producer, [[topic, 9]], { note: "no such partition" });
      await addPartitions(
        side,
        "a",
        producer,
        [
          [topic, 0],
          ["missing", 0],
        ],
        { note: "one that is there and one that is not" },
      );
      await addPartitions(side, "nobody", producer, [[topic, 0]], { note: "by an id that is not known" });
      await addPartitions(side, "a", { ...producer, producerId: 1_000_000 }, [[topic, 0]], { note: "another id" });
      await addPartitions(side, "a", { ...producer, producerEpoch: 7 }, [[topic, 0]], { note: "of the future" });
      await addPartitions(side, "a", producer, [], { note: "none" });
      await describe(side, ["a"]);
      for (const version of [4, 5]) {
        await addPartitions(side, "a", producer, [[topic, 0]], { version, verifyOnly: true, note: "verified" });
      }
      await addPartitions(side, "a", producer, [[topic, 0]], { version: 4 });
      for (const version of [4, 5]) {
        await addPartitions(side, "a", producer, [[topic, 0]], { version, verifyOnly: true, note: "verified" });
        await addPartitions(side, "a", { ...producer, producerEpoch: 7 }, [[topic, 0]], {
          version,
          verifyOnly: true,
          note: "verified, of the future",
        });
        await addPartitions(side, "nobody", producer, [[topic, 0]], {
          version,
          verifyOnly: true,
          note: "verified, of nobody",
        });
      }
      await describe(side, ["a"]);
      await end(side, "a", producer, "abort", { version: 3 });
      await describe(side, ["a"]);
    },
  },
  {
    name: "classic: offsets in transactions",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      const producer = await init(side, "a", { version: 3 });
      await txnOffsets(side, "a", producer, "g", topic, 4, { version: 3, note: "that was not added" });
      await txnOffsets(side, "a", producer, "g", topic, 4, { version: 4, note: "that was not added" });
      await addOffsets(side, "a", producer, "", { note: "of no group" });
      await addOffsets(side, "nobody", producer, "g", { note: "by an id that is not known" });
      await addOffsets(side, "a", { ...producer, producerEpoch: 3 }, "g", { note: "of the future" });
      await addOffsets(side, "a", { ...producer, producerEpoch: 3 }, "g", { version: 1, note: "of the future" });
      await addOffsets(side, "a", producer, "g");
      await addOffsets(side, "a", producer, "g", { note: "again", version: 4 });
      await txnOffsets(side, "a", producer, "g", topic, 5, { version: 3 });
      await txnOffsets(side, "a", producer, "g", topic, 6, { version: 0 });
      await txnOffsets(side, "a", producer, "g", topic, 6, { version: 3, memberId: "m", note: "of no member" });
      await txnOffsets(side, "a", producer, "g", topic, 6, { version: 3, generationId: 3, note: "of no generation" });
      await txnOffsets(side, "a", producer, "g", topic, 6, {
        version: 3,
        instanceId: "i",
        memberId: "m",
        note: "of no instance",
      });
      await txnOffsets(side, "a", { ...producer, producerEpoch: 3 }, "g", topic, 5, { version: 3, note: "future" });
      await end(side, "a", producer, "commit", { version: 3 });
      for (const version of [0, 3, 4]) {
        await txnOffsets(side, "a", producer, "g", topic, 7, { version, note: "late" });
      }
    },
  },
];

/** What a client that knows nothing newer does. */
function inVersion(version: number): Script {
  return {
    name: `classic: commit and abort, version ${version}`,
    async run(side) {
      const topic = await side.createTopic("t", 2);
      const produceVersion = 3 + version;
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      const producer = await init(side, "a", { version: version + 1 });
      await addPartitions(side, "a", producer, [[topic, 0]], { version });
      await write(side, topic, ["a", "b"], { ...within("a", producer), version: produceVersion });
      await addPartitions(side, "a", producer, [[topic, 1]], { version });
      await write(side, topic, ["c"], { ...within("a", producer), version: produceVersion, partition: 1 });
      await addOffsets(side, "a", producer, "g", { version });
      await txnOffsets(side, "a", producer, "g", topic, 10, { version });
      await describe(side, ["a"]);
      await end(side, "a", producer, "commit", { version });
      await look(side, topic);
      await addPartitions(side, "a", producer, [[topic, 0]], { version });
      await write(side, topic, ["d"], { ...within("a", producer, 2), version: produceVersion });
      await end(side, "a", producer, "abort", { version });
      await look(side, topic);
      await producers(side, topic);
      const next = await init(side, "a", { version });
      await addPartitions(side, "a", next, [[topic, 0]], { version });
      await write(side, topic, ["e"], { ...within("a", next), version: produceVersion });
      await init(side, "a", { version, note: "while one is open" });
      await look(side, topic);
      await describe(side, ["a"]);
    },
  };
}
