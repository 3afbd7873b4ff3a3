/** Questions to the leaders of partitions (ListOffsets and its like), one request to each broker. */
import type { ErrorName } from "../../protocol/errors.ts";
import { isRetriable, meansStaleMetadata } from "../../protocol/errors.ts";
import { OncillaError, wireError } from "../errors.ts";
import type { TopicPartition } from "../types.ts";
import type { Cluster } from "./cluster.ts";
import type { MetadataCache } from "./metadata-cache.ts";

/** The answer about one partition, or the error that came instead. DISCONNECTED: its leader is unknown or did not answer. */
export type LeaderAnswer<Q extends TopicPartition, A> =
  | { readonly query: Q; readonly error: "NONE"; readonly answer: A }
  | { readonly query: Q; readonly error: Exclude<ErrorName, "NONE"> | "DISCONNECTED" };

/** Asks once; every query gets an answer. Stale metadata is refreshed, so that asking again may help. */
export async function askLeaders<Q extends TopicPartition, A>(
  cluster: Cluster,
  queries: readonly Q[],
  ask: (nodeId: number, queries: readonly Q[]) => Promise<LeaderAnswer<Q, A>[]>,
): Promise<LeaderAnswer<Q, A>[]> {
  await learnTopics(cluster, queries);
  const byLeader = Map.groupBy(queries, ({ topic, partition }) => cluster.metadata.leaderOf(topic, partition));
  const answers = await Promise.all(
    [...byLeader].map(([leader, asked]) =>
      leader === undefined ? withoutLeader(cluster.metadata, asked) : tryAsk(leader, asked, ask),
    ),
  );
  const all = answers.flat();
  const stale = all.filter(({ error }) => saysStale(error));
  if (stale.length > 0) cluster.requestRefresh(stale.map(({ query }) => query.topic));
  return all;
}

/** UNKNOWN_LEADER_EPOCH: the broker is behind, or the topic was made anew and its epochs begin again. */
function saysStale(error: ErrorName | "DISCONNECTED"): boolean {
  return error === "DISCONNECTED" || error === "UNKNOWN_LEADER_EPOCH" || meansStaleMetadata(error);
}

/** What to throw for an answer that was an error. */
export function leaderError(what: string, error: Exclude<ErrorName, "NONE"> | "DISCONNECTED"): OncillaError {
  if (error !== "DISCONNECTED") return wireError(error, what, undefined, { retriable: isRetriable(error) });
  return new OncillaError("DISCONNECTED", `${what}: its leader cannot be reached`, { retriable: true });
}

async function learnTopics(cluster: Cluster, queries: readonly TopicPartition[]): Promise<void> {
  const unknown = queries.filter(({ topic, partition }) => cluster.metadata.leaderOf(topic, partition) === undefined);
  if (unknown.length > 0) await cluster.refresh(unknown.map(({ topic }) => topic));
}

async function tryAsk<Q extends TopicPartition, A>(
  leader: number,
  queries: readonly Q[],
  ask: (nodeId: number, queries: readonly Q[]) => Promise<LeaderAnswer<Q, A>[]>,
): Promise<LeaderAnswer<Q, A>[]> {
  try {
    return await ask(leader, queries);
  } catch (error) {
    if (error instanceof OncillaError && error.code === "DISCONNECTED") return unanswered(queries);
    throw error;
  }
}

function withoutLeader<Q extends TopicPartition>(
  metadata: MetadataCache,
  queries: readonly Q[],
): { query: Q; error: Exclude<ErrorName, "NONE"> | "DISCONNECTED" }[] {
  return queries.map((query) => {
    const { topic, partition } = query;
    if (!metadata.topic(topic)) return { query, error: metadata.errorOf(topic) ?? "DISCONNECTED" };
    return { query, error: metadata.partition(topic, partition) ? "DISCONNECTED" : "UNKNOWN_TOPIC_OR_PARTITION" };
  });
}

function unanswered<Q extends TopicPartition>(queries: readonly Q[]): { query: Q; error: "DISCONNECTED" }[] {
  return queries.map((query) => ({ query, error: "DISCONNECTED" }));
}
