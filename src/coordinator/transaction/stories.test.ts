import { describe, expect, it } from "vitest";
import { play, type WorldOptions } from "./story.testing.ts";

/** See story.testing.ts for the language. */
function tell(story: string, options?: WorldOptions): void {
  expect(play(story, options)).toBe(story);
}

describe("transactions v2", () => {
  it("each transaction has an epoch of its own, and the next one begins where the last one ended", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
produce app 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
produce app 1/0 orders-1 payments-4
  record: app Ongoing 1/0 orders-0 orders-1 payments-4
  answer to "produce app 1/0 orders-1 payments-4": NONE
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0 orders-1 payments-4
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0 orders-1 payments-4
written
  record: app CompleteCommit 1/1 (was 1/0)
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
abort app 1/1
  record: app PrepareAbort 1/2 (was 1/1) orders-0
  answer to "abort app 1/1": NONE 1/2
  markers: abort 1/2 orders-0
written
  record: app CompleteAbort 1/2 (was 1/1)
`);
  });

  it("the first write of the next transaction waits for the completion of the last one", () => {
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
produce app 1/1 orders-0
written orders-1
written orders-0
  record: app CompleteCommit 1/1 (was 1/0)
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
`);
  });

  it("a completion that takes long is not waited for for ever", () => {
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
produce app 1/1 orders-0
later 99
later 1
  answer to "produce app 1/1 orders-0": CONCURRENT_TRANSACTIONS
written
  record: app CompleteCommit 1/1 (was 1/0)
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
`);
  });

  it("a transaction that wrote nothing can be aborted, and has nothing to mark", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
abort app 1/0
  record: app PrepareAbort 1/1 (was 1/0)
  record: app CompleteAbort 1/1 (was 1/0)
  answer to "abort app 1/0": NONE 1/1
abort app 1/0
  answer to "abort app 1/0": NONE 1/1
abort app 1/1
  record: app PrepareAbort 1/2 (was 1/1)
  record: app CompleteAbort 1/2 (was 1/1)
  answer to "abort app 1/1": NONE 1/2
commit app 1/2
  answer to "commit app 1/2": INVALID_TXN_STATE
`);
  });
});

describe("the classic protocol", () => {
  it("partitions and offsets are added before they are written, and the epoch stays", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
add app 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
offsets app 1/0 group
  record: app Ongoing 1/0 orders-0 __consumer_offsets-7
  answer to "offsets app 1/0 group": NONE
commit app 1/0 v3
  record: app PrepareCommit 1/0 orders-0 __consumer_offsets-7
  answer to "commit app 1/0 v3": NONE
  markers: commit 1/0 orders-0 __consumer_offsets-7
add app 1/0 orders-1
written
  record: app CompleteCommit 1/0
  record: app Ongoing 1/0 orders-1
  answer to "add app 1/0 orders-1": NONE
abort app 1/0 v3
  record: app PrepareAbort 1/0 orders-1
  answer to "abort app 1/0 v3": NONE
  markers: abort 1/0 orders-1
written
  record: app CompleteAbort 1/0
`);
  });

  it("a partition may be written to when it is in the open transaction, and only then", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
verify app 1/0 orders-0
  answer to "verify app 1/0 orders-0": TRANSACTION_ABORTABLE
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
verify app 1/0 orders-0 orders-1
  answer to "verify app 1/0 orders-0 orders-1": NONE TRANSACTION_ABORTABLE
verify app 2/0 orders-0
  answer to "verify app 2/0 orders-0": INVALID_PRODUCER_ID_MAPPING
verify nobody 1/0 orders-0
  answer to "verify nobody 1/0 orders-0": INVALID_PRODUCER_ID_MAPPING
commit app 1/0 v3
  record: app PrepareCommit 1/0 orders-0
  answer to "commit app 1/0 v3": NONE
  markers: commit 1/0 orders-0
verify app 1/0 orders-0
  answer to "verify app 1/0 orders-0": CONCURRENT_TRANSACTIONS
written
  record: app CompleteCommit 1/0
verify app 1/0 orders-0
  answer to "verify app 1/0 orders-0": TRANSACTION_ABORTABLE
`);
  });

  it("a transactional id is upgraded to transactions v2, and goes back, between two transactions", () => {
    tell(`
init app v1
  record: app Empty 1/0
  answer to "init app v1": NONE 1/0
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
commit app 1/0 v1
  record: app PrepareCommit 1/0 orders-0
  answer to "commit app 1/0 v1": NONE
  markers: commit 1/0 orders-0
written
  record: app CompleteCommit 1/0
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
commit app 1/0 v5
  record: app PrepareCommit 1/1 (was 1/0) orders-0
  answer to "commit app 1/0 v5": NONE 1/1
  markers: commit 1/1 orders-0
written
  record: app CompleteCommit 1/1 (was 1/0)
add app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "add app 1/1 orders-0": NONE
commit app 1/1 v3
  record: app PrepareCommit 1/1 orders-0
  answer to "commit app 1/1 v3": NONE
  markers: commit 1/1 orders-0
written
  record: app CompleteCommit 1/1
`);
  });
});

