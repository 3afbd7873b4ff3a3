/** The last epochs of a producer id: there is no 32767th producer, and nothing overflows. */
import type { RawProducer } from "../../../support/raw-session.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
import { look } from "../verbs/reading.ts";
import { addPartitions, describe, end, find, init, producers, within, write } from "../verbs/transactions.ts";

export const exhaustion: readonly Script[] = [
  {
    name: "epochs: used up by transactions v2",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      let producer = await aged(side, "a", 32_764);
      for (let i = 0; i < 4; i++) {
        await write(side, topic, [`${i}`], within("a", producer));
        const next = await end(side, "a", producer, i % 2 === 0 ? "commit" : "abort");
        await end(side, "a", producer, i % 2 === 0 ? "commit" : "abort", { note: "again" });
        await write(side, topic, ["late"], { ...within("a", producer, 1), note: "late" });
        await describe(side, ["a"]);
        producer = next;
      }
      await init(side, "a", { as: producer, note: "goes on" });
      await producers(side, topic);
      await look(side, topic);
    },
  },
  {
    name: "epochs: used up by new producers",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const first = await aged(side, "a", 32_764);
      const second = await init(side, "a", { as: first, note: "goes on" });
      const third = await init(side, "a", { as: second, note: "goes on" });
      await init(side, "a", { as: second, note: "goes on, again" });
      await describe(side, ["a"]);
      await addPartitions(side, "a", third, [[topic, 0]]);
      await write(side, topic, ["a"], { ...within("a", third), version: 11 });
      await init(side, "a", { note: "while a transaction is open" });
      await look(side, topic);
      await describe(side, ["a"]);
      await producers(side, topic);
    },
  },
  {
    name: "epochs: used up by one who takes over from an open transaction",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const last = await aged(side, "a", 32_766);
      await write(side, topic, ["a"], within("a", last));
      await init(side, "a", { note: "takes over" });
      await write(side, topic, ["b"], { ...within("a", last, 1), note: "late" });
      await end(side, "a", last, "commit", { note: "late" });
      await describe(side, ["a"]);
      await producers(side, topic);
      await look(side, topic);
    },
  },
  {
    name: "epochs: used up by a timeout",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      const timeoutMs = 1_000;
      const last = await aged(side, "a", 32_766, timeoutMs);
      await side.inTime(timeoutMs, () => write(side, topic, ["a"], within("a", last)));
      await side.untilTransaction(side.unique("a"), "CompleteAbort");
      await describe(side, ["a"]);
      await end(side, "a", last, "abort", { note: "late" });
      await init(side, "a", { as: last, note: "goes on" });
      await describe(side, ["a"]);
      await look(side, topic);
    },
  },
];

/** A producer that has had so many predecessors. */
async function aged(side: Side, transactionalId: string, epoch: number, timeoutMs = 60_000): Promise<RawProducer> {
  const id = side.unique(transactionalId);
  return side.quietly(async (session) => {
    let producer: RawProducer = { producerId: -1, producerEpoch: -1 };
    while (producer.producerEpoch < epoch) {
      const count = Math.min(500, epoch - producer.producerEpoch);
      const requests = Array.from({ length: count }, () => session.initProducer(id, { timeoutMs }));
      producer = (await Promise.all(requests)).at(-1) ?? producer;
    }
    return { producerId: producer.producerId, producerEpoch: producer.producerEpoch };
  });
}
