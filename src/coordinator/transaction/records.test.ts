import { describe, expect, it } from "vitest";
import type { CoordinatorRecord } from "../coordinator.ts";
import { readRecord, stateRecord, tombstone } from "./records.ts";
import type { TransactionMetadata } from "./state.ts";
import { describe as describeState } from "./story.testing.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** The records that Apache Kafka 4.3.1 wrote for InitProducerId v5; AddPartitionsToTxn v3 (txc-a-0 and 2) and EndTxn v3
 * (commit); AddPartitionsToTxn v4 (txc-a-1) and EndTxn v5 (abort). */
const key = "0000 0010 6170702d676f6c64656e2d396f366173";
const written = [
  "0001 0000000000000029 0000 0000ea60 00 00 000001a2125ce9fe ffffffffffffffff 01 0008 0000000000000029",
  "0001 0000000000000029 0000 0000ea60 01 02 067478632d61 03 00000002 00000000 00 000001a2125cea01 000001a2125cea01 01 0008 0000000000000029",
  "0001 0000000000000029 0000 0000ea60 02 02 067478632d61 03 00000002 00000000 00 000001a2125cea02 000001a2125cea01 01 0008 0000000000000029",
  "0001 0000000000000029 0000 0000ea60 04 01 000001a2125cea02 000001a2125cea01 01 0008 0000000000000029",
  "0001 0000000000000029 0000 0000ea60 01 02 067478632d61 02 00000001 00 000001a2125ceacc 000001a2125ceacc 02 0008 0000000000000029 0202 0002",
  "0001 0000000000000029 0001 0000ea60 03 02 067478632d61 02 00000001 00 000001a2125ceacd 000001a2125ceacc 02 0008 0000000000000029 0202 0002",
  "0001 0000000000000029 0001 0000ea60 05 01 000001a2125ceacd 000001a2125ceacc 02 0008 0000000000000029 0202 0002",
].map((value) => ({ key: hex(key), value: hex(value) }));

const state: TransactionMetadata = {
  transactionalId: "app",
  producer: { producerId: 7, producerEpoch: 32767 },
  previous: { producerId: 7, producerEpoch: 32766 },
  nextProducerId: 8,
  timeoutMs: 60_000,
  state: "PrepareCommit",
  partitions: new Map([
    ["orders", new Set([0, 12])],
    ["__consumer_offsets", new Set([7])],
  ]),
  startedAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_001,
  version: 2,
};

describe("records of __transaction_state", () => {
  it("Apache Kafka's are understood", () => {
    expect(written.map((record) => describeState(readRecord(record).metadata as TransactionMetadata))).toEqual([
      "Empty 41/0",
      "Ongoing 41/0 txc-a-2 txc-a-0",
      "PrepareCommit 41/0 txc-a-2 txc-a-0",
      "CompleteCommit 41/0",
      "Ongoing 41/0 txc-a-1",
      "PrepareAbort 41/1 txc-a-1",
      "CompleteAbort 41/1",
    ]);
  });

  it("ours differ from Apache Kafka's in who may ask again, and in nothing else", () => {
    for (const record of written) {
      const { metadata } = readRecord(record);
      const ours = stateRecord(metadata as TransactionMetadata);
      const untagged = ours.value?.length ?? 0;
      expect(ours.key).toEqual(record.key);
      // Up to the count of tagged fields, the last byte when there is none.
      const length = untagged - (metadata?.version === 2 ? 5 : 1);
      expect(ours.value?.subarray(0, length)).toEqual(record.value.subarray(0, length));
    }
  });

  it("a state with everything in it comes back as it was", () => {
    expect(readRecord(stateRecord(state))).toEqual({ transactionalId: "app", metadata: state });
  });

  it("a tombstone says that the id is forgotten", () => {
    expect(readRecord(tombstone("app"))).toEqual({ transactionalId: "app", metadata: null });
  });

  it("a state that nobody writes is refused", () => {
    const record = stateRecord(state) as CoordinatorRecord & { value: Uint8Array };
    const value = Buffer.from(record.value);
    for (const code of [6, 7, 8]) {
      value[16] = code;
      expect(() => readRecord({ key: record.key, value })).toThrow(/state/);
    }
  });
});
