/** Members of a group that come, go and come again, some of them static; in one of two subjects also without a word. */
import type { Random } from "../../../../src/platform/random.ts";
import { randomInt } from "../../../../src/platform/random.ts";
import { describeGroups } from "../../../../src/protocol/apis/describe-groups.ts";
import { heartbeat } from "../../../../src/protocol/apis/heartbeat.ts";
import { offsetCommit } from "../../../../src/protocol/apis/offset-commit.ts";
import type { RawProducer, RawTopic } from "../../../support/raw-session.ts";
import type { Side } from "../side.ts";
import {
  beat,
  commit,
  committed,
  describeGroup,
  join,
  leave,
  type Member,
  neighbourOf,
  sync,
} from "../verbs/groups.ts";
import { find, init, txnOffsets } from "../verbs/transactions.ts";
import { pick, type Subject, weighted } from "./generator.ts";

const names = ["m", "n", "static-p"] as const;
type Name = (typeof names)[number];

/** Nobody is to be dropped for being late. */
const NEVER_MS = 120_000;
/** Of members that may fall silent: all others send heartbeats on the side. */
const SESSION_MS = 2_000;
const HEARTBEAT_MS = 250;

type Operation =
  | {
      readonly kind: "join";
      readonly who: Name;
      readonly isNew: boolean;
      readonly version: number;
      readonly userData: string;
    }
  | { readonly kind: "sync"; readonly who: Name; readonly skew: number }
  | { readonly kind: "beat"; readonly who: Name; readonly skew: number }
  | { readonly kind: "leave"; readonly who: Name; readonly byInstance: boolean }
  | { readonly kind: "commit"; readonly who: Name; readonly skew: number; readonly inTransaction: boolean }
  | { readonly kind: "fallSilent"; readonly who: Name }
  | { readonly kind: "committed" }
  | { readonly kind: "describe" };

interface World {
  readonly topic: RawTopic;
  readonly producer: RawProducer;
  /** What each was told last. */
  readonly members: Map<Name, Member>;
  /** Who has a request that is not answered. */
  readonly parked: Set<Name>;
  requests: number;
  readonly sessionTimeoutMs: number;
  /** Every membership that was ever got by members that have not fallen silent since. */
  readonly alive: { readonly who: Name; readonly member: Member }[];
}

/** Members that nobody misses. */
export const groupSubject: Subject<Operation, World> = subject("groups", NEVER_MS);

/** Some fall silent, and are dropped when their sessions are over. */
export const silenceSubject: Subject<Operation, World> = subject("groups, sessions end", SESSION_MS);

function subject(name: string, sessionTimeoutMs: number): Subject<Operation, World> {
  const isMortal = sessionTimeoutMs !== NEVER_MS;
  return {
    name,
    async prepare(side) {
      const topic = await side.createTopic("t");
      await find(side, "group", "g");
      await find(side, "transaction", "a");
      const producer = await init(side, "a");
      const empty = { members: new Map(), parked: new Set<Name>(), requests: 0, alive: [] };
      const world: World = { topic, producer, sessionTimeoutMs, ...empty };
      if (isMortal) side.keepDoing(HEARTBEAT_MS, SESSION_MS / 2, () => showSigns(side, world));
      return world;
    },
    choose: (random) => choose(random, isMortal),
    perform,
    mayWait: ({ kind }) => kind === "join" || kind === "sync",
    probe: commitAside,
  };
}

function choose(random: Random, isMortal: boolean): Operation {
  const who = pick(random, names);
  const skew = weighted(random, [
    [8, 0],
    [1, -1],
    [1, 1],
  ]);
  const kind = weighted(random, [
    [8, "join"],
    [8, "sync"],
    [4, "beat"],
    [2, "leave"],
    [3, "commit"],
    [1, "committed"],
    [1, "describe"],
    [isMortal ? 2 : 0, "fallSilent"],
  ] as const);
  switch (kind) {
    case "join": {
      const version = random.float() < 0.7 ? 9 : 5 + randomInt(random, 4);
      return { kind, who, isNew: random.float() < 0.2, version, userData: pick(random, ["x", "x", "x", "y"]) };
    }
    case "sync":
    case "beat":
      return { kind, who, skew };
    case "leave":
      return { kind, who, byInstance: random.float() < 0.5 };
    case "fallSilent":
      return { kind, who };
    case "commit":
      return { kind, who, skew, inTransaction: random.float() < 0.3 };
    default:
      return { kind };
  }
}

