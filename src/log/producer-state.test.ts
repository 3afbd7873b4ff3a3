// What a partition knows of its producers, and the snapshots of that.

import { beforeEach, describe, expect, it } from "vitest";
import { RecordBatch } from "../protocol/records/batch.ts";
import { buildMarker } from "../protocol/records/control.ts";
import { type BatchSpec, batchOf, START_MS } from "./log.testing.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "./producer-snapshot.ts";
import { type CompletedTransaction, ProducerState, REMEMBERED_BATCHES } from "./producer-state.ts";
import type { AppendOrigin, MarkerOptions, VerificationGuard } from "./types.ts";

const MAX_SEQUENCE = 2 ** 31 - 1;
const PRODUCER = 7;

let state: ProducerState;
let nextOffset: number;
beforeEach(() => {
  state = new ProducerState();
  nextOffset = 0;
});

function check(spec: BatchSpec, guard?: VerificationGuard, origin: AppendOrigin = "client"): string {
  const decision = state.check(batchOf({ producerId: PRODUCER, ...spec }), origin, guard);
  if (decision.kind === "duplicate") return `duplicate of ${decision.original.lastOffset}`;
  return decision.kind === "refuse" ? decision.refusal.error : "append";
}

/** Takes a batch in as one that stands in the log. */
function write(spec: BatchSpec): void {
  const batch = batchOf({ producerId: PRODUCER, ...spec });
  batch.assignOffset(nextOffset, 0);
  nextOffset = batch.nextOffset;
  state.apply(batch, START_MS);
}

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `v${i}`);
}

function markerOf(spec: Partial<MarkerOptions> = {}): MarkerOptions {
  return {
    type: "commit",
    producerId: PRODUCER,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    timestamp: START_MS,
    transactionVersion: 0,
    ...spec,
  };
}

function writeMarker(spec: Partial<MarkerOptions> = {}): CompletedTransaction | undefined {
  return state.applyMarker(markerOf(spec), nextOffset++, START_MS);
}

function startVerification(
  spec: { epoch?: number; sequence?: number; isVersion2?: boolean } = {},
): VerificationGuard | undefined {
  const { epoch = 0, sequence = 0, isVersion2 = false } = spec;
  const outcome = state.startVerification(PRODUCER, epoch, sequence, isVersion2, START_MS);
  return outcome.ok ? outcome.guard : undefined;
}

