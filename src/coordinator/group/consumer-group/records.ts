/** The records of consumer groups in `__consumer_offsets`, in Kafka's formats. Pure. */
import { decodeStored, encodeVersioned } from "../../../protocol/codec.ts";
import * as schemas from "../../../protocol/internal/consumer-group-records.ts";
import type { Decoded } from "../../../protocol/schema.ts";
import type { CoordinatorRecord } from "../../coordinator.ts";
import { ascending, type HeldPartitions, type PartitionSet, partitionSet, toTopicPartitions } from "../partitions.ts";
import type { TargetEpoch } from "../target-epoch.ts";
import type { ConsumerGroup, ResolvedRegex } from "./consumer-group.ts";
import type { ConsumerMember, MemberAssignment, MemberMetadata, MemberState } from "./consumer-member.ts";

const states: readonly MemberState[] = ["Stable", "UnrevokedPartitions", "UnreleasedPartitions"];

export function epochRecord(groupId: string, epoch: number, metadataHash: number): CoordinatorRecord {
  const value = encodeVersioned(schemas.consumerGroupMetadataValue, 0, { epoch, metadataHash });
  return { key: groupKey(schemas.consumerGroupMetadataKey, groupId), value };
}

export function memberRecord(groupId: string, member: ConsumerMember): CoordinatorRecord {
  const { classic } = member;
  const value = encodeVersioned(schemas.consumerGroupMemberMetadataValue, 0, {
    ...member,
    classicMemberMetadata: classic && {
      sessionTimeoutMs: classic.sessionTimeoutMs,
      supportedProtocols: classic.protocols,
    },
  });
  return { key: memberKey(schemas.consumerGroupMemberMetadataKey, groupId, member.memberId), value };
}

export function targetEpochRecord(groupId: string, assignmentEpoch: number, now: number): CoordinatorRecord {
  const body = { assignmentEpoch, assignmentTimestamp: now };
  const value = encodeVersioned(schemas.consumerGroupTargetAssignmentMetadataValue, 0, body);
  return { key: groupKey(schemas.consumerGroupTargetAssignmentMetadataKey, groupId), value };
}

export function targetRecord(groupId: string, memberId: string, target: PartitionSet): CoordinatorRecord {
  const value = encodeVersioned(schemas.consumerGroupTargetAssignmentMemberValue, 0, {
    topicPartitions: toTopicPartitions(target),
  });
  return { key: memberKey(schemas.consumerGroupTargetAssignmentMemberKey, groupId, memberId), value };
}

export function assignmentRecord(groupId: string, member: ConsumerMember): CoordinatorRecord {
  const value = encodeVersioned(schemas.consumerGroupCurrentMemberAssignmentValue, 0, {
    memberEpoch: member.memberEpoch,
    previousMemberEpoch: member.previousMemberEpoch,
    state: states.indexOf(member.state),
    assignedPartitions: heldToWire(member.assigned),
    partitionsPendingRevocation: heldToWire(member.pendingRevocation),
  });
  return { key: memberKey(schemas.consumerGroupCurrentMemberAssignmentKey, groupId, member.memberId), value };
}

export function regexRecord(groupId: string, regex: string, resolved: ResolvedRegex, now: number): CoordinatorRecord {
  const topics = [...resolved.topics].sort();
  const value = encodeVersioned(schemas.consumerGroupRegularExpressionValue, 0, { topics, version: 0, timestamp: now });
  return { key: regexKey(groupId, regex), value };
}

export function regexTombstone(groupId: string, regex: string): CoordinatorRecord {
  return { key: regexKey(groupId, regex), value: null };
}

/** A member is gone. What it has comes first: nobody else may have it while the member is there. */
export function memberTombstones(groupId: string, memberId: string): CoordinatorRecord[] {
  return [
    schemas.consumerGroupCurrentMemberAssignmentKey,
    schemas.consumerGroupTargetAssignmentMemberKey,
    schemas.consumerGroupMemberMetadataKey,
  ].map((schema) => ({ key: memberKey(schema, groupId, memberId), value: null }));
}

/** The group is gone, with everything that belongs to it but its offsets. */
export function consumerGroupTombstones(group: ConsumerGroup): CoordinatorRecord[] {
  const { groupId } = group;
  return [
    ...[...group.members.keys()].flatMap((memberId) => memberTombstones(groupId, memberId)),
    ...[...group.regexes.keys()].map((regex) => regexTombstone(groupId, regex)),
    { key: groupKey(schemas.consumerGroupTargetAssignmentMetadataKey, groupId), value: null },
    { key: groupKey(schemas.consumerGroupMetadataKey, groupId), value: null },
  ];
}

type GroupKeySchema = typeof schemas.consumerGroupMetadataKey | typeof schemas.consumerGroupTargetAssignmentMetadataKey;
type MemberKeySchema =
  | typeof schemas.consumerGroupMemberMetadataKey
  | typeof schemas.consumerGroupTargetAssignmentMemberKey
  | typeof schemas.consumerGroupCurrentMemberAssignmentKey;

function groupKey(schema: GroupKeySchema, groupId: string): Uint8Array {
  return encodeVersioned<GroupKeySchema>(schema, schema.versions[0], { groupId });
}

function memberKey(schema: MemberKeySchema, groupId: string, memberId: string): Uint8Array {
  return encodeVersioned<MemberKeySchema>(schema, schema.versions[0], { groupId, memberId });
}

