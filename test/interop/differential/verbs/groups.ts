/** The requests of groups' members, and of those who look after groups, as steps. */
import { coordinatorPartitionFor } from "../../../../src/coordinator/partition-for.ts";
import { deleteGroups } from "../../../../src/protocol/apis/delete-groups.ts";
import { describeGroups } from "../../../../src/protocol/apis/describe-groups.ts";
import { heartbeat } from "../../../../src/protocol/apis/heartbeat.ts";
import { joinGroup } from "../../../../src/protocol/apis/join-group.ts";
import { leaveGroup } from "../../../../src/protocol/apis/leave-group.ts";
import { listGroups } from "../../../../src/protocol/apis/list-groups.ts";
import { offsetCommit } from "../../../../src/protocol/apis/offset-commit.ts";
import { offsetDelete } from "../../../../src/protocol/apis/offset-delete.ts";
import { offsetFetch } from "../../../../src/protocol/apis/offset-fetch.ts";
import { syncGroup } from "../../../../src/protocol/apis/sync-group.ts";
import { encodeVersioned, ZERO_UUID } from "../../../../src/protocol/codec.ts";
import { consumerProtocolSubscription } from "../../../../src/protocol/internal/consumer-protocol.ts";
import type { RequestBody, ResponseOf } from "../../../../src/protocol/schema.ts";
import type { RawTopic } from "../../../support/raw-session.ts";
import { INTERNAL_PARTITIONS } from "../brokers.ts";
import type { AskOptions, Side } from "../side.ts";

const SESSION_MS = 10_000;
export const REBALANCE_MS = 5_000;

/** Somebody who speaks for a member of a generation. */
export interface Member {
  readonly memberId: string;
  readonly generationId: number;
  readonly instanceId?: string;
  /** Who leads the generation, as its JoinGroup said. */
  readonly leaderId?: string;
  /** Of how many members its JoinGroup told: of none unless it leads. */
  readonly toldMembers?: number;
}

export type Joined = ResponseOf<typeof joinGroup>;

export const outsider: Member = { memberId: "", generationId: -1 };

export interface JoinOptions extends AskOptions {
  readonly version?: number;
  readonly memberId?: string;
  readonly instanceId?: string;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly protocolType?: string;
  /** In the order of preference. */
  readonly protocols?: readonly string[];
  /** Default: "t". */
  readonly topics?: readonly string[];
  /** What a member has to say beside which topics it wants. */
  readonly userData?: string;
  /** What of the answer is compared. Default: all. */
  readonly select?: (response: Joined) => unknown;
}

/** One JoinGroup. The member is who it is now, if it was let in. */
export async function join(side: Side, groupId: string, options: JoinOptions = {}): Promise<Member> {
  const { version = 9, memberId = "", instanceId, protocols = ["range"], topics = ["t"], userData = "m" } = options;
  const subscription = encodeVersioned(consumerProtocolSubscription, 1, {
    topics: topics.map((name) => side.unique(name)),
    userData: Buffer.from(userData),
  });
  const response = await side.ask(
    joinGroup,
    version,
    {
      groupId: groupId && side.unique(groupId),
      sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_MS,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? REBALANCE_MS,
      memberId,
      ...(instanceId === undefined ? {} : { groupInstanceId: instanceId }),
      protocolType: options.protocolType ?? "consumer",
      protocols: protocols.map((name) => ({ name, metadata: subscription })),
    },
    { retry: [], ...options },
    options.select,
  );
  return {
    memberId: response.memberId,
    generationId: response.generationId,
    leaderId: response.leader,
    toldMembers: response.members.length,
    ...(instanceId === undefined ? {} : { instanceId }),
  };
}

/** As a client joins that has no id yet: it is given one, and comes again with it. */
export async function joinAnew(side: Side, groupId: string, options: JoinOptions = {}): Promise<Member> {
  const { memberId } = await join(side, groupId, options);
  return join(side, groupId, { ...options, memberId });
}

export async function sync(
  side: Side,
  groupId: string,
  member: Member,
  assignments: readonly (readonly [member: Member, assignment: string])[] = [],
  options: AskOptions & {
    readonly version?: number;
    readonly protocolType?: string | null;
    readonly protocol?: string | null;
  } = {},
): Promise<void> {
  const { protocolType = "consumer", protocol = "range" } = options;
  const body: RequestBody<typeof syncGroup> = {
    groupId: groupId && side.unique(groupId),
    ...identity(member),
    protocolType,
    protocolName: protocol,
    assignments: assignments.map(([{ memberId }, assignment]) => ({ memberId, assignment: Buffer.from(assignment) })),
  };
  await side.ask(syncGroup, options.version ?? 5, body, { retry: [], ...options });
}

