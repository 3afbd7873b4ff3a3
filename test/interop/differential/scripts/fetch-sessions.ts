/** Fetch sessions (KIP-227): what is told, and which requests are refused. */
import { deleteRecords } from "../../../../src/protocol/apis/delete-records.ts";
import { deleteTopics } from "../../../../src/protocol/apis/delete-topics.ts";
import { fetch } from "../../../../src/protocol/apis/fetch.ts";
import type { RawTopic } from "../../../support/raw-session.ts";
import type { Script } from "../compare.ts";
import type { AskOptions, Side } from "../side.ts";
import { end, find, init, within, write } from "../verbs/transactions.ts";

type At = readonly [partition: number, offset: number];

interface SessionOptions extends AskOptions {
  readonly version?: number;
  readonly isolation?: "read_committed" | "read_uncommitted";
  readonly forget?: readonly number[];
  readonly maxBytes?: number;
  readonly maxWaitMs?: number;
}

/** Gives the session's id. */
async function fetchIn(
  side: Side,
  topic: RawTopic,
  session: readonly [id: number, epoch: number],
  at: readonly At[],
  options: SessionOptions = {},
): Promise<number> {
  const { version = 16, forget = [], maxBytes = 2 ** 20, note } = options;
  const [sessionId, sessionEpoch] = session;
  const names = { topic: topic.name, topicId: topic.id };
  const partitions = at.map(([partition, fetchOffset]) => ({ partition, fetchOffset, partitionMaxBytes: 2 ** 20 }));
  const body = {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: 1,
    maxBytes,
    isolationLevel: options.isolation === "read_committed" ? 1 : 0,
    sessionId,
    sessionEpoch,
    topics: at.length > 0 ? [{ ...names, partitions }] : [],
    forgottenTopicsData: forget.length > 0 ? [{ ...names, partitions: forget }] : [],
  };
  const asked = at.map(([partition, offset]) => `${partition} from ${offset}`).join(", ");
  const text = `epoch ${sessionEpoch}${asked ? `, ${asked}` : ""}${forget.length > 0 ? `, not ${forget}` : ""}`;
  return (await side.ask(fetch, version, body, { ...options, note: note ? `${note}, ${text}` : text })).sessionId;
}

