/** The faults known to have broken other coordinators; see the stories' language in story.testing.ts. */
import { describe, expect, it } from "vitest";
import { defined } from "../../platform/assert.ts";
import { produceError, txnOffsetCommitError } from "./answers.ts";
import { stateRecord } from "./records.ts";
import { play, World, type WorldOptions } from "./story.testing.ts";
import { initialized } from "./transitions.ts";

function tell(story: string, options?: WorldOptions): void {
  expect(play(story, options)).toBe(story);
}

/** A log in which "app" stands at the last epoch that a producer gets. */
const exhausted: WorldOptions = {
  records: [
    stateRecord(initialized("app", { producerId: 1, producerEpoch: 32766 }, undefined, 60_000, 1_700_000_000_000)),
  ],
};

describe("fault 1: a delayed request of an earlier transaction arrives in a later one (KIP-890)", () => {
  it("transactions v2: Produce, TxnOffsetCommit, EndTxn are all refused by their epoch", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0
written
  record: app CompleteCommit 1/1 (was 1/0)
produce app 1/1 payments-0
  record: app Ongoing 1/1 payments-0
  answer to "produce app 1/1 payments-0": NONE
# the delayed ones
produce app 1/0 orders-0
  answer to "produce app 1/0 orders-0": PRODUCER_FENCED
commit app 1/0
  answer to "commit app 1/0": PRODUCER_FENCED
abort app 1/0
  answer to "abort app 1/0": PRODUCER_FENCED
init app as 1/0
  answer to "init app as 1/0": PRODUCER_FENCED
# the later transaction is whole
commit app 1/1
  record: app PrepareCommit 1/2 (was 1/1) payments-0
  answer to "commit app 1/1": NONE 1/2
  markers: commit 1/2 payments-0
`);
  });

  it("classic protocol: a Produce to a partition that is not in the later transaction", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
abort app 1/0 v3
  record: app PrepareAbort 1/0 orders-0
  answer to "abort app 1/0 v3": NONE
  markers: abort 1/0 orders-0
written
  record: app CompleteAbort 1/0
verify app 1/0 orders-0
  answer to "verify app 1/0 orders-0": TRANSACTION_ABORTABLE
add app 1/0 payments-0
  record: app Ongoing 1/0 payments-0
  answer to "add app 1/0 payments-0": NONE
verify app 1/0 orders-0
  answer to "verify app 1/0 orders-0": TRANSACTION_ABORTABLE
`);
  });
});

describe("fault 2: EndTxn while the previous completion is being written", () => {
  it("waits for it, and is then no empty success", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0
commit app 1/1
written
  record: app CompleteCommit 1/1 (was 1/0)
  answer to "commit app 1/1": INVALID_TXN_STATE
`);
  });

  it("is told CONCURRENT_TRANSACTIONS when that takes long", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
abort app 1/0
  record: app PrepareAbort 1/1 (was 1/0) orders-0
  answer to "abort app 1/0": NONE 1/1
  markers: abort 1/1 orders-0
abort app 1/1
later 100
  answer to "abort app 1/1": CONCURRENT_TRANSACTIONS
written
  record: app CompleteAbort 1/1 (was 1/0)
abort app 1/1
  record: app PrepareAbort 1/2 (was 1/1)
  record: app CompleteAbort 1/2 (was 1/1)
  answer to "abort app 1/1": NONE 1/2
`);
  });
});

