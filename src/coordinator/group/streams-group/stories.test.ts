import { describe, it } from "vitest";
import { tellStreamsStory as tell } from "./story.testing.ts";

describe("Members of a streams group", () => {
  it("two members share, both leave, and epochs go on", () => {
    tell(`
topic t 4
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1 0_2 0_3
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1 0_2 0_3
  ann: epoch 2, has 0_0 0_1 0_2 0_3
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0 0_1
  log: target of bob: 0_2 0_3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
# bob has to wait: ann learns at her next heartbeat what she has to give up
pulse bob
  log: bob at 3 has nothing
  bob: epoch 3
pulse ann has=0_0,0_1,0_2,0_3
  log: ann at 2 has 0_0 0_1, gives up 0_2 0_3
  ann: epoch 2, has 0_0 0_1
show
  Reconciling at 3; ann at 2 has 0_0 0_1; bob at 3 has nothing
pulse bob
  bob: epoch 3
# a heartbeat that says nothing of tasks does not say that they are given up
pulse ann
  ann: epoch 2
pulse ann has=0_0,0_1
  log: ann at 3 has 0_0 0_1
  ann: epoch 3
pulse bob
  log: bob at 3 has 0_2 0_3
  bob: epoch 3, has 0_2 0_3
show
  Stable at 3; ann at 3 has 0_0 0_1; bob at 3 has 0_2 0_3
restart
show
  Stable at 3; ann at 3 has 0_0 0_1; bob at 3 has 0_2 0_3
pulse ann
  ann: epoch 3
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 4, ready
  bob: bye
pulse ann
  log: target of ann: 0_0 0_1 0_2 0_3
  log: targets are of epoch 4
  log: ann at 4 has 0_0 0_1 0_2 0_3
  ann: epoch 4, has 0_0 0_1 0_2 0_3
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 5, ready
  ann: bye
show
  Empty at 5
# epochs go on counting, and another program may come
enter cat runs=count
  log: cat in process CAT
  log: topology 0
  log: epoch 6, not ready
  log: target of cat: nothing
  log: targets are of epoch 6
  log: cat at 6 has nothing
  cat: epoch 6, has nothing, make words 4, make counts 4, Internal topics are missing: counts, words
delete group
  NON_EMPTY_GROUP
exit cat
  log: cat has nothing
  log: target of cat: deleted
  log: cat is gone
  log: epoch 7, not ready
  cat: bye
delete group
  log: no targets
  log: no topology
  log: the streams group is deleted
  NONE
show
  GROUP_ID_NOT_FOUND
`);
  });

  it("epochs that the coordinator does not know are fenced", () => {
    tell(`
topic t 2
pulse ann as=ann/1
  ann: GROUP_ID_NOT_FOUND
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1
  ann: epoch 2, has 0_0 0_1
pulse bob as=bob/1
  bob: UNKNOWN_MEMBER_ID
pulse ann as=ann/3
  ann: FENCED_MEMBER_EPOCH
pulse ann as=ann/1
  ann: FENCED_MEMBER_EPOCH
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann has=0_0,0_1
  log: ann at 2 has 0_0, gives up 0_1
  ann: epoch 2, has 0_0
pulse ann has=0_0
  log: ann at 3 has 0_0
  ann: epoch 3
# the answer was lost: ann says again what she said, at the epoch before
pulse ann as=ann/2 has=0_0
  ann: epoch 3
# at the epoch before with more than she has
pulse ann as=ann/2 has=0_0,0_1
  ann: FENCED_MEMBER_EPOCH
pulse ann has=0_7
  ann: INVALID_REQUEST
# ann was killed, and joins with the id that she had
enter ann
  log: ann at 3 has 0_0
  ann: epoch 3, has 0_0
`);
  });

  it("answers that are lost do no harm", () => {
    tell(`
topic t 2
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1
  ann: epoch 2, has 0_0 0_1
# the answer was lost: ann joins again
enter ann
  ann: epoch 2, has 0_0 0_1
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann has=0_0,0_1
  log: ann at 2 has 0_0, gives up 0_1
  ann: epoch 2, has 0_0
# she had not heard of it
pulse ann has=0_0,0_1
  ann: epoch 2, has 0_0
pulse ann has=0_0
  log: ann at 3 has 0_0
  ann: epoch 3
pulse bob
  log: bob at 3 has 0_1
  bob: epoch 3, has 0_1
# bob did not hear what he has
pulse bob has=-
  bob: epoch 3, has 0_1
pulse bob has=0_1
  bob: epoch 3
`);
  });

  it("who is silent, or does not give up what it should, is taken out", () => {
    tell(`
topic t 2
enter ann rebalance=20000
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1
  ann: epoch 2, has 0_0 0_1
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
later 10000
pulse bob
  log: bob at 3 has nothing
  bob: epoch 3
pulse ann
  log: ann at 2 has 0_0, gives up 0_1
  ann: epoch 2, has 0_0
# ann does not give up what she should
later 15000
pulse ann
  ann: epoch 2
later 5000
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4, ready
pulse ann
  ann: UNKNOWN_MEMBER_ID
pulse bob
  log: target of bob: 0_0 0_1
  log: targets are of epoch 4
  log: bob at 4 has 0_0 0_1
  bob: epoch 4, has 0_0 0_1
show
  Stable at 4; bob at 4 has 0_0 0_1
# bob is silent
later 44999
show
  Stable at 4; bob at 4 has 0_0 0_1
later 1
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5, ready
show
  Empty at 5
`);
  });

  it("one can make all stop", () => {
    tell(`
topic t 1
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0
  log: targets are of epoch 2
  log: ann at 2 has 0_0
  ann: epoch 2, has 0_0
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of bob: nothing
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
# bob has met an error that he cannot go on with, and wants all to stop
pulse bob stop
  bob: epoch 3, Streams group member bob encountered a fatal error and requested a shutdown for the entire application.
pulse ann
  log: ann at 3 has 0_0
  ann: epoch 3, Streams group member bob encountered a fatal error and requested a shutdown for the entire application.
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 4, ready
  bob: bye
pulse ann
  log: targets are of epoch 4
  log: ann at 4 has 0_0
  ann: epoch 4, Streams group member bob encountered a fatal error and requested a shutdown for the entire application.
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 5, ready
  ann: bye
enter ann
  log: ann in process ANN
  log: epoch 6, ready
  log: target of ann: 0_0
  log: targets are of epoch 6
  log: ann at 6 has 0_0
  ann: epoch 6, has 0_0
`);
  });

  it("tell where their stores can be asked", () => {
    tell(`
topic t 2
enter ann at=a:1
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1
  ann: epoch 2, has 0_0 0_1, ask a for t-0 t-1
pulse ann
  ann: epoch 2, ask a for t-0 t-1
enter bob at=b:2
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing, ask a for t-0 t-1, ask b for nothing
pulse ann has=0_0,0_1
  log: ann at 2 has 0_0, gives up 0_1
  ann: epoch 2, has 0_0, ask b for nothing, ask a for t-0
pulse ann has=0_0
  log: ann at 3 has 0_0
  ann: epoch 3
pulse bob
  log: bob at 3 has 0_1
  bob: epoch 3, has 0_1, ask a for t-0, ask b for t-1
pulse bob
  bob: epoch 3
pulse ann
  ann: epoch 3, ask b for t-1, ask a for t-0
pulse ann
  ann: epoch 3
`);
  });

  it("the first waits for others", () => {
    tell(
      `
topic t 2
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: ann at 1 has nothing
  ann: epoch 1, has nothing, Assignment delayed due to the configured initial rebalance delay.
later 2000
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: bob at 1 has nothing
  bob: epoch 1, has nothing, Assignment delayed due to the configured initial rebalance delay.
later 1000
pulse bob
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has 0_1
  bob: epoch 3, has 0_1
pulse ann
  log: ann at 3 has 0_0
  ann: epoch 3, has 0_0
`,
      { streamsInitialRebalanceDelayMs: 3000 },
    );
  });

  it("and no longer when the clock is set back meanwhile", () => {
    tell(
      `
topic t 1
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: ann at 1 has nothing
  ann: epoch 1, has nothing, Assignment delayed due to the configured initial rebalance delay.
later 1000
clock -3600000
later 1999
pulse ann
  ann: epoch 1, Assignment delayed due to the configured initial rebalance delay.
later 1
pulse ann
  log: target of ann: 0_0
  log: targets are of epoch 2
  log: ann at 2 has 0_0
  ann: epoch 2, has 0_0
`,
      { streamsInitialRebalanceDelayMs: 3000 },
    );
  });

  it("and again when the one before left, or a classic group came between", () => {
    tell(
      `
topic t 1
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: ann at 1 has nothing
  ann: epoch 1, has nothing, Assignment delayed due to the configured initial rebalance delay.
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 3, ready
  ann: bye
later 3000
enter bob
  log: bob in process BOB
  log: epoch 4, ready
  log: bob at 1 has nothing
  bob: epoch 1, has nothing, Assignment delayed due to the configured initial rebalance delay.
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5, ready
  bob: bye
join cid anew
  log: no targets
  log: no topology
  log: the streams group is deleted
  cid: MEMBER_ID_REQUIRED cid#1
join cid
later 3000
  cid: cid#1 in generation 1, range, leads cid#1
leave cid
  log: generation 2: nobody
  left: NONE
enter dan
  log: the group is deleted
  log: dan in process DAN
  log: topology 0
  log: epoch 2, ready
  log: dan at 1 has nothing
  dan: epoch 1, has nothing, Assignment delayed due to the configured initial rebalance delay.
pulse dan
  dan: epoch 1, Assignment delayed due to the configured initial rebalance delay.
later 3000
pulse dan
  log: target of dan: 0_0
  log: targets are of epoch 2
  log: dan at 2 has 0_0
  dan: epoch 2, has 0_0
`,
      { streamsInitialRebalanceDelayMs: 3000 },
    );
  });

  it("a classic group comes before, and after", () => {
    tell(`
topic t 1
join ann
  ann: MEMBER_ID_REQUIRED ann#1
join ann
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
sync ann ann#1=p0
  log: generation 1: ann#1=p0
  ann: gets p0
commit ann t-0=1
  log: t-0 1
  ann: NONE
enter bob
  bob: GROUP_ID_NOT_FOUND
leave ann
  log: generation 2: nobody
  left: NONE
enter bob
  log: the group is deleted
  log: bob in process BOB
  log: topology 0
  log: epoch 2, ready
  log: target of bob: 0_0
  log: targets are of epoch 2
  log: bob at 2 has 0_0
  bob: epoch 2, has 0_0
join cat
  cat: INCONSISTENT_GROUP_PROTOCOL
describe
  Dead
fetch all
  offsets: t-0=1
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 3, ready
  bob: bye
join cat anew
  log: no targets
  log: no topology
  log: the streams group is deleted
  cat: MEMBER_ID_REQUIRED cat#1
join cat
later 3000
  cat: cat#1 in generation 1, range, leads cat#1
show
  GROUP_ID_NOT_FOUND
describe
  CompletingRebalance consumer cat#1=
fetch all
  offsets: t-0=1
`);
  });
});

