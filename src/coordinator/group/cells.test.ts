/** Every request in every state: what it is answered. All of it was put to Apache Kafka 4.3.1, which answered the same. */
import { describe, expect, it } from "vitest";
import { defined } from "../../platform/assert.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { GroupRequestContext } from "./messages.ts";
import {
  type Claim,
  commitRequest,
  GROUP,
  joinRequest,
  subscription,
  txnCommitRequest,
  World,
} from "./story.testing.ts";

const states = ["absent", "Empty", "PreparingRebalance", "CompletingRebalance", "Stable"] as const;
type State = (typeof states)[number];

const context: GroupRequestContext = { apiVersion: 9, clientId: "c", clientHost: "/127.0.0.1" };

interface Scene {
  readonly world: World;
  /** The leader and a follower, both static, of the last generation. */
  readonly leader: Claim;
  readonly follower: Claim;
}

/** A group of two static members in the given state, in generation 1 (2 when it is empty again). */
function sceneOf(state: State): Scene {
  const world = new World({ initialRebalanceDelayMs: 10 });
  const claims = ["A", "B"].map((groupInstanceId) => ({ memberId: "", generationId: -1, groupInstanceId }));
  const [leader, follower] = claims as [Claim, Claim];
  if (state === "absent") return { world, leader, follower };
  for (const claim of claims) {
    const request = joinRequest({ groupInstanceId: claim.groupInstanceId });
    world.take(
      world.coordinator.joinGroup(request, context, world.now, (response) => {
        claim.memberId = response.memberId;
        claim.generationId = response.generationId ?? -1;
      }),
    );
  }
  world.later(20);
  if (state === "CompletingRebalance") return { world, leader, follower };
  for (const claim of [follower, leader]) world.take(world.coordinator.syncGroup(sync(claim), world.now, () => {}));
  if (state === "PreparingRebalance") {
    const newcomer = joinRequest({ groupInstanceId: "C" });
    world.take(world.coordinator.joinGroup(newcomer, context, world.now, () => {}));
  }
  if (state === "Empty") {
    const members = claims.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, reason: null }));
    const request = { groupId: GROUP, memberId: "", members };
    world.take(world.coordinator.leaveGroup(request, context, world.now, () => {}));
  }
  return { world, leader, follower };
}

function sync(claim: Claim): Parameters<World["coordinator"]["syncGroup"]>[0] {
  return { groupId: GROUP, ...claim, protocolType: "consumer", protocolName: "range", assignments: [] };
}

type Answer = ErrorName | "parked";
type Request = (scene: Scene) => Answer;

/** What a step answers at once. */
function answerOf({ world }: Scene, ask: (reply: (code: number) => void) => Parameters<World["take"]>[0]): Answer {
  let answer: Answer = "parked";
  world.take(
    ask((code) => {
      answer = errorName(code);
    }),
  );
  return answer;
}

const beat = (pick: (scene: Scene) => Claim): Request => {
  return (scene) =>
    answerOf(scene, (reply) =>
      scene.world.coordinator.heartbeat({ groupId: GROUP, ...pick(scene) }, scene.world.now, (response) =>
        reply(response.errorCode),
      ),
    );
};

const syncs = (pick: (scene: Scene) => Claim): Request => {
  return (scene) =>
    answerOf(scene, (reply) =>
      scene.world.coordinator.syncGroup(sync(pick(scene)), scene.world.now, (response) => reply(response.errorCode)),
    );
};

const joins = (pick: (scene: Scene) => Claim, fields: Parameters<typeof joinRequest>[0] = {}): Request => {
  return (scene) => {
    const { memberId, groupInstanceId } = pick(scene);
    const request = joinRequest({ memberId, groupInstanceId, ...fields });
    return answerOf(scene, (reply) =>
      scene.world.coordinator.joinGroup(request, context, scene.world.now, (response) => reply(response.errorCode)),
    );
  };
};

const commits = (pick: (scene: Scene) => Claim, apiVersion = 9): Request => {
  return (scene) =>
    answerOf(scene, (reply) =>
      scene.world.coordinator.commitOffsets(
        commitRequest(["t-0=5"], pick(scene)),
        { ...context, apiVersion },
        scene.world.now,
        ({ topics }) => reply(defined(topics[0]?.partitions[0]).errorCode),
      ),
    );
};

const commitsInTransaction = (pick: (scene: Scene) => Claim): Request => {
  return (scene) =>
    answerOf(scene, (reply) =>
      scene.world.coordinator.commitTransactionalOffsets(
        txnCommitRequest("7/0", ["t-0=5"], pick(scene)),
        scene.world.now,
        ({ topics }) => reply(defined(topics[0]?.partitions[0]).errorCode),
      ),
    );
};

