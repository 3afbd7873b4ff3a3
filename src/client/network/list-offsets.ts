import { listOffsets } from "../../protocol/apis/list-offsets.ts";
import { errorName } from "../../protocol/errors.ts";
import type { OncillaError } from "../errors.ts";
import type { IsolationLevel, TopicPartition } from "../types.ts";
import { askLeaders, type LeaderAnswer, leaderError } from "./ask-leaders.ts";
import { groupByTopic } from "./by-topic.ts";
import type { Cluster } from "./cluster.ts";
import type { Lane } from "./lane.ts";
import { type RetryScope, retrying } from "./retry.ts";

/** Timestamps with a meaning of their own. */
export const LATEST = -1;
export const EARLIEST = -2;
export const MAX_TIMESTAMP = -3;

export interface OffsetQuery extends TopicPartition {
  /** ms since 1970, or one of the above. */
  readonly timestamp: number;
}

export interface ListedOffset extends TopicPartition {
  /** -1: no record is so late. */
  readonly offset: number;
  /** Of the record there; -1 where there is none to name. */
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/** What a leader told, and its epoch as it was known when it was asked. */
interface LeaderOffset {
  readonly listed: ListedOffset;
  readonly currentLeaderEpoch: number;
}

export function isolationCode(level: IsolationLevel): number {
  return level === "read_committed" ? 1 : 0;
}

/** Asks each leader once. */
export function askOffsets(
  cluster: Cluster,
  lane: Lane,
  queries: readonly OffsetQuery[],
  isolationLevel: IsolationLevel,
): Promise<LeaderAnswer<OffsetQuery, LeaderOffset>[]> {
  return askLeaders(cluster, queries, async (nodeId, ofLeader) => {
    const asked = ofLeader.map((query) => {
      return { ...query, query, currentLeaderEpoch: cluster.metadata.leaderEpochOf(query) };
    });
    const response = await lane.request(nodeId, listOffsets, {
      replicaId: -1,
      isolationLevel: isolationCode(isolationLevel),
      topics: groupByTopic(asked).map(({ topic, items }) => ({
        name: topic,
        partitions: items.map(({ partition, timestamp, currentLeaderEpoch }) => ({
          partitionIndex: partition,
          currentLeaderEpoch,
          timestamp,
        })),
      })),
      timeoutMs: cluster.options.requestTimeoutMs,
    });
    const results = new Map(
      response.topics.flatMap(({ name, partitions }) =>
        partitions.map((result) => [`${name}/${result.partitionIndex}`, result] as const),
      ),
    );
    return asked.map(({ query, topic, partition, currentLeaderEpoch }) => {
      const result = results.get(`${topic}/${partition}`);
      if (!result) return { query, error: "DISCONNECTED" };
      const error = errorName(result.errorCode);
      if (error !== "NONE") return { query, error };
      const { offset, timestamp, leaderEpoch } = result;
      const listed = { topic, partition, offset, timestamp, leaderEpoch };
      return { query, error, answer: { listed, currentLeaderEpoch } };
    });
  });
}

/** The offsets of all partitions, asking again until each is known. */
export function findOffsets(
  cluster: Cluster,
  lane: Lane,
  scope: RetryScope,
  timeoutMs: number,
  queries: readonly OffsetQuery[],
  isolationLevel: IsolationLevel,
): Promise<ListedOffset[]> {
  const found = new Map<OffsetQuery, ListedOffset>();
  return retrying(scope, "offsets of partitions", timeoutMs, async () => {
    // Brokers refuse a request that names a partition twice: several questions about one go out one after the other.
    for (;;) {
      const open = firstOfEach(queries.filter((query) => !found.has(query)));
      if (open.length === 0) return queries.flatMap((query) => found.get(query) ?? []);
      take(await askOffsets(cluster, lane, open, isolationLevel), found);
    }
  });
}

function firstOfEach(queries: readonly OffsetQuery[]): OffsetQuery[] {
  const byPartition = new Map<string, OffsetQuery>();
  for (const query of queries.toReversed()) byPartition.set(`${query.topic}/${query.partition}`, query);
  return [...byPartition.values()];
}

/** Throws what asking again will not change before the rest. */
function take(
  answers: readonly LeaderAnswer<OffsetQuery, LeaderOffset>[],
  found: Map<OffsetQuery, ListedOffset>,
): void {
  let failure: OncillaError | undefined;
  for (const result of answers) {
    if (result.error === "NONE") found.set(result.query, result.answer.listed);
    else if (!failure || failure.retriable) failure = offsetError(result.query, result.error);
  }
  if (failure) throw failure;
}

export function offsetError(
  { topic, partition }: TopicPartition,
  error: Exclude<LeaderAnswer<OffsetQuery, LeaderOffset>["error"], "NONE">,
): OncillaError {
  return leaderError(`offset of ${topic}-${partition}`, error);
}
