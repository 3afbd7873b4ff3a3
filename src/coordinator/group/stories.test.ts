import { describe, it } from "vitest";
import { tellStory as tell } from "./story.testing.ts";

describe("Joining and leaving", () => {
  it("two members join, one leaves, then the other", () => {
    tell(`
join ann
  ann: MEMBER_ID_REQUIRED ann#1
# it was sent to come back with an id; whoever knows it may
join ann
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
sync ann ann#1=p0,p1
  log: generation 1: ann#1=p0,p1
  ann: gets p0,p1
join bob
  bob: MEMBER_ID_REQUIRED bob#1
join bob
# the group rebalances; its first member learns so by a heartbeat
beat ann
  ann: REBALANCE_IN_PROGRESS
join ann
  ann: ann#1 in generation 2, range, leads ann#1 bob#1
  bob: bob#1 in generation 2, range, follows ann#1
sync bob
sync ann ann#1=p0 bob#1=p1
  log: generation 2: ann#1=p0 bob#1=p1
  ann: gets p0
  bob: gets p1
beat bob
  bob: NONE
describe
  Stable consumer range ann#1=p0 bob#1=p1
restart
describe
  Stable consumer range ann#1=p0 bob#1=p1
beat ann
  ann: NONE
leave bob
  left: NONE
beat ann
  ann: REBALANCE_IN_PROGRESS
join ann
  ann: ann#1 in generation 3, range, leads ann#1
sync ann ann#1=p0,p1
  log: generation 3: ann#1=p0,p1
  ann: gets p0,p1
leave ann
  log: generation 4: nobody
  left: NONE
describe
  Empty consumer
# the next generation goes on counting
join cat v3
later 3000
  cat: cat#1 in generation 5, range, leads cat#1
`);
  });

  it("the first rebalance waits for newcomers, for the rebalance timeout at most", () => {
    tell(`
# each newcomer extends the wait for others, up to the rebalance timeout
join ann v3 rebalance=7000
later 2000
join bob v3
later 2000
join cat v3
later 1000
later 1999
join dan v3
later 1
  ann: ann#1 in generation 1, range, leads ann#1 bob#1 cat#1 dan#1
  bob: bob#1 in generation 1, range, follows ann#1
  cat: cat#1 in generation 1, range, follows ann#1
  dan: dan#1 in generation 1, range, follows ann#1
describe
  CompletingRebalance consumer ann#1= bob#1= cat#1= dan#1=
`);
  });

  it("the group uses the protocol that most members like among those that all support", () => {
    tell(`
join ann v3 offers=range,sticky
join bob v3 offers=sticky,range
join cat v3 offers=sticky,roundrobin,range
# no protocol in common with everybody
join dan v3 offers=roundrobin
  dan: INCONSISTENT_GROUP_PROTOCOL
later 9000
  ann: ann#1 in generation 1, sticky, leads ann#1 bob#1 cat#1
  bob: bob#1 in generation 1, sticky, follows ann#1
  cat: cat#1 in generation 1, sticky, follows ann#1
# most like sticky best
describe
  CompletingRebalance consumer ann#1= bob#1= cat#1=
`);
  });

  it("an id that nobody comes back for is forgotten, and its group with it", () => {
    tell(`
join ann
  ann: MEMBER_ID_REQUIRED ann#1
describe
  Empty
# it does not come back
later 10000
describe
  Dead
`);
  });

  it("a member that joins again with nothing new to say disturbs nobody", () => {
    tell(`
join ann v3
join bob v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
# bob's answer was lost on its way: it asks again and gets the same, nobody else is disturbed
join bob
  bob: bob#1 in generation 1, range, follows ann#1
beat ann
  ann: NONE
# but something new to say starts over; a SyncGroup that waits learns so
sync bob
join bob offers=range,sticky
  bob: REBALANCE_IN_PROGRESS
join ann
  ann: ann#1 in generation 2, range, leads ann#1 bob#1
  bob: bob#1 in generation 2, range, follows ann#1
sync bob
sync ann ann#1=p0 bob#1=p1
  log: generation 2: ann#1=p0 bob#1=p1
  ann: gets p0
  bob: gets p1
# a follower with nothing new to say disturbs nobody; a leader means it
join bob offers=range,sticky
  bob: bob#1 in generation 2, range, follows ann#1
join ann
beat bob
  bob: REBALANCE_IN_PROGRESS
`);
  });

  it("a request that comes twice answers the first one too", () => {
    tell(`
join ann v3
join bob v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync bob
# bob's connection broke; it sends the same again over another one
sync bob
  bob: REBALANCE_IN_PROGRESS
sync ann ann#1=p0 bob#1=p1
  log: generation 1: ann#1=p0 bob#1=p1
  ann: gets p0
  bob: gets p1
join ann
join ann
  ann: REBALANCE_IN_PROGRESS
join bob
  ann: ann#1 in generation 2, range, leads ann#1 bob#1
  bob: bob#1 in generation 2, range, follows ann#1
`);
  });

  it("a member that is taken out learns so from the request that waits", () => {
    tell(`
join ann v3
join bob v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync bob
# somebody takes bob out while its SyncGroup waits, and cat while its JoinGroup does
leave bob
  bob: UNKNOWN_MEMBER_ID
  left: NONE
join cat
  cat: MEMBER_ID_REQUIRED cat#1
join cat
leave cat
  cat: UNKNOWN_MEMBER_ID
  left: NONE
join ann
  ann: ann#1 in generation 2, range, leads ann#1
describe
  CompletingRebalance consumer ann#1=
`);
  });
});

