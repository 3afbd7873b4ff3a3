/** OffsetCommit and TxnOffsetCommit: how far a group has come, at once or together with a transaction. */
import { defined } from "../../platform/assert.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { checkConsumerCommit } from "./consumer-group/commit-check.ts";
import { touch } from "./consumer-group/sessions.ts";
import type { GroupCore } from "./core.ts";
import type { Group } from "./group.ts";
import { touchSession } from "./members.ts";
import type {
  GroupRequestContext,
  OffsetCommitRequest,
  OffsetCommitResponse,
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from "./messages.ts";
import { offsetRecord } from "./records.ts";
import { checkStreamsCommit, type StreamsCommitClaim } from "./streams-group/commit-check.ts";
import type { Respond, Turn } from "./turn.ts";

/** From this version on clients know GROUP_ID_NOT_FOUND as an answer to a commit. */
const GROUP_ID_NOT_FOUND_FROM_VERSION = 9;
const NO_EXPIRY = -1;
/** What an offset takes until its record is written, beside names and metadata. */
const RECORD_BYTES = 256;

export function commitOffsets(
  core: GroupCore,
  turn: Turn,
  request: OffsetCommitRequest,
  context: GroupRequestContext,
  respond: Respond<OffsetCommitResponse>,
): void {
  const group = core.groups.get(request.groupId);
  const error = checkCommit(core, group, request, context.apiVersion);
  if (error !== "NONE") {
    turn.answer(respond, refuseAll(request, error));
    return;
  }
  keepAlive(core, turn, group, request.memberId);
  const expireTimestamp = request.retentionTimeMs < 0 ? NO_EXPIRY : turn.now + request.retentionTimeMs;
  const topics = request.topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map((partition) =>
      commitPartition(core, turn, partition, (metadata) =>
        offsetRecord(
          { groupId: request.groupId, topic: name, partition: partition.partitionIndex },
          { ...recordValue(partition, metadata, turn.now), expireTimestamp, topicId },
        ),
      ),
    ),
  }));
  turn.answer(respond, { topics });
}

/** The records belong to the producer's transaction: the offsets wait for its marker. Nothing but them changes, so that
 * the log may still refuse the producer (`refused`). They keep their topic's id, which Apache Kafka leaves out of these records: a crash
 * may come between the topic's deletion and theirs. */
export function commitTransactionalOffsets(
  core: GroupCore,
  turn: Turn,
  request: TxnOffsetCommitRequest,
  respond: Respond<TxnOffsetCommitResponse>,
): void {
  const error = checkTransactionalCommit(core, core.groups.get(request.groupId), request);
  if (error !== "NONE") {
    turn.answer(respond, refuseAllTransactional(request, error));
    return;
  }
  const transaction = { producerId: request.producerId, producerEpoch: request.producerEpoch };
  const topics = request.topics.map(({ name, topicId, partitions }) => ({
    name,
    partitions: partitions.map((partition) => {
      if (isGone(core, name, topicId)) return { partitionIndex: partition.partitionIndex, errorCode: errorCodes.NONE };
      return commitPartition(core, turn, partition, (metadata) =>
        offsetRecord(
          { groupId: request.groupId, topic: name, partition: partition.partitionIndex },
          { ...recordValue(partition, metadata, turn.now), topicId },
          transaction,
        ),
      );
    }),
  }));
  turn.refused = (refusal) => respond(refuseAllTransactional(request, commitError(refusal)));
  turn.answer(respond, { throttleTimeMs: 0, topics });
}

/** The topic was deleted since the broker looked it up: its offsets have gone with it, as these would have if they had come before. Behind
 * those of another topic of its name they would take their place. */
function isGone({ topics }: GroupCore, name: string, topicId: string): boolean {
  return topicId !== ZERO_UUID && topics.topic(name)?.id !== topicId;
}

/** A log without room, or that is closed: producers take these errors from a coordinator for fatal ones, and retry what a plain
 * commit gets. */
function commitError(refusal: ErrorName): ErrorName {
  const isOfLog = refusal === "KAFKA_STORAGE_ERROR" || refusal === "NOT_LEADER_OR_FOLLOWER";
  return isOfLog ? "COORDINATOR_NOT_AVAILABLE" : refusal;
}

interface Partition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

function commitPartition(
  core: GroupCore,
  turn: Turn,
  { partitionIndex, committedMetadata }: Partition,
  recordWith: (metadata: string) => CoordinatorRecord,
): { partitionIndex: number; errorCode: number } {
  const metadata = committedMetadata ?? "";
  if (metadata.length > core.config.offsetMetadataMaxSize) {
    return { partitionIndex, errorCode: errorCodes.OFFSET_METADATA_TOO_LARGE };
  }
  turn.records.push(recordWith(metadata));
  return { partitionIndex, errorCode: errorCodes.NONE };
}

function recordValue(
  { committedOffset, committedLeaderEpoch }: Partition,
  metadata: string,
  now: number,
): { offset: number; leaderEpoch: number; metadata: string; commitTimestamp: number } {
  return { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata, commitTimestamp: now };
}

