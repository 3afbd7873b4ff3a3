/** What becomes of producers and transactional ids that were silent for too long. */
import { setTimeout as sleep } from "node:timers/promises";
import { describeProducers } from "../../../../src/protocol/apis/describe-producers.ts";
import { describeTransactions } from "../../../../src/protocol/apis/describe-transactions.ts";
import { errorCodes } from "../../../../src/protocol/errors.ts";
import type { RawProducer, RawTopic } from "../../../support/raw-session.ts";
import { EXPIRATION_CHECK_MS, EXPIRATION_MS } from "../brokers.ts";
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
  list,
  type ProduceOptions,
  producers,
  txnOffsets,
  within,
  write,
} from "../verbs/transactions.ts";

/** Waits until the log has forgotten a producer. */
async function untilForgotten(side: Side, { name }: RawTopic, { producerId }: RawProducer): Promise<void> {
  const body = { topics: [{ name, partitionIndexes: [0] }] };
  await side.until(`producer ${producerId} is forgotten`, async () => {
    const { topics } = await side.peek(describeProducers, 0, body);
    const active = topics[0]?.partitions[0]?.activeProducers ?? [];
    return active.every((each) => each.producerId !== producerId);
  });
}

/** Waits until the coordinator has forgotten transactional ids. */
async function untilIdsForgotten(side: Side, ids: readonly string[]): Promise<void> {
  const transactionalIds = ids.map((id) => side.unique(id));
  await side.until(`${ids} are forgotten`, async () => {
    const { transactionStates } = await side.peek(describeTransactions, 0, { transactionalIds });
    return transactionStates.every(({ errorCode }) => errorCode === errorCodes.TRANSACTIONAL_ID_NOT_FOUND);
  });
}

/** Of the present: Apache Kafka counts from the time that the records have. */
function fresh(options: ProduceOptions): ProduceOptions {
  return { ...options, timestamp: Date.now() };
}

/** Everything but InitProducerId, by a producer whose transactional id is not known any more. */
async function tryEverything(side: Side, id: string, topic: RawTopic, producer: RawProducer): Promise<void> {
  const note = "forgotten";
  for (const version of [3, 11, 12]) {
    await write(side, topic, ["late"], fresh({ ...within(id, producer), version, note }));
  }
  for (const version of [0, 3]) {
    await addPartitions(side, id, producer, [[topic, 0]], { version, note });
    await addOffsets(side, id, producer, "g", { version, note });
  }
  for (const version of [3, 5]) await txnOffsets(side, id, producer, "g", topic, 3, { version, note });
  for (const version of [1, 4, 5]) {
    await end(side, id, producer, "commit", { version, note });
    await end(side, id, producer, "abort", { version, note });
  }
}

