/** Batches whose header says something else than their records. */
import {
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  MAX_TIMESTAMP_AT,
  RECORD_COUNT_AT,
} from "../../../../src/protocol/records/batch.ts";
import type { Script } from "../compare.ts";
import { ends } from "../verbs/reading.ts";
import { write } from "../verbs/transactions.ts";

export const records: readonly Script[] = [
  {
    name: "records: the header's times are not theirs",
    async run(side) {
      const topic = await side.createTopic("t", 3);
      const changes: readonly (readonly [string, (batch: Buffer) => void])[] = [
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
];