function checkCommit(
  core: GroupCore,
  group: Group | undefined,
  request: OffsetCommitRequest,
  apiVersion: number,
): ErrorName {
  const generationId = request.generationIdOrMemberEpoch;
  if (isTooLarge(core, request)) return "INVALID_COMMIT_OFFSET_SIZE";
  if (!group) {
    if (generationId < 0) return "NONE";
    return apiVersion >= GROUP_ID_NOT_FOUND_FROM_VERSION ? "GROUP_ID_NOT_FOUND" : "ILLEGAL_GENERATION";
  }
  if (group.kind === "consumer") {
    const { memberId } = request;
    const partitions = partitionsOf(core, request.topics);
    return checkConsumerCommit(group, { memberId, memberEpoch: generationId, apiVersion, partitions });
  }
  if (group.kind === "streams") return checkStreamsCommit(group, streamsClaim(request, generationId, apiVersion));
  // From outside the group: an administrator, or a consumer with partitions of its own choice.
  if (generationId < 0 && group.state === "Empty") return "NONE";
  const error = checkMembership(group, { ...request, generationId });
  if (error !== "NONE") return error;
  // The member has joined the next generation already; what it read belongs to the one before.
  return group.state === "CompletingRebalance" ? "REBALANCE_IN_PROGRESS" : "NONE";
}

/** Each offset becomes a record with the names of its group and topic, which may have 32 KB each, and nothing keeps a request from naming
 * a partition a million times. */
function isTooLarge(
  { config }: GroupCore,
  { groupId, topics }: Pick<OffsetCommitRequest | TxnOffsetCommitRequest, "groupId" | "topics">,
): boolean {
  const groupBytes = Buffer.byteLength(groupId);
  let sizeBytes = 0;
  for (const { name, partitions } of topics) {
    sizeBytes += partitions.length * (RECORD_BYTES + groupBytes + Buffer.byteLength(name));
    for (const { committedMetadata } of partitions) sizeBytes += committedMetadata?.length ?? 0;
  }
  return sizeBytes > config.maxCommitSizeBytes;
}

/** By topic id, in whatever way the request names topics. */
function partitionsOf(
  { topics }: GroupCore,
  asked: readonly { readonly name: string; readonly partitions: readonly { readonly partitionIndex: number }[] }[],
): { topicId: string; partition: number }[] {
  return asked.flatMap(({ name, partitions }) => {
    const topicId = topics.topic(name)?.id ?? ZERO_UUID;
    return partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex }));
  });
}

function checkTransactionalCommit(
  core: GroupCore,
  group: Group | undefined,
  request: TxnOffsetCommitRequest,
): ErrorName {
  const { groupId, memberId, groupInstanceId, generationId } = request;
  if (groupId === "") return "INVALID_GROUP_ID";
  if (isTooLarge(core, request)) return "INVALID_COMMIT_OFFSET_SIZE";
  if (!group) return generationId < 0 ? "NONE" : "ILLEGAL_GENERATION";
  // Producers before KIP-447 do not say who they are: the transactional id alone fences them.
  if (generationId < 0 && memberId === "" && groupInstanceId === null) return "NONE";
  if (group.kind === "consumer") {
    const claim = { memberId, memberEpoch: generationId, apiVersion: null };
    const error = checkConsumerCommit(group, { ...claim, partitions: partitionsOf(core, request.topics) });
    // Producers know the errors of the classic protocol only.
    return error === "STALE_MEMBER_EPOCH" ? "ILLEGAL_GENERATION" : error;
  }
  if (group.kind === "streams") {
    const error = checkStreamsCommit(group, streamsClaim(request, generationId, null));
    return error === "STALE_MEMBER_EPOCH" ? "ILLEGAL_GENERATION" : error;
  }
  if (generationId < 0 && group.state === "Empty") return "NONE";
  return checkMembership(group, request);
}

function streamsClaim(
  { memberId, topics }: Pick<TxnOffsetCommitRequest, "memberId" | "topics">,
  memberEpoch: number,
  apiVersion: number | null,
): StreamsCommitClaim {
  const partitions = topics.flatMap(({ name, partitions: all }) =>
    all.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  );
  return { memberId, memberEpoch, apiVersion, partitions };
}

function checkMembership(
  group: ClassicGroup,
  claim: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number },
): ErrorName {
  const error = group.checkMember(claim.memberId, claim.groupInstanceId);
  if (error !== "NONE") return error;
  return claim.generationId === group.generationId ? "NONE" : "ILLEGAL_GENERATION";
}

/** A member that commits is alive. One of the consumer protocol has its heartbeats to say so. */
function keepAlive(core: GroupCore, turn: Turn, group: Group | undefined, memberId: string): void {
  if (group?.kind === "consumer") {
    const member = group.members.get(memberId);
    if (member?.classic) touch(core, group, member, turn.now);
  } else if (group?.kind === "classic" && group.state !== "Empty") {
    touchSession(core, defined(group.members.get(memberId)), turn.now);
  }
}

function refuseAll(request: OffsetCommitRequest, error: ErrorName): OffsetCommitResponse {
  return {
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCodes[error] })),
    })),
  };
}

function refuseAllTransactional(request: TxnOffsetCommitRequest, error: ErrorName): TxnOffsetCommitResponse {
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCodes[error] })),
    })),
  };
}
