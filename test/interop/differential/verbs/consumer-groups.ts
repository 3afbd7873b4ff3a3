/** The requests of members that speak the consumer protocol (KIP-848), as steps. Members make up their ids themselves, so
 * that they are the same on both sides. */

import { consumerGroupDescribe } from "../../../../src/protocol/apis/consumer-group-describe.ts";
import { consumerGroupHeartbeat } from "../../../../src/protocol/apis/consumer-group-heartbeat.ts";
import type { RequestBody, ResponseOf } from "../../../../src/protocol/schema.ts";
import type { AskOptions, Side } from "../side.ts";
import { neighbourOf } from "./groups.ts";
import { find } from "./transactions.ts";

type Request = RequestBody<typeof consumerGroupHeartbeat>;
type Response = ResponseOf<typeof consumerGroupHeartbeat>;
type Owned = NonNullable<NonNullable<Response["assignment"]>["topicPartitions"]>;

export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
export const AWAY_EPOCH = -2;

const REBALANCE_MS = 120_000;

/** What a member knows of itself. */
export interface ConsumerMember {
  readonly name: string;
  readonly epoch: number;
  readonly owned: Owned;
  readonly instanceId?: string;
}

export interface Said {
  /** Names as they are in scripts. */
  readonly topics?: readonly string[];
  readonly regex?: string;
  readonly assignor?: string | null;
  /** Null: does not say. */
  readonly owned?: Owned | null;
}

export function newcomer(name: string, instanceId?: string): ConsumerMember {
  return { name, epoch: JOIN_EPOCH, owned: [], ...(instanceId === undefined ? {} : { instanceId }) };
}

/** One heartbeat. The member is who it is then. */
export async function pulse(
  side: Side,
  groupId: string,
  member: ConsumerMember,
  said: Said = {},
  options: AskOptions = {},
): Promise<ConsumerMember> {
  const body = heartbeatOf(side, groupId, member, said);
  const note =
    options.note ?? `${member.name} at ${member.epoch} ${JSON.stringify({ ...said, owned: partitions(said) })}`;
  return taught(member, await side.ask(consumerGroupHeartbeat, 1, body, { ...options, note }));
}

/** Without the topics' ids, which are not the same on both sides. */
function partitions({ owned }: Said): readonly number[] | undefined {
  return owned?.flatMap((topic) => topic.partitions).sort();
}

/** The same, which is no step. */
export async function pulseAside(
  side: Side,
  groupId: string,
  member: ConsumerMember,
  said: Said,
): Promise<ConsumerMember> {
  return taught(member, await side.peek(consumerGroupHeartbeat, 1, heartbeatOf(side, groupId, member, said)));
}

function heartbeatOf(side: Side, groupId: string, member: ConsumerMember, said: Said): Request {
  const { name, epoch, instanceId } = member;
  const isJoining = epoch === JOIN_EPOCH;
  const { topics, regex, assignor = null, owned = isJoining ? [] : null } = said;
  return {
    groupId: side.unique(groupId),
    memberId: side.unique(name),
    memberEpoch: epoch,
    instanceId: instanceId ?? null,
    rebalanceTimeoutMs: isJoining ? REBALANCE_MS : -1,
    subscribedTopicNames: topics?.map((topic) => side.unique(topic)) ?? null,
    subscribedTopicRegex: regex === undefined ? null : regex && `${side.unique("")}${regex}`,
    serverAssignor: assignor,
    topicPartitions: owned,
  };
}

function taught(member: ConsumerMember, { errorCode, memberEpoch, assignment }: Response): ConsumerMember {
  if (errorCode !== 0) return member;
  return { ...member, epoch: memberEpoch, owned: assignment?.topicPartitions ?? member.owned };
}

/** Finds the coordinator, and waits until it knows the topics: in Apache Kafka a moment later than who leads them. Another group
 * asks, in the same partition of __consumer_offsets. */
export async function findKnowing(side: Side, groupId: string, topics: readonly string[]): Promise<void> {
  await find(side, "group", groupId);
  const scouts = side.plain(neighbourOf(side, groupId));
  await side.until(`the coordinator knows ${topics}`, async () => {
    const scout = await pulseAside(side, scouts, newcomer("scout"), { topics });
    await pulseAside(side, scouts, { ...scout, epoch: LEAVE_EPOCH }, {});
    return scout.owned.length === topics.length;
  });
}

export async function describeConsumerGroup(side: Side, groupId: string, options: AskOptions = {}): Promise<void> {
  const body = { groupIds: [side.unique(groupId)], includeAuthorizedOperations: false };
  await side.ask(consumerGroupDescribe, 1, body, options);
}
