import { describe, it } from "vitest";
import { tellConsumerStory as tell } from "./story.testing.ts";

const ANN = `topic t 2
enter ann static=A
  log: ann reads t as A
  log: epoch 2
  log: target of ann: t 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1
  ann: epoch 2, has t 0 1`;

/** Bob waits for what she has when her next life, cat, speaks the classic protocol. */
const CAT_IN_THE_PLACE_OF_ANN = `${ANN}
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
  cat: A#1 in generation 3, range, follows nobody`;

describe("Static members that speak another protocol in their next life", () => {
  it("a static member changes its protocol with its life", () => {
    tell(`
${ANN}
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
${CAT_IN_THE_PLACE_OF_ANN}
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
${CAT_IN_THE_PLACE_OF_ANN}
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
${ANN}
topic u 1
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
${ANN}
topic u 1
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
