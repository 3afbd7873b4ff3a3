import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Reader } from "../../protocol/reader.ts";
import { namesRead } from "./consumer-group/subscriptions.ts";
import type { Group } from "./group.ts";
import type { StreamsGroup } from "./streams-group/streams-group.ts";
import { sourcesOf } from "./streams-group/topology.ts";

const CONSUMER = "consumer";

/** Whether the group's members are consumers, whose subscriptions the coordinator can read. Otherwise what members tell
 * each other is their own business. */
export function isConsumerGroup(group: Group): boolean {
  return group.protocolType === CONSUMER;
}

/** The topics that the members read. Undefined when that cannot be told: then it may be any. */
export function subscribedTopics(group: Group): ReadonlySet<string> | undefined {
  if (group.kind === "streams") return new Set(group.members.size > 0 ? sourceTopics(group) : []);
  if (group.kind === "consumer") return namesRead(group.members.values(), group.regexes);
  const topics = new Set<string>();
  if (!isConsumerGroup(group)) return topics;
  for (const member of group.members.values()) {
    const subscription = member.metadata(group.protocolName);
    if (!subscription) return undefined;
    const own = readTopics(subscription);
    if (!own) return undefined;
    for (const topic of own) topics.add(topic);
  }
  return topics;
}

function sourceTopics({ topology }: StreamsGroup): string[] {
  return topology?.subtopologies.flatMap(sourcesOf) ?? [];
}

/** The topics come first in every version of a subscription; what follows them need not be understood. */
function readTopics(subscription: Uint8Array): string[] | undefined {
  try {
    const reader = new Reader(subscription);
    reader.int16(); // version
    const topics: string[] = [];
    for (let left = reader.int32(); left > 0; left--) topics.push(reader.utf8(reader.int16()));
    return topics;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
