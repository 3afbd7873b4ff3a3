import { describe, it } from "vitest";
import { tellConsumerStory as tell } from "./story.testing.ts";

const ANN_AND_BOB = `topic t 2
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
  bob: bob#1 in generation 3, range, follows nobody`;

describe("Members of the classic protocol in a group of the new one", () => {
  it("are led by answers to classic requests", () => {
    tell(`
${ANN_AND_BOB}
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
${ANN_AND_BOB}
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
});
