import { describe, it } from "vitest";
import { tellConsumerStory as tell } from "./story.testing.ts";

describe("Members of the consumer protocol", () => {
  it("two members share, both leave, and epochs go on", () => {
    tell(`
topic t 4
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2 3
  ann: epoch 2, has t 0 1 2 3
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0 1
  log: target of bob: t 2 3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
# bob has to wait: ann learns at her next heartbeat what she has to give up
pulse bob
  log: bob at 3 has nothing
  bob: epoch 3
pulse ann
  log: ann at 2 has t 0 1, gives up t 2 3
  ann: epoch 2, has t 0 1
show
  Reconciling at 3; ann at 2 has t 0 1 2 3; bob at 3 has nothing
pulse bob
  bob: epoch 3
# a heartbeat that says nothing of partitions does not say that they are given up
pulse ann
  ann: epoch 2
pulse ann has=t0,t1
  log: ann at 3 has t 0 1
  ann: epoch 3
pulse bob
  log: bob at 3 has t 2 3
  bob: epoch 3, has t 2 3
show
  Stable at 3; ann at 3 has t 0 1; bob at 3 has t 2 3
restart
show
  Stable at 3; ann at 3 has t 0 1; bob at 3 has t 2 3
pulse ann
  ann: epoch 3
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 4
  bob: bye
pulse ann
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 4
  log: ann at 4 has t 0 1 2 3
  ann: epoch 4, has t 0 1 2 3
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 5
  ann: bye
show
  Empty at 5
# epochs go on counting
enter cat
  log: cat reads t
  log: epoch 6
  log: target of cat: t 0 1 2 3
  log: targets are of epoch 6
  log: cat at 6 has t 0 1 2 3
  cat: epoch 6, has t 0 1 2 3
`);
  });

  it("epochs that the coordinator does not know are fenced", () => {
    tell(`
pulse ann as=ann/5
  ann: GROUP_ID_NOT_FOUND
topic t 4
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2 3
  ann: epoch 2, has t 0 1 2 3
pulse ann as=ann/1
  ann: FENCED_MEMBER_EPOCH
pulse ann as=ann/3
  ann: FENCED_MEMBER_EPOCH
pulse eve as=eve/2
  eve: UNKNOWN_MEMBER_ID
# the answer with epoch 2 was lost: ann does not know it, and joins once more
enter ann
  ann: epoch 2, has t 0 1 2 3
`);
  });

  it("answers that are lost do no harm", () => {
    tell(`
topic t 4
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2 3
  ann: epoch 2, has t 0 1 2 3
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0 1
  log: target of bob: t 2 3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0 1, gives up t 2 3
  ann: epoch 2, has t 0 1
pulse ann has=t0,t1
  log: ann at 3 has t 0 1
  ann: epoch 3
# the answer with epoch 3 was lost, and so is the next
pulse ann has=t0,t1 as=ann/2
  ann: epoch 3
pulse ann has=t0,t1 as=ann/2
  ann: epoch 3
# but who has something that it should not have any more, or does not say, must begin anew
pulse ann has=t0,t1,t2 as=ann/2
  ann: FENCED_MEMBER_EPOCH
pulse ann as=ann/2
  ann: FENCED_MEMBER_EPOCH
enter ann
  log: ann at 3 has t 0 1
  ann: epoch 3, has t 0 1
tell ann
  ann: epoch 3, has t 0 1
`);
  });

  it("a member that gives up what it was told to is told of more", () => {
    tell(`
topic t 2
topic u 2
enter ann reads=t,u assignor=range
  log: ann reads t u
  log: epoch 2
  log: target of ann: t 0 1, u 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1, u 0 1
  ann: epoch 2, has t 0 1, u 0 1
enter bob reads=t assignor=range
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0, u 0 1
  log: target of bob: t 1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann has=t0,t1,u0,u1
  log: ann at 2 has t 0, u 0 1, gives up t 1
  ann: epoch 2, has t 0, u 0 1
pulse bob reads=u has=-
  log: bob reads u
  log: epoch 4
  log: target of ann: t 0 1, u 0
  log: target of bob: u 1
  log: targets are of epoch 4
  log: bob at 4 has nothing
  bob: epoch 4
pulse ann has=t0,u0,u1
  log: ann at 2 has t 0, u 0, gives up u 1
  ann: epoch 2, has t 0, u 0
pulse ann has=t0,u0
  log: ann at 4 has t 0 1, u 0
  ann: epoch 4, has t 0 1, u 0
`);
  });

  it("a late heartbeat of an epoch before does not give up what was got since", () => {
    tell(`
topic t 2
enter ann assignor=range
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
pulse ann has=t0
  log: ann at 3 has t 0
  ann: epoch 3, has t 0
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 4
  bob: bye
enter abe
  log: abe reads t
  log: epoch 5
  log: target of ann: t 1
  log: target of abe: t 0
  log: targets are of epoch 5
  log: abe at 5 has nothing
  abe: epoch 5, has nothing
pulse ann has=t0
  log: ann at 3 has nothing, gives up t 0
  ann: epoch 3, has nothing
# ann still has t 0, whatever she had at epoch 2
pulse ann has=- as=ann/2
  ann: FENCED_MEMBER_EPOCH
pulse abe
  log: abe at 5 has nothing
  abe: epoch 5
`);
  });

  it("who is silent, or does not give up what it should, is taken out", () => {
    tell(`
topic t 2
enter ann rebalance=20000
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
later 30000
pulse bob
  log: bob at 3 has nothing
  bob: epoch 3
pulse ann
  log: ann at 2 has t 0, gives up t 1
  ann: epoch 2, has t 0
later 19999
pulse ann
  ann: epoch 2
later 1
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4
# ann was told 20 seconds ago to give up a partition, and has not said that she did
pulse bob
  log: target of bob: t 0 1
  log: targets are of epoch 4
  log: bob at 4 has t 0 1
  bob: epoch 4, has t 0 1
pulse ann
  ann: UNKNOWN_MEMBER_ID
commit ann t-0=1
  ann: UNKNOWN_MEMBER_ID
# nobody hears of bob any more
later 44999
show
  Stable at 4; bob at 4 has t 0 1
later 1
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5
show
  Empty at 5
`);
  });

  it("a static member comes back to its place", () => {
    tell(`
topic t 4
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2 3
  ann: epoch 2, has t 0 1 2 3
enter bob static=B
  log: bob reads t as B
  log: epoch 3
  log: target of ann: t 0 1
  log: target of bob: t 2 3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0 1, gives up t 2 3
  ann: epoch 2, has t 0 1
pulse ann has=t0,t1
  log: ann at 3 has t 0 1
  ann: epoch 3
pulse bob
  log: bob at 3 has t 2 3
  bob: epoch 3, has t 2 3
# another process cannot take A's place while ann is there
enter eve static=A
  eve: UNRELEASED_INSTANCE_ID
exit ann away
  log: ann at -2 has t 0 1
  ann: bye
show
  Reconciling at 3; ann at -2 has t 0 1; bob at 3 has t 2 3
commit ann t-0=5
  ann: STALE_MEMBER_EPOCH
enter cat static=A
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: cat reads t as A
  log: target of cat: t 0 1
  log: cat at 0 has t 0 1
  log: cat reads t as A
  log: cat at 3 has t 0 1
  cat: epoch 3, has t 0 1
show
  Stable at 3; bob at 3 has t 2 3; cat at 3 has t 0 1
# nobody has noticed, but whoever was A before
pulse bob
  bob: epoch 3
pulse ann
  ann: FENCED_INSTANCE_ID
commit ann t-0=5
  ann: UNKNOWN_MEMBER_ID
exit cat away
  log: cat at -2 has t 0 1
  cat: bye
later 44999
pulse bob
  bob: epoch 3
later 1
  log: cat has nothing
  log: target of cat: deleted
  log: cat is gone
  log: epoch 4
pulse bob
  log: target of bob: t 0 1 2 3
  log: targets are of epoch 4
  log: bob at 4 has t 0 1 2 3
  bob: epoch 4, has t 0 1 2 3
`);
  });

  it("members vote for an assignor", () => {
    tell(`
topic t 3
topic u 3
enter ann reads=t,u assignor=range
  log: ann reads t u
  log: epoch 2
  log: target of ann: t 0 1 2, u 0 1 2
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2, u 0 1 2
  ann: epoch 2, has t 0 1 2, u 0 1 2
enter bob reads=t,u assignor=range
  log: bob reads t u
  log: epoch 3
  log: target of ann: t 0 1, u 0 1
  log: target of bob: t 2, u 2
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0 1, u 0 1, gives up t 2, u 2
  ann: epoch 2, has t 0 1, u 0 1
pulse ann has=t0,t1,u0,u1
  log: ann at 3 has t 0 1, u 0 1
  ann: epoch 3
pulse bob
  log: bob at 3 has t 2, u 2
  bob: epoch 3, has t 2, u 2
# two of three want another
enter cat reads=t,u assignor=uniform
  log: cat reads t u
  log: epoch 4
  log: target of ann: t 0, u 0
  log: target of bob: t 1, u 1
  log: target of cat: t 2, u 2
  log: targets are of epoch 4
  log: cat at 4 has nothing
  cat: epoch 4, has nothing
pulse bob assignor=uniform
  log: bob reads t u
  log: bob at 3 has nothing, gives up t 2, u 2
  bob: epoch 3, has nothing
pulse ann assignor=uniform
  log: ann reads t u
  log: ann at 3 has t 0, u 0, gives up t 1, u 1
  ann: epoch 3, has t 0, u 0
enter dan assignor=sticky
  dan: UNSUPPORTED_ASSIGNOR
`);
  });
});

