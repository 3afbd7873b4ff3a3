import { describe, it } from "vitest";
import { tellConsumerStory as tell } from "./story.testing.ts";

describe("From the classic protocol to the new one", () => {
  it("a group goes over with its first new member, and back with its last", () => {
    tell(`
topic t 2
rejoin ann
  ann: MEMBER_ID_REQUIRED ann#1
rejoin ann
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
resync ann ann#1=t0,t1
  log: generation 1: ann#1=t0,t1
  ann: gets t 0 1
commit ann t-0=3
  log: t-0 3
  ann: NONE
# bob speaks the new protocol: the group goes over to it, with ann in it, who has what she had
enter bob
  log: the group is deleted
  log: ann#1 reads t, classic range
  log: epoch 1
  log: target of ann#1: t 0 1
  log: targets are of epoch 1
  log: ann#1 at 1 has t 0 1
  log: bob reads t
  log: epoch 2
  log: target of ann#1: t 0
  log: target of bob: t 1
  log: targets are of epoch 2
  log: bob at 2 has nothing
  bob: epoch 2, has nothing
show
  Reconciling at 2; ann#1 at 1 has t 0 1; bob at 2 has nothing
# ann learns by a heartbeat that she has to join again, and by her next one that she has to give something up
beat ann
  ann: REBALANCE_IN_PROGRESS
rejoin ann owns=t0,t1
  log: ann#1 reads t, classic range
  log: ann#1 at 1 has t 0, gives up t 1
  ann: ann#1 in generation 1, range, follows nobody
resync ann
  ann: gets t 0
pulse bob
  log: bob at 2 has nothing
  bob: epoch 2
beat ann
  ann: REBALANCE_IN_PROGRESS
rejoin ann owns=t0
  log: ann#1 reads t, classic range
  log: ann#1 at 2 has t 0
  ann: ann#1 in generation 2, range, follows nobody
resync ann
  ann: gets t 0
pulse bob
  log: bob at 2 has t 1
  bob: epoch 2, has t 1
beat ann
  ann: NONE
# members of both kinds commit, each in its own terms
commit ann t-0=5 v7
  log: t-0 5
  ann: NONE
commit bob t-1=7
  log: t-1 7
  bob: NONE
commit ann t-0=9 as=ann#1/1 v7
  ann: ILLEGAL_GENERATION
restart
show
  Stable at 2; ann#1 at 2 has t 0; bob at 2 has t 1
fetch all
  offsets: t-0=5 t-1=7
beat ann
  ann: NONE
pulse bob
  bob: epoch 2
# the last one of the new protocol leaves: the group is a classic one again, and divides the work anew
exit bob
  log: ann#1 has nothing
  log: target of ann#1: deleted
  log: ann#1 is gone
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 2: ann#1=t0 bob=t1
  bob: bye
later 0
describe
  PreparingRebalance consumer ann#1=t0
beat ann
  ann: REBALANCE_IN_PROGRESS
rejoin ann owns=t0
  ann: ann#1 in generation 3, range, leads ann#1
resync ann ann#1=t0,t1
  log: generation 3: ann#1=t0,t1
  ann: gets t 0 1
fetch all
  offsets: t-0=5 t-1=7
restart
describe
  Stable consumer range ann#1=t0,t1
fetch all
  offsets: t-0=5 t-1=7
`);
  });

  it("a group goes over while its members wait for each other", () => {
    tell(`
topic t 4
join ann
  ann: MEMBER_ID_REQUIRED ann#1
join ann
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
join bob
  bob: MEMBER_ID_REQUIRED bob#1
join bob
join ann
  ann: ann#1 in generation 2, range, leads ann#1 bob#1
  bob: bob#1 in generation 2, range, follows ann#1
sync bob
# bob waits for his assignment, and ann has not sent it
enter cat
  log: the group is deleted
  log: ann#1 reads t, classic range
  log: bob#1 reads t, classic range
  log: epoch 2
  log: target of ann#1: nothing
  log: target of bob#1: nothing
  log: targets are of epoch 2
  log: ann#1 at 2 has nothing
  log: bob#1 at 2 has nothing
  log: cat reads t
  log: epoch 3
  log: target of ann#1: t 0 3
  log: target of bob#1: t 1
  log: target of cat: t 2
  log: targets are of epoch 3
  log: cat at 3 has t 2
  bob: REBALANCE_IN_PROGRESS
  cat: epoch 3, has t 2
show
  Reconciling at 3; ann#1 at 2 has nothing; bob#1 at 2 has nothing; cat at 3 has t 2
rejoin bob
  log: bob#1 reads t, classic range
  log: bob#1 at 3 has t 1
  bob: bob#1 in generation 3, range, follows nobody
rejoin ann
  log: ann#1 reads t, classic range
  log: ann#1 at 3 has t 0 3
  ann: ann#1 in generation 3, range, follows nobody
resync ann
  ann: gets t 0 3
resync bob
  bob: gets t 1
pulse cat
  cat: epoch 3
show
  Stable at 3; ann#1 at 3 has t 0 3; bob#1 at 3 has t 1; cat at 3 has t 2
`);
  });

  it("a group goes over while a member has yet to give up what the last generation took away", () => {
    tell(`
topic t 2
rejoin ann
  ann: MEMBER_ID_REQUIRED ann#1
rejoin ann
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
resync ann ann#1=t0,t1
  log: generation 1: ann#1=t0,t1
  ann: gets t 0 1
commit ann t-1=1 v7
  log: t-1 1
  ann: NONE
rejoin cat
  cat: MEMBER_ID_REQUIRED cat#1
rejoin cat
rejoin ann owns=t0,t1
  ann: ann#1 in generation 2, range, leads ann#1 cat#1
  cat: cat#1 in generation 2, range, follows ann#1
# ann is to give up t-1, which cat would get in the next generation, but cat leaves
resync ann ann#1=t0 cat#1=-
  log: generation 2: ann#1=t0 cat#1=
  ann: gets t 0
resync cat
  cat: gets nothing
leave cat
  left: NONE
enter bob
  log: the group is deleted
  log: ann#1 reads t, classic range
  log: epoch 2
  log: target of ann#1: t 0
  log: targets are of epoch 2
  log: ann#1 at 2 has t 0
  log: bob reads t
  log: epoch 3
  log: target of bob: t 1
  log: targets are of epoch 3
  log: bob at 3 has t 1
  bob: epoch 3, has t 1
# bob may have read its offset by now
commit ann t-1=2 v7
  ann: ILLEGAL_GENERATION
txn ann 7/0 t-1=2
  ann: ILLEGAL_GENERATION
marker 7 commit
commit ann t-0=2 v7
  log: t-0 2
  ann: NONE
fetch all
  offsets: t-1=1 t-0=2
`);
  });

  it("a group goes back by a protocol of which a member has said nothing that can be read", () => {
    tell(`
topic t 2
enter bob
  log: bob reads t
  log: epoch 2
  log: target of bob: t 0 1
  log: targets are of epoch 2
  log: bob at 2 has t 0 1
  bob: epoch 2, has t 0 1
rejoin ann offers=range,own?
  ann: MEMBER_ID_REQUIRED ann#1
rejoin ann offers=range,own?
  log: ann#1 reads t, classic range own
  log: epoch 3
  log: target of bob: t 0
  log: target of ann#1: t 1
  log: targets are of epoch 3
  log: ann#1 at 3 has nothing
  ann: ann#1 in generation 3, range, follows nobody
rejoin cem offers=own
  cem: MEMBER_ID_REQUIRED cem#1
rejoin cem offers=own
  log: cem#1 reads t, classic own
  log: epoch 4
  log: target of cem#1: nothing
  log: targets are of epoch 4
  log: cem#1 at 4 has nothing
  cem: cem#1 in generation 4, own, follows nobody
exit bob
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: ann#1 has nothing
  log: target of ann#1: deleted
  log: ann#1 is gone
  log: cem#1 has nothing
  log: target of cem#1: deleted
  log: cem#1 is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 4: bob=t0,t1 ann#1= cem#1=
  bob: bye
later 0
describe
  PreparingRebalance consumer ann#1= cem#1=
`);
  });

  it("not when that is not wanted", () => {
    tell(
      `
topic t 2
join ann
  ann: MEMBER_ID_REQUIRED ann#1
join ann
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
sync ann ann#1=p
  log: generation 1: ann#1=p
  ann: gets p
enter bob
  bob: GROUP_ID_NOT_FOUND
describe
  Stable consumer range ann#1=p
leave ann
  log: generation 2: nobody
  left: NONE
enter bob
  log: the group is deleted
  log: bob reads t
  log: epoch 2
  log: target of bob: t 0 1
  log: targets are of epoch 2
  log: bob at 2 has t 0 1
  bob: epoch 2, has t 0 1
`,
      { consumerMigrationPolicy: "disabled" },
    );
  });

  it("an empty group takes whoever comes, and keeps its offsets", () => {
    tell(`
topic t 1
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0
  log: targets are of epoch 2
  log: ann at 2 has t 0
  ann: epoch 2, has t 0
commit ann t-0=5
  log: t-0 5
  ann: NONE
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 3
  ann: bye
# a classic member comes into an empty group: it is a classic one from then on, and keeps its offsets
join bob
  log: no targets
  log: the consumer group is deleted
  bob: MEMBER_ID_REQUIRED bob#1
join bob
show
  GROUP_ID_NOT_FOUND
fetch all
  offsets: t-0=5
restart
fetch all
  offsets: t-0=5
describe
  Empty
join bob anew
  bob: MEMBER_ID_REQUIRED bob#2
leave bob
  left: NONE
enter ann
  log: the group is deleted
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0
  log: targets are of epoch 2
  log: ann at 2 has t 0
  ann: epoch 2, has t 0
fetch all
  offsets: t-0=5
show
  Stable at 2; ann at 2 has t 0
restart
fetch all
  offsets: t-0=5
show
  Stable at 2; ann at 2 has t 0
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 3
  ann: bye
delete group
  log: t-0 deleted
  log: no targets
  log: the consumer group is deleted
  NONE
restart
show
  GROUP_ID_NOT_FOUND
fetch all
  offsets: none
`);
  });
});
