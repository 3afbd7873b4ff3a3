/** Members of a group that come, go and come again, some of them static. */
import type { Random } from "../../../../src/platform/random.ts";
import { randomInt } from "../../../../src/platform/random.ts";
import type { RawProducer, RawTopic } from "../../../support/raw-session.ts";
import type { Side } from "../side.ts";
import { beat, commit, committed, describeGroup, join, leave, type Member, sync } from "../verbs/groups.ts";
import { find, init, txnOffsets } from "../verbs/transactions.ts";
import { pick, type Subject, weighted } from "./generator.ts";

const names = ["m", "n", "static-p"] as const;
type Name = (typeof names)[number];

/** Nobody is to be dropped for being late. */
const NEVER_MS = 120_000;

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
}

export const groupSubject: Subject<Operation, World> = {
  name: "groups",
  async prepare(side) {
    const topic = await side.createTopic("t");
    await find(side, "group", "g");
    await find(side, "transaction", "a");
    return { topic, producer: await init(side, "a"), members: new Map(), parked: new Set(), requests: 0 };
  },
  choose(random: Random): Operation {
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
      case "commit":
        return { kind, who, skew, inTransaction: random.float() < 0.3 };
      default:
        return { kind };
    }
  },
  perform,
};

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
  if (operation.kind === "leave") {
    // Which of several others leads then is anybody's guess: Apache Kafka asks a hash map.
    if (new Set([...world.members.keys(), ...world.parked]).size > 2 && isLeader(world, member)) return;
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
    sessionTimeoutMs: NEVER_MS,
    rebalanceTimeoutMs: NEVER_MS,
    ...(instanceId ? { instanceId } : {}),
  };
  let joined = await join(side, "g", { ...options, memberId, note: who });
  const isGivenId = memberId === "" && joined.memberId !== "" && joined.generationId < 0;
  if (isGivenId) joined = await join(side, "g", { ...options, memberId: joined.memberId, note: `${who}, with its id` });
  if (joined.memberId !== "" && joined.generationId >= 0) world.members.set(who, joined);
}

function isLeader({ members }: World, { memberId }: Member): boolean {
  const newest = [...members.values()].reduce((a, b) => (b.generationId > a.generationId ? b : a));
  return newest.leaderId === memberId;
}

function instanceOf(who: Name): string | undefined {
  return who.startsWith("static") ? who : undefined;
}
