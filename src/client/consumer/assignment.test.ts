import { describe, expect, it } from "vitest";
import { RecordBatchBuilder } from "../../protocol/records/builder.ts";
import type { ConsumerRecord } from "../types.ts";
import { AssignedPartition } from "./assignment.ts";
import { FetchedChunk } from "./fetched-chunk.ts";

/** Of `count` records from `start` on, written under `leaderEpoch`. */
function chunk(start: number, count: number, leaderEpoch: number): FetchedChunk {
  const builder = new RecordBatchBuilder();
  for (let i = 0; i < count; i++) builder.append(0, null, Buffer.from("x"));
  const records = Buffer.from(builder.build({ baseOffset: start, leaderEpoch, compression: 0 }));
  const position = { offset: start, leaderEpoch: -1 };
  return new FetchedChunk({ topic: "t", partition: 0, records, start: position, aborted: [], checkCrcs: true });
}

/** At offset 0, with ten records of epoch 3 fetched. */
function reading(): AssignedPartition {
  const assigned = new AssignedPartition({ topic: "t", partition: 0 }, "beginning");
  assigned.seek({ offset: 0, leaderEpoch: 0 });
  assigned.add(chunk(0, 10, 3));
  return assigned;
}

function take(assigned: AssignedPartition, count: number): number[] {
  const records: ConsumerRecord[] = [];
  assigned.take(records, count);
  return records.map(({ offset }) => offset);
}

const fetchedTo = { offset: 10, leaderEpoch: 3 };

describe("a position and a new leader", () => {
  it("asks about what was fetched last, not about what was handed out last", () => {
    const assigned = reading();
    take(assigned, 2);
    expect(assigned.fetchPosition).toEqual(fetchedTo);
  });

  it("is sound where the leader has all of it", () => {
    const assigned = reading();
    expect(assigned.isSound(fetchedTo, 10, 4)).toBe(true);
    expect(assigned.validatedEpoch).toBe(4);
    expect(take(assigned, 20)).toHaveLength(10);
  });

  it("does not go back when records were handed out while the leader was asked (simulator, seed 100187)", () => {
    const assigned = reading();
    // What is asked about is the position before: epoch 0, which the leader ends at 5.
    assigned.seek({ offset: 0, leaderEpoch: 0 });
    const asked = assigned.fetchPosition ?? fetchedTo;
    assigned.add(chunk(0, 10, 3));
    expect(take(assigned, 8)).toHaveLength(8);
    expect(assigned.isSound(asked, 5, 4)).toBe(true);
    expect(take(assigned, 20)).toEqual([8, 9]);
    expect(assigned.validatedEpoch, "what came meanwhile is asked about next").toBe(-1);
  });

  it("fetches anew what was fetched ahead and is gone", () => {
    const assigned = reading();
    take(assigned, 4);
    expect(assigned.isSound(fetchedTo, 7, 4)).toBe(true);
    expect(assigned.fetchPosition).toEqual({ offset: 4, leaderEpoch: 3 });
    expect(assigned.validatedEpoch).toBe(-1);
  });

  it("is not sound when records that were handed out are gone", () => {
    const assigned = reading();
    take(assigned, 10);
    expect(assigned.isSound(fetchedTo, 7, 4)).toBe(false);
    expect(assigned.isSound(fetchedTo, undefined, 4)).toBe(false);
  });
});