describe("What members read", () => {
  it("topics come, grow, go, and come again", () => {
    tell(`
enter ann reads=t,u
  log: ann reads t u
  log: epoch 2
  log: target of ann: nothing
  log: targets are of epoch 2
  log: ann at 2 has nothing
  ann: epoch 2, has nothing
topic t 2
pulse ann
  log: epoch 3
  log: target of ann: t 0 1
  log: targets are of epoch 3
  log: ann at 3 has t 0 1
  ann: epoch 3, has t 0 1
topic u 2
pulse ann
  log: epoch 4
  log: target of ann: t 0 1, u 0 1
  log: targets are of epoch 4
  log: ann at 4 has t 0 1, u 0 1
  ann: epoch 4, has t 0 1, u 0 1
topic t 3
pulse ann
  log: epoch 5
  log: target of ann: t 0 1 2, u 0 1
  log: targets are of epoch 5
  log: ann at 5 has t 0 1 2, u 0 1
  ann: epoch 5, has t 0 1 2, u 0 1
# a topic that nobody reads changes nothing
topic v 5
pulse ann
  ann: epoch 5
topic u 0
pulse ann
  log: epoch 6
  log: target of ann: t 0 1 2
  log: targets are of epoch 6
  log: ann at 5 has t 0 1 2, gives up a topic that is gone 0 1
  ann: epoch 5, has t 0 1 2
pulse ann has=t0,t1,t2
  log: ann at 6 has t 0 1 2
  ann: epoch 6
# made anew, it is another topic
topic u 1
pulse ann
  log: epoch 7
  log: target of ann: t 0 1 2, u 0
  log: targets are of epoch 7
  log: ann at 7 has t 0 1 2, u 0
  ann: epoch 7, has t 0 1 2, u 0
restart
pulse ann
  ann: epoch 7
`);
  });

  it("regular expressions follow the topics", () => {
    tell(`
topic orders-eu 1
topic orders-us 1
topic returns 1
enter ann regex=orders-.*
  log: ann reads orders-.*
  log: orders-.* is orders-eu orders-us
  log: epoch 2
  log: target of ann: orders-eu 0, orders-us 0
  log: targets are of epoch 2
  log: ann at 2 has orders-eu 0, orders-us 0
  ann: epoch 2, has orders-eu 0, orders-us 0
topic orders-jp 1
topic my-orders-1 1
pulse ann
  log: orders-.* is orders-eu orders-jp orders-us
  log: epoch 3
  log: target of ann: orders-eu 0, orders-jp 0, orders-us 0
  log: targets are of epoch 3
  log: ann at 3 has orders-eu 0, orders-jp 0, orders-us 0
  ann: epoch 3, has orders-eu 0, orders-jp 0, orders-us 0
# both at once; the expression must match all of the name
pulse ann reads=returns
  log: ann reads returns orders-.*
  log: epoch 4
  log: target of ann: orders-eu 0, orders-jp 0, orders-us 0, returns 0
  log: targets are of epoch 4
  log: ann at 4 has orders-eu 0, orders-jp 0, orders-us 0, returns 0
  ann: epoch 4, has orders-eu 0, orders-jp 0, orders-us 0, returns 0
pulse ann regex=orders
  log: ann reads returns orders
  log: orders is nothing
  log: orders-.* is forgotten
  log: epoch 5
  log: target of ann: returns 0
  log: targets are of epoch 5
  log: ann at 4 has returns 0, gives up orders-eu 0, orders-jp 0, orders-us 0
  ann: epoch 4, has returns 0
pulse ann has=returns0
  log: ann at 5 has returns 0
  ann: epoch 5
restart
pulse ann
  ann: epoch 5
pulse ann regex=orders-(
  ann: INVALID_REGULAR_EXPRESSION
enter bob regex=[a
  bob: INVALID_REGULAR_EXPRESSION
`);
  });
});