export const expiration: readonly Script[] = [
  {
    name: "expiration: an idempotent producer is forgotten, and comes back",
    brokers: "forgetting producers",
    async run(side) {
      const topic = await side.createTopic("t");
      const producer = await init(side, null);
      const at = (sequence: number, note: string) => fresh({ producer, sequence, note });
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["a", "b"], at(0, "first"));
        await write(side, topic, ["c"], at(2, "next"));
        await producers(side, topic);
      });
      await untilForgotten(side, topic, producer);
      await producers(side, topic);
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["c"], at(2, "again: nobody remembers"));
        await write(side, topic, ["a", "b"], at(0, "long ago, again"));
        await write(side, topic, ["d"], at(3, "next"));
        await write(side, topic, ["f"], at(5, "a gap"));
      });
      await untilForgotten(side, topic, producer);
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["f"], at(5, "a gap that nobody sees"));
        await look(side, topic);
        await producers(side, topic);
      });
    },
  },
  {
    name: "expiration: a newer epoch is forgotten, and the one before is let in",
    brokers: "forgetting producers",
    async run(side) {
      const topic = await side.createTopic("t");
      const producer = await init(side, null);
      const next = { ...producer, producerEpoch: 1 };
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["a"], fresh({ producer: next, note: "epoch 1" }));
        await write(side, topic, ["x"], fresh({ producer, sequence: 4, note: "epoch 0" }));
      });
      await untilForgotten(side, topic, next);
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["b"], fresh({ producer, sequence: 4, note: "epoch 0, epoch 1 is forgotten" }));
        await write(side, topic, ["c"], fresh({ producer: next, sequence: 1, note: "epoch 1 goes on" }));
        await write(side, topic, ["c"], fresh({ producer: next, sequence: 0, note: "epoch 1, from 0" }));
        await producers(side, topic);
      });
      await look(side, topic);
    },
  },
  {
    name: "expiration: whoever has a transaction open is not forgotten",
    brokers: "forgetting producers",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await init(side, "a");
      const other = await init(side, null);
      await write(side, topic, ["a"], fresh(within("a", first)));
      await write(side, topic, ["x"], fresh({ producer: other, note: "another" }));
      await untilForgotten(side, topic, other);
      await producers(side, topic);
      await write(side, topic, ["c"], fresh({ ...within("a", first, 2), note: "a gap" }));
      await write(side, topic, ["b"], fresh(within("a", first, 1)));
      const second = await end(side, "a", first, "commit");
      await untilForgotten(side, topic, first);
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["z"], fresh({ ...within("a", first, 2), note: "of the transaction before" }));
        await write(side, topic, ["y"], fresh({ ...within("a", second, 7), note: "not from 0" }));
        await write(side, topic, ["c"], fresh({ ...within("a", second, 8), note: "goes on" }));
        await producers(side, topic);
      });
      await end(side, "a", second, "abort");
      await look(side, topic);
    },
  },
  {
    name: "expiration: the classic protocol, likewise",
    brokers: "forgetting producers",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const producer = await init(side, "a", { version: 4 });
      const at = (sequence: number, note: string) => fresh({ ...within("a", producer, sequence), version: 11, note });
      await addPartitions(side, "a", producer, [[topic, 0]]);
      await write(side, topic, ["a"], at(0, "first"));
      await end(side, "a", producer, "commit", { version: 4 });
      await untilForgotten(side, topic, producer);
      await write(side, topic, ["a"], at(0, "again, in no transaction"));
      await side.inTime(EXPIRATION_MS, async () => {
        await addPartitions(side, "a", producer, [[topic, 0]]);
        await write(side, topic, ["a"], at(0, "again, in the next transaction"));
        await write(side, topic, ["b"], at(1, "goes on"));
      });
      await end(side, "a", producer, "commit", { version: 4 });
      await untilForgotten(side, topic, producer);
      await addPartitions(side, "a", producer, [[topic, 0]]);
      await write(side, topic, ["d"], at(3, "a gap that nobody sees"));
      await end(side, "a", producer, "abort", { version: 4 });
      await look(side, topic);
    },
  },
  {
    name: "expiration: a producer of old records",
    brokers: "forgetting producers",
    async run(side) {
      const topic = await side.createTopic("t");
      const producer = await init(side, null);
      await side.inTime(EXPIRATION_MS, async () => {
        await write(side, topic, ["a"], { producer, note: "an hour old" });
        // Ours is given the time that Apache Kafka takes.
        if (side.name === "apache") await untilForgotten(side, topic, producer);
        else await sleep(5 * EXPIRATION_CHECK_MS);
        await write(side, topic, ["c"], { producer, sequence: 2, note: "a gap behind an hour old one" });
      });
    },
  },
  {
    name: "expiration: a transactional id is forgotten, but not with a transaction open",
    brokers: "forgetting transactional ids",
    async run(side) {
      const topic = await side.createTopic("t");
      for (const id of ["empty", "committed", "aborted", "open"]) await find(side, "transaction", id);
      await find(side, "group", "g");
      const [empty, committed, aborted, open] = await side.inTime(EXPIRATION_MS, async () => {
        const first = await init(side, "empty");
        const second = await init(side, "committed");
        const third = await init(side, "aborted", { version: 4 });
        const fourth = await init(side, "open");
        await write(side, topic, ["a"], fresh(within("committed", second)));
        const goesOn = await end(side, "committed", second, "commit");
        await addPartitions(side, "aborted", third, [[topic, 0]]);
        await write(side, topic, ["b"], fresh({ ...within("aborted", third), version: 11 }));
        await end(side, "aborted", third, "abort", { version: 4 });
        await write(side, topic, ["c"], fresh(within("open", fourth)));
        return [first, goesOn, third, fourth] as const;
      });
      await untilIdsForgotten(side, ["empty", "committed", "aborted"]);
      await describe(side, ["empty", "committed", "aborted", "open"]);
      await list(side, {});
      await producers(side, topic);
      await tryEverything(side, "empty", topic, empty);
      await tryEverything(side, "committed", topic, committed);
      await tryEverything(side, "aborted", topic, aborted);
      await write(side, topic, ["d"], fresh({ ...within("open", open, 1), note: "still open" }));
      await end(side, "open", open, "commit");
      await look(side, topic);
    },
  },
  {
    name: "expiration: a producer comes back whose transactional id was forgotten",
    brokers: "forgetting transactional ids",
    async run(side) {
      const topic = await side.createTopic("t");
      for (const id of ["a", "b", "c"]) await find(side, "transaction", id);
      const old: Record<string, RawProducer> = {};
      for (const id of ["a", "b", "c"]) {
        await side.inTime(EXPIRATION_MS, async () => {
          const producer = await init(side, id);
          await write(side, topic, [id], fresh(within(id, producer)));
          old[id] = await end(side, id, producer, "commit");
        });
      }
      await untilIdsForgotten(side, ["a", "b", "c"]);
      const claims = (id: string): { readonly as?: RawProducer } => (old[id] ? { as: old[id] } : {});
      await side.inTime(EXPIRATION_MS, async () => {
        await init(side, "a", { ...claims("a"), note: "with what it had" });
        await init(side, "a", { ...claims("a"), version: 3, note: "with what it had" });
        await init(side, "a", { ...claims("a"), version: 4, note: "with what it had" });
        const next = await init(side, "b", { note: "anew" });
        await init(side, "b", { ...claims("b"), note: "with what it had, while another is there" });
        await init(side, "c", { version: 0, note: "anew" });
        await describe(side, ["a", "b", "c"]);
        await write(side, topic, ["late"], fresh({ ...within("b", old.b ?? next), note: "as it was" }));
        await end(side, "b", old.b ?? next, "commit", { note: "as it was" });
        await write(side, topic, ["b"], fresh({ ...within("b", next), note: "anew" }));
        await producers(side, topic);
        await end(side, "b", next, "commit", { note: "anew" });
      });
      await look(side, topic);
    },
  },
];
