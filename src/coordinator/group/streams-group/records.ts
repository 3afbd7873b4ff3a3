/** The records of streams groups in `__consumer_offsets`, in Kafka's formats. Pure. */
import { decodeStored, encodeVersioned } from "../../../protocol/codec.ts";
import * as schemas from "../../../protocol/internal/streams-group-records.ts";
import type { Decoded } from "../../../protocol/schema.ts";
import type { CoordinatorRecord } from "../../coordinator.ts";
import type { MemberState } from "../consumer-group/consumer-member.ts";
import { ascending, type HeldPartitions } from "../partitions.ts";
import type { TargetEpoch } from "../target-epoch.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember, StreamsMemberAssignment, StreamsMemberMetadata } from "./streams-member.ts";
import { type Tasks, taskSet, toTaskIds } from "./tasks.ts";
import type { Topology } from "./topology.ts";

const states: readonly MemberState[] = ["Stable", "UnrevokedPartitions", "UnreleasedPartitions"];

/** A group as its epoch begins. */
export interface StreamsEpoch {
  readonly epoch: number;
  readonly metadataHash: number;
  readonly validatedTopologyEpoch: number;
  readonly assignmentConfigs: ReadonlyMap<string, string>;
}

export function streamsEpochRecord(groupId: string, { assignmentConfigs, ...rest }: StreamsEpoch): CoordinatorRecord {
  const lastAssignmentConfigs = Array.from(assignmentConfigs, ([key, value]) => ({ key, value }));
  const value = encodeVersioned(schemas.streamsGroupMetadataValue, 0, { ...rest, lastAssignmentConfigs });
  return { key: groupKey(schemas.streamsGroupMetadataKey, groupId), value };
}

export function topologyRecord(groupId: string, topology: Topology): CoordinatorRecord {
  const value = encodeVersioned(schemas.streamsGroupTopologyValue, 0, topology);
  return { key: groupKey(schemas.streamsGroupTopologyKey, groupId), value };
}

export function streamsMemberRecord(groupId: string, member: StreamsMember): CoordinatorRecord {
  const value = encodeVersioned(schemas.streamsGroupMemberMetadataValue, 0, { ...member, instanceId: null });
  return { key: memberKey(schemas.streamsGroupMemberMetadataKey, groupId, member.memberId), value };
}

export function streamsTargetEpochRecord(groupId: string, assignmentEpoch: number, now: number): CoordinatorRecord {
  const body = { assignmentEpoch, assignmentTimestamp: now };
  const value = encodeVersioned(schemas.streamsGroupTargetAssignmentMetadataValue, 0, body);
  return { key: groupKey(schemas.streamsGroupTargetAssignmentMetadataKey, groupId), value };
}

export function streamsTargetRecord(groupId: string, memberId: string, target: Tasks): CoordinatorRecord {
  const value = encodeVersioned(schemas.streamsGroupTargetAssignmentMemberValue, 0, {
    activeTasks: toTaskIds(target.active),
    standbyTasks: toTaskIds(target.standby),
    warmupTasks: toTaskIds(target.warmup),
  });
  return { key: memberKey(schemas.streamsGroupTargetAssignmentMemberKey, groupId, memberId), value };
}

export function streamsAssignmentRecord(groupId: string, member: StreamsMember): CoordinatorRecord {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member;
  const value = encodeVersioned(schemas.streamsGroupCurrentMemberAssignmentValue, 0, {
    memberEpoch,
    previousMemberEpoch,
    state: states.indexOf(state),
    activeTasks: withEpochs(assigned.active),
    standbyTasks: toTaskIds(assigned.standby),
    warmupTasks: toTaskIds(assigned.warmup),
    activeTasksPendingRevocation: withEpochs(pendingRevocation.active),
    standbyTasksPendingRevocation: toTaskIds(pendingRevocation.standby),
    warmupTasksPendingRevocation: toTaskIds(pendingRevocation.warmup),
  });
  return { key: memberKey(schemas.streamsGroupCurrentMemberAssignmentKey, groupId, member.memberId), value };
}

/** A member is gone. What it has comes first: nobody else may have it while the member is there. */
export function streamsMemberTombstones(groupId: string, memberId: string): CoordinatorRecord[] {
  return [
    schemas.streamsGroupCurrentMemberAssignmentKey,
    schemas.streamsGroupTargetAssignmentMemberKey,
    schemas.streamsGroupMemberMetadataKey,
  ].map((schema) => ({ key: memberKey(schema, groupId, memberId), value: null }));
}

/** The group is gone, with everything that belongs to it but its offsets. */
export function streamsGroupTombstones({ groupId, members }: StreamsGroup): CoordinatorRecord[] {
  return [
    ...[...members.keys()].flatMap((memberId) => streamsMemberTombstones(groupId, memberId)),
    ...[
      schemas.streamsGroupTargetAssignmentMetadataKey,
      schemas.streamsGroupTopologyKey,
      schemas.streamsGroupMetadataKey,
    ].map((schema) => ({ key: groupKey(schema, groupId), value: null })),
  ];
}

type GroupKeySchema =
  | typeof schemas.streamsGroupMetadataKey
  | typeof schemas.streamsGroupTargetAssignmentMetadataKey
  | typeof schemas.streamsGroupTopologyKey;
type MemberKeySchema =
  | typeof schemas.streamsGroupMemberMetadataKey
  | typeof schemas.streamsGroupTargetAssignmentMemberKey
  | typeof schemas.streamsGroupCurrentMemberAssignmentKey;

