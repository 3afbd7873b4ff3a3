/** Which topics a consumer group reads, and whether they are still what they were. */

import { compileRegex } from "../../regex.ts";
import { type TopicCatalog, topicsHash } from "../topic-catalog.ts";
import type { ResolvedRegex } from "./consumer-group.ts";
import type { ConsumerMember, MemberMetadata } from "./consumer-member.ts";

/** What a group's members subscribe to, by the topics there are now. */
export class Subscriptions {
  /** What each of the members' regular expressions stands for. */
  readonly regexes: ReadonlyMap<string, ResolvedRegex>;
  /** The topics there are that somebody reads, by name. */
  readonly topics: ReadonlyMap<string, { readonly id: string; readonly partitionCount: number }>;

  /** What `known` says of an expression is kept when it is still true. */
  constructor(members: Iterable<MemberMetadata>, known: ReadonlyMap<string, ResolvedRegex>, catalog: TopicCatalog) {
    const expressions = new Set<string>();
    const names = new Set<string>();
    for (const { subscribedTopicNames, subscribedTopicRegex } of members) {
      for (const name of subscribedTopicNames) names.add(name);
      if (subscribedTopicRegex !== "") expressions.add(subscribedTopicRegex);
    }
    this.regexes = resolve(expressions, known, catalog);
    for (const { topics } of this.regexes.values()) for (const name of topics) names.add(name);
    const topics = new Map<string, { id: string; partitionCount: number }>();
    for (const name of [...names].filter((each) => catalog.topic(each)).sort()) {
      const topic = catalog.topic(name);
      if (topic) topics.set(name, { id: topic.id, partitionCount: topic.partitionCount });
    }
    this.topics = topics;
  }

  /** The topics there are that a member reads, by id. */
  topicIdsOf({ subscribedTopicNames, subscribedTopicRegex }: MemberMetadata): Set<string> {
    const ids = new Set<string>();
    const add = (name: string): void => {
      const topic = this.topics.get(name);
      if (topic) ids.add(topic.id);
    };
    for (const name of subscribedTopicNames) add(name);
    for (const name of this.regexes.get(subscribedTopicRegex)?.topics ?? []) add(name);
    return ids;
  }

  /** Stands for the topics as they are. */
  get hash(): number {
    return topicsHash(this.topics);
  }
}

/** The topics of a group as its records say; for questions that do not need the latest. */
export function namesRead(
  members: Iterable<ConsumerMember>,
  regexes: ReadonlyMap<string, ResolvedRegex>,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { subscribedTopicNames, subscribedTopicRegex } of members) {
    for (const name of subscribedTopicNames) names.add(name);
    for (const name of regexes.get(subscribedTopicRegex)?.topics ?? []) names.add(name);
  }
  return names;
}

function resolve(
  expressions: ReadonlySet<string>,
  known: ReadonlyMap<string, ResolvedRegex>,
  catalog: TopicCatalog,
): Map<string, ResolvedRegex> {
  const resolved = new Map<string, ResolvedRegex>();
  for (const expression of expressions) {
    const topics = matching(expression, catalog);
    const before = known.get(expression);
    resolved.set(expression, before && sameNames(before.topics, topics) ? before : { topics });
  }
  return resolved;
}

/** An expression that cannot be read matches nothing: it was refused when it came, or another broker wrote it. */
function matching(expression: string, catalog: TopicCatalog): Set<string> {
  const regex = compileRegex(expression);
  if ("problem" in regex) return new Set();
  return new Set([...catalog.names()].filter((name) => regex.matches(name)));
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((name) => b.has(name));
}
