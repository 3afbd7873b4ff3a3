/** Faults 19 to 21 of those that are known to have broken others, for groups of the consumer protocol. */
import { describe, it } from "vitest";
import { tellConsumerStory as tell } from "./story.testing.ts";

describe("Faults of consumer groups", () => {
  it("19: a commit that reports an error is not applied", () => {
    tell(`
topic t 2
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
commit ann t-0=1
  log: t-0 1
  ann: NONE
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0
  log: target of bob: t 1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0, gives up t 1
  ann: epoch 2, has t 0
pulse ann has=t0
  log: ann at 3 has t 0
  ann: epoch 3
pulse bob
  log: bob at 3 has t 1
  bob: epoch 3, has t 1
# t-1 is bob's: ann, who had it at epoch 2, is told so, and nothing is written
commit ann t-1=2 as=ann/2
  ann: STALE_MEMBER_EPOCH
txn ann 7/0 t-0=3 t-1=3 as=ann/2
  ann: ILLEGAL_GENERATION
marker 7 commit
fetch all
  offsets: t-0=1
restart
fetch all
  offsets: t-0=1
`);
  });

  it("19: who joined once more commits what it read before", () => {
    tell(`
topic t 2
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
commit ann t-0=1
  log: t-0 1
  ann: NONE
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0
  log: target of bob: t 1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
# ann has lost its membership, and reads t-0 again from offset 1 on
enter ann
  log: ann at 3 has t 0
  ann: epoch 3, has t 0
txn ann 7/0 t-0=3 as=ann/2
  ann: ILLEGAL_GENERATION
commit ann t-0=3 as=ann/2
  ann: STALE_MEMBER_EPOCH
restart
commit ann t-0=3 as=ann/2
  ann: STALE_MEMBER_EPOCH
commit ann t-0=2 as=ann/3
  log: t-0 2
  ann: NONE
`);
  });

  it("20: members join at the same moment, and the power fails between two steps of a member", () => {
    tell(`
topic t 3
# three members join while the disk stalls: none hears of it before it is durable
disk stalls
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1 2
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0 1
  log: target of bob: t 2
  log: targets are of epoch 3
  log: bob at 3 has nothing
enter cat
  log: cat reads t
  log: epoch 4
  log: target of ann: t 0
  log: target of cat: t 1
  log: targets are of epoch 4
  log: cat at 4 has nothing
disk goes on
  ann: epoch 2, has t 0 1 2
  bob: epoch 3, has nothing
  cat: epoch 4, has nothing
show
  Reconciling at 4; ann at 2 has t 0 1 2; bob at 3 has nothing; cat at 4 has nothing
# a power loss takes back what nobody was told
pulse ann
  log: ann at 2 has t 0, gives up t 1 2
  ann: epoch 2, has t 0
disk stalls
pulse ann has=t0
  log: ann at 4 has t 0
pulse bob
  log: bob at 4 has t 2
restart
show
  Reconciling at 4; ann at 2 has t 0 1 2; bob at 3 has nothing; cat at 4 has nothing
pulse bob
  log: bob at 4 has nothing
  bob: epoch 4
pulse ann has=t0
  log: ann at 4 has t 0
  ann: epoch 4
pulse bob
  log: bob at 4 has t 2
  bob: epoch 4, has t 2
`);
  });

  it("20: a session ends while others wait for what its member has", () => {
    tell(`
topic t 2
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0
  log: target of bob: t 1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0, gives up t 1
  ann: epoch 2, has t 0
# ann is told to give up t 1, and dies before she does
later 30000
pulse bob
  log: bob at 3 has nothing
  bob: epoch 3
later 14999
pulse bob
  bob: epoch 3
later 1
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4
pulse bob
  log: target of bob: t 0 1
  log: targets are of epoch 4
  log: bob at 4 has t 0 1
  bob: epoch 4, has t 0 1
# a member that comes meanwhile gets its share of what is free
enter cat
  log: cat reads t
  log: epoch 5
  log: target of bob: t 0
  log: target of cat: t 1
  log: targets are of epoch 5
  log: cat at 5 has nothing
  cat: epoch 5, has nothing
pulse bob
  log: bob at 4 has t 0, gives up t 1
  bob: epoch 4, has t 0
pulse bob has=t0
  log: bob at 5 has t 0
  bob: epoch 5
pulse cat
  log: cat at 5 has t 1
  cat: epoch 5, has t 1
`);
  });

  it("20: a late heartbeat seems to give up what its member got since at the same epoch", () => {
    tell(`
topic t 1
topic u 1
enter dee reads=t assignor=range
  log: dee reads t
  log: epoch 2
  log: target of dee: t 0
  log: targets are of epoch 2
  log: dee at 2 has t 0
  dee: epoch 2, has t 0
enter eve reads=u assignor=range
  log: eve reads u
  log: epoch 3
  log: target of eve: u 0
  log: targets are of epoch 3
  log: eve at 3 has u 0
  eve: epoch 3, has u 0
enter ann reads=t,u assignor=range
  log: ann reads t u
  log: epoch 4
  log: target of dee: nothing
  log: target of eve: nothing
  log: target of ann: t 0, u 0
  log: targets are of epoch 4
  log: ann at 4 has nothing
  ann: epoch 4, has nothing
pulse dee
  log: dee at 2 has nothing, gives up t 0
  dee: epoch 2, has nothing
pulse dee has=-
  log: dee at 4 has nothing
  dee: epoch 4
pulse ann has=-
  log: ann at 4 has t 0
  ann: epoch 4, has t 0
pulse eve
  log: eve at 3 has nothing, gives up u 0
  eve: epoch 3, has nothing
pulse eve has=-
  log: eve at 4 has nothing
  eve: epoch 4
pulse ann has=t0
  log: ann at 4 has t 0, u 0
  ann: epoch 4, has t 0, u 0
commit ann t-0=1 u-0=1
  log: t-0 1
  log: u-0 1
  ann: NONE
enter abe reads=u assignor=range
  log: abe reads u
  log: epoch 5
  log: target of ann: t 0
  log: target of abe: u 0
  log: targets are of epoch 5
  log: abe at 5 has nothing
  abe: epoch 5, has nothing
pulse ann has=t0,u0
  log: ann at 4 has t 0, gives up u 0
  ann: epoch 4, has t 0
pulse abe reads=t,u has=-
  log: abe reads t u
  log: epoch 6
  log: target of ann: nothing
  log: target of abe: t 0, u 0
  log: targets are of epoch 6
  log: abe at 6 has nothing
  abe: epoch 6
# the heartbeat of before ann got u-0, at the same epoch, comes late: it seems to say that she has given u-0 up
pulse ann has=t0 as=ann/4
  log: ann at 4 has nothing, gives up t 0
  ann: epoch 4, has nothing
pulse abe has=-
  log: abe at 6 has u 0
  abe: epoch 6, has u 0
# abe goes on where ann's offset was, and ann, who still reads, finds out
commit ann u-0=2 as=ann/4
  ann: STALE_MEMBER_EPOCH
txn ann 7/0 u-0=2 as=ann/4
  ann: ILLEGAL_GENERATION
commit ann t-0=2 as=ann/4
  log: t-0 2
  ann: NONE
marker 7 commit
fetch all
  offsets: t-0=2 u-0=1
`);
  });

  it("21: a stalled member returns after its partitions moved", () => {
    tell(`
topic t 1
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0
  log: targets are of epoch 2
  log: ann at 2 has t 0
  ann: epoch 2, has t 0
commit ann t-0=1
  log: t-0 1
  ann: NONE
enter bob
  log: bob reads t
  log: epoch 3
  log: target of bob: nothing
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
later 40000
pulse bob
  bob: epoch 3
later 5000
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4
pulse bob
  log: target of bob: t 0
  log: targets are of epoch 4
  log: bob at 4 has t 0
  bob: epoch 4, has t 0
commit bob t-0=5
  log: t-0 5
  bob: NONE
# ann wakes up
commit ann t-0=3
  ann: UNKNOWN_MEMBER_ID
txn ann 7/0 t-0=4
  ann: UNKNOWN_MEMBER_ID
pulse ann has=t0
  ann: UNKNOWN_MEMBER_ID
marker 7 commit
fetch all
  offsets: t-0=5
restart
commit ann t-0=3
  ann: UNKNOWN_MEMBER_ID
fetch all
  offsets: t-0=5
`);
  });
});
