/** Offsets that a group has stored: reading and writing them. */
import { offsetCommit } from "../../protocol/apis/offset-commit.ts";
import { offsetFetch } from "../../protocol/apis/offset-fetch.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { CommitFailedError, OncillaError, wireError } from "../errors.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { CoordinatorLink } from "../network/coordinator-link.ts";
import { type RetryScope, retrying } from "../network/retry.ts";
import type { ConsumerGroupMetadata, TopicPartition, TopicPartitionOffset } from "../types.ts";

/** The last versions that name topics by name; behind them it is ids only. */
const LAST_NAMED_FETCH = 9;
const LAST_NAMED_COMMIT = 9;

/** Errors that say that the group has moved on without the member. */
const staleMember: ReadonlySet<ErrorName> = new Set<ErrorName>(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"]);

/**
 * Asks once for the stored offsets of `partitions` (null: of all); those without one are left out. `requireStable`: throws
 * UNSTABLE_OFFSET_COMMIT, which is retriable, while an open transaction holds newer ones (KIP-447). `member`: of the consumer
 * protocol, who asks; when its epoch is not the present one or it is none any more, that is thrown, and is retriable (KIP-848).
 */
export async function fetchGroupOffsets(
  coordinator: CoordinatorLink,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  requireStable: boolean,
  member?: ConsumerGroupMetadata,
): Promise<TopicPartitionOffset[]> {
  const topics =
    partitions &&
    groupByTopic(partitions).map(({ topic, items }) => ({
      name: topic,
      partitionIndexes: items.map(({ partition }) => partition),
    }));
  const claim = member && { memberId: member.memberId, memberEpoch: member.generationId };
  const body = { groupId, topics, groups: [{ groupId, topics, ...claim }], requireStable };
  const response = await coordinator.request(offsetFetch, body, { maxVersion: LAST_NAMED_FETCH });
  // Before v8 the answer itself is the only group.
  const group = response.groups[0] ?? response;
  if (member) checkMember(group.errorCode, `offsets of group ${groupId}`);
  check(coordinator, group.errorCode, `offsets of group ${groupId}`);
  const found: TopicPartitionOffset[] = [];
  for (const { name, partitions: results } of group.topics) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode } of results) {
      check(coordinator, errorCode, `offset of group ${groupId} for ${name}-${partitionIndex}`);
      if (committedOffset < 0) continue;
      const leaderEpoch = committedLeaderEpoch;
      found.push({
        topic: name,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch,
        metadata: metadata ?? "",
      });
    }
  }
  return found;
}

/** Asks once to store `offsets`. Throws CommitFailedError when the group does not know the member any more. */
export async function commitGroupOffsets(
  coordinator: CoordinatorLink,
  group: ConsumerGroupMetadata,
  offsets: readonly TopicPartitionOffset[],
): Promise<void> {
  const { groupId, memberId, groupInstanceId, generationId } = group;
  const topics = groupByTopic(offsets).map(({ topic, items }) => ({
    name: topic,
    partitions: items.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch ?? -1,
      committedMetadata: metadata ?? "",
    })),
  }));
  const body = { groupId, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId, topics };
  const response = await coordinator.request(offsetCommit, body, { maxVersion: LAST_NAMED_COMMIT });
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      const what = `commit of group ${groupId} for ${name}-${partitionIndex}`;
      if (staleMember.has(errorName(errorCode))) throw commitFailed(what, wireError(errorName(errorCode), what));
      if (errorName(errorCode) === "REBALANCE_IN_PROGRESS") throw rebalancing(what);
      if (errorName(errorCode) === "STALE_MEMBER_EPOCH") throw staleEpoch(what);
      check(coordinator, errorCode, what);
    }
  }
}

/** As `commitGroupOffsets`, until it is done, each time with what is `remaining`. A later epoch of the same membership will do:
 * `latest` gives it, as long as the member holds the partitions. */
export function commitAsMember(
  scope: RetryScope,
  timeoutMs: number,
  coordinator: CoordinatorLink,
  group: ConsumerGroupMetadata,
  remaining: () => readonly TopicPartitionOffset[],
  latest: () => ConsumerGroupMetadata | undefined,
): Promise<void> {
  const what = `commit of group ${group.groupId}`;
  let claim = group;
  return retrying(scope, what, timeoutMs, async () => {
    const offsets = remaining();
    if (offsets.length === 0) return;
    try {
      await commitGroupOffsets(coordinator, claim, offsets);
    } catch (error) {
      if (!isStaleEpoch(error)) throw error;
      const next = latest();
      if (!next) throw commitFailed(what, error);
      claim = next;
      throw error;
    }
  });
}

/** The member is known, but not at this epoch (KIP-848). */
export function isStaleEpoch(error: unknown): error is OncillaError {
  return error instanceof OncillaError && error.code === "STALE_MEMBER_EPOCH";
}

/** The member may be known, but its group is in another generation. */
export function isOldGeneration(error: unknown): boolean {
  return error instanceof OncillaError && error.code === "ILLEGAL_GENERATION";
}

/** The group does not know the member any more (KIP-848). */
export function isLostMember(error: unknown): boolean {
  return error instanceof OncillaError && error.code === "UNKNOWN_MEMBER_ID";
}

export function commitFailed(what: string, cause?: OncillaError): CommitFailedError {
  const reason = cause ? ` (${cause.code})` : "";
  const message = `${what}: the group has moved on without this member${reason}: drop the work since the last commit, and poll`;
  return new CommitFailedError("COMMIT_FAILED", message, { cause });
}

/** Not retriable here: only a poll brings the rebalance to its end. */
export function rebalancing(what: string): OncillaError {
  return new OncillaError(
    "REBALANCE_IN_PROGRESS",
    `${what}: the group is rebalancing: poll, then commit what is still held`,
  );
}

/** The group has gone on to another epoch (KIP-848), which the next heartbeat tells of. */
function staleEpoch(what: string): OncillaError {
  return wireError("STALE_MEMBER_EPOCH", what, "the group has moved on: poll, then commit what is still held", {
    retriable: true,
  });
}

/** The next heartbeat brings a member to where its group is, as a member or as a new one. */
function checkMember(code: number, what: string): void {
  const error = errorName(code);
  if (error === "STALE_MEMBER_EPOCH" || error === "UNKNOWN_MEMBER_ID")
    throw wireError(error, what, null, { retriable: true });
}

function check(coordinator: CoordinatorLink, code: number, what: string): void {
  const error = errorName(code);
  if (error === "NONE") return;
  coordinator.noteError(error);
  throw wireError(error, what);
}
