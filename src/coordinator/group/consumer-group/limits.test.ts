import { describe, it } from "vitest";
import { tellConsumerStory as tell } from "./story.testing.ts";

describe("limits of consumer groups", () => {
  it("an assignment stays for its interval, and members that come meanwhile have nothing", () => {
    tell(
      `
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
  log: bob at 2 has nothing
  bob: epoch 2, has nothing
pulse ann has=t0,t1,t2,t3
  ann: epoch 2
later 999
pulse ann has=t0,t1,t2,t3
  ann: epoch 2
later 1
pulse bob
  log: target of ann: t 0 1
  log: target of bob: t 2 3
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3
pulse ann has=t0,t1,t2,t3
  log: ann at 2 has t 0 1, gives up t 2 3
  ann: epoch 2, has t 0 1
# the log tells when the last assignment was made
restart
enter cem
  log: cem reads t
  log: epoch 4
  log: cem at 3 has nothing
  cem: epoch 3, has nothing
later 1000
pulse cem
  log: target of ann: t 0
  log: target of cem: t 1
  log: targets are of epoch 4
  log: cem at 4 has nothing
  cem: epoch 4
`,
      { consumerAssignmentIntervalMs: 1000 },
    );
  });

  it("a member of the classic protocol is not sent to join again before the next assignment", () => {
    tell(
      `
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
  log: ann#1 at 2 has nothing
  ann: ann#1 in generation 2, range, follows nobody
# the next assignment is a second away: until then ann has nothing, and nothing to join again for
resync ann
  ann: gets nothing
beat ann
  ann: NONE
later 999
beat ann
  ann: NONE
later 1
beat ann
  ann: REBALANCE_IN_PROGRESS
rejoin ann
  log: target of bob: t 0
  log: target of ann#1: t 1
  log: targets are of epoch 3
  log: ann#1 at 3 has nothing
  ann: ann#1 in generation 3, range, follows nobody
resync ann
  ann: gets nothing
pulse bob
  log: bob at 2 has t 0, gives up t 1
  bob: epoch 2, has t 0
pulse bob has=t0
  log: bob at 3 has t 0
  bob: epoch 3
beat ann
  ann: REBALANCE_IN_PROGRESS
rejoin ann
  log: ann#1 at 3 has t 1
  ann: ann#1 in generation 3, range, follows nobody
resync ann
  ann: gets t 1
beat ann
  ann: NONE
`,
      { consumerAssignmentIntervalMs: 1000 },
    );
  });

  it("a clock that was put back does not hold up the next assignment", () => {
    tell(
      `
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
  log: bob at 2 has nothing
  bob: epoch 2, has nothing
pulse bob
  bob: epoch 2
# the clock is put back by a day
later -86400000
pulse bob
  log: target of ann: t 0
  log: target of bob: t 1
  log: targets are of epoch 3
  log: bob at 3 has nothing
  bob: epoch 3
`,
      { consumerAssignmentIntervalMs: 1000 },
    );
  });

  it("what a member ceases to read goes before the next assignment", () => {
    tell(
      `
topic t 2
topic u 2
enter ann reads=t,u assignor=range
  log: ann reads t u
  log: epoch 2
  log: target of ann: t 0 1, u 0 1
  log: targets are of epoch 2
  log: ann at 2 has t 0 1, u 0 1
  ann: epoch 2, has t 0 1, u 0 1
enter bob reads=u assignor=range
  log: bob reads u
  log: epoch 3
  log: bob at 2 has nothing
  bob: epoch 2, has nothing
pulse ann reads=t has=t0,t1,u0,u1
  log: ann reads t
  log: epoch 4
  log: ann at 2 has t 0 1, gives up u 0 1
  ann: epoch 2, has t 0 1
pulse bob
  bob: epoch 2
pulse ann has=t0,t1
  log: ann at 2 has t 0 1
  ann: epoch 2
pulse ann has=t0,t1
  ann: epoch 2
later 1000
pulse bob
  log: target of ann: t 0 1
  log: target of bob: u 0 1
  log: targets are of epoch 4
  log: bob at 4 has u 0 1
  bob: epoch 4, has u 0 1
`,
      { consumerAssignmentIntervalMs: 1000 },
    );
  });

  it("a group takes no more members than it may, whichever protocol they speak", () => {
    tell(
      `
topic t 4
enter ann
  log: ann reads t
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
enter cem
  cem: GROUP_MAX_SIZE_REACHED
# nor one that speaks the classic protocol
join dan
  dan: GROUP_MAX_SIZE_REACHED
# a static member's next life takes its place
exit bob away
  log: bob at -2 has nothing
  bob: bye
enter ben static=B
  log: bob has nothing
  log: target of bob: deleted
  log: bob is gone
  log: ben reads t as B
  log: target of ben: t 2 3
  log: ben at 0 has nothing
  log: ben reads t as B
  log: ben at 3 has nothing
  ben: epoch 3, has nothing
exit ann
  log: ann has nothing
  log: target of ann: deleted
  log: ann is gone
  log: epoch 4
  ann: bye
enter cem
  log: cem reads t
  log: epoch 5
  log: target of cem: t 0 1
  log: targets are of epoch 5
  log: cem at 5 has t 0 1
  cem: epoch 5, has t 0 1
`,
      { consumerMaxGroupSize: 2, maxGroupSize: 1 },
    );
  });

  it("a classic group with more members than a consumer group may have does not go over", () => {
    tell(
      `
topic t 4
join ann v3
  ann: ann#1 in generation 1, range, leads ann#1
join bob v3
join ann
  ann: ann#1 in generation 2, range, leads ann#1 bob#1
  bob: bob#1 in generation 2, range, follows ann#1
sync ann ann#1=t0 bob#1=t1
  log: generation 2: ann#1=t0 bob#1=t1
  ann: gets t0
enter cem
  cem: GROUP_ID_NOT_FOUND
`,
      { consumerMaxGroupSize: 1, initialRebalanceDelayMs: 0 },
    );
  });

  it("a classic group stays one when the member for whose sake it would go over finds no room", () => {
    tell(
      `
topic t 2
rejoin ann static=A
  ann: A#1 in generation 1, range, leads A#1
rejoin bob static=B
rejoin ann
  ann: A#1 in generation 2, range, leads A#1 B#1
  bob: B#1 in generation 2, range, follows A#1
resync ann A#1=t0 B#1=t1
  log: generation 2: A#1=t0 B#1=t1
  ann: gets t 0
enter cem
  cem: GROUP_MAX_SIZE_REACHED
describe
  Stable consumer range A#1=t0 B#1=t1
# for one that takes its last life's place there is room
enter ben static=B
  log: the group is deleted
  log: A#1 reads t as A, classic range
  log: B#1 reads t as B, classic range
  log: epoch 2
  log: target of A#1: t 0
  log: target of B#1: t 1
  log: targets are of epoch 2
  log: A#1 at 2 has t 0
  log: B#1 at 2 has t 1
  log: B#1 has nothing
  log: target of B#1: deleted
  log: B#1 is gone
  log: ben reads t as B, classic range
  log: target of ben: t 1
  log: ben at 0 has t 1
  log: ben reads t as B
  log: epoch 3
  log: targets are of epoch 3
  log: ben at 3 has t 1
  ben: epoch 3, has t 1
`,
      { consumerMaxGroupSize: 2, initialRebalanceDelayMs: 0 },
    );
  });
});