describe("who the producer is", () => {
  it("a new producer takes over: the open transaction is aborted first, and the old one is fenced", () => {
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
produce app 1/0 orders-1
  answer to "produce app 1/0 orders-1": PRODUCER_FENCED
commit app 1/0
  answer to "commit app 1/0": PRODUCER_FENCED
abort app 1/0
  answer to "abort app 1/0": PRODUCER_FENCED
written
  record: app CompleteAbort 1/1
  record: app Empty 1/2
  answer to "init app": NONE 1/2
abort app 1/0
  answer to "abort app 1/0": PRODUCER_FENCED
`);
  });

  it("KIP-360: a producer goes on after an error with the next epoch, also when it has to ask twice", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
init app as 1/0
  record: app Empty 1/1 (was 1/0)
  answer to "init app as 1/0": NONE 1/1
init app as 1/0
  record: app Empty 1/1 (was 1/0)
  answer to "init app as 1/0": NONE 1/1
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
init app as 1/0
  answer to "init app as 1/0": PRODUCER_FENCED
init app as 1/1
  record: app PrepareAbort 1/2 (was 1/1) orders-0
  markers: abort 1/2 orders-0
written
  record: app CompleteAbort 1/2 (was 1/1)
  record: app Empty 1/2 (was 1/1)
  answer to "init app as 1/1": NONE 1/2
init app as 1/1
  record: app Empty 1/2 (was 1/1)
  answer to "init app as 1/1": NONE 1/2
`);
  });

  it("KIP-360: a zombie is turned away, and does not disturb the rightful producer's transaction", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
init app
  record: app Empty 1/1
  answer to "init app": NONE 1/1
produce app 1/1 orders-0
  record: app Ongoing 1/1 orders-0
  answer to "produce app 1/1 orders-0": NONE
init app as 1/0
  answer to "init app as 1/0": PRODUCER_FENCED
init app as 9/0
  answer to "init app as 9/0": PRODUCER_FENCED
commit app 1/1
  record: app PrepareCommit 1/2 (was 1/1) orders-0
  answer to "commit app 1/1": NONE 1/2
  markers: commit 1/2 orders-0
init app as 1/0
  answer to "init app as 1/0": PRODUCER_FENCED
written
  record: app CompleteCommit 1/2 (was 1/1)
`);
  });

  it("KIP-588: a producer whose transaction timed out can go on, unless another has taken over", () => {
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
written
  record: app CompleteAbort 1/1 (was 1/0)
init app as 1/0
  record: app Empty 1/1 (was 1/0)
  answer to "init app as 1/0": NONE 1/1
init app
  record: app Empty 1/2
  answer to "init app": NONE 1/2
init app as 1/1
  answer to "init app as 1/1": PRODUCER_FENCED
`);
  });

  it("a producer that never said who it was before begins anew, whatever it says", () => {
    tell(`
init app as 77/8
  record: app Empty 1/0
  answer to "init app as 77/8": NONE 1/0
init other as 0/0
  record: other Empty 2/0
  answer to "init other as 0/0": NONE 2/0
init other as 0/0
  record: other Empty 2/1
  answer to "init other as 0/0": NONE 2/1
`);
  });
});

describe("time", () => {
  it("a transaction that is open for too long is aborted; what its producer sends then is refused", () => {
    tell(`
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
add app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "add app 1/0 orders-0": NONE
later 30000
add app 1/0 orders-1
  record: app Ongoing 1/0 orders-0 orders-1
  answer to "add app 1/0 orders-1": NONE
later 29999
later 1
  record: app PrepareAbort 1/1 (was 1/0) orders-0 orders-1
  markers: abort 1/1 orders-0 orders-1
add app 1/0 orders-2
  answer to "add app 1/0 orders-2": PRODUCER_FENCED
commit app 1/0 v3
  answer to "commit app 1/0 v3": PRODUCER_FENCED
written
  record: app CompleteAbort 1/1 (was 1/0)
commit app 1/0 v3
  answer to "commit app 1/0 v3": PRODUCER_FENCED
`);
  });

  it("an id that nobody uses is forgotten, but not while a completion is pending", () => {
    tell(
      `
init app
  record: app Empty 1/0
  answer to "init app": NONE 1/0
later 999
produce app 1/0 orders-0
  record: app Ongoing 1/0 orders-0
  answer to "produce app 1/0 orders-0": NONE
later 1
commit app 1/0
  record: app PrepareCommit 1/1 (was 1/0) orders-0
  answer to "commit app 1/0": NONE 1/1
  markers: commit 1/1 orders-0
later 5000
written
  record: app CompleteCommit 1/1 (was 1/0)
later 999
later 1
  record: app is forgotten
produce app 1/1 orders-0
  answer to "produce app 1/1 orders-0": INVALID_PRODUCER_ID_MAPPING
init app
  record: app Empty 2/0
  answer to "init app": NONE 2/0
`,
      { config: { transactionalIdExpirationMs: 1000 } },
    );
  });
});