describe("Static members", () => {
  it("a static member is restarted in a stable group", () => {
    tell(`
join ann static=A
join bob static=B
later 6000
  ann: A#1 in generation 1, range, leads A#1 B#1
  bob: B#1 in generation 1, range, follows A#1
sync bob
sync ann A#1=p0 B#1=p1
  log: generation 1: A#1=p0 B#1=p1
  ann: gets p0
  bob: gets p1
# bob's process is replaced: same place, same work, nobody else notices
join bob anew
  log: generation 1: A#1=p0 B#2=p1
  bob: B#2 in generation 1, range, follows A#1
sync bob
  bob: gets p1
beat ann
  ann: NONE
# the former process was only slow, and finds that its place is taken
beat bob as=B#1/1
  bob: FENCED_INSTANCE_ID
commit bob t-0=5 as=B#1/1
  bob: FENCED_INSTANCE_ID
# the leader is replaced: it must not divide the work again
join ann anew
  log: generation 1: B#2=p1 A#2=p0
  ann: A#2 in generation 1, range, leads B#2 A#2, assigns nothing
join ann anew v8
  log: generation 1: B#2=p1 A#3=p0
  ann: A#3 in generation 1, range, follows A#2
sync ann
  ann: gets p0
describe
  Stable consumer range B#2=p1 A#3=p0
restart
describe
  Stable consumer range B#2=p1 A#3=p0
beat ann
  ann: NONE
`);
  });

  it("a static member is away during a rebalance", () => {
    tell(`
join ann static=A session=30000 rebalance=5000
join bob static=B session=30000 rebalance=5000
later 5000
  ann: A#1 in generation 1, range, leads A#1 B#1
  bob: B#1 in generation 1, range, follows A#1
sync bob
sync ann A#1=p0 B#1=p1
  log: generation 1: A#1=p0 B#1=p1
  ann: gets p0
  bob: gets p1
# bob's machine is being restarted. cat comes; bob keeps its place, with nothing in it to do
join cat v3 rebalance=5000
join ann rebalance=5000
later 5000
  ann: A#1 in generation 2, range, leads A#1 B#1 cat#1
  cat: cat#1 in generation 2, range, follows A#1
sync cat
sync ann A#1=p0 cat#1=p1 B#1=p2
  log: generation 2: A#1=p0 B#1=p2 cat#1=p1
  ann: gets p0
  cat: gets p1
# bob is back, under a new id and with what was kept for it
join bob anew
  log: generation 2: A#1=p0 cat#1=p1 B#2=p2
  bob: B#2 in generation 2, range, follows A#1
sync bob
  bob: gets p2
describe
  Stable consumer range A#1=p0 cat#1=p1 B#2=p2
`);
  });

  it("a static member is restarted while the leader assigns", () => {
    tell(`
join ann static=A
join bob static=B
later 6000
  ann: A#1 in generation 1, range, leads A#1 B#1
  bob: B#1 in generation 1, range, follows A#1
# ann has been told of B#1, and then bob is restarted: the assignment would miss it
sync bob
join bob anew
  bob: FENCED_INSTANCE_ID
beat ann
  ann: REBALANCE_IN_PROGRESS
join ann
  ann: A#1 in generation 2, range, leads A#1 B#2
  bob: B#2 in generation 2, range, follows A#1
sync ann A#1=p0 B#2=p1
  log: generation 2: A#1=p0 B#2=p1
  ann: gets p0
sync bob
  bob: gets p1
`);
  });
});

