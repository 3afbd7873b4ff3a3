/** Who a producer is, and what becomes of those that are not it any more. */
import type { RawProducer } from "../../../support/raw-session.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
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

/** Long enough for a request or two that the timeout is not to come between. */
const TIMEOUT_MS = 1_000;

export const producerScripts: readonly Script[] = [
  {
    name: "idempotent: sequences, duplicates, gaps",
    async run(side) {
      const topic = await side.createTopic("t", 3);
      const producer = await init(side, null);
      const at = (sequence: number, note?: string) => ({ producer, sequence, ...(note ? { note } : {}) });
      await write(side, topic, ["x"], { ...at(5, "not from 0, of nobody known"), partition: 2 });
      await write(side, topic, ["a", "b"], at(0));
      await write(side, topic, ["c"], at(2));
      await write(side, topic, ["a", "b"], at(0, "again"));
      await write(side, topic, ["a"], at(0, "again, in part"));
      await write(side, topic, ["a", "b", "c"], at(0, "again, and more"));
      await write(side, topic, ["b"], at(1, "again, the end of it"));
      await write(side, topic, ["e"], at(4, "a gap"));
      for (const sequence of [3, 4, 5, 6, 7, 8]) await write(side, topic, [`${sequence}`], at(sequence));
      await write(side, topic, ["4"], at(4, "the fifth last, again"));
      await write(side, topic, ["3"], at(3, "the sixth last, again"));
      await write(side, topic, ["c"], at(2, "long ago, again"));
      const next = { ...producer, producerEpoch: 1 };
      await write(side, topic, ["x"], { producer: next, sequence: 9, note: "the next epoch, not from 0" });
      await write(side, topic, ["y"], { producer: next, sequence: 0, note: "the next epoch" });
      await write(side, topic, ["8"], at(8, "the old epoch, again"));
      await write(side, topic, ["9"], at(9, "the old epoch"));
      await write(side, topic, ["9"], { ...at(9, "the old epoch"), version: 3 });
      await producers(side, topic);
      await look(side, topic);
      for (const acks of [1, -1])
        await write(side, topic, ["z"], { producer: next, sequence: 1, acks, note: `${acks}` });
      await write(side, topic, ["z"], { producer: next, sequence: 1, acks: 2, note: "acks 2" });
    },
  },
  {
    name: "idempotent: sequences wrap",
    async run(side) {
      const topic = await side.createTopic("t");
      const producer = await init(side, null);
      const last = 2 ** 31 - 1;
      await write(side, topic, ["a", "b"], { producer, sequence: last - 2 });
      await write(side, topic, ["c", "d", "e"], { producer, sequence: last });
      await write(side, topic, ["c", "d", "e"], { producer, sequence: last, note: "again" });
      await write(side, topic, ["f"], { producer, sequence: 2 });
      await write(side, topic, ["a", "b"], { producer, sequence: last - 2, note: "again" });
      await write(side, topic, ["g"], { producer, sequence: 4, note: "a gap" });
      await producers(side, topic);
      await look(side, topic);
    },
  },
  {
    name: "init: requests that make no sense",
    async run(side) {
      await find(side, "transaction", "a");
      await init(side, "a", { timeoutMs: 0, note: "no timeout" });
      await init(side, "a", { timeoutMs: -1, note: "a negative timeout" });
      await init(side, "a", { timeoutMs: 900_001, note: "too long a timeout" });
      await init(side, "a", { timeoutMs: 900_001, version: 0, note: "too long a timeout" });
      await init(side, "a", { as: { producerId: 5, producerEpoch: -1 }, note: "an id without an epoch" });
      await init(side, "a", { as: { producerId: -1, producerEpoch: 5 }, note: "an epoch without an id" });
      await init(side, null, { as: { producerId: 5, producerEpoch: 2 }, note: "no transactional id, somebody" });
      await init(side, null, { timeoutMs: 0, note: "no transactional id, no timeout" });
      await init(side, "a", { as: { producerId: 123_456, producerEpoch: 2 }, note: "a new one that claims a past" });
      await init(side, "a", { timeoutMs: 900_000 });
      await describe(side, ["a"]);
      for (const version of [0, 1, 2, 3, 4, 5]) await init(side, "a", { version });
      for (const version of [0, 1, 2, 3, 4, 5]) await init(side, null, { version });
    },
  },
  {
    name: "init: a producer goes on after an error (KIP-360)",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a");
      const second = await init(side, "a", { as: first, note: "with what it has" });
      await init(side, "a", { as: first, note: "again: the answer was lost" });
      await init(side, "a", { as: first, note: "a third time" });
      const third = await init(side, "a", { as: second, note: "with what it has" });
      await init(side, "a", { as: first, note: "with an epoch long gone" });
      await init(side, "a", { as: first, version: 3, note: "with an epoch long gone" });
      await init(side, "a", { as: { ...third, producerEpoch: 99 }, note: "with an epoch to come" });
      await init(side, "a", { as: { producerId: 987_654, producerEpoch: 0 }, note: "with another id" });
      await init(side, "a", { as: { producerId: 987_654, producerEpoch: 0 }, version: 3, note: "with another id" });
      await write(side, topic, ["a"], within("a", third));
      const fourth = await init(side, "a", { as: third, note: "while a transaction is open" });
      await describe(side, ["a"]);
      await look(side, topic);
      await write(side, topic, ["b"], { ...within("a", third, 1), note: "by the one before" });
      await write(side, topic, ["c"], within("a", fourth));
      await end(side, "a", fourth, "commit");
      await init(side, "a", { as: fourth, note: "with the epoch of the transaction that is committed" });
      await look(side, topic);
    },
  },
  {
    name: "init: the epoch before, when its successor has gone on",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a");
      const second = await init(side, "a", { as: first });
      await addPartitions(side, "a", second, [[topic, 0]]);
      await end(side, "a", second, "abort", { version: 4 });
      await end(side, "a", first, "commit", { note: "of the epoch before, which has gone on" });
      await init(side, "a", { as: first, note: "of the epoch before, which has gone on" });
    },
  },
  {
    name: "init: a zombie asks while the rightful producer has a transaction open",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const zombie = await init(side, "a");
      await init(side, "a", { note: "another takes over" });
      const rightful = await init(side, "a", { note: "and another" });
      await write(side, topic, ["a"], within("a", rightful));
      await init(side, "a", { as: zombie, note: "the zombie" });
      await side.settled(side.unique("a"));
      await describe(side, ["a"]);
    },
  },
  {
    name: "fencing: what a zombie is told, version by version",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      const zombie = await init(side, "a");
      const rightful = await init(side, "a");
      await zombieTries(side, zombie);
      await write(side, topic, ["a"], { ...within("a", zombie), note: "zombie" });
      await write(side, topic, ["a"], { ...within("a", zombie), version: 11, note: "zombie" });
      await write(side, topic, ["a"], { ...within("a", zombie), version: 3, note: "zombie" });
      await write(side, topic, ["b"], within("a", rightful));
      await write(side, topic, ["a"], { ...within("a", zombie), note: "zombie, the rightful one has begun" });
      await write(side, topic, ["a"], {
        ...within("a", zombie),
        version: 3,
        note: "zombie, the rightful one has begun",
      });
      await zombieTries(side, zombie);
      await end(side, "a", rightful, "commit");
      await zombieTries(side, zombie);
      await look(side, topic);
    },
  },
  {
    name: "timeouts: an open transaction is aborted, its producer told (KIP-588), v2",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a", { timeoutMs: TIMEOUT_MS });
      await side.inTime(TIMEOUT_MS, () => write(side, topic, ["a"], within("a", first)));
      await side.untilTransaction(side.unique("a"), "CompleteAbort");
      await describe(side, ["a"]);
      await producers(side, topic);
      await look(side, topic);
      await write(side, topic, ["b"], { ...within("a", first, 1), note: "too late" });
      await txnOffsets(side, "a", first, "g", topic, 3, { note: "too late" });
      await end(side, "a", first, "commit", { note: "too late" });
      await end(side, "a", first, "abort", { note: "too late" });
      const second = await init(side, "a", { as: first, timeoutMs: TIMEOUT_MS, note: "goes on" });
      await side.inTime(TIMEOUT_MS, async () => {
        await write(side, topic, ["c"], within("a", second));
        await end(side, "a", second, "commit");
      });
      await look(side, topic);
      await describe(side, ["a"]);
    },
  },
  {
    name: "timeouts: an open transaction is aborted, its producer told (KIP-588), classic",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      const first = await init(side, "a", { timeoutMs: TIMEOUT_MS, version: 4 });
      await side.inTime(TIMEOUT_MS, async () => {
        await addPartitions(side, "a", first, [[topic, 0]]);
        await write(side, topic, ["a"], { ...within("a", first), version: 11 });
      });
      await side.untilTransaction(side.unique("a"), "CompleteAbort");
      await describe(side, ["a"]);
      await producers(side, topic);
      await write(side, topic, ["b"], { ...within("a", first, 1), version: 11, note: "too late" });
      await zombieTries(side, first);
      const second = await init(side, "a", { as: first, version: 4, note: "goes on" });
      await init(side, "a", { as: first, version: 4, note: "goes on, again" });
      await addPartitions(side, "a", second, [[topic, 0]]);
      await write(side, topic, ["c"], { ...within("a", second), version: 11 });
      await end(side, "a", second, "commit", { version: 3 });
      await look(side, topic);
      await describe(side, ["a"]);
    },
  },
  {
    name: "timeouts: another takes over after the abort",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a", { timeoutMs: TIMEOUT_MS });
      await side.inTime(TIMEOUT_MS, () => write(side, topic, ["a"], within("a", first)));
      await side.untilTransaction(side.unique("a"), "CompleteAbort");
      const second = await init(side, "a");
      await init(side, "a", { as: first, note: "the one that timed out" });
      await write(side, topic, ["b"], within("a", second));
      await end(side, "a", first, "abort", { note: "of the one that timed out" });
      await end(side, "a", second, "commit");
      await look(side, topic);
    },
  },
  {
    name: "versions: classic and v2 mixed under one transactional id",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await find(side, "transaction", "a");
      await find(side, "group", "g");
      let producer = await init(side, "a", { version: 4 });
      await addPartitions(side, "a", producer, [[topic, 0]]);
      await write(side, topic, ["classic"], { ...within("a", producer), version: 11 });
      await end(side, "a", producer, "commit", { version: 4 });
      await write(side, topic, ["v2, sequences go on"], { ...within("a", producer, 1), note: "upgraded" });
      producer = await end(side, "a", producer, "commit", { note: "upgraded" });
      await describe(side, ["a"]);
      await write(side, topic, ["v2"], within("a", producer));
      await txnOffsets(side, "a", producer, "g", topic, 4);
      producer = await end(side, "a", producer, "abort");
      await addPartitions(side, "a", producer, [[topic, 0]], { note: "back to classic" });
      await write(side, topic, ["classic"], { ...within("a", producer), version: 11, note: "back to classic" });
      await write(side, topic, ["v2 inside"], { ...within("a", producer), partition: 1, note: "v2 in a classic one" });
      await addOffsets(side, "a", producer, "g");
      await txnOffsets(side, "a", producer, "g", topic, 5, { version: 3 });
      await end(side, "a", producer, "commit", { version: 4, note: "classic" });
      await describe(side, ["a"]);
      await look(side, topic, 0);
      await look(side, topic, 1);
      await producers(side, topic);
      await addPartitions(side, "a", producer, [[topic, 0]], { note: "classic begin, v2 end" });
      await write(side, topic, ["mixed"], { ...within("a", producer, 1), version: 11 });
      producer = await end(side, "a", producer, "commit", { note: "classic begin, v2 end" });
      await write(side, topic, ["mixed back"], within("a", producer));
      await end(side, "a", producer, "abort", { version: 4, note: "v2 begin, classic end" });
      await end(side, "a", producer, "abort", { version: 4, note: "v2 begin, classic end, again" });
      await write(side, topic, ["after"], { ...within("a", producer, 1), note: "after a v2 begin and classic end" });
      await describe(side, ["a"]);
      await look(side, topic, 0);
    },
  },
];

async function zombieTries(side: Side, zombie: RawProducer): Promise<void> {
  for (const version of [1, 2, 3]) {
    await addPartitions(side, "a", zombie, [["t", 0]], { version, note: "zombie" });
    await addOffsets(side, "a", zombie, "g", { version, note: "zombie" });
  }
  for (const version of [0, 3, 4, 5]) {
    await txnOffsets(side, "a", zombie, "g", "t", 3, { version, note: "zombie" });
  }
  for (const version of [1, 2, 4, 5]) await end(side, "a", zombie, "abort", { version, note: "zombie" });
  for (const version of [4, 5]) await end(side, "a", zombie, "commit", { version, note: "zombie" });
}
