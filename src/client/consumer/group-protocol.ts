/** What the members of a group tell each other, as bytes. Pure. */
import { decodeVersioned, encodeVersioned } from "../../protocol/codec.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../protocol/internal/consumer-protocol.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { TopicPartition } from "../types.ts";
import type { GroupMember, MemberAssignment } from "./assignor.ts";

interface WireTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface Subscription {
  readonly topics: readonly string[];
  readonly ownedPartitions: readonly TopicPartition[];
  readonly generationId: number;
  readonly userData: Uint8Array | null;
  readonly rackId: string | null;
}

export function encodeSubscription(subscription: Subscription): Uint8Array {
  const ownedPartitions = toWire(subscription.ownedPartitions);
  const value = { ...subscription, topics: subscription.topics.toSorted(), ownedPartitions };
  return encodeVersioned(consumerProtocolSubscription, consumerProtocolSubscription.versions[1], value);
}

export function decodeMember(memberId: string, groupInstanceId: string | null, metadata: Uint8Array): GroupMember {
  const { topics, userData, ownedPartitions, generationId } = decodeVersioned(consumerProtocolSubscription, metadata);
  return { memberId, groupInstanceId, topics, userData, generationId, ownedPartitions: fromWire(ownedPartitions) };
}

export function encodeAssignment({ partitions, userData = null }: MemberAssignment): Uint8Array {
  const value = { assignedPartitions: toWire(partitions), userData };
  return encodeVersioned(consumerProtocolAssignment, consumerProtocolAssignment.versions[1], value);
}

/** Empty bytes, from a leader that forgot the member, read as nothing assigned. */
export function decodeAssignment(bytes: Uint8Array): MemberAssignment {
  if (bytes.length === 0) return { partitions: [] };
  const { assignedPartitions, userData } = decodeVersioned(consumerProtocolAssignment, bytes);
  return { partitions: fromWire(assignedPartitions), userData };
}

function toWire(partitions: readonly TopicPartition[]): WireTopic[] {
  return groupByTopic(partitions).map(({ topic, items }) => ({
    topic,
    partitions: items.map((each) => each.partition),
  }));
}

function fromWire(topics: readonly WireTopic[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