export async function beat(
  side: Side,
  groupId: string,
  member: Member,
  options: AskOptions & { readonly version?: number } = {},
): Promise<void> {
  const body = { groupId: groupId && side.unique(groupId), ...identity(member) };
  await side.ask(heartbeat, options.version ?? 4, body, { retry: [], ...options });
}

export async function leave(
  side: Side,
  groupId: string,
  members: readonly { readonly memberId: string; readonly instanceId?: string }[],
  options: AskOptions & { readonly version?: number } = {},
): Promise<void> {
  const { version = 5 } = options;
  const body = {
    groupId: groupId && side.unique(groupId),
    memberId: members[0]?.memberId ?? "",
    members: members.map(({ memberId, instanceId }) => ({ memberId, groupInstanceId: instanceId ?? null })),
  };
  await side.ask(leaveGroup, version, body, { retry: [], ...options });
}

export async function commit(
  side: Side,
  groupId: string,
  member: Member,
  topic: RawTopic,
  committedOffset: number,
  options: AskOptions & { readonly version?: number; readonly partition?: number; readonly metadata?: string } = {},
): Promise<void> {
  const { version = 9, partition = 0, metadata = "" } = options;
  const { generationId, memberId, instanceId } = member;
  const partitions = [{ partitionIndex: partition, committedOffset, committedMetadata: metadata }];
  const body = {
    groupId: groupId && side.unique(groupId),
    generationIdOrMemberEpoch: generationId,
    memberId,
    groupInstanceId: instanceId ?? null,
    topics: [{ name: topic.name, topicId: topic.id, partitions }],
  };
  await side.ask(offsetCommit, version, body, { retry: [], ...options });
}

/** No topic: all that the group has committed. */
export async function committed(
  side: Side,
  groupId: string,
  topic: RawTopic | undefined,
  options: AskOptions & {
    readonly version?: number;
    readonly partition?: number;
    readonly requireStable?: boolean;
    readonly member?: { readonly memberId: string; readonly memberEpoch: number };
  } = {},
): Promise<void> {
  const { version = 8, requireStable = false, partition = 0, member } = options;
  const asked = topic ? [{ name: topic.name, topicId: topic.id, partitionIndexes: [partition] }] : null;
  const group = groupId && side.unique(groupId);
  const body: RequestBody<typeof offsetFetch> =
    version >= 8
      ? { groups: [{ groupId: group, topics: asked, ...member }], requireStable }
      : { groupId: group, topics: asked, requireStable };
  await side.ask(offsetFetch, version, body, { retry: [], ...options });
}

export async function deleteGroup(
  side: Side,
  groupIds: readonly string[],
  options: AskOptions & { readonly version?: number } = {},
): Promise<void> {
  const body = { groupsNames: groupIds.map((id) => id && side.unique(id)) };
  await side.ask(deleteGroups, options.version ?? 2, body, options);
}

export async function deleteOffset(
  side: Side,
  groupId: string,
  topic: RawTopic,
  options: AskOptions & { readonly partition?: number } = {},
): Promise<void> {
  const topics = [{ name: topic.name, partitions: [{ partitionIndex: options.partition ?? 0 }] }];
  await side.ask(offsetDelete, 0, { groupId: groupId && side.unique(groupId), topics }, options);
}

export async function describeGroup(
  side: Side,
  groupIds: readonly string[],
  options: AskOptions & { readonly version?: number } = {},
): Promise<ResponseOf<typeof describeGroups>> {
  const body = { groups: groupIds.map((id) => id && side.unique(id)) };
  return side.ask(describeGroups, options.version ?? 6, body, { retry: [], ...options });
}

/** Others' groups are left out of the answer. */
export async function listed(
  side: Side,
  filter: { readonly statesFilter?: readonly string[]; readonly typesFilter?: readonly string[] } = {},
  options: AskOptions & { readonly version?: number } = {},
): Promise<void> {
  await side.ask(
    listGroups,
    options.version ?? 5,
    { statesFilter: [], typesFilter: [], ...filter },
    options,
    (answer) => ({
      ...answer,
      groups: answer.groups.filter(({ groupId }) => side.owns(groupId)),
    }),
  );
}

/** The id of another group that has the same coordinator, in the same partition of __consumer_offsets. */
export function neighbourOf(side: Side, groupId: string): string {
  const partitionOf = (id: string): number => coordinatorPartitionFor(id, INTERNAL_PARTITIONS);
  let count = 0;
  while (partitionOf(side.unique(`neighbour ${count}`)) !== partitionOf(side.unique(groupId))) count++;
  return side.unique(`neighbour ${count}`);
}

/** A topic of that name which does not exist. */
export function missing(side: Side, name: string): RawTopic {
  return { name: side.unique(name), id: ZERO_UUID };
}

function identity({ memberId, generationId, instanceId }: Member) {
  return { memberId, generationId, groupInstanceId: instanceId ?? null };
}
