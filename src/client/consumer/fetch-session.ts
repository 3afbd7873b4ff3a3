/** What one broker remembers of the partitions that this client fetches from it (KIP-227): requests name those that are new, have
 * moved or are not wanted any more, and answers only those with news. Pure. */
import type { fetch } from "../../protocol/apis/fetch.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { RequestBody } from "../../protocol/schema.ts";

type FetchBody = RequestBody<typeof fetch>;
export type FetchTopic = FetchBody["topics"][number] & { readonly topic: string; readonly topicId: string };
type FetchPartition = FetchTopic["partitions"][number];
type Forgotten = NonNullable<FetchBody["forgottenTopicsData"]>[number];
type SessionFields = Pick<FetchBody, "sessionId" | "sessionEpoch" | "topics" | "forgottenTopicsData">;

interface KnownTopic {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: Map<number, FetchPartition>;
}

const NO_SESSION = 0;
/** Asks for all, and for a new session in the place of the one with this id. */
const INITIAL_EPOCH = 0;
const LAST_EPOCH = 2 ** 31 - 1;

const sessionErrors: ReadonlySet<ErrorName> = new Set([
  "FETCH_SESSION_ID_NOT_FOUND",
  "INVALID_FETCH_SESSION_EPOCH",
  "FETCH_SESSION_TOPIC_ID_ERROR",
]);

export class FetchSession {
  #id = NO_SESSION;
  #epoch = INITIAL_EPOCH;
  /** What the broker knows once the request that is on its way is there. */
  readonly #known = new Map<string, KnownTopic>();
  #isById = false;

  /** The fields of a request for exactly these partitions. Every request is followed by `answered` or `lost`. */
  ask(topics: readonly FetchTopic[], isById: boolean): SessionFields {
    // A session goes on as it began.
    if (isById !== this.#isById) this.lost();
    this.#isById = isById;
    const changed = topics
      .map((topic) => ({ ...topic, partitions: this.#putChanged(topic) }))
      .filter(({ partitions }) => partitions.length > 0);
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: changed,
      forgottenTopicsData: this.#dropUnwanted(topics),
    };
  }

  /** False when the broker does not know the session any more, which costs one request. */
  answered(error: ErrorName, sessionId: number): boolean {
    if (sessionErrors.has(error)) {
      this.lost();
      return false;
    }
    // A broker without room for a session, or one that ended it, answers without one.
    if (error !== "NONE" || sessionId === NO_SESSION) {
      this.lost();
      this.#id = NO_SESSION;
      return true;
    }
    this.#id = sessionId;
    this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
    return true;
  }

  /** What the broker knows is not known: the next request begins anew. */
  lost(): void {
    this.#epoch = INITIAL_EPOCH;
    this.#known.clear();
  }

  #putChanged({ topic, topicId, partitions }: FetchTopic): FetchPartition[] {
    const key = this.#isById ? topicId : topic;
    let known = this.#known.get(key);
    if (!known) {
      known = { topic, topicId, partitions: new Map() };
      this.#known.set(key, known);
    }
    const changed = partitions.filter((each) => !isSame(each, known.partitions.get(each.partition)));
    for (const each of changed) known.partitions.set(each.partition, each);
    return changed;
  }

  #dropUnwanted(topics: readonly FetchTopic[]): Forgotten[] {
    const wanted = new Map(topics.map((each) => [this.#isById ? each.topicId : each.topic, each.partitions]));
    const forgotten: Forgotten[] = [];
    for (const [key, { topic, topicId, partitions }] of this.#known) {
      const wantedHere = wanted.get(key) ?? [];
      // All that is wanted is known by now.
      if (partitions.size === wantedHere.length) continue;
      const indexes = new Set(wantedHere.map(({ partition }) => partition));
      const unwanted = [...partitions.keys()].filter((partition) => !indexes.has(partition));
      for (const partition of unwanted) partitions.delete(partition);
      if (partitions.size === 0) this.#known.delete(key);
      forgotten.push({ topic, topicId, partitions: unwanted });
    }
    return forgotten;
  }
}

function isSame(a: FetchPartition, b: FetchPartition | undefined): boolean {
  return a.fetchOffset === b?.fetchOffset && a.currentLeaderEpoch === b.currentLeaderEpoch;
}
