import { describe, expect, it } from "vitest";
import { errorName } from "../../protocol/errors.ts";
import { type TransactionFilter, transactionFilter } from "./filter.ts";
import { parseProducer, World } from "./story.testing.ts";

const everything = { stateFilters: [], producerIdFilters: [], durationFilter: -1, transactionalIdPattern: null };

/** "idle" is Empty, "open" has been Ongoing for 10 s, "done" is complete. */
function world(): World {
  const created = new World();
  for (const id of ["idle", "open", "done"]) created.init(id, undefined, 5, () => {});
  created.partitions("produce", "open", parseProducer("2/0"), [{ topic: "orders", partition: 4 }], () => {});
  created.later(10_000);
  created.partitions("produce", "done", parseProducer("3/0"), [{ topic: "orders", partition: 4 }], () => {});
  created.end("done", parseProducer("3/0"), true, 5, () => {});
  created.written();
  return created;
}

function listed(filter: Partial<Parameters<typeof transactionFilter>[0]>): string[] {
  const compiled = transactionFilter({ ...everything, ...filter }) as TransactionFilter;
  return world()
    .list(compiled)
    .map(({ transactionalId, transactionState }) => {
      return `${transactionalId} ${transactionState}`;
    });
}

describe("ListTransactions", () => {
  it("all of them", () => {
    expect(listed({})).toEqual(["idle Empty", "open Ongoing", "done CompleteCommit"]);
  });

  it("by state, by producer id, by both", () => {
    expect(listed({ stateFilters: ["Ongoing", "Empty"] })).toEqual(["idle Empty", "open Ongoing"]);
    expect(listed({ producerIdFilters: [2, 3] })).toEqual(["open Ongoing", "done CompleteCommit"]);
    expect(listed({ stateFilters: ["Empty"], producerIdFilters: [2] })).toEqual([]);
  });

  it("by duration: those that began earlier; an id without a transaction is among them, as in Apache Kafka", () => {
    expect(listed({ durationFilter: 9_999 })).toEqual(["idle Empty", "open Ongoing"]);
    expect(listed({ durationFilter: 10_000 })).toEqual(["idle Empty"]);
  });

  it("by a pattern, which the whole id has to match", () => {
    expect(listed({ transactionalIdPattern: "o.*|idl" })).toEqual(["open Ongoing"]);
    expect(listed({ transactionalIdPattern: "" })).toHaveLength(3);
    for (const pattern of ["(", "a{1001}", "(?=a)"]) {
      const request = { ...everything, transactionalIdPattern: pattern };
      expect(transactionFilter(request), pattern).toBe("INVALID_REGULAR_EXPRESSION");
    }
  });

  it("a pattern is in RE2's syntax, and takes linear time", () => {
    expect(listed({ transactionalIdPattern: "(?i)OP.*" })).toEqual(["open Ongoing"]);
    const created = new World();
    created.init("a".repeat(10_000), undefined, 5, () => {});
    const filter = transactionFilter({ ...everything, transactionalIdPattern: "(a+)+b" }) as TransactionFilter;
    expect(created.list(filter)).toEqual([]);
  });

  it("names that are no state are told", () => {
    const filter = transactionFilter({ ...everything, stateFilters: ["Ongoing", "ongoing", "Dead", "toString"] });
    expect((filter as TransactionFilter).unknownStates).toEqual(["ongoing", "toString"]);
  });
});

describe("DescribeTransactions", () => {
  it("an open transaction", () => {
    const created = world();
    expect(created.describe("open")).toEqual({
      errorCode: 0,
      transactionalId: "open",
      transactionState: "Ongoing",
      transactionTimeoutMs: 60_000,
      transactionStartTimeMs: created.now - 10_000,
      producerId: 2,
      producerEpoch: 0,
      topics: [{ topic: "orders", partitions: [4] }],
    });
  });

  it("one that never had a transaction began at -1", () => {
    expect(world().describe("idle")).toMatchObject({ transactionStartTimeMs: -1, topics: [] });
  });

  it("ids that are not known, or none", () => {
    const created = world();
    expect(["other", ""].map((id) => errorName(created.describe(id).errorCode))).toEqual([
      "TRANSACTIONAL_ID_NOT_FOUND",
      "INVALID_REQUEST",
    ]);
  });
});