describe("fault 3: the reply to a commit or an abort is lost", () => {
  it("transactions v2: the same again succeeds, the opposite does not", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0
commit app 1/0
abort app 1/0
  answer to "abort app 1/0": INVALID_TXN_STATE
written
  record: app CompleteCommit 1/1 (was 1/0)
  answer to "commit app 1/0": NONE 1/1
commit app 1/0
  answer to "commit app 1/0": NONE 1/1
abort app 1/0
  answer to "abort app 1/0": INVALID_TXN_STATE
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
abort app 1/1
  record: app PrepareAbort 1/2 (was 1/1) orders-0
  answer to "abort app 1/1": NONE 1/2
  markers: abort 1/2 orders-0
written
  record: app CompleteAbort 1/2 (was 1/1)
abort app 1/1
  answer to "abort app 1/1": NONE 1/2
commit app 1/1
  answer to "commit app 1/1": INVALID_TXN_STATE
`);
  });

  it("classic protocol: likewise", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
commit app 1/0 v3
  record: app PrepareCommit 1/0 orders-0
  answer to "commit app 1/0 v3": NONE
  markers: commit 1/0 orders-0
commit app 1/0 v3
abort app 1/0 v3
  answer to "abort app 1/0 v3": INVALID_TXN_STATE
written
  record: app CompleteCommit 1/0
  answer to "commit app 1/0 v3": NONE
commit app 1/0 v3
  answer to "commit app 1/0 v3": NONE
abort app 1/0 v3
  answer to "abort app 1/0 v3": INVALID_TXN_STATE
`);
  });

  it("and the broker dies too: the one who asks again is known", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
init app as 1/0
  record: app Empty 1/1 (was 1/0)
  answer to "init app as 1/0": NONE 1/1
restart
init app as 1/0
  record: app Empty 1/1 (was 1/0)
  answer to "init app as 1/0": NONE 1/1
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
commit app 1/1
  record: app PrepareCommit 1/2 (was 1/1) orders-0
  answer to "commit app 1/1": NONE 1/2
  markers: commit 1/2 orders-0
restart
  markers: commit 1/2 orders-0
commit app 1/1
written
  record: app CompleteCommit 1/2 (was 1/1)
  answer to "commit app 1/1": NONE 1/2
restart
commit app 1/1
  answer to "commit app 1/1": NONE 1/2
`);
  });
});

describe("fault 4: a marker cannot be written, and the broker dies meanwhile", () => {
  it("all markers are asked for again at the same epoch, until they are written", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0 orders-1
  record: app Ongoing 1/0 orders-0 orders-1
  answer to "produce app 1/0 orders-0 orders-1": NONE
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0 orders-1
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0 orders-1
written orders-0
restart
  markers: commit 1/1 orders-0 orders-1
restart
  markers: commit 1/1 orders-0 orders-1
produce app 1/1 orders-0
written orders-0
written orders-1
  record: app CompleteCommit 1/1 (was 1/0)
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
`);
  });

  it("a report about an earlier transaction with the same epoch does nothing", () => {
    const world = new World();
    const commit = (): void => {
      world.partitions("add", "app", producer, [orders], () => {});
      world.end("app", producer, true, 3, () => {});
    };
    const producer = { producerId: 1, producerEpoch: 0 };
    const orders = { topic: "orders", partition: 0 };
    world.init("app", undefined, 5, () => {});
    commit();
    const first = defined(world.markers[0]);
    world.written();
    commit();
    expect(world.coordinator.markersWritten(first, [orders], world.now).records).toEqual([]);
    expect(world.describe("app").transactionState).toBe("PrepareCommit");
    world.written();
    expect(world.describe("app").transactionState).toBe("CompleteCommit");
  });
});