const leaves = (pick: (scene: Scene) => Pick<Claim, "memberId" | "groupInstanceId">): Request => {
  return (scene) => {
    const members = [{ ...pick(scene), reason: null }];
    return answerOf(scene, (reply) =>
      scene.world.coordinator.leaveGroup(
        { groupId: GROUP, memberId: "", members },
        context,
        scene.world.now,
        (response) => reply(defined(response.members?.[0]).errorCode),
      ),
    );
  };
};

const deletesOffsets = (topic: string): Request => {
  return (scene) =>
    answerOf(scene, (reply) =>
      scene.world.coordinator.deleteOffsets(
        { groupId: GROUP, topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }] },
        scene.world.now,
        ({ errorCode, topics }) => reply(errorCode || (topics[0]?.partitions[0]?.errorCode ?? 0)),
      ),
    );
};

const deletesGroup: Request = (scene) =>
  answerOf(scene, (reply) =>
    scene.world.coordinator.deleteGroups([GROUP], scene.world.now, ([result]) => reply(defined(result).errorCode)),
  );

const leader = (scene: Scene): Claim => scene.leader;
const follower = (scene: Scene): Claim => scene.follower;
const late = (scene: Scene): Claim => ({ ...scene.follower, generationId: scene.follower.generationId - 1 });
const stranger = (): Claim => ({ memberId: "stranger", generationId: 1, groupInstanceId: null });
const unknownInstance = (scene: Scene): Claim => ({ ...scene.follower, groupInstanceId: "Z" });
const fenced = (): Claim => ({ memberId: "B-before", generationId: 1, groupInstanceId: "B" });
const outsider = (): Claim => ({ memberId: "", generationId: -1, groupInstanceId: null });
const withoutGeneration = (scene: Scene): Claim => ({ ...scene.follower, generationId: -1 });
const newDynamic = outsider;
const newStatic = (): Claim => ({ memberId: "", generationId: -1, groupInstanceId: "N" });
const restarted = (): Claim => ({ memberId: "", generationId: -1, groupInstanceId: "B" });
const news = { protocols: [{ name: "range", metadata: subscription(["u"]) }] };

const U = "UNKNOWN_MEMBER_ID";
const F = "FENCED_INSTANCE_ID";
const G = "ILLEGAL_GENERATION";
const R = "REBALANCE_IN_PROGRESS";
const I = "INCONSISTENT_GROUP_PROTOCOL";