function groupKey(schema: GroupKeySchema, groupId: string): Uint8Array {
  return encodeVersioned<GroupKeySchema>(schema, schema.versions[0], { groupId });
}

function memberKey(schema: MemberKeySchema, groupId: string, memberId: string): Uint8Array {
  return encodeVersioned<MemberKeySchema>(schema, schema.versions[0], { groupId, memberId });
}

/** A record of a streams group as it is read back. A null value is a tombstone. */
export type StreamsGroupRecord = { readonly groupId: string } & (
  | { readonly kind: "epoch"; readonly value: StreamsEpoch | null }
  | { readonly kind: "topology"; readonly value: Topology | null }
  | { readonly kind: "member"; readonly memberId: string; readonly value: StreamsMemberMetadata | null }
  | { readonly kind: "targetEpoch"; readonly value: TargetEpoch | null }
  | { readonly kind: "target"; readonly memberId: string; readonly value: Tasks | null }
  | { readonly kind: "assignment"; readonly memberId: string; readonly value: StreamsMemberAssignment | null }
);

type Reader = (record: CoordinatorRecord) => StreamsGroupRecord;

/** Readers of the kinds that a key may begin with. */
const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [
    17,
    ({ key, value }) => ({
      kind: "epoch",
      ...decodeStored(schemas.streamsGroupMetadataKey, key),
      value: value && readEpoch(value),
    }),
  ],
  [
    19,
    ({ key, value }) => ({
      kind: "member",
      ...decodeStored(schemas.streamsGroupMemberMetadataKey, key),
      value: value && decodeStored(schemas.streamsGroupMemberMetadataValue, value),
    }),
  ],
  [
    20,
    ({ key, value }) => ({
      kind: "targetEpoch",
      ...decodeStored(schemas.streamsGroupTargetAssignmentMetadataKey, key),
      value: value && decodeStored(schemas.streamsGroupTargetAssignmentMetadataValue, value),
    }),
  ],
  [
    21,
    ({ key, value }) => ({
      kind: "target",
      ...decodeStored(schemas.streamsGroupTargetAssignmentMemberKey, key),
      value: value && readTarget(value),
    }),
  ],
  [
    22,
    ({ key, value }) => ({
      kind: "assignment",
      ...decodeStored(schemas.streamsGroupCurrentMemberAssignmentKey, key),
      value: value && readAssignment(value),
    }),
  ],
  [
    23,
    ({ key, value }) => ({
      kind: "topology",
      ...decodeStored(schemas.streamsGroupTopologyKey, key),
      value: value && decodeStored(schemas.streamsGroupTopologyValue, value),
    }),
  ],
]);

/** Undefined when `kind`, which the key begins with, is not of a streams group. */
export function decodeStreamsGroupRecord(kind: number, record: CoordinatorRecord): StreamsGroupRecord | undefined {
  return readers.get(kind)?.(record);
}

function readEpoch(value: Uint8Array): StreamsEpoch {
  const { lastAssignmentConfigs, ...rest } = decodeStored(schemas.streamsGroupMetadataValue, value);
  return { ...rest, assignmentConfigs: new Map(lastAssignmentConfigs?.map((each) => [each.key, each.value])) };
}

function readTarget(value: Uint8Array): Tasks {
  const target = decodeStored(schemas.streamsGroupTargetAssignmentMemberValue, value);
  return {
    active: taskSet(target.activeTasks),
    standby: taskSet(target.standbyTasks),
    warmup: taskSet(target.warmupTasks),
  };
}

function readAssignment(value: Uint8Array): StreamsMemberAssignment {
  const read = decodeStored(schemas.streamsGroupCurrentMemberAssignmentValue, value);
  const { memberEpoch, previousMemberEpoch } = read;
  return {
    memberEpoch,
    previousMemberEpoch,
    // A state that a later version has: the member's next heartbeat finds out what is missing.
    state: states[read.state] ?? "UnreleasedPartitions",
    assigned: {
      active: readEpochs(read.activeTasks, memberEpoch),
      standby: taskSet(read.standbyTasks),
      warmup: taskSet(read.warmupTasks),
    },
    pendingRevocation: {
      active: readEpochs(read.activeTasksPendingRevocation, memberEpoch),
      standby: taskSet(read.standbyTasksPendingRevocation),
      warmup: taskSet(read.warmupTasksPendingRevocation),
    },
  };
}

type WireTasks = Decoded<typeof schemas.streamsGroupCurrentMemberAssignmentValue.fields>["activeTasks"];

function withEpochs(tasks: HeldPartitions): WireTasks {
  return Array.from(tasks, ([subtopologyId, epochs]) => {
    const partitions = ascending(epochs.keys());
    return { subtopologyId, partitions, assignmentEpochs: partitions.map((partition) => epochs.get(partition) ?? 0) };
  });
}

/** Brokers before 4.3 wrote no assignment epochs: then the member's present one is the earliest that is certain. */
function readEpochs(tasks: WireTasks, memberEpoch: number): HeldPartitions {
  const held = new Map<string, Map<number, number>>();
  for (const { subtopologyId, partitions, assignmentEpochs } of tasks) {
    if (partitions.length === 0) continue;
    const epochs = partitions.map((partition, i): [number, number] => [
      partition,
      assignmentEpochs?.[i] ?? memberEpoch,
    ]);
    held.set(subtopologyId, new Map(epochs));
  }
  return held;
}
