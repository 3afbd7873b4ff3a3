/** Members of a group of the consumer protocol (KIP-848) that come, go, fall silent and come again, one of them static. */
import type { Random } from "../../../../src/platform/random.ts";
import { consumerGroupDescribe } from "../../../../src/protocol/apis/consumer-group-describe.ts";
import type { RawTopic } from "../../../support/raw-session.ts";
import { CONSUMER_SESSION_MS } from "../brokers.ts";
import type { Side } from "../side.ts";
import {
  AWAY_EPOCH,
  type ConsumerMember,
  describeConsumerGroup,
  findKnowing,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  newcomer,
  pulse,
  pulseAside,
  type Said,
} from "../verbs/consumer-groups.ts";
import { commit, committed } from "../verbs/groups.ts";
import { pick, type Subject, weighted } from "./generator.ts";

/** The last two are lives of one static member. */
const names = ["m", "n", "p1", "p2"] as const;
type Name = (typeof names)[number];

/** How often members are heard while another one is silent. */
const ROUND_MS = 400;
/** Heartbeats that it takes until all have what they should have: somebody gives up, another one takes. */
const ROUNDS = 4;

/** Its order of members is the same everywhere; uniform's is that of a hash map in Apache Kafka. */
const ASSIGNOR = "range";

/** No regular expressions: Apache Kafka looks a moment later what they stand for. */
const subscriptions: readonly Said[] = [["t"], ["t"], ["t", "u"], ["u"], ["missing"]].map((topics) => ({ topics }));

type Operation =
  | { readonly kind: "join"; readonly who: Name; readonly said: Said }
  | { readonly kind: "pulse"; readonly who: Name; readonly skew: number; readonly tellsOwned: boolean }
  | { readonly kind: "change"; readonly who: Name; readonly said: Said }
  | { readonly kind: "leave"; readonly who: Name; readonly isForAWhile: boolean }
  | { readonly kind: "fallSilent"; readonly who: Name }
  | { readonly kind: "commit"; readonly who: Name; readonly skew: number }
  | { readonly kind: "committed"; readonly who: Name; readonly skew: number }
  | { readonly kind: "describe" };

interface World {
  readonly topics: readonly [t: RawTopic, u: RawTopic];
  readonly members: Map<Name, ConsumerMember>;
  /** Lives of the static member that have left for a while, and not come back. */
  readonly away: Set<Name>;
  /** When all were heard. Nobody else is to be dropped than those who fall silent. */
  heardAtMs: number;
}

export const consumerGroupSubject: Subject<Operation, World> = {
  name: "consumer groups",
  async prepare(side) {
    const t = await side.createTopic("t", 4);
    const u = await side.createTopic("u", 3);
    await findKnowing(side, "g", ["t", "u"]);
    return { topics: [t, u], members: new Map(), away: new Set(), heardAtMs: performance.now() };
  },
  choose,
  async perform(side, world, operation) {
    await perform(side, world, operation);
    side.expectWithin(CONSUMER_SESSION_MS, world.heardAtMs);
  },
};

function choose(random: Random): Operation {
  const who = pick(random, names);
  const said = pick(random, subscriptions);
  const skew = weighted(random, [
    [8, 0],
    [1, -1],
    [1, 1],
  ]);
  const kind = weighted(random, [
    [5, "join"],
    [24, "pulse"],
    [3, "change"],
    [3, "leave"],
    [1, "fallSilent"],
    [3, "commit"],
    [3, "committed"],
    [3, "describe"],
  ] as const);
  switch (kind) {
    case "join":
    case "change":
      return { kind, who, said };
    case "pulse":
      return { kind, who, skew, tellsOwned: random.float() < 0.8 };
    case "leave":
      return { kind, who, isForAWhile: random.float() < 0.5 };
    case "fallSilent":
      return { kind, who };
    case "commit":
    case "committed":
      return { kind, who, skew };
    case "describe":
      return { kind };
  }
}