async function perform(side: Side, world: World, operation: Operation): Promise<void> {
  if (operation.kind === "committed") {
    await committed(side, "g", world.topic);
    return;
  }
  if (operation.kind === "describe") {
    await describeGroup(side, ["g"]);
    return;
  }
  const { who } = operation;
  if (world.parked.has(who)) return;
  // Of its own for each request: one that is parked holds up no other.
  const connection = `${who} ${world.requests++}`;
  if (operation.kind === "join") {
    world.parked.add(who);
    await joinAs(side, world, operation, connection);
    world.parked.delete(who);
    return;
  }
  const member = world.members.get(who);
  if (!member) return;
  if (operation.kind === "fallSilent") {
    await fallSilent(side, world, who);
    return;
  }
  if (operation.kind === "leave") {
    if (isTossUp(world, [member.memberId])) return;
    drop(world.alive, ({ member: { memberId } }) => memberId === member.memberId);
    const instanceId = instanceOf(who);
    await leave(side, "g", [
      { memberId: operation.byInstance && instanceId ? "" : member.memberId, ...(instanceId ? { instanceId } : {}) },
    ]);
    return;
  }
  const speaker = { ...member, generationId: Math.max(-1, member.generationId + operation.skew) };
  const note = `${who}, generation ${operation.skew}`;
  if (operation.kind === "beat") await beat(side, "g", speaker, { note });
  else if (operation.kind === "commit") {
    if (operation.inTransaction) await txnOffsets(side, "a", world.producer, "g", world.topic, 1, { ...speaker, note });
    else await commit(side, "g", speaker, world.topic, 2, { note });
  } else {
    world.parked.add(who);
    // Whoever is not the leader is not listened to.
    const assignments = [...world.members].map(([name, each]) => [each, `of ${name}`] as const);
    await sync(side, "g", speaker, assignments, { connection, note });
    world.parked.delete(who);
  }
}

async function joinAs(
  side: Side,
  world: World,
  { who, isNew, version, userData }: Operation & { kind: "join" },
  connection: string,
): Promise<void> {
  const instanceId = instanceOf(who);
  const memberId = isNew ? "" : (world.members.get(who)?.memberId ?? "");
  const options = {
    version,
    userData,
    connection,
    sessionTimeoutMs: world.sessionTimeoutMs,
    rebalanceTimeoutMs: NEVER_MS,
    ...(instanceId ? { instanceId } : {}),
  };
  let joined = await join(side, "g", { ...options, memberId, note: who });
  const isGivenId = memberId === "" && joined.memberId !== "" && joined.generationId < 0;
  if (isGivenId) joined = await join(side, "g", { ...options, memberId: joined.memberId, note: `${who}, with its id` });
  if (joined.memberId === "" || joined.generationId < 0) return;
  world.members.set(who, joined);
  // A static member's new life takes the place of the one before.
  drop(
    world.alive,
    (each) => each.member.memberId === joined.memberId || (instanceId !== undefined && each.who === who),
  );
  world.alive.push({ who, member: joined });
}

/** By the coordinator's next group: it takes one request after the other, and writes what comes of them into the same log. */
async function commitAside(side: Side, { topic }: World): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: "" }];
  const { topics } = await side.peek(offsetCommit, 9, {
    groupId: neighbourOf(side, "g"),
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{ name: topic.name, partitions }],
  });
  if (topics[0]?.partitions[0]?.errorCode !== 0) throw new Error("nothing was written on the side");
}

/** What all that are alive do besides. It changes nothing but their sessions. */
async function showSigns(side: Side, { alive }: World): Promise<void> {
  const groupId = side.unique("g");
  await Promise.all(
    alive.map(({ member: { memberId, generationId, instanceId } }) =>
      side.peek(heartbeat, 4, { groupId, memberId, generationId, groupInstanceId: instanceId ?? null }),
    ),
  );
}

/** Waits until the group has dropped all that go by that name. */
async function fallSilent(side: Side, world: World, who: Name): Promise<void> {
  const { alive } = world;
  const silent = alive.filter((each) => each.who === who).map(({ member }) => member.memberId);
  if (isTossUp(world, silent)) return;
  drop(alive, (each) => each.who === who);
  await side.until(`${who} is dropped`, async () => {
    const { groups } = await side.peek(describeGroups, 6, { groups: [side.unique("g")] });
    return groups.every(({ members }) => members.every(({ memberId }) => !silent.includes(memberId)));
  });
}

function drop<T>(list: T[], isDropped: (element: T) => boolean): void {
  list.splice(0, list.length, ...list.filter((element) => !isDropped(element)));
}

/** Whether it is anybody's guess who leads once these are gone: Apache Kafka takes the first of a hash map. */
function isTossUp({ alive, parked }: World, gone: readonly string[]): boolean {
  const left = alive.filter(({ member }) => !gone.includes(member.memberId));
  const generationId = Math.max(...alive.map(({ member }) => member.generationId));
  const leaderId = alive.find(({ member }) => member.generationId === generationId)?.member.leaderId;
  // Who is none of those that are left has been followed by somebody already, or will be.
  return left.length + parked.size > 1 && !left.some(({ member }) => member.memberId === leaderId);
}

function instanceOf(who: Name): string | undefined {
  return who.startsWith("static") ? who : undefined;
}