function regexKey(groupId: string, regularExpression: string): Uint8Array {
  const schema = schemas.consumerGroupRegularExpressionKey;
  return encodeVersioned(schema, schema.versions[0], { groupId, regularExpression });
}

/** A record of a consumer group as it is read back. A null value is a tombstone. */
export type ConsumerGroupRecord = { readonly groupId: string } & (
  | { readonly kind: "epoch"; readonly value: { readonly epoch: number; readonly metadataHash: number } | null }
  | { readonly kind: "member"; readonly memberId: string; readonly value: MemberMetadata | null }
  | { readonly kind: "targetEpoch"; readonly value: TargetEpoch | null }
  | { readonly kind: "target"; readonly memberId: string; readonly value: PartitionSet | null }
  | { readonly kind: "assignment"; readonly memberId: string; readonly value: MemberAssignment | null }
  | { readonly kind: "regex"; readonly regex: string; readonly value: ResolvedRegex | null }
);

type Reader = (record: CoordinatorRecord) => ConsumerGroupRecord;

/** Readers of the kinds that a key may begin with. Kind 4, the topics' metadata that brokers before 4.1 wrote, has none:
 * a hash has taken its place. */
const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [
    3,
    ({ key, value }) => ({
      kind: "epoch",
      ...decodeStored(schemas.consumerGroupMetadataKey, key),
      value: value && decodeStored(schemas.consumerGroupMetadataValue, value),
    }),
  ],
  [
    5,
    ({ key, value }) => ({
      kind: "member",
      ...decodeStored(schemas.consumerGroupMemberMetadataKey, key),
      value: value && readMember(value),
    }),
  ],
  [
    6,
    ({ key, value }) => ({
      kind: "targetEpoch",
      ...decodeStored(schemas.consumerGroupTargetAssignmentMetadataKey, key),
      value: value && decodeStored(schemas.consumerGroupTargetAssignmentMetadataValue, value),
    }),
  ],
  [
    7,
    ({ key, value }) => ({
      kind: "target",
      ...decodeStored(schemas.consumerGroupTargetAssignmentMemberKey, key),
      value:
        value && partitionSet(decodeStored(schemas.consumerGroupTargetAssignmentMemberValue, value).topicPartitions),
    }),
  ],
  [
    8,
    ({ key, value }) => ({
      kind: "assignment",
      ...decodeStored(schemas.consumerGroupCurrentMemberAssignmentKey, key),
      value: value && readAssignment(value),
    }),
  ],
  [
    16,
    ({ key, value }) => {
      const { groupId, regularExpression } = decodeStored(schemas.consumerGroupRegularExpressionKey, key);
      const topics = value && new Set(decodeStored(schemas.consumerGroupRegularExpressionValue, value).topics);
      return { kind: "regex", groupId, regex: regularExpression, value: topics && { topics } };
    },
  ],
]);

/** Undefined when `kind`, which the key begins with, is not of a consumer group. */
export function decodeConsumerGroupRecord(kind: number, record: CoordinatorRecord): ConsumerGroupRecord | undefined {
  return readers.get(kind)?.(record);
}

function readMember(value: Uint8Array): MemberMetadata {
  const { classicMemberMetadata, subscribedTopicRegex, ...member } = decodeStored(
    schemas.consumerGroupMemberMetadataValue,
    value,
  );
  return {
    ...member,
    subscribedTopicRegex: subscribedTopicRegex ?? "",
    classic: classicMemberMetadata && {
      sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
      protocols: classicMemberMetadata.supportedProtocols.map(({ name, metadata }) => ({
        name,
        metadata: Uint8Array.from(metadata),
      })),
    },
  };
}

function readAssignment(value: Uint8Array): MemberAssignment {
  const { memberEpoch, previousMemberEpoch, state, assignedPartitions, partitionsPendingRevocation } = decodeStored(
    schemas.consumerGroupCurrentMemberAssignmentValue,
    value,
  );
  return {
    memberEpoch,
    previousMemberEpoch,
    // A state that a later version has: the member's next heartbeat finds out what is missing.
    state: states[state] ?? "UnreleasedPartitions",
    assigned: heldFromWire(assignedPartitions, memberEpoch),
    pendingRevocation: heldFromWire(partitionsPendingRevocation, memberEpoch),
  };
}

type WireHeld = Decoded<typeof schemas.consumerGroupCurrentMemberAssignmentValue.fields>["assignedPartitions"];

function heldToWire(held: HeldPartitions): WireHeld {
  return Array.from(held, ([topicId, epochs]) => {
    const partitions = ascending(epochs.keys());
    return { topicId, partitions, assignmentEpochs: partitions.map((partition) => epochs.get(partition) ?? 0) };
  });
}

/** Brokers before 4.3 wrote no assignment epochs: then the member's present one is the earliest that is certain. */
function heldFromWire(topics: WireHeld, memberEpoch: number): HeldPartitions {
  const held = new Map<string, Map<number, number>>();
  for (const { topicId, partitions, assignmentEpochs } of topics) {
    if (partitions.length === 0) continue;
    held.set(topicId, new Map(partitions.map((partition, i) => [partition, assignmentEpochs?.[i] ?? memberEpoch])));
  }
  return held;
}