async function perform(side: Side, world: World, operation: Operation): Promise<void> {
  if (operation.kind === "describe") {
    await describeConsumerGroup(side, "g");
    return;
  }
  const { who } = operation;
  const { members } = world;
  const instanceId = who.startsWith("p") ? side.unique("p") : undefined;
  if (operation.kind === "join") {
    // An intended difference: Apache Kafka takes it for another life of the same member.
    if (instanceId !== undefined && (await isHere(side, who))) return;
    const joined = await pulse(side, "g", newcomer(who, instanceId), { ...operation.said, assignor: ASSIGNOR });
    if (joined.epoch === JOIN_EPOCH) return;
    members.set(who, joined);
    if (instanceId !== undefined) world.away.clear();
    return;
  }
  const member = members.get(who) ?? { ...newcomer(who, instanceId), epoch: 1 };
  switch (operation.kind) {
    case "pulse": {
      const speaker = { ...member, epoch: Math.max(1, member.epoch + operation.skew) };
      const next = await pulse(side, "g", speaker, { owned: operation.tellsOwned ? member.owned : null });
      if (members.has(who)) members.set(who, next.epoch === speaker.epoch ? { ...next, epoch: member.epoch } : next);
      return;
    }
    case "change":
      members.set(who, await pulse(side, "g", member, { ...operation.said, owned: member.owned }));
      return;
    case "leave": {
      const epoch = operation.isForAWhile && instanceId ? AWAY_EPOCH : LEAVE_EPOCH;
      await pulse(side, "g", { ...member, epoch });
      if (epoch === AWAY_EPOCH) world.away.add(who);
      return;
    }
    case "fallSilent":
      await fallSilent(side, world, who);
      return;
    case "commit":
      await commitOne(side, world, member, operation);
      return;
    case "committed": {
      const { memberId, generationId } = speakerOf(side, member, operation.skew);
      const options = { version: 9, member: { memberId, memberEpoch: generationId }, note: text(operation) };
      await committed(side, "g", world.topics[0], options);
    }
  }
}

/** Of what it has; else of a partition that `committed` does not ask for, as Apache Kafka may take it when another has it. */
async function commitOne(
  side: Side,
  { topics: [t] }: World,
  member: ConsumerMember,
  operation: Extract<Operation, { kind: "commit" }>,
): Promise<void> {
  const [own] = member.owned.find(({ topicId }) => topicId === t.id)?.partitions ?? [];
  const note = own === undefined ? `${text(operation)}, of what it does not have` : text(operation);
  await commit(side, "g", speakerOf(side, member, operation.skew), t, 3, { note, partition: own ?? 3 });
}

/** Whether a life of the static member is in the group, and not away. */
async function isHere(side: Side, who: Name): Promise<boolean> {
  const { groups } = await side.peek(consumerGroupDescribe, 1, groupIn(side));
  const member = groups[0]?.members.find(({ memberId }) => memberId === side.unique(who));
  return member !== undefined && member.memberEpoch !== AWAY_EPOCH;
}

function groupIn(side: Side) {
  return { groupIds: [side.unique("g")], includeAuthorizedOperations: false };
}

function speakerOf(side: Side, { name, epoch, instanceId }: ConsumerMember, skew: number) {
  const identity = { memberId: side.unique(name), generationId: epoch + skew };
  return instanceId === undefined ? identity : { ...identity, instanceId };
}

/** Waits until the group has dropped one member, and whoever is away, while all others are heard; then until they have what
 * they should have. Which of them learns of it first is a matter of milliseconds, and so no step. */
async function fallSilent(side: Side, world: World, who: Name): Promise<void> {
  const silent = [who, ...world.away].map((name) => side.unique(name));
  await hearOthers(side, world, who);
  await side.until(`${who} is dropped`, async () => {
    if (performance.now() - world.heardAtMs > ROUND_MS) await hearOthers(side, world, who);
    const { groups } = await side.peek(consumerGroupDescribe, 1, groupIn(side));
    return groups.every(({ members }) => members.every(({ memberId }) => !silent.includes(memberId)));
  });
  for (let round = 0; round < ROUNDS; round++) await hearOthers(side, world, who);
}

async function hearOthers(side: Side, world: World, who: Name): Promise<void> {
  const { members } = world;
  const startedAtMs = performance.now();
  for (const name of names) {
    const member = members.get(name);
    if (name !== who && member) members.set(name, await pulseAside(side, "g", member, { owned: member.owned }));
  }
  side.expectWithin(CONSUMER_SESSION_MS, world.heardAtMs);
  world.heardAtMs = startedAtMs;
}

function text({ kind: _, ...rest }: Operation): string {
  return Object.entries(rest)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