// biome-ignore format: a table
const cells: readonly [name: string, request: Request, ...answers: readonly [Answer, Answer, Answer, Answer, Answer]][] = [
  // request                                              absent  Empty   Preparing Completing Stable
  ["Heartbeat of a member", beat(follower),               U,      U,      R,        "NONE",    "NONE"],
  ["Heartbeat of a former generation", beat(late),        U,      U,      G,        G,         G],
  ["Heartbeat of a stranger", beat(stranger),             U,      U,      U,        U,         U],
  ["Heartbeat of a replaced member", beat(fenced),        U,      U,      F,        F,         F],
  ["Heartbeat of an unknown instance", beat(unknownInstance), U,  U,      U,        U,         U],

  ["SyncGroup of a follower", syncs(follower),            U,      U,      R,        "parked",  "NONE"],
  ["SyncGroup of the leader", syncs(leader),              U,      U,      R,        "NONE",    "NONE"],
  ["SyncGroup of a former generation", syncs(late),       U,      U,      G,        G,         G],
  ["SyncGroup of a stranger", syncs(stranger),            U,      U,      U,        U,         U],
  ["SyncGroup of a replaced member", syncs(fenced),       U,      U,      F,        F,         F],

  ["JoinGroup of a newcomer", joins(newDynamic),          "MEMBER_ID_REQUIRED", "MEMBER_ID_REQUIRED", "MEMBER_ID_REQUIRED", "MEMBER_ID_REQUIRED", "MEMBER_ID_REQUIRED"],
  ["JoinGroup of a static newcomer", joins(newStatic),    "parked", "parked", "parked", "parked",   "parked"],
  ["JoinGroup of a restarted static member", joins(restarted), "parked", "parked", "parked", "parked", "NONE"],
  ["JoinGroup of a follower, as before", joins((s) => ({ ...s.follower, memberId: s.follower.memberId || "gone" })),
                                                          U,      U,      "parked", "NONE",    "NONE"],
  ["JoinGroup of a follower with news", joins((s) => ({ ...s.follower, memberId: s.follower.memberId || "gone" }), news),
                                                          U,      U,      "parked", "parked",  "parked"],
  ["JoinGroup of the leader, as before", joins((s) => ({ ...s.leader, memberId: s.leader.memberId || "gone" })),
                                                          U,      U,      "parked", "NONE",    "parked"],
  ["JoinGroup of a stranger", joins(stranger),            U,      U,      U,        U,         U],
  ["JoinGroup of a replaced member", joins(fenced),       U,      U,      F,        F,         F],
  ["JoinGroup with another type", joins(newStatic, { protocolType: "connect" }), "parked", "parked", I, I, I],
  ["JoinGroup with no protocol", joins(newStatic, { protocols: [] }), I,  I, I,     I,         I],
  ["JoinGroup with no type", joins(newStatic, { protocolType: "" }), I,   I, I,     I,         I],
  ["JoinGroup with an unknown protocol", joins(newStatic, { protocols: [{ name: "x", metadata: Buffer.of(1) }] }),
                                                          "parked", "parked", I,    I,         I],

  ["OffsetCommit of a member", commits(follower),         "NONE", U,      "NONE",   R,         "NONE"],
  ["OffsetCommit of a former generation", commits(late),  "NONE", U,      G,        G,         G],
  ["OffsetCommit of a stranger", commits(stranger),       "GROUP_ID_NOT_FOUND", U, U, U,       U],
  ["OffsetCommit of a stranger, v8", commits(stranger, 8), G,     U,      U,        U,         U],
  ["OffsetCommit of a replaced member", commits(fenced),  "GROUP_ID_NOT_FOUND", U, F, F,       F],
  ["OffsetCommit from outside", commits(outsider),        "NONE", "NONE", U,        U,         U],
  ["OffsetCommit without the generation", commits(withoutGeneration), "NONE", "NONE", G, G,    G],

  ["TxnOffsetCommit of a member", commitsInTransaction(follower), "NONE", U, "NONE", "NONE",   "NONE"],
  ["TxnOffsetCommit of a former generation", commitsInTransaction(late), "NONE", U, G, G,      G],
  ["TxnOffsetCommit of a stranger", commitsInTransaction(stranger), G,    U, U,     U,         U],
  ["TxnOffsetCommit of a replaced member", commitsInTransaction(fenced), G, U, F,   F,         F],
  ["TxnOffsetCommit from before KIP-447", commitsInTransaction(outsider), "NONE", "NONE", "NONE", "NONE", "NONE"],
  ["TxnOffsetCommit without the generation", commitsInTransaction(withoutGeneration), "NONE", "NONE", G, G, G],

  ["LeaveGroup of a member", leaves(follower),            U,      U,      "NONE",   "NONE",    "NONE"],
  ["LeaveGroup of an instance", leaves(() => ({ memberId: "", groupInstanceId: "B" })), U, U, "NONE", "NONE", "NONE"],
  ["LeaveGroup of a stranger", leaves(stranger),          U,      U,      U,        U,         U],
  ["LeaveGroup of a replaced member", leaves(fenced),     U,      U,      F,        F,         F],
  ["LeaveGroup of nobody", leaves(outsider),              U,      U,      U,        U,         U],

  ["OffsetDelete of a topic in use", deletesOffsets("t"), "GROUP_ID_NOT_FOUND", "NONE", "GROUP_SUBSCRIBED_TO_TOPIC", "GROUP_SUBSCRIBED_TO_TOPIC", "GROUP_SUBSCRIBED_TO_TOPIC"],
  ["OffsetDelete of another topic", deletesOffsets("u"),  "GROUP_ID_NOT_FOUND", "NONE", "NONE", "NONE", "NONE"],
  ["DeleteGroups", deletesGroup,                          "GROUP_ID_NOT_FOUND", "NONE", "NON_EMPTY_GROUP", "NON_EMPTY_GROUP", "NON_EMPTY_GROUP"],
];

describe.each(states.map((state, i) => ({ state, i })))("a group that is $state", ({ state, i }) => {
  it.each(cells)("%s", (_, request, ...answers) => {
    const scene = sceneOf(state);
    const logBefore = scene.world.log.length;
    const answer = request(scene);
    expect(answer).toBe(answers[i]);
    // Whoever is told of an error can rely on it: nothing was written.
    if (answer !== "NONE") expect(scene.world.log.length).toBe(logBefore);
  });
});