describe("fault 5: the producer's epoch is exhausted", () => {
  it("transactions v2: a new producer id comes with the end of the transaction; a retry gets it too", () => {
    tell(
      `
restart
produce app 1/32766 orders-0
  record: app Ongoing 1/32766 orders-0
  answer to "produce app 1/32766 orders-0": NONE
commit app 1/32766
  record: app PrepareCommit 1/32767 (was 1/32766) (then 2/0) orders-0
  answer to "commit app 1/32766": NONE 2/0
  markers: commit 1/32767 orders-0
produce app 2/0 orders-0
commit app 1/32766
written
  record: app CompleteCommit 2/0 (was 1/32766)
  record: app Ongoing 2/0 orders-0
  answer to "produce app 2/0 orders-0": NONE
  answer to "commit app 1/32766": INVALID_PRODUCER_ID_MAPPING
commit app 1/32766
  answer to "commit app 1/32766": INVALID_PRODUCER_ID_MAPPING
produce app 1/32766 orders-0
  answer to "produce app 1/32766 orders-0": INVALID_PRODUCER_ID_MAPPING
abort app 2/0
  record: app PrepareAbort 2/1 (was 2/0) orders-0
  answer to "abort app 2/0": NONE 2/1
  markers: abort 2/1 orders-0
written
  record: app CompleteAbort 2/1 (was 2/0)
`,
      exhausted,
    );
  });

  it("while producer ids are short, who needs one is refused, and nothing else", () => {
    const world = new World(exhausted);
    world.hasProducerIds = false;
    const answers: string[] = [];
    const answer = (error: string): void => void answers.push(error);
    const app = { producerId: 1, producerEpoch: 32766 };
    const orders = { topic: "orders", partition: 0 };
    world.init("new", undefined, 5, answer);
    world.init("app", undefined, 5, answer);
    world.partitions("produce", "app", app, [orders], answer);
    world.init("app", undefined, 5, answer);
    world.end("app", app, true, 5, answer);
    world.end("app", app, true, 4, answer);
    world.written();
    world.partitions("produce", "app", app, [orders], answer);
    world.hasProducerIds = true;
    world.end("app", app, true, 5, answer);
    const refused = "COORDINATOR_LOAD_IN_PROGRESS";
    expect(answers).toEqual([refused, refused, "NONE", refused, refused, "NONE", "NONE", "NONE"]);
    // The timeout cannot be refused.
    world.written();
    const last = new World(exhausted);
    last.hasProducerIds = false;
    last.partitions("produce", "app", app, [orders], answer);
    last.later(60_000);
    expect(last.events.at(-1)).toBe("markers: abort 1/32767 orders-0");
  });

  it("a timeout at the last epoch: the late producer's abort succeeds, and it goes on with the new id", () => {
    tell(
      `
produce app 1/32766 orders-0
  record: app Ongoing 1/32766 orders-0
  answer to "produce app 1/32766 orders-0": NONE
later 60000
  record: app PrepareAbort 1/32767 (was 1/32766) (then 2/0) orders-0
  markers: abort 1/32767 orders-0
restart
  markers: abort 1/32767 orders-0
written
  record: app CompleteAbort 2/0 (was 1/32766)
abort app 1/32766
  answer to "abort app 1/32766": NONE 2/0
produce app 2/0 orders-0
  record: app Ongoing 2/0 orders-0
  answer to "produce app 2/0 orders-0": NONE
`,
      exhausted,
    );
  });

  it("classic protocol: the epoch stays until the next producer, which gets a new id", () => {
    tell(
      `
add app 1/32766 orders-0
  record: app Ongoing 1/32766 orders-0
  answer to "add app 1/32766 orders-0": NONE
commit app 1/32766 v3
  record: app PrepareCommit 1/32766 orders-0
  answer to "commit app 1/32766 v3": NONE
  markers: commit 1/32766 orders-0
written
  record: app CompleteCommit 1/32766
init app as 1/32766
  record: app Empty 2/0 (was 1/32766)
  answer to "init app as 1/32766": NONE 2/0
init app as 1/32766
  record: app Empty 2/0 (was 1/32766)
  answer to "init app as 1/32766": NONE 2/0
init app as 2/0
  record: app Empty 2/1 (was 2/0)
  answer to "init app as 2/0": NONE 2/1
init app as 1/32766
  answer to "init app as 1/32766": PRODUCER_FENCED
`,
      exhausted,
    );
  });

  it("a new producer fences the one at the last epoch", () => {
    tell(
      `
add app 1/32766 orders-0
  record: app Ongoing 1/32766 orders-0
  answer to "add app 1/32766 orders-0": NONE
init app
  record: app PrepareAbort 1/32767 (then 2/0) orders-0
  markers: abort 1/32767 orders-0
written
  record: app CompleteAbort 2/0
  record: app Empty 2/1
  answer to "init app": NONE 2/1
abort app 1/32766
  answer to "abort app 1/32766": INVALID_PRODUCER_ID_MAPPING
`,
      exhausted,
    );
  });
});