describe("What they run", () => {
  it("internal topics are made, and have to fit", () => {
    tell(`
enter ann runs=count
  log: ann in process ANN
  log: topology 0
  log: epoch 2, not ready
  log: target of ann: nothing
  log: targets are of epoch 2
  log: ann at 2 has nothing
  ann: epoch 2, has nothing, Source topics t are missing.
show
  NotReady at 2; ann at 2 has nothing
# a source topic comes: internal topics are to be made
topic t 2
pulse ann
  log: epoch 3, not ready
  log: targets are of epoch 3
  log: ann at 3 has nothing
  ann: epoch 3, make words 2, make counts 2, Internal topics are missing: counts, words
topic words 2
topic counts 2
pulse ann
  log: epoch 4, ready
  log: target of ann: 0_0 0_1 1_0 1_1
  log: targets are of epoch 4
  log: ann at 4 has 0_0 0_1 1_0 1_1
  ann: epoch 4, has 0_0 0_1 1_0 1_1
show
  Stable at 4; ann at 4 has 0_0 0_1 1_0 1_1
# the source topic grows: what is there no longer fits
topic t 3
pulse ann
  log: epoch 5, not ready
  log: target of ann: nothing
  log: targets are of epoch 5
  log: ann at 4 has nothing, gives up 0_0 0_1 1_0 1_1
  ann: epoch 4, has nothing, Existing topic words has different number of partitions: expected 3, found 2
show
  NotReady at 5; ann at 4 has nothing
pulse ann has=-
  log: ann at 5 has nothing
  ann: epoch 5, Existing topic words has different number of partitions: expected 3, found 2
topic words 3
topic counts 3
pulse ann has=-
  log: epoch 6, ready
  log: target of ann: 0_0 0_1 0_2 1_0 1_1 1_2
  log: targets are of epoch 6
  log: ann at 6 has 0_0 0_1 0_2 1_0 1_1 1_2
  ann: epoch 6, has 0_0 0_1 0_2 1_0 1_1 1_2
show
  Stable at 6; ann at 6 has 0_0 0_1 0_2 1_0 1_1 1_2
`);
  });

  it("one program at a time", () => {
    tell(`
topic t 1
enter ann program=3
  log: ann in process ANN
  log: topology 3
  log: epoch 2, ready
  log: target of ann: 0_0
  log: targets are of epoch 2
  log: ann at 2 has 0_0
  ann: epoch 2, has 0_0
# one of an older version is told so, and works along
enter bob program=2
  log: bob in process BOB
  log: epoch 3, ready
  log: target of bob: nothing
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing, The member's topology epoch 2 is behind the group's topology epoch 3.
# a newer one cannot come while others run
enter cat program=4
  cat: INVALID_REQUEST
enter cat runs=count program=3
  cat: INVALID_REQUEST
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4, ready
  ann: bye
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5, ready
  bob: bye
enter cat program=4
  log: cat in process CAT
  log: topology 4
  log: epoch 6, ready
  log: target of cat: 0_0
  log: targets are of epoch 6
  log: cat at 6 has 0_0
  cat: epoch 6, has 0_0
`);
  });

  it("standbys keep copies of state, and take over", () => {
    tell(
      `
topic t 2
topic words 2
topic counts 2
enter ann runs=count
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1 1_0 1_1
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1 1_0 1_1
  ann: epoch 2, has 0_0 0_1 1_0 1_1
enter bob runs=count
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0 1_0, standby 1_1
  log: target of bob: 0_1 1_1, standby 1_0
  log: targets are of epoch 3
  log: bob at 3 has standby 1_0
  bob: epoch 3, has standby 1_0
pulse ann has=0_0,0_1,1_0,1_1
  log: ann at 2 has 0_0 1_0, gives up 0_1 1_1
  ann: epoch 2, has 0_0 1_0
pulse ann has=0_0,1_0
  log: ann at 3 has 0_0 1_0, standby 1_1
  ann: epoch 3, has 0_0 1_0, standby 1_1
pulse bob
  log: bob at 3 has 0_1 1_1, standby 1_0
  bob: epoch 3, has 0_1 1_1, standby 1_0
show
  Stable at 3; ann at 3 has 0_0 1_0, standby 1_1; bob at 3 has 0_1 1_1, standby 1_0
# ann dies: bob, who has her state, takes over
later 40000
pulse bob has=0_1,1_1 standby=1_0
  bob: epoch 3
later 5000
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4, ready
pulse bob
  log: target of bob: 0_0 0_1 1_0 1_1
  log: targets are of epoch 4
  log: bob at 3 has 0_1 1_1, gives up standby 1_0
  bob: epoch 3, has 0_1 1_1
pulse bob has=0_1,1_1
  log: bob at 4 has 0_0 0_1 1_0 1_1
  bob: epoch 4, has 0_0 0_1 1_0 1_1
show
  Stable at 4; bob at 4 has 0_0 0_1 1_0 1_1
`,
      { streamsNumStandbyReplicas: 1 },
    );
  });
});