describe("Members that fail", () => {
  it("the leader dies before it hands in the assignment", () => {
    tell(`
join ann v3
join bob v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync bob
# ann leads, and dies before it has handed in the assignment
later 10000
  bob: REBALANCE_IN_PROGRESS
join bob v3
  bob: bob#1 in generation 2, range, leads bob#1
sync bob bob#1=p0,p1
  log: generation 2: bob#1=p0,p1
  bob: gets p0,p1
# ann wakes up
sync ann ann#1=p0 bob#1=p1
  ann: UNKNOWN_MEMBER_ID
beat ann
  ann: UNKNOWN_MEMBER_ID
`);
  });

  it("a session ends during a rebalance", () => {
    tell(`
join ann v3
join bob v3
join cat v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1 cat#1
  bob: bob#1 in generation 1, range, follows ann#1
  cat: cat#1 in generation 1, range, follows ann#1
sync ann ann#1=p0 bob#1=p1 cat#1=p2
  log: generation 1: ann#1=p0 bob#1=p1 cat#1=p2
  ann: gets p0
sync bob
  bob: gets p1
sync cat
  cat: gets p2
later 5000
# cat is gone. dan comes, which starts a rebalance that waits for all
join dan v3
beat ann
  ann: REBALANCE_IN_PROGRESS
join ann
beat bob
  bob: REBALANCE_IN_PROGRESS
join bob
describe
  PreparingRebalance consumer ann#1=p0 bob#1=p1 cat#1=p2 dan#1=
# nobody waits for cat longer than its session
later 5000
  ann: ann#1 in generation 2, range, leads ann#1 bob#1 dan#1
  bob: bob#1 in generation 2, range, follows ann#1
  dan: dan#1 in generation 2, range, follows ann#1
describe
  CompletingRebalance consumer ann#1=p0 bob#1=p1 dan#1=
beat ann
  ann: NONE
`);
  });

  it("a member takes longer than its rebalance timeout", () => {
    tell(`
join ann v3 rebalance=20000
join bob v3 rebalance=20000
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync bob
sync ann ann#1=p0 bob#1=p1
  log: generation 1: ann#1=p0 bob#1=p1
  ann: gets p0
  bob: gets p1
# cat comes; bob lives but is busy with what it read for longer than it said it would be
join cat v3 rebalance=20000
join ann v3 rebalance=20000
later 8000
beat bob
  bob: REBALANCE_IN_PROGRESS
later 8000
beat bob
  bob: REBALANCE_IN_PROGRESS
later 4000
  ann: ann#1 in generation 2, range, leads ann#1 cat#1
  cat: cat#1 in generation 2, range, follows ann#1
sync cat
sync ann ann#1=p0 cat#1=p1
  log: generation 2: ann#1=p0 cat#1=p1
  ann: gets p0
  cat: gets p1
beat bob
  bob: UNKNOWN_MEMBER_ID
`);
  });

  it("a member joins and never asks for its assignment", () => {
    tell(`
join ann v3 rebalance=5000
join bob v3 rebalance=5000
later 5000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync ann ann#1=p0 bob#1=p1
  log: generation 1: ann#1=p0 bob#1=p1
  ann: gets p0
# bob never asks for its part, though it sends heartbeats
later 4000
beat bob
  bob: NONE
beat ann
  ann: NONE
later 1000
beat ann
  ann: REBALANCE_IN_PROGRESS
beat bob
  bob: UNKNOWN_MEMBER_ID
join ann
  ann: ann#1 in generation 2, range, leads ann#1
`);
  });

  it("a stalled member returns after its partitions moved", () => {
    tell(`
join ann v3
join bob v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync bob
sync ann ann#1=p0 bob#1=p1
  log: generation 1: ann#1=p0 bob#1=p1
  ann: gets p0
  bob: gets p1
commit bob t-1=10
  log: t-1 10
  bob: NONE
# bob stops for a garbage collection of eleven seconds; ann takes over its work
later 9000
beat ann
  ann: NONE
later 2000
beat ann
  ann: REBALANCE_IN_PROGRESS
join ann
  ann: ann#1 in generation 2, range, leads ann#1
sync ann ann#1=p0,p1
  log: generation 2: ann#1=p0,p1
  ann: gets p0,p1
commit ann t-1=20
  log: t-1 20
  ann: NONE
# bob returns, believes that nothing has happened, and commits what it had read
commit bob t-1=11
  bob: UNKNOWN_MEMBER_ID
txn bob 7/0 t-1=11
  bob: UNKNOWN_MEMBER_ID
fetch t-1 stable
  offsets: t-1=20
`);
  });
});

