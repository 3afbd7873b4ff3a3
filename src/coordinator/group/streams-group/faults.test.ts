/** Faults 20 and 21 of those that are known to have broken others, for streams groups. */
import { describe, it } from "vitest";
import { tellStreamsStory as tell } from "./story.testing.ts";

describe("Faults of streams groups", () => {
  it("20: members join at the same moment, and the power fails between two steps of a member", () => {
    tell(`
topic t 3
# three members join while the disk stalls: none hears of it before it is durable
disk stalls
enter ann
  log: ann in process ANN
  log: topology 0
  log: epoch 2, ready
  log: target of ann: 0_0 0_1 0_2
  log: targets are of epoch 2
  log: ann at 2 has 0_0 0_1 0_2
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0 0_1
  log: target of bob: 0_2
  log: targets are of epoch 3
  log: bob at 3 has nothing
enter cat
  log: cat in process CAT
  log: epoch 4, ready
  log: target of ann: 0_0
  log: target of cat: 0_1
  log: targets are of epoch 4
  log: cat at 4 has nothing
disk goes on
  ann: epoch 2, has 0_0 0_1 0_2
  bob: epoch 3, has nothing
  cat: epoch 4, has nothing
show
  Reconciling at 4; ann at 2 has 0_0 0_1 0_2; bob at 3 has nothing; cat at 4 has nothing
# a power loss takes back what nobody was told
pulse ann has=0_0,0_1,0_2
  log: ann at 2 has 0_0, gives up 0_1 0_2
  ann: epoch 2, has 0_0
disk stalls
pulse ann has=0_0
  log: ann at 4 has 0_0
pulse bob
  log: bob at 4 has 0_2
restart
show
  Reconciling at 4; ann at 2 has 0_0; bob at 3 has nothing; cat at 4 has nothing
pulse bob
  log: bob at 4 has nothing
  bob: epoch 4
pulse ann has=0_0
  log: ann at 4 has 0_0
  ann: epoch 4
pulse bob
  log: bob at 4 has 0_2
  bob: epoch 4, has 0_2
show
  Reconciling at 4; ann at 4 has 0_0; bob at 4 has 0_2; cat at 4 has nothing
`);
  });

  it("21: who joined once more commits what it read before", () => {
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
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
# ann has lost its membership, and reads t-0 again
enter ann
  log: ann at 3 has 0_0
  ann: epoch 3, has 0_0
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

  it("21: a stalled member returns after its tasks moved", () => {
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
# ann stalls for so long that her tasks go to bob
enter bob
  log: bob in process BOB
  log: epoch 3, ready
  log: target of ann: 0_0
  log: target of bob: 0_1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3, has nothing
later 40000
pulse bob
  log: bob at 3 has nothing
  bob: epoch 3
later 5000
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4, ready
pulse bob
  log: target of bob: 0_0 0_1
  log: targets are of epoch 4
  log: bob at 4 has 0_0 0_1
  bob: epoch 4, has 0_0 0_1
commit bob t-0=5
  log: t-0 5
  bob: NONE
# she comes back in the middle of what she did
commit ann t-0=2
  ann: UNKNOWN_MEMBER_ID
txn ann 7/0 t-0=2
  ann: UNKNOWN_MEMBER_ID
pulse ann has=0_0,0_1
  ann: UNKNOWN_MEMBER_ID
fetch all
  offsets: t-0=5
restart
commit ann t-0=2
  ann: UNKNOWN_MEMBER_ID
enter ann
  log: ann in process ANN
  log: epoch 5, ready
  log: target of bob: 0_0
  log: target of ann: 0_1
  log: targets are of epoch 5
  log: ann at 5 has nothing
  ann: epoch 5, has nothing
`);
  });
});
