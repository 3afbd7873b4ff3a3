/** Batches whose header says something else than their records. */
import { produce } from "../../../../src/protocol/apis/produce.ts";
import {
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  MAX_TIMESTAMP_AT,
  RECORD_COUNT_AT,
} from "../../../../src/protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../../../src/protocol/records/builder.ts";
import type { RawTopic } from "../../../support/raw-session.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
import { ends } from "../verbs/reading.ts";
import { write } from "../verbs/transactions.ts";

export const records: readonly Script[] = [
  {
    name: "records: the header's times are not theirs",
    async run(side) {
      const topic = await side.createTopic("t", 4);
      const changes: readonly (readonly [string, (batch: Buffer) => void])[] = [
        [
          "a maximum far ahead",
          (batch) => batch.writeBigInt64BE(BigInt(Date.now()) + 10_000_000_000n, MAX_TIMESTAMP_AT),
        ],
        ["a maximum of 0", (batch) => batch.writeBigInt64BE(0n, MAX_TIMESTAMP_AT)],
        ["no maximum", (batch) => batch.writeBigInt64BE(-1n, MAX_TIMESTAMP_AT)],
        [
          "a maximum just below",
          (batch) => batch.writeBigInt64BE(batch.readBigInt64BE(BASE_TIMESTAMP_AT) - 1n, MAX_TIMESTAMP_AT),
        ],
      ];
      for (const [partition, [note, change]] of changes.entries()) {
        await write(side, topic, ["a", "b"], { partition, note, change });
        for (const timestamp of [side.epochMs, -3, -1]) {
          await ends(side, topic, timestamp, { partition, note: `${timestamp < 0 ? timestamp : "time"}, ${note}` });
        }
      }
    },
  },
  {
    name: "records: not as many as the header says, or none at all",
    async run(side) {
      const topic = await side.createTopic("t");
      const counting = (count: number) => (batch: Buffer) => {
        batch.writeInt32BE(count, RECORD_COUNT_AT);
        batch.writeInt32BE(count - 1, LAST_OFFSET_DELTA_AT);
      };
      const noise = (batch: Buffer): void => void batch.fill(0xff, BATCH_HEADER_BYTES);
      await write(side, topic, ["a", "b"], { change: counting(20), note: "more than have room" });
      await write(side, topic, ["a", "b"], { change: counting(1), note: "unread: fewer than there are" });
      await write(side, topic, ["a", "b"], { change: noise, note: "unread: noise" });
      await write(side, topic, ["a", "b"], { change: noise, compression: 1, note: "unread: noise for gzip" });
      const compacted = await side.createTopic("c", 1, { "cleanup.policy": "compact" });
      await write(side, compacted, ["a", "b"], { change: counting(1), note: "fewer than there are, compacted" });
      await ends(side, compacted, -1);
    },
  },
  {
    name: "records: some of a batch are refused, and each is told",
    async run(side) {
      const compacted = await side.createTopic("c", 1, { "cleanup.policy": "compact" });
      await writeEach(side, compacted, [{ key: "a" }, {}, { key: "b" }, {}], { note: "two without keys" });
      await writeEach(side, compacted, [{}, { key: "a" }], { note: "without a key, compressed", compression: 1 });
      const bounds = { "message.timestamp.before.max.ms": "1000000", "message.timestamp.after.max.ms": "1000000" };
      const bounded = await side.createTopic("b", 1, bounds);
      const far = 10_000_000;
      await writeEach(side, bounded, [{}, { aheadMs: far }, {}, { aheadMs: -far }], { note: "two beyond the bounds" });
      await writeEach(side, bounded, [{ aheadMs: far }], { note: "the only one, ahead" });
      await writeEach(side, bounded, [{}, { aheadMs: -far }], { note: "behind, compressed", compression: 1 });
      const both = await side.createTopic("bc", 1, { ...bounds, "cleanup.policy": "compact" });
      await writeEach(side, both, [{ aheadMs: far }, { key: "a", aheadMs: far }, {}], { note: "for both reasons" });
      await writeEach(side, both, [{}, { key: "a" }], { note: "version 7, which has no room for that", version: 7 });
      await ends(side, both, -1);
    },
  },
];

interface Shape {
  readonly key?: string;
  /** Of the side's clock. */
  readonly aheadMs?: number;
}

async function writeEach(
  side: Side,
  topic: RawTopic,
  shapes: readonly Shape[],
  { note, compression = 0, version = 12 }: { readonly note: string; compression?: number; version?: number },
): Promise<void> {
  const builder = new RecordBatchBuilder();
  for (const { key, aheadMs = 0 } of shapes) {
    builder.append(Date.now() + aheadMs, key === undefined ? null : Buffer.from(key), Buffer.from("value"));
  }
  const records = Buffer.from(builder.build({ isTransactional: false, compression }));
  const topicData = [{ name: topic.name, partitionData: [{ index: 0, records }] }];
  await side.ask(produce, version, { acks: -1, timeoutMs: 30_000, topicData }, { note });
}