describe("Cooperative rebalance", () => {
  it("partitions move in two rounds, and those that stay are worked on all the time", () => {
    tell(`
join ann v3 offers=cooperative-sticky
later 6000
  ann: ann#1 in generation 1, cooperative-sticky, leads ann#1
sync ann ann#1=p0,p1
  log: generation 1: ann#1=p0,p1
  ann: gets p0,p1
join bob v3 offers=cooperative-sticky
beat ann
  ann: REBALANCE_IN_PROGRESS
# ann keeps all it has while it joins: nothing stops
commit ann t-0=5
  log: t-0 5
  ann: NONE
join ann offers=cooperative-sticky
  ann: ann#1 in generation 2, cooperative-sticky, leads ann#1 bob#1
  bob: bob#1 in generation 2, cooperative-sticky, follows ann#1
# round one: ann is to give p1 up; bob gets nothing before it has
sync bob
sync ann ann#1=p0
  log: generation 2: ann#1=p0 bob#1=
  ann: gets p0
  bob: gets nothing
# ann has given p1 up, and joins again for the second round
join ann offers=cooperative-sticky
beat bob
  bob: REBALANCE_IN_PROGRESS
join bob offers=cooperative-sticky
  ann: ann#1 in generation 3, cooperative-sticky, leads ann#1 bob#1
  bob: bob#1 in generation 3, cooperative-sticky, follows ann#1
sync ann ann#1=p0 bob#1=p1
  log: generation 3: ann#1=p0 bob#1=p1
  ann: gets p0
sync bob
  bob: gets p1
describe
  Stable consumer cooperative-sticky ann#1=p0 bob#1=p1
`);
  });
});

