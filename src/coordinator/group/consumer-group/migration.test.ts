import { describe, expect, it } from "vitest";
import type { GroupCoordinatorConfig } from "../config.ts";
import { playConsumerStory } from "./story.testing.ts";

/** Tells a story and checks that it comes out as it is written. */
function tell(story: string, config: Partial<GroupCoordinatorConfig> = {}): void {
  const text = story.trim();
  expect(playConsumerStory(text, config)).toBe(text);
}

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

describe("Members of the classic protocol in a group of the new one", () => {
  it("are led by answers to classic requests", () => {
    tell(`
topic t 2
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
rejoin bob
  bob: MEMBER_ID_REQUIRED bob#1
rejoin bob
  log: bob#1 reads t, classic range
  log: epoch 3
  log: target of ann: t 0
  log: target of bob#1: t 1
  log: targets are of epoch 3
  log: bob#1 at 3 has nothing
  bob: bob#1 in generation 3, range, follows nobody
resync bob
  bob: gets nothing
pulse ann
  log: ann at 2 has t 0, gives up t 1
  ann: epoch 2, has t 0
pulse ann has=t0
  log: ann at 3 has t 0
  ann: epoch 3
# what bob waits for is free
beat bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob
  log: bob#1 at 3 has t 1
  bob: bob#1 in generation 3, range, follows nobody
resync bob
  bob: gets t 1
topic t 3
# a member of the classic protocol finds out that topics have changed, too
beat bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob owns=t1
  log: bob#1 reads t, classic range
  log: epoch 4
  log: target of ann: t 0 2
  log: targets are of epoch 4
  log: bob#1 at 4 has t 1
  bob: bob#1 in generation 4, range, follows nobody
resync bob
  bob: gets t 1
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: bob#1 has nothing
  log: target of bob#1: deleted
  log: bob#1 is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 4: ann=t0 bob#1=t1
  ann: bye
# the broker dies right then: ann is in the group's record still, and goes with her session
restart
describe
  Stable consumer range ann=t0 bob#1=t1
later 9000
beat bob
  bob: NONE
later 9000
beat bob
  bob: NONE
later 9000
beat bob
  bob: NONE
later 9000
beat bob
  bob: NONE
later 9000
beat bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob owns=t1
  bob: bob#1 in generation 5, range, leads bob#1
describe
  CompletingRebalance consumer bob#1=t1
`);
  });

  it("have their time to join and to ask", () => {
    tell(`
topic t 2
enter ann
  log: ann reads t
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
rejoin bob
  bob: MEMBER_ID_REQUIRED bob#1
rejoin bob
  log: bob#1 reads t, classic range
  log: epoch 3
  log: target of ann: t 0
  log: target of bob#1: t 1
  log: targets are of epoch 3
  log: bob#1 at 3 has nothing
  bob: bob#1 in generation 3, range, follows nobody
# bob has joined, and never asks for what he has
later 40000
  log: bob#1 has nothing
  log: target of bob#1: deleted
  log: bob#1 is gone
  log: epoch 4
pulse ann
  log: target of ann: t 0 1
  log: targets are of epoch 4
  log: ann at 4 has t 0 1
  ann: epoch 4
later 20000
show
  Stable at 4; ann at 4 has t 0 1
rejoin cat
  cat: MEMBER_ID_REQUIRED cat#1
rejoin cat
  log: cat#1 reads t, classic range
  log: epoch 5
  log: target of ann: t 0
  log: target of cat#1: t 1
  log: targets are of epoch 5
  log: cat#1 at 5 has nothing
  cat: cat#1 in generation 5, range, follows nobody
resync cat
  cat: gets nothing
pulse ann
  log: ann at 4 has t 0, gives up t 1
  ann: epoch 4, has t 0
pulse ann has=t0
  log: ann at 5 has t 0
  ann: epoch 5
beat cat
  cat: REBALANCE_IN_PROGRESS
# cat was told to join again, and does not, though her heartbeats go on
later 9000
beat cat
  cat: REBALANCE_IN_PROGRESS
later 9000
beat cat
  cat: REBALANCE_IN_PROGRESS
pulse ann
  ann: epoch 5
later 9000
beat cat
  cat: REBALANCE_IN_PROGRESS
later 9000
beat cat
  cat: REBALANCE_IN_PROGRESS
later 9000
beat cat
  cat: REBALANCE_IN_PROGRESS
pulse ann
  ann: epoch 5
later 9000
beat cat
  cat: REBALANCE_IN_PROGRESS
later 9000
  log: cat#1 has nothing
  log: target of cat#1: deleted
  log: cat#1 is gone
  log: epoch 6
beat cat
  cat: UNKNOWN_MEMBER_ID
show
  Assigning at 6; ann at 5 has t 0
`);
  });

  it("must give up what they have when the group has dropped them", () => {
    tell(`
topic t 2
enter bob
  log: bob reads t
  log: epoch 2
  log: target of bob: t 0 1
  log: targets are of epoch 2
  log: bob at 2 has t 0 1
  bob: epoch 2, has t 0 1
rejoin ann
  ann: MEMBER_ID_REQUIRED ann#1
rejoin ann
  log: ann#1 reads t, classic range
  log: epoch 3
  log: target of bob: t 0
  log: target of ann#1: t 1
  log: targets are of epoch 3
  log: ann#1 at 3 has nothing
  ann: ann#1 in generation 3, range, follows nobody
resync ann
  ann: gets nothing
later 60000
  log: ann#1 has nothing
  log: target of ann#1: deleted
  log: ann#1 is gone
  log: epoch 4
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: epoch 5
enter cat
  log: cat reads t
  log: epoch 6
  log: target of cat: t 0 1
  log: targets are of epoch 6
  log: cat at 6 has t 0 1
  cat: epoch 6, has t 0 1
# as if she were new: what she read before could be committed in the name of the generation that she gets
rejoin ann owns=t1
  ann: UNKNOWN_MEMBER_ID
`);
  });

  it("a static member changes its protocol with its life", () => {
    tell(`
topic t 2
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
# the same place, but the next life speaks the classic protocol: so does the group, as nobody else is there
rejoin bob static=A
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: A#1 reads t as A
  log: target of A#1: t 0 1
  log: A#1 at 0 has t 0 1
  log: A#1 reads t as A, classic range
  log: A#1 at 2 has t 0 1
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 2: A#1=t0,t1
  bob: A#1 in generation 2, range, follows nobody
later 0
describe
  Stable consumer range A#1=t0,t1
resync bob
  bob: gets t 0 1
# and back again
enter cat static=A
  log: the group is deleted
  log: A#1 reads t as A, classic range
  log: epoch 2
  log: target of A#1: t 0 1
  log: targets are of epoch 2
  log: A#1 at 2 has t 0 1
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: cat reads t as A, classic range
  log: target of cat: t 0 1
  log: cat at 0 has t 0 1
  log: cat reads t as A
  log: epoch 3
  log: targets are of epoch 3
  log: cat at 3 has t 0 1
  cat: epoch 3, has t 0 1
show
  Stable at 3; cat at 3 has t 0 1
resync bob
  bob: FENCED_INSTANCE_ID
`);
  });

  it("a static member changes its protocol while another waits for what it has", () => {
    tell(`
topic t 2
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
rejoin bob
  bob: MEMBER_ID_REQUIRED bob#1
rejoin bob
  log: bob#1 reads t, classic range
  log: epoch 3
  log: target of ann: t 0
  log: target of bob#1: t 1
  log: targets are of epoch 3
  log: bob#1 at 3 has nothing
  bob: bob#1 in generation 3, range, follows nobody
resync bob
  bob: gets nothing
rejoin cat static=A
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: A#1 reads t as A
  log: target of A#1: t 0
  log: A#1 at 0 has t 0 1
  log: A#1 reads t as A, classic range
  log: A#1 at 3 has t 0
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: bob#1 has nothing
  log: target of bob#1: deleted
  log: bob#1 is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 3: bob#1= A#1=t0 ann=
  cat: A#1 in generation 3, range, follows nobody
# bob was to get t-1, and would not have heard of it
later 0
describe
  PreparingRebalance consumer bob#1= A#1=t0
beat bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob
rejoin cat static=A
  bob: bob#1 in generation 4, range, leads bob#1 A#1
  cat: A#1 in generation 4, range, follows bob#1
`);
  });

  it("a static member changes its protocol while another waits for what it has, and the broker dies before anybody was called to join again", () => {
    tell(
      `
topic t 2
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
rejoin bob
  bob: MEMBER_ID_REQUIRED bob#1
rejoin bob
  log: bob#1 reads t, classic range
  log: epoch 3
  log: target of ann: t 0
  log: target of bob#1: t 1
  log: targets are of epoch 3
  log: bob#1 at 3 has nothing
  bob: bob#1 in generation 3, range, follows nobody
resync bob
  bob: gets nothing
rejoin cat static=A
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: A#1 reads t as A
  log: target of A#1: t 0
  log: A#1 at 0 has t 0 1
  log: A#1 reads t as A, classic range
  log: A#1 at 3 has t 0
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: bob#1 has nothing
  log: target of bob#1: deleted
  log: bob#1 is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 3: bob#1= A#1=t0 ann=
  cat: A#1 in generation 3, range, follows nobody
# ann is in the group's record still, and goes with her session: bob was to get t-1, and would not have heard of it
restart
describe
  Stable consumer range bob#1= A#1=t0 ann=
resync cat
  cat: gets t 0
later 4000
beat bob
  bob: NONE
beat cat
  cat: NONE
later 4000
beat bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob
rejoin cat static=A
  bob: bob#1 in generation 4, range, leads bob#1 A#1
  cat: A#1 in generation 4, range, follows bob#1
`,
      { consumerSessionTimeoutMs: 5000 },
    );
  });

  it("a static member reads something else when it changes its protocol", () => {
    tell(`
topic t 2
topic u 1
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
rejoin bob static=A reads=t,u
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: A#1 reads t as A
  log: target of A#1: t 0 1
  log: A#1 at 0 has t 0 1
  log: A#1 reads t u as A, classic range
  log: epoch 3
  log: target of A#1: t 0 1, u 0
  log: targets are of epoch 3
  log: A#1 at 3 has t 0 1, u 0
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 3: A#1=t0,t1,u0
  bob: A#1 in generation 3, range, follows nobody
later 0
resync bob
  bob: gets t 0 1, u 0
beat bob
  bob: NONE
`);
  });

  it("a static member reads something else when it changes its protocol, before the next assignment", () => {
    tell(
      `
topic t 2
topic u 1
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1
# nobody has u-0 yet, which the classic group has to divide
rejoin bob static=A reads=t,u
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: A#1 reads t as A
  log: target of A#1: t 0 1
  log: A#1 at 0 has t 0 1
  log: A#1 reads t u as A, classic range
  log: epoch 3
  log: A#1 at 2 has t 0 1
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: no targets
  log: the consumer group is deleted
  log: generation 3: A#1=t0,t1 ann=
  bob: A#1 in generation 3, range, follows nobody
later 0
describe
  PreparingRebalance consumer A#1=t0,t1
resync bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob static=A reads=t,u
  bob: A#1 in generation 4, range, leads A#1
`,
      { consumerAssignmentIntervalMs: 1000 },
    );
  });

  it("a static member's new life finds what a cooperative rebalance had taken away and not given on", () => {
    tell(`
topic t 2
rejoin ann static=A
later 3000
  ann: A#1 in generation 1, range, leads A#1
# t-1 was taken from whoever had it, and is to be given on in the next generation
resync ann A#1=t0
  log: generation 1: A#1=t0
  ann: gets t 0
enter bob static=A
  log: the group is deleted
  log: A#1 reads t as A, classic range
  log: epoch 1
  log: target of A#1: t 0
  log: targets are of epoch 1
  log: A#1 at 1 has t 0
  log: A#1 has nothing
  log: target of A#1: deleted
  log: A#1 is gone
  log: bob reads t as A, classic range
  log: target of bob: t 0
  log: bob at 0 has t 0
  log: bob reads t as A
  log: epoch 2
  log: target of bob: t 0 1
  log: targets are of epoch 2
  log: bob at 2 has t 0 1
  bob: epoch 2, has t 0 1
`);
  });
});

describe("A static member of the classic protocol", () => {
  it("that was to give something up is not let in again in silence", () => {
    tell(`
topic t 2
rejoin ann static=A
later 3000
  ann: A#1 in generation 1, range, leads A#1
resync ann A#1=t0,t1
  log: generation 1: A#1=t0,t1
  ann: gets t 0 1
rejoin bob static=B
rejoin ann owns=t0,t1
  ann: A#1 in generation 2, range, leads A#1 B#1
  bob: B#1 in generation 2, range, follows A#1
resync ann A#1=t0 B#1=-
  log: generation 2: A#1=t0 B#1=
  ann: gets t 0
resync bob
  bob: gets nothing
# ann goes before she has asked for the generation that gives t-1 to bob
rejoin cat static=A
beat bob
  bob: REBALANCE_IN_PROGRESS
rejoin bob
  bob: B#1 in generation 3, range, follows A#2
  cat: A#2 in generation 3, range, leads B#1 A#2
`);
  });
});