export const fetchSessions: readonly Script[] = [
  {
    name: "fetch sessions: only what changed is told",
    async run(side) {
      const topic = await side.createTopic("t", 3);
      await write(side, topic, ["a"], { partition: 1 });
      const all = [0, 1, 2].map((partition): At => [partition, 0]);
      const id = await fetchIn(side, topic, [0, 0], all);
      await fetchIn(side, topic, [id, 1], [[1, 1]]);
      await write(side, topic, ["b"], { partition: 2 });
      await fetchIn(side, topic, [id, 2], []);
      await fetchIn(side, topic, [id, 3], [], { note: "the same again" });
      await fetchIn(side, topic, [id, 4], [[2, 1]]);
      await fetchIn(side, topic, [id, 5], [], { note: "waits in vain", maxWaitMs: 50 });
      const body = { topics: [{ name: topic.name, partitions: [{ partitionIndex: 1, offset: 1 }] }], timeoutMs: 1000 };
      await side.ask(deleteRecords, 2, body);
      await fetchIn(side, topic, [id, 6], [], { note: "behind deleted records" });
      await fetchIn(side, topic, [id, 7], [[1, 0]], { note: "out of range" });
      await fetchIn(side, topic, [id, 8], [], { note: "out of range still" });
      await fetchIn(side, topic, [id, 9], [[1, 1]], { note: "in range again" });
      await fetchIn(side, topic, [id, 10], []);
    },
  },
  {
    name: "fetch sessions: one partition at a time",
    async run(side) {
      const topic = await side.createTopic("t", 3);
      const id = await fetchIn(
        side,
        topic,
        [0, 0],
        [0, 1, 2].map((partition): At => [partition, 0]),
      );
      for (const partition of [0, 1, 2]) await write(side, topic, [`${partition}`], { partition });
      for (let epoch = 1; epoch <= 5; epoch++) await fetchIn(side, topic, [id, epoch], [], { maxBytes: 1 });
    },
  },
  {
    name: "fetch sessions: epochs and ids",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      await fetchIn(side, topic, [0, -1], [[0, 0]], { note: "no session wanted" });
      await fetchIn(side, topic, [0, 1], [], { note: "none there" });
      const id = await fetchIn(side, topic, [0, 0], [[0, 0]], { version: 7 });
      await fetchIn(side, topic, [id, 1], [], { version: 7 });
      await fetchIn(side, topic, [id, 1], [], { version: 7, note: "again" });
      await fetchIn(side, topic, [id, 3], [], { version: 7, note: "too soon" });
      await fetchIn(side, topic, [id, -2], [], { version: 7, note: "negative" });
      await fetchIn(side, topic, [id, 2], [], { version: 12 });
      await fetchIn(side, topic, [id, 3], [], { version: 13, note: "by id" });
      await fetchIn(side, topic, [id, 3], [], { version: 12, note: "by name" });
      const next = await fetchIn(side, topic, [id, 0], [[0, 0]], { note: "in its place" });
      await fetchIn(side, topic, [id, 4], [], { version: 12, note: "the old one" });
      await fetchIn(side, topic, [next, 1], [], { version: 12, note: "by name" });
      await fetchIn(side, topic, [next, 1], [[1, 0]], { note: "one more" });
      await fetchIn(side, topic, [next, 2], [], { forget: [0] });
      await fetchIn(side, topic, [next, 3], [], { forget: [0], note: "once more" });
      await fetchIn(side, topic, [next, 4], [], { forget: [1] });
      await fetchIn(side, topic, [next, 5], [], { note: "without partitions it ended" });
      const empty = await fetchIn(side, topic, [0, 0], [], { note: "of nothing" });
      await fetchIn(side, topic, [empty, 1], [[0, 0]]);
      await fetchIn(side, topic, [empty, 2], [[0, 0]], { forget: [0], note: "both" });
      await fetchIn(side, topic, [empty, -1], [[0, 0]], { note: "the last" });
      await fetchIn(side, topic, [empty, 3], []);
    },
  },
  {
    name: "fetch sessions: topics that come and go",
    async run(side) {
      const topic = await side.createTopic("t");
      const missing = { name: side.unique("later"), id: "MTIzNDU2Nzg5MDEyMzQ1Ng" };
      const byName = await fetchIn(side, missing, [0, 0], [[0, 0]], { version: 12, note: "not there" });
      await fetchIn(side, missing, [byName, 1], [], { version: 12, note: "not there" });
      await side.createTopic("later");
      await fetchIn(side, missing, [byName, 2], [], { version: 12, note: "there" });
      await fetchIn(side, missing, [byName, 3], [], { version: 12, note: "there" });
      const byId = await fetchIn(side, missing, [0, 0], [[0, 0]], { note: "no such id" });
      await fetchIn(side, missing, [byId, 1], [], { note: "no such id" });
      await fetchIn(side, topic, [byId, 2], [[0, 0]], { note: "another topic" });
      const gone = await fetchIn(side, topic, [0, 0], [[0, 0]], { version: 12 });
      await side.ask(deleteTopics, 5, { topicNames: [topic.name], timeoutMs: 10_000 });
      await side.ask(deleteTopics, 5, { topicNames: [topic.name], timeoutMs: 10_000 }, { note: "again" });
      await side.untilGone(topic);
      await fetchIn(side, topic, [gone, 1], [], { version: 12, note: "deleted" });
    },
  },
  {
    name: "fetch sessions: read_committed",
    async run(side) {
      const topic = await side.createTopic("t");
      await find(side, "transaction", "a");
      let a = await init(side, "a");
      const isolation = "read_committed";
      const id = await fetchIn(side, topic, [0, 0], [[0, 0]], { isolation });
      await write(side, topic, ["a"], within("a", a));
      await fetchIn(side, topic, [id, 1], [], { isolation, note: "open" });
      await fetchIn(side, topic, [id, 2], [], { isolation, note: "open" });
      a = await end(side, "a", a, "abort");
      await fetchIn(side, topic, [id, 3], [], { isolation, note: "aborted" });
      await write(side, topic, ["b"], within("a", a));
      await fetchIn(side, topic, [id, 4], [[0, 2]], { isolation, note: "open" });
      await end(side, "a", a, "commit");
      await fetchIn(side, topic, [id, 5], [], { isolation, note: "committed" });
    },
  },
];