describe("an idempotent producer", () => {
  it("may begin with any sequence when nothing is known of it: its records may have been deleted", () => {
    expect(check({ sequence: 17 })).toBe("append");
  });

  it("goes on with the next sequence", () => {
    write({ values: many(3), sequence: 0 });
    expect(check({ sequence: 3 })).toBe("append");
  });

  it.each([
    ["a gap", 4],
    ["an overlap that is no duplicate", 2],
    ["one that is far behind", MAX_SEQUENCE],
  ])("is refused with %s", (_what, sequence) => {
    write({ values: many(3), sequence: 0 });
    expect(check({ sequence })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  });

  it("is told the original offset when it sends one of its last five batches again", () => {
    for (let i = 0; i < 10; i++) write({ values: many(2), sequence: i * 2 });
    const answers = Array.from({ length: 10 }, (_, i) => check({ values: many(2), sequence: i * 2 }));
    expect(answers).toEqual([
      ...new Array(10 - REMEMBERED_BATCHES).fill("OUT_OF_ORDER_SEQUENCE_NUMBER"),
      ...["duplicate of 11", "duplicate of 13", "duplicate of 15", "duplicate of 17", "duplicate of 19"],
    ]);
  });

  it("sent no duplicate when the batch is of another size", () => {
    write({ values: many(3), sequence: 0 });
    expect(check({ values: many(2), sequence: 0 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(check({ values: many(2), sequence: 1 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  });

  describe("sequences wrap behind 2^31 - 1", () => {
    it("at the end of a batch", () => {
      write({ values: many(2), sequence: MAX_SEQUENCE - 1 });
      expect(check({ sequence: 0 })).toBe("append");
      expect(check({ sequence: 1 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    });

    it("within a batch", () => {
      write({ values: many(4), sequence: MAX_SEQUENCE - 1 });
      expect(check({ sequence: 2 })).toBe("append");
      expect(check({ values: many(4), sequence: MAX_SEQUENCE - 1 })).toBe("duplicate of 3");
    });
  });

  describe("with a new epoch", () => {
    beforeEach(() => write({ values: many(3), sequence: 0, producerEpoch: 4 }));

    it("begins with sequence 0", () => {
      expect(check({ sequence: 0, producerEpoch: 5 })).toBe("append");
      expect(check({ sequence: 3, producerEpoch: 5 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    });

    it("is fenced with the old one", () => {
      write({ sequence: 0, producerEpoch: 5 });
      expect(check({ sequence: 3, producerEpoch: 4 })).toBe("INVALID_PRODUCER_EPOCH");
    });

    it("sends no duplicate of a batch of the old one", () => {
      write({ sequence: 0, producerEpoch: 5 });
      expect(check({ values: many(3), sequence: 0, producerEpoch: 4 })).toBe("INVALID_PRODUCER_EPOCH");
      expect(check({ values: many(3), sequence: 0, producerEpoch: 5 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    });
  });

  it("does not mix with other producers", () => {
    write({ values: many(3), sequence: 0 });
    write({ producerId: 8, sequence: 0 });
    expect(check({ producerId: 8, sequence: 1 })).toBe("append");
    expect(check({ sequence: 3 })).toBe("append");
  });

  it("is forgotten when it was silent for too long, by the clock and by its records", () => {
    write({ sequence: 0, timestamp: START_MS + 500 });
    state.expire(START_MS + 1400, 1000);
    expect(state.size).toBe(1);
    state.expire(START_MS + 1500, 1000);
    expect(state.size).toBe(0);
  });

  it("is not forgotten early because its records are old", () => {
    write({ sequence: 0, timestamp: 5 });
    state.expire(START_MS + 999, 1000);
    expect(state.size).toBe(1);
  });
});

describe("a transaction", () => {
  it("needs a verification before its first batch, and none after", () => {
    expect(check({ isTransactional: true })).toBe("INVALID_TXN_STATE");
    const guard = startVerification();
    expect(check({ isTransactional: true }, guard)).toBe("append");
    write({ isTransactional: true });
    expect(startVerification({ sequence: 1 })).toBeUndefined();
    expect(check({ isTransactional: true, sequence: 1 })).toBe("append");
  });

  it("does not open with another verification's guard", () => {
    startVerification();
    expect(check({ isTransactional: true }, { producerId: PRODUCER })).toBe("INVALID_TXN_STATE");
  });

  it("does not open with a guard from before a marker: the batch is late (fault 1)", () => {
    const guard = startVerification();
    writeMarker({ type: "abort" });
    expect(check({ isTransactional: true }, guard)).toBe("INVALID_TXN_STATE");
  });

  it("version 2: a guard outlives the marker of the transaction before, whose epoch is the next one's", () => {
    const guard = startVerification({ epoch: 1, isVersion2: true });
    writeMarker({ producerEpoch: 1, transactionVersion: 2 });
    expect(check({ isTransactional: true, producerEpoch: 1 }, guard)).toBe("append");
  });

  it("version 2: a guard of the epoch that the marker ends is worthless", () => {
    const guard = startVerification({ epoch: 0, isVersion2: true });
    writeMarker({ producerEpoch: 1, transactionVersion: 2 });
    expect(check({ isTransactional: true, producerEpoch: 0 }, guard)).toBe("INVALID_PRODUCER_EPOCH");
  });

  it("version 2: begins with sequence 0 where nothing is known of the producer", () => {
    const guard = startVerification({ sequence: 3, isVersion2: true });
    expect(check({ isTransactional: true, sequence: 3 }, guard)).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  });

  it("does not let a batch pass an earlier one that was refused during the verification", () => {
    const guard = startVerification({ sequence: 0 });
    expect(startVerification({ sequence: 1 })).toBe(guard);
    expect(check({ isTransactional: true, sequence: 1 }, guard)).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(check({ isTransactional: true, sequence: 0 }, guard)).toBe("append");
  });

  it("a late duplicate of the transaction before does not stop the next one (fault 1)", () => {
    write({ isTransactional: true, sequence: 0 });
    writeMarker();
    startVerification({ sequence: 0 });
    expect(check({ isTransactional: true, sequence: 0 })).toBe("duplicate of 0");
    const guard = startVerification({ sequence: 1 });
    expect(check({ isTransactional: true, sequence: 1 }, guard)).toBe("append");
  });

  it("a zombie cannot begin a verification", () => {
    write({ producerEpoch: 3 });
    expect(state.startVerification(PRODUCER, 2, 0, false, START_MS)).toMatchObject({ error: "INVALID_PRODUCER_EPOCH" });
  });

  it("an abandoned verification is forgotten", () => {
    const guard = startVerification();
    state.expire(START_MS + 1000, 1000);
    expect(check({ isTransactional: true }, guard)).toBe("INVALID_TXN_STATE");
  });

  it("takes no batch from outside of it", () => {
    write({ isTransactional: true });
    expect(check({ sequence: 1 })).toBe("INVALID_TXN_STATE");
  });

  it("takes no batch of a later epoch: its marker is missing, and that one's commit would commit it", () => {
    write({ isTransactional: true });
    const next: BatchSpec = { isTransactional: true, producerEpoch: 1 };
    expect(check(next, startVerification({ epoch: 1, isVersion2: true }))).toBe("INVALID_TXN_STATE");
    expect(check({ ...next, sequence: -1 }, undefined, "coordinator")).toBe("INVALID_TXN_STATE");
    // The refused producer aborts.
    expect(writeMarker({ type: "abort", producerEpoch: 2, transactionVersion: 2 })).toMatchObject({ firstOffset: 0 });
    expect(check({ ...next, producerEpoch: 2 }, startVerification({ epoch: 2, isVersion2: true }))).toBe("append");
  });

  it("keeps its producer from being forgotten", () => {
    write({ isTransactional: true });
    state.expire(START_MS + 1e9, 1000);
    expect(state.firstUndecidedOffset).toBe(0);
  });

  it("a coordinator's records carry no sequences, and only their epoch is checked", () => {
    const spec: BatchSpec = { isTransactional: true, producerEpoch: 1, sequence: -1 };
    expect(check(spec, undefined, "coordinator")).toBe("append");
    write(spec);
    write(spec);
    expect(check({ ...spec, producerEpoch: 0 }, undefined, "coordinator")).toBe("INVALID_PRODUCER_EPOCH");
  });

  it("the oldest one that is open counts", () => {
    write({ isTransactional: true });
    write({ producerId: 8, isTransactional: true });
    write({ producerId: 9, isTransactional: true });
    expect(state.firstUndecidedOffset).toBe(0);
    writeMarker({ producerId: 8 });
    expect(state.firstUndecidedOffset).toBe(0);
    writeMarker();
    expect(state.firstUndecidedOffset).toBe(2);
    writeMarker({ producerId: 9 });
    expect(state.firstUndecidedOffset).toBeUndefined();
  });
});

describe("a marker", () => {
  it("says what it ended, and below which offset all was decided then", () => {
    write({ isTransactional: true });
    write({ producerId: 8, isTransactional: true });
    expect(writeMarker({ producerId: 8, type: "abort" })).toEqual({
      producerId: 8,
      firstOffset: 1,
      lastOffset: 2,
      isAborted: true,
      lastStableOffset: 0,
    });
    expect(writeMarker()).toMatchObject({ firstOffset: 0, lastOffset: 3, isAborted: false, lastStableOffset: 4 });
  });

  it("ends nothing when no transaction is open", () => {
    expect(writeMarker()).toBeUndefined();
    write({ sequence: 0 });
    expect(writeMarker()).toBeUndefined();
  });

  it("keeps the sequences of a transaction's epoch, so that the next one goes on", () => {
    write({ values: many(3), isTransactional: true });
    writeMarker();
    expect(check({ isTransactional: true, sequence: 3 }, startVerification({ sequence: 3 }))).toBe("append");
    expect(check({ values: many(3), isTransactional: true })).toBe("duplicate of 2");
  });

  it("with a bumped epoch fences the transaction's producer (fault 11)", () => {
    write({ isTransactional: true });
    writeMarker({ producerEpoch: 1, type: "abort" });
    expect(check({ isTransactional: true, sequence: 1 })).toBe("INVALID_PRODUCER_EPOCH");
    const guard = startVerification({ epoch: 1 });
    expect(check({ isTransactional: true, producerEpoch: 1, sequence: 1 }, guard)).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(check({ isTransactional: true, producerEpoch: 1, sequence: 0 }, guard)).toBe("append");
  });

  it.each<[string, Partial<MarkerOptions>, { epoch: number; isOpen: boolean }, string | undefined]>([
    ["classic, of the epoch", { producerEpoch: 3 }, { epoch: 3, isOpen: true }, undefined],
    ["classic, of a later epoch", { producerEpoch: 4 }, { epoch: 3, isOpen: true }, undefined],
    ["classic, of an earlier epoch", { producerEpoch: 2 }, { epoch: 3, isOpen: true }, "INVALID_PRODUCER_EPOCH"],
    ["classic, sent again", { producerEpoch: 3 }, { epoch: 3, isOpen: false }, undefined],
    ["version 2, bumped", { producerEpoch: 4, transactionVersion: 2 }, { epoch: 3, isOpen: true }, undefined],
    [
      "version 2, not bumped: the transaction is a later one",
      { producerEpoch: 3, transactionVersion: 2 },
      { epoch: 3, isOpen: true },
      "INVALID_PRODUCER_EPOCH",
    ],
    ["version 2, sent again", { producerEpoch: 3, transactionVersion: 2 }, { epoch: 3, isOpen: false }, undefined],
    [
      "version 2, of an earlier epoch",
      { producerEpoch: 2, transactionVersion: 2 },
      { epoch: 3, isOpen: false },
      "INVALID_PRODUCER_EPOCH",
    ],
    [
      "version 2, at the last epoch, which has no next (fault 5)",
      { producerEpoch: 32767, transactionVersion: 2 },
      { epoch: 32767, isOpen: true },
      undefined,
    ],
  ])("%s", (_what, marker, { epoch, isOpen }, error) => {
    write({ producerEpoch: epoch, isTransactional: isOpen });
    expect(state.checkMarker(markerOf(marker))?.error).toBe(error);
  });

  it("of an old coordinator is refused", () => {
    expect(state.checkMarker(markerOf({ coordinatorEpoch: 5 }))).toBeUndefined();
    writeMarker({ coordinatorEpoch: 5 });
    expect(state.checkMarker(markerOf({ coordinatorEpoch: 4 }))?.error).toBe("TRANSACTION_COORDINATOR_FENCED");
    expect(state.checkMarker(markerOf({ coordinatorEpoch: 5 }))).toBeUndefined();
    expect(state.checkMarker(markerOf({ coordinatorEpoch: 6 }))).toBeUndefined();
  });
});

describe("replayed", () => {
  it("gives what was taken in live", () => {
    const live = new ProducerState();
    const replayed = new ProducerState();
    const batches = [
      batchOf({ producerId: 7, values: many(2), isTransactional: true }),
      batchOf({ producerId: 8 }),
      batchOf({ producerId: 7, sequence: 2, isTransactional: true }),
      batchOf(),
      new RecordBatch(buildMarker(markerOf({ type: "abort", coordinatorEpoch: 3 }))),
      batchOf({ producerId: 9, isTransactional: true }),
    ];
    let offset = 0;
    for (const batch of batches) {
      batch.assignOffset(offset, 0);
      offset = batch.nextOffset;
      const completed = replayed.replay(batch, START_MS);
      if (batch.isControl) {
        const marker = markerOf({ type: "abort", coordinatorEpoch: 3 });
        expect(completed).toEqual(live.applyMarker(marker, batch.lastOffset, START_MS));
      } else if (batch.hasProducerId) {
        live.apply(batch, START_MS);
      }
    }
    expect([...replayed.entries()]).toEqual([...live.entries()]);
    expect(replayed.firstUndecidedOffset).toBe(6);
  });
});

describe("a snapshot", () => {
  beforeEach(() => {
    for (let i = 0; i < 7; i++) write({ values: many(2), sequence: i * 2, timestamp: START_MS + i });
    write({ producerId: 2 ** 40, producerEpoch: 32767, sequence: MAX_SEQUENCE, isTransactional: true });
    write({ producerId: 9, isTransactional: true });
    writeMarker({ producerId: 10, producerEpoch: 3, coordinatorEpoch: 12 });
  });

  const restored = (): ProducerState => {
    const other = new ProducerState();
    other.load(decodeProducerSnapshot(encodeProducerSnapshot([...state.entries()]), START_MS));
    return other;
  };

  it("brings everything back, all remembered batches too", () => {
    expect([...restored().entries()]).toEqual([...state.entries()]);
    expect(restored().firstUndecidedOffset).toBe(state.firstUndecidedOffset);
  });

  it("lets a restarted log recognise a retry of any of the last five batches", () => {
    state = restored();
    expect(check({ values: many(2), sequence: 4 })).toBe("duplicate of 5");
    expect(check({ values: many(2), sequence: 2 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  });

  it("that Apache Kafka 4.3.1 wrote can be read: it has only each producer's last batch", () => {
    const bytes = Buffer.from(
      "000173dc319900000003" +
        "0000000000000007000200000009000000000000002900000001" +
        "0000018bcfe5680000000003ffffffffffffffff" +
        "000000000000000800000000" +
        "0000000000000000002a000000000000018bcfe56801ffffffff000000000000002a" +
        "00000000000000090001ffffffffffffffffffffffff00000000" +
        "0000018bcfe5680200000005ffffffffffffffff",
      "hex",
    );
    const kept = { lastSeenMs: START_MS };
    expect(decodeProducerSnapshot(bytes, START_MS)).toEqual([
      {
        ...kept,
        producerId: 7,
        producerEpoch: 2,
        coordinatorEpoch: 3,
        lastTimestamp: START_MS,
        txnFirstOffset: -1,
        batches: [{ lastSequence: 9, lastOffset: 41, offsetDelta: 1, timestamp: START_MS }],
      },
      {
        ...kept,
        producerId: 8,
        producerEpoch: 0,
        coordinatorEpoch: -1,
        lastTimestamp: START_MS + 1,
        txnFirstOffset: 42,
        batches: [{ lastSequence: 0, lastOffset: 42, offsetDelta: 0, timestamp: START_MS + 1 }],
      },
      {
        ...kept,
        producerId: 9,
        producerEpoch: 1,
        coordinatorEpoch: 5,
        lastTimestamp: START_MS + 2,
        txnFirstOffset: -1,
        batches: [],
      },
    ]);
  });

  it("is refused when it is cut or a bit is wrong, wherever", () => {
    const bytes = Buffer.from(encodeProducerSnapshot([...state.entries()]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeProducerSnapshot(bytes.subarray(0, length), 0), `cut at ${length}`).toThrow();
    }
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 4;
      expect(() => decodeProducerSnapshot(damaged, 0), `byte ${at}`).toThrow();
    }
  });
});