describe("The broker is restarted", () => {
  it("in the middle of a rebalance", () => {
    tell(`
join ann v3
join bob v3
later 6000
  ann: ann#1 in generation 1, range, leads ann#1 bob#1
  bob: bob#1 in generation 1, range, follows ann#1
sync bob
sync ann ann#1=p0 bob#1=p1
  log: generation 1: ann#1=p0 bob#1=p1
  ann: gets p0
  bob: gets p1
join cat v3
join ann
# the broker dies in the middle of a rebalance: the last generation that was agreed on is back
restart
describe
  Stable consumer range ann#1=p0 bob#1=p1
beat bob
  bob: NONE
# cat's id was never written down
beat cat as=cat#1/1
  cat: UNKNOWN_MEMBER_ID
join cat anew v3
beat ann
  ann: REBALANCE_IN_PROGRESS
join ann
join bob
  ann: ann#1 in generation 2, range, leads ann#1 bob#1 cat#1
  bob: bob#1 in generation 2, range, follows ann#1
  cat: cat#1 in generation 2, range, follows ann#1
`);
  });

  it("and the members never come back", () => {
    tell(`
join ann v3
later 3000
  ann: ann#1 in generation 1, range, leads ann#1
sync ann ann#1=p0
  log: generation 1: ann#1=p0
  ann: gets p0
# the broker is away; nobody comes back after it
restart
later 10000
  log: generation 2: nobody
describe
  Empty consumer
restart
describe
  Empty consumer
`);
  });
});

describe("Offsets in transactions", () => {
  it("they count once the transaction commits, across a restart", () => {
    tell(`
commit nobody t-0=5
  log: t-0 5
  nobody: NONE
txn nobody 7/0 t-0=8
  log: t-0 8 if 7 commits
  nobody: NONE
fetch t-0
  offsets: t-0=5
fetch t-0 stable
  offsets: t-0=UNSTABLE_OFFSET_COMMIT
fetch all stable
  offsets: t-0=UNSTABLE_OFFSET_COMMIT
restart
fetch t-0 stable
  offsets: t-0=UNSTABLE_OFFSET_COMMIT
marker 7 commit
fetch t-0 stable
  offsets: t-0=8
restart
fetch t-0 stable
  offsets: t-0=8
txn nobody 7/0 t-0=9
  log: t-0 9 if 7 commits
  nobody: NONE
marker 7 abort
fetch t-0 stable
  offsets: t-0=8
`);
  });

  it("the order in the log decides between transactions and plain commits", () => {
    tell(`
# a transaction ends behind a commit outside of it: the later record wins, not the later end
txn nobody 7/0 t-0=8
  log: t-0 8 if 7 commits
  nobody: NONE
commit nobody t-0=5
  log: t-0 5
  nobody: NONE
marker 7 commit
fetch t-0 stable
  offsets: t-0=5
# two transactions at the same time
txn nobody 7/0 t-1=1 t-2=1
  log: t-1 1 if 7 commits
  log: t-2 1 if 7 commits
  nobody: NONE
txn nobody 8/0 t-1=2
  log: t-1 2 if 8 commits
  nobody: NONE
marker 7 abort
fetch all
  offsets: t-0=5
fetch t-1 stable
  offsets: t-1=UNSTABLE_OFFSET_COMMIT
fetch t-2 stable
  offsets: t-2=-1
marker 8 commit
fetch all stable
  offsets: t-0=5 t-1=2
# an older producer is refused by the log, and nothing has changed
txn nobody 7/1 t-0=20
  log: t-0 20 if 7 commits
  nobody: NONE
txn nobody 7/0 t-0=30
  nobody: INVALID_PRODUCER_EPOCH
marker 7 commit
fetch all stable
  offsets: t-0=20 t-1=2
`);
  });

  it("deleting an offset or a group takes pending ones along", () => {
    tell(`
txn nobody 7/0 t-0=8
  log: t-0 8 if 7 commits
  nobody: NONE
delete t-0
  log: t-0 deleted
  NONE
fetch t-0 stable
  offsets: t-0=-1
txn nobody 7/0 t-0=9
  log: t-0 9 if 7 commits
  nobody: NONE
delete group
  log: t-0 deleted
  log: the group is deleted
  NONE
fetch t-0 stable
  offsets: t-0=-1
marker 7 commit
fetch t-0 stable
  offsets: t-0=-1
describe
  Dead
`);
  });
});

describe("The disk is slow", () => {
  it("what is read is durable, or the answer waits until it is", () => {
    tell(`
commit nobody t-0=5
  log: t-0 5
  nobody: NONE
disk stalls
commit nobody t-0=6
  log: t-0 6
fetch t-0
disk goes on
  nobody: NONE
  offsets: t-0=6
`);
  });
});
