/** What consumers outside of groups see. */
import { deleteRecords } from "../../../../src/protocol/apis/delete-records.ts";
import type { RawTopic } from "../../../support/raw-session.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
import { ends, epochEnd, look, read } from "../verbs/reading.ts";
import { end, find, init, within, write } from "../verbs/transactions.ts";

export const fetches: readonly Script[] = [
  {
    name: "fetch: every version, every place in the log",
    async run(side) {
      const topic = await side.createTopic("t");
      await read(side, topic, 0, { note: "empty" });
      await read(side, topic, 1, { note: "beyond the end" });
      for (const values of [["a", "b", "c"], ["d"], ["e", "f"]]) await write(side, topic, values);
      for (const version of [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])
        await read(side, topic, 1, { version });
      for (const offset of [0, 2, 3, 5, 6, 7, -1, -2]) await read(side, topic, offset);
      await read(side, topic, 0, { partition: 3, note: "no such partition" });
      await read(side, topic, 0, { partition: 3, version: 12, note: "no such partition" });
      await read(side, { name: side.unique("missing"), id: topic.id }, 0, { version: 12, note: "no such topic" });
      await read(side, { name: topic.name, id: "MTIzNDU2Nzg5MDEyMzQ1Ng" }, 0, { version: 13, note: "no such id" });
    },
  },
  {
    name: "fetch: limits of size",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      for (const partition of [0, 1]) {
        for (const letter of ["a", "b", "c"]) await write(side, topic, [letter.repeat(1000)], { partition });
      }
      await read(side, topic, 0, { maxBytes: 1, note: "one byte" });
      await read(side, topic, 0, { partitionMaxBytes: 1, note: "one byte of the partition" });
      await read(side, topic, 0, { partitionMaxBytes: 0, note: "nothing of the partition" });
      await read(side, topic, 0, { maxBytes: 0, note: "nothing" });
      await read(side, topic, 0, { maxBytes: 1100, note: "one batch and a bit" });
      await read(side, topic, 0, { partitionMaxBytes: 2300, note: "two batches and a bit" });
      await read(side, topic, 0, { maxBytes: 1100, version: 4, note: "one batch and a bit" });
      await read(side, topic, 3, { minBytes: 1, maxWaitMs: 50, note: "waits in vain" });
    },
  },
  {
    name: "fetch: leader epochs",
    async run(side) {
      const topic = await side.createTopic("t");
      await write(side, topic, ["a", "b"]);
      for (const currentLeaderEpoch of [-1, 0, 1]) {
        await read(side, topic, 0, { currentLeaderEpoch, note: `leader epoch ${currentLeaderEpoch}` });
        await read(side, topic, 0, { currentLeaderEpoch, version: 9, note: `leader epoch ${currentLeaderEpoch}` });
        await ends(side, topic, -1, { currentLeaderEpoch, note: `leader epoch ${currentLeaderEpoch}` });
        for (const leaderEpoch of [-1, 0, 1, 5]) {
          const note = `${leaderEpoch}, leader epoch ${currentLeaderEpoch}`;
          await epochEnd(side, topic, leaderEpoch, { currentLeaderEpoch, note });
        }
      }
      for (const version of [2, 3, 4]) await epochEnd(side, topic, 0, { version });
      await epochEnd(side, topic, 0, { partition: 9, note: "no such partition" });
      for (const lastFetchedEpoch of [0, 1]) {
        await read(side, topic, 1, { lastFetchedEpoch, note: `last fetched epoch ${lastFetchedEpoch}` });
        await read(side, topic, 2, { lastFetchedEpoch, note: `last fetched epoch ${lastFetchedEpoch}` });
        await read(side, topic, 7, { lastFetchedEpoch, note: `last fetched epoch ${lastFetchedEpoch}` });
      }
    },
  },
  {
    name: "fetch: offsets looked up",
    async run(side) {
      const topic = await side.createTopic("t");
      for (const timestamp of [-1, -2, -3, -4, -5, -6, 0])
        await ends(side, topic, timestamp, { version: 11, note: `${timestamp} of nothing` });
      await write(side, topic, ["a", "b"]);
      await write(side, topic, ["c"]);
      for (const version of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
        for (const timestamp of [-1, -2]) await ends(side, topic, timestamp, { version, note: `${timestamp}` });
      }
      for (const timestamp of [-3, -4, -5, -6, -7])
        await ends(side, topic, timestamp, { version: 11, note: `${timestamp}` });
      for (const timestamp of [-3, -4, -5])
        await ends(side, topic, timestamp, { version: 6, note: `${timestamp}, too old a version` });
      await ends(side, topic, side.epochMs, { note: "the records' time" });
      await ends(side, topic, side.epochMs + 1, { note: "later" });
      await ends(side, topic, 0, { note: "long ago" });
      await ends(side, topic, -1, { partition: 4, note: "no such partition" });
    },
  },
  {
    name: "fetch: the last stable offset, and what is listed as aborted",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      let a = await init(side, "a");
      let b = await init(side, "b");
      await write(side, topic, ["0"]);
      await write(side, topic, ["a1"], within("a", a));
      await write(side, topic, ["b1"], within("b", b));
      await look(side, topic);
      for (const timestamp of [side.epochMs, -3]) {
        await ends(side, topic, timestamp, { isolation: "read_committed", note: `${timestamp < 0 ? -3 : "time"}` });
      }
      await write(side, topic, ["later"], { timestamp: side.epochMs + 1 });
      for (const isolation of ["read_committed", "read_uncommitted"] as const)
        await ends(side, topic, -3, { isolation, note: "-3, later" });
      await write(side, topic, ["a2"], within("a", a, 1));
      a = await end(side, "a", a, "abort");
      await look(side, topic);
      b = await end(side, "b", b, "abort");
      await look(side, topic);
      await write(side, topic, ["a3"], within("a", a));
      a = await end(side, "a", a, "abort");
      await write(side, topic, ["b2"], within("b", b));
      await end(side, "b", b, "commit");
      await write(side, topic, ["a4"], within("a", a));
      await look(side, topic);
      for (let offset = 0; offset < 12; offset++) await read(side, topic, offset, { isolation: "read_committed" });
      for (const size of [1, 100, 200, 300, 400]) {
        await read(side, topic, 0, { isolation: "read_committed", partitionMaxBytes: size, note: `${size} bytes` });
      }
      await read(side, topic, 0, { isolation: "read_committed", version: 4 });
      await read(side, topic, 0, { isolation: "read_committed", version: 11 });
      await deleteTo(side, topic, 3);
      await look(side, topic);
      await deleteTo(side, topic, -1);
      await look(side, topic);
      await deleteTo(side, topic, 100);
      await end(side, "a", a, "abort");
      await look(side, topic);
      await read(side, topic, 0, { isolation: "read_committed" });
    },
  },
];

async function deleteTo(side: Side, topic: RawTopic, offset: number): Promise<void> {
  const body = { topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset }] }], timeoutMs: 10_000 };
  await side.ask(deleteRecords, 2, body, { note: `before ${offset}` });
}