describe("Commits", () => {
  it("count from members that may have the partition", () => {
    tell(`
topic t 4
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2 3
  ann: epoch 2, has t 0 1 2 3
commit ann t-0=1
  log: t-0 1
  ann: NONE
commit ann t-0=2 v8
  ann: UNSUPPORTED_VERSION
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0 1
  log: target of bob: t 2 3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0 1, gives up t 2 3
  ann: epoch 2, has t 0 1
# what ann has yet to give up is hers to commit
commit ann t-3=3
  log: t-3 3
  ann: NONE
pulse ann has=t0,t1
  log: ann at 3 has t 0 1
  ann: epoch 3
# ann read at epoch 2: what she had then and still has counts, what bob may have by now does not
commit ann t-0=4 as=ann/2
  log: t-0 4
  ann: NONE
commit ann t-3=5 as=ann/2
  ann: STALE_MEMBER_EPOCH
commit ann t-0=5 t-3=5 as=ann/2
  ann: STALE_MEMBER_EPOCH
commit ann t-0=6 as=ann/1
  ann: STALE_MEMBER_EPOCH
commit ann t-0=7 as=ann/4
  ann: STALE_MEMBER_EPOCH
commit eve t-0=8 as=eve/3
  eve: UNKNOWN_MEMBER_ID
commit nobody t-0=9
  nobody: UNKNOWN_MEMBER_ID
fetch all
  offsets: t-0=4 t-3=3
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4
  ann: bye
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5
  bob: bye
commit nobody t-0=15
  log: t-0 15
  nobody: NONE
delete group
  log: t-0 deleted
  log: t-3 deleted
  log: no targets
  log: the consumer group is deleted
  NONE
show
  GROUP_ID_NOT_FOUND
`);
  });

  it("in transactions, too", () => {
    tell(`
topic t 4
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1 2 3
  log: targets are of epoch 2
  log: ann at 2 has t 0 1 2 3
  ann: epoch 2, has t 0 1 2 3
enter bob
  log: bob reads t
  log: epoch 3
  log: target of ann: t 0 1
  log: target of bob: t 2 3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann
  log: ann at 2 has t 0 1, gives up t 2 3
  ann: epoch 2, has t 0 1
txn ann 7/0 t-0=1
  log: t-0 1 if 7 commits
  ann: NONE
pulse ann has=t0,t1
  log: ann at 3 has t 0 1
  ann: epoch 3
txn ann 7/0 t-1=2 as=ann/2
  log: t-1 2 if 7 commits
  ann: NONE
# one partition that she had then and has no more: none of the offsets counts
txn ann 7/0 t-0=3 t-3=4 as=ann/2
  ann: ILLEGAL_GENERATION
txn ann 7/0 t-0=5 as=ann/4
  ann: ILLEGAL_GENERATION
txn eve 7/0 t-0=6 as=eve/3
  eve: UNKNOWN_MEMBER_ID
# producers that do not say who they are are fenced by their transactional id alone
txn nobody 7/0 t-2=7
  log: t-2 7 if 7 commits
  nobody: NONE
marker 7 commit
fetch all
  offsets: t-0=1 t-1=2 t-2=7
`);
  });
});
