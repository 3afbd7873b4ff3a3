/** What consumers of the classic protocol tell each other, as far as a consumer group has to read and write it. */
import { decodeVersioned, encodeVersioned, versionOf } from "../../../protocol/codec.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../../protocol/internal/consumer-protocol.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import type { PartitionSet, TopicPartitions } from "../partitions.ts";
import { toTopicPartitions } from "../partitions.ts";
import type { TopicCatalog } from "../topic-catalog.ts";

export interface ClassicSubscription {
  readonly topics: readonly string[];
  readonly rackId: string | null;
  /** What the member still has; topics that are gone, or named without partitions, are left out. */
  readonly owned: readonly TopicPartitions[];
}

/** Undefined when the bytes are no subscription. */
export function readSubscription(metadata: Uint8Array, catalog: TopicCatalog): ClassicSubscription | undefined {
  return orUndefined(() => {
    const { topics, rackId, ownedPartitions } = decodeVersioned(consumerProtocolSubscription, metadata);
    return { topics, rackId, owned: withIds(ownedPartitions, catalog) };
  });
}

/** A member that was never given an assignment has no bytes for one. Undefined when they are none. */
export function readAssignment(assignment: Uint8Array, catalog: TopicCatalog): TopicPartitions[] | undefined {
  if (assignment.length === 0) return [];
  return orUndefined(() =>
    withIds(decodeVersioned(consumerProtocolAssignment, assignment).assignedPartitions, catalog),
  );
}

/** In the version of the member's own subscription, if it has one: of the protocols that it offers only the first is looked at
 * when it comes. */
export function writeAssignment(partitions: PartitionSet, subscription: Uint8Array, catalog: TopicCatalog): Uint8Array {
  const assignedPartitions = toTopicPartitions(partitions).flatMap(({ topicId, partitions: ids }) => {
    const topic = catalog.nameOf(topicId);
    return topic === undefined ? [] : [{ topic, partitions: ids }];
  });
  const [lowest, highest] = consumerProtocolAssignment.versions;
  const given = orUndefined(() => versionOf(subscription)) ?? lowest;
  const version = Math.max(lowest, Math.min(given, highest));
  return encodeVersioned(consumerProtocolAssignment, version, { assignedPartitions });
}

export function writeSubscription(topics: readonly string[]): Uint8Array {
  return encodeVersioned(consumerProtocolSubscription, 0, { topics });
}

function withIds(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  catalog: TopicCatalog,
): TopicPartitions[] {
  return topics.flatMap(({ topic, partitions }) => {
    const id = catalog.topic(topic)?.id;
    return id === undefined || partitions.length === 0 ? [] : [{ topicId: id, partitions }];
  });
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
