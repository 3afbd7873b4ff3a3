import { txnOffsetCommit } from "../../protocol/apis/txn-offset-commit.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { CommitFailedError, type OncillaError, wireError } from "../errors.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { CoordinatorLink } from "../network/coordinator-link.ts";
import { type RetryScope, retrying } from "../network/retry.ts";
import type { ConsumerGroupMetadata, TopicPartitionOffset } from "../types.ts";
import type { ProducerIdentity } from "./sequences.ts";

/** The last version that does not add the group to the transaction by itself. */
const LAST_CLASSIC_VERSION = 4;

/** The first that tells the coordinator whose offsets these are (KIP-447). */
const FIRST_VERSION_OF_MEMBERS = 3;

/** Errors that say that the member whose offsets these are has been replaced (KIP-447). */
const staleMember: ReadonlySet<ErrorName> = new Set<ErrorName>([
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "FENCED_INSTANCE_ID",
]);

/** Stores a group's offsets as part of a transaction. Throws CommitFailedError when the member was replaced, and UNSUPPORTED_VERSION where
 * nobody would look whether it was. */
export function commitOffsets(
  scope: RetryScope,
  coordinator: CoordinatorLink,
  timeoutMs: number,
  isV2: boolean,
  producer: ProducerIdentity & { readonly transactionalId: string },
  offsets: readonly TopicPartitionOffset[],
  group: ConsumerGroupMetadata,
): Promise<void> {
  const body = {
    ...producer,
    ...group,
    topics: groupByTopic(offsets).map(({ topic, items }) => ({
      name: topic,
      partitions: items.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? "",
      })),
    })),
  };
  const options = {
    ...(isV2 ? {} : { maxVersion: LAST_CLASSIC_VERSION }),
    ...(group.memberId === "" ? {} : { minVersion: FIRST_VERSION_OF_MEMBERS }),
  };
  const what = `offsets of group ${group.groupId} in the transaction`;
  return retrying(scope, what, timeoutMs, async () => {
    const response = await coordinator.request(txnOffsetCommit, body, options);
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        const error = errorName(errorCode);
        if (error !== "NONE") throw failure(coordinator, error, `${what}: ${name}-${partitionIndex}`);
      }
    }
  });
}

function failure(coordinator: CoordinatorLink, error: ErrorName, what: string): OncillaError {
  coordinator.noteError(error);
  if (!staleMember.has(error)) return wireError(error, what);
  const message = `${what}: the group has moved on without this member (${error}): abort, poll, and go on`;
  return new CommitFailedError("COMMIT_FAILED", message, { cause: wireError(error, what), abortable: true });
}
