/** Which names topics may have: Kafka's rules. Pure. */

const MAX_LENGTH = 249;

/** Why `name` cannot be a topic's; undefined when it can. */
export function topicNameProblem(name: string): string | undefined {
  if (name === "") return "Topic name is invalid: the empty string is not allowed";
  if (name === "." || name === "..") return "Topic name cannot be '.' or '..'";
  if (name.length > MAX_LENGTH) return `Topic name is longer than ${MAX_LENGTH} characters`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `Topic name '${name}' is illegal: it may hold ASCII letters and digits, '.', '_' and '-' only`;
  }
  return undefined;
}

/** Whether two names are one where '.' and '_' count as the same, as in the names of Kafka's metrics. */
export function areColliding(name: string, other: string): boolean {
  // Most names differ in this, and it is asked of all topics.
  return name.length === other.length && name.replaceAll(".", "_") === other.replaceAll(".", "_");
}

export const OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTIONS_TOPIC = "__transaction_state";

/** The name that Kafka keeps for the log of its metadata. */
export const METADATA_TOPIC = "__cluster_metadata";
/** As in Kafka. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

const internalTopics: ReadonlySet<string> = new Set([OFFSETS_TOPIC, TRANSACTIONS_TOPIC]);

/** Topics that only the broker itself writes. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name);
}