describe("Commits", () => {
  it("count from members that may have the task", () => {
    tell(`
topic t 2
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1
  ann: epoch 2, has 0_0 0_1
commit ann t-0=1
  log: t-0 1
  ann: NONE
commit ann t-0=1 v8
  ann: UNSUPPORTED_VERSION
commit ann t-0=1 as=ann/3
  ann: STALE_MEMBER_EPOCH
commit bob t-0=1 as=bob/2
  bob: UNKNOWN_MEMBER_ID
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
pulse ann has=0_0,0_1
  log: ann at 2 has 0_0, gives up 0_1
  ann: epoch 2, has 0_0
pulse ann has=0_0
  log: ann at 3 has 0_0
  ann: epoch 3
pulse bob
  log: bob at 3 has 0_1
  bob: epoch 3, has 0_1
# t-1 is bob's now; t-0 ann has had at epoch 2 and still has
commit ann t-1=2 as=ann/2
  ann: STALE_MEMBER_EPOCH
commit ann t-0=2 as=ann/2
  log: t-0 2
  ann: NONE
txn ann 7/0 t-1=3 as=ann/2
  ann: ILLEGAL_GENERATION
txn ann 7/0 t-0=3 as=ann/2
  log: t-0 3 if 7 commits
  ann: NONE
marker 7 commit
fetch all
  offsets: t-0=3
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4, ready
  ann: bye
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5, ready
  bob: bye
# an administrator, when nobody is in the group
commit nobody t-0=9
  log: t-0 9
  nobody: NONE
`);
  });
});