describe("fault 6: a commit races the timeout's abort", () => {
  it("the commit comes first: the timeout finds nothing to abort", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
later 59999
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0
later 1
written
  record: app CompleteCommit 1/1 (was 1/0)
`);
  });

  it("the timeout comes first: the commit is refused, and the producer can go on", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
later 60000
  record: app PrepareAbort 1/1 (was 1/0) orders-0
  markers: abort 1/1 orders-0
commit app 1/0
  answer to "commit app 1/0": INVALID_TXN_STATE
written
  record: app CompleteAbort 1/1 (was 1/0)
commit app 1/0
  answer to "commit app 1/0": INVALID_TXN_STATE
abort app 1/0
  answer to "abort app 1/0": NONE 1/1
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
`);
  });

  it("classic protocol: the commit finds its producer fenced, and a new one takes over", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
later 60000
  record: app PrepareAbort 1/1 (was 1/0) orders-0
  markers: abort 1/1 orders-0
commit app 1/0 v1
  answer to "commit app 1/0 v1": INVALID_PRODUCER_EPOCH
commit app 1/0 v3
  answer to "commit app 1/0 v3": PRODUCER_FENCED
written
  record: app CompleteAbort 1/1 (was 1/0)
init app
  record: app Empty 1/2
  answer to "init app": NONE 1/2
add app 1/2 orders-0
  record: app Ongoing 1/2 orders-0
  answer to "add app 1/2 orders-0": NONE
`);
  });
});

describe("fault 7: the coordinator is loading", () => {
  it("Produce says so with an error that every client retries", () => {
    for (const error of ["COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"] as const) {
      expect([3, 10, 13].map((version) => produceError(error, version))).toEqual(Array(3).fill("NOT_ENOUGH_REPLICAS"));
      expect(txnOffsetCommitError(error, 2)).toBe(error);
    }
  });

  it("a request that meets a completion gets the error that its version knows", () => {
    expect(produceError("CONCURRENT_TRANSACTIONS", 11)).toBe("NOT_ENOUGH_REPLICAS");
    expect(produceError("CONCURRENT_TRANSACTIONS", 12)).toBe("CONCURRENT_TRANSACTIONS");
    expect(txnOffsetCommitError("CONCURRENT_TRANSACTIONS", 4)).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    expect(txnOffsetCommitError("CONCURRENT_TRANSACTIONS", 5)).toBe("CONCURRENT_TRANSACTIONS");
  });
});

describe("fault 8: several InitProducerIds at once with one transactional id", () => {
  it("each waits for the open transaction to be aborted; the last wins", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
init app v1
  record: app PrepareAbort 1/1 orders-0
  markers: abort 1/1 orders-0
init app v2
init app v3
written
  record: app CompleteAbort 1/1
  record: app Empty 1/2
  record: app Empty 1/3
  record: app Empty 1/4
  answer to "init app v1": NONE 1/2
  answer to "init app v2": NONE 1/3
  answer to "init app v3": NONE 1/4
produce app 1/2 orders-0
  answer to "produce app 1/2 orders-0": PRODUCER_FENCED
produce app 1/3 orders-0
  answer to "produce app 1/3 orders-0": PRODUCER_FENCED
produce app 1/4 orders-0
  record: app Ongoing 1/4 orders-0
  answer to "produce app 1/4 orders-0": NONE
`);
  });

  it("those that cannot wait any longer may ask again", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
init app
  record: app PrepareAbort 1/1 orders-0
  markers: abort 1/1 orders-0
later 60
init app
later 40
  answer to "init app": CONCURRENT_TRANSACTIONS
written
  record: app CompleteAbort 1/1
  record: app Empty 1/2
  answer to "init app": NONE 1/2
init app
  record: app Empty 1/3
  answer to "init app": NONE 1/3
`);
  });

  it("one that goes on after an error loses against a new producer, whichever came first", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
init app as 1/0
  record: app PrepareAbort 1/1 (was 1/0) orders-0
  markers: abort 1/1 orders-0
init app
written
  record: app CompleteAbort 1/1 (was 1/0)
  record: app Empty 1/1 (was 1/0)
  record: app Empty 1/2
  answer to "init app as 1/0": NONE 1/1
  answer to "init app": NONE 1/2
init app as 1/1
  answer to "init app as 1/1": PRODUCER_FENCED
produce app 1/2 orders-0
  record: app Ongoing 1/2 orders-0
  answer to "produce app 1/2 orders-0": NONE
init app
  record: app PrepareAbort 1/3 orders-0
  markers: abort 1/3 orders-0
init app as 1/2
  answer to "init app as 1/2": PRODUCER_FENCED
written
  record: app CompleteAbort 1/3
  record: app Empty 1/4
  answer to "init app": NONE 1/4
`);
  });
});
