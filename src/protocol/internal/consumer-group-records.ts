/**
 * The records of `__consumer_offsets` that hold groups of the new protocol (KIP-848): who is in a group, what each member
 * should have, and what it has. A key's leading number tells its kind. A null value deletes.
 */

export const consumerGroupMetadataKey = {
  name: "ConsumerGroupMetadataKey",
  versions: [3, 3],
  flexible: null,
  fields: { groupId: "string" },
} as const;

export const consumerGroupMetadataValue = {
  name: "ConsumerGroupMetadataValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    epoch: "int32",
    // What the group's topics were when the epoch began (KIP-1101). Kafka's own hash has 64 bits; a group that one broker
    // wrote and the other reads is assigned anew, once.
    metadataHash: { type: "int64", tag: 0, tagged: "0+" },
  },
} as const;

export const consumerGroupMemberMetadataKey = {
  name: "ConsumerGroupMemberMetadataKey",
  versions: [5, 5],
  flexible: null,
  fields: { groupId: "string", memberId: "string" },
} as const;

export const consumerGroupMemberMetadataValue = {
  name: "ConsumerGroupMemberMetadataValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    instanceId: { type: "string", nullable: "0+" },
    rackId: { type: "string", nullable: "0+" },
    clientId: "string",
    clientHost: "string",
    subscribedTopicNames: { array: "string" },
    subscribedTopicRegex: { type: "string", nullable: "0+" },
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    serverAssignor: { type: "string", nullable: "0+" },
    // Set for a member that speaks the classic protocol.
    classicMemberMetadata: {
      struct: {
        sessionTimeoutMs: "int32",
        supportedProtocols: { array: { name: "string", metadata: "bytes" } },
      },
      nullable: "0+",
      tag: 0,
      tagged: "0+",
      default: null,
    },
  },
} as const;

export const consumerGroupTargetAssignmentMetadataKey = {
  name: "ConsumerGroupTargetAssignmentMetadataKey",
  versions: [6, 6],
  flexible: null,
  fields: { groupId: "string" },
} as const;

export const consumerGroupTargetAssignmentMetadataValue = {
  name: "ConsumerGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    assignmentEpoch: "int32",
    assignmentTimestamp: { type: "int64", tag: 0, tagged: "0+" },
  },
} as const;

export const consumerGroupTargetAssignmentMemberKey = {
  name: "ConsumerGroupTargetAssignmentMemberKey",
  versions: [7, 7],
  flexible: null,
  fields: { groupId: "string", memberId: "string" },
} as const;

export const consumerGroupTargetAssignmentMemberValue = {
  name: "ConsumerGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexible: 0,
  fields: { topicPartitions: { array: { topicId: "uuid", partitions: { array: "int32" } } } },
} as const;

export const consumerGroupCurrentMemberAssignmentKey = {
  name: "ConsumerGroupCurrentMemberAssignmentKey",
  versions: [8, 8],
  flexible: null,
  fields: { groupId: "string", memberId: "string" },
} as const;

export const consumerGroupCurrentMemberAssignmentValue = {
  name: "ConsumerGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    memberEpoch: "int32",
    previousMemberEpoch: "int32",
    // 0: stable, 1: has partitions to revoke, 2: waits for partitions that others have yet to revoke.
    state: "int8",
    assignedPartitions: {
      array: {
        topicId: "uuid",
        partitions: { array: "int32" },
        // For each partition, the epoch at which the member got it: older commits of it are a zombie's (KIP-1251).
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
    partitionsPendingRevocation: {
      array: {
        topicId: "uuid",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
  },
} as const;

export const consumerGroupRegularExpressionKey = {
  name: "ConsumerGroupRegularExpressionKey",
  versions: [16, 16],
  flexible: null,
  fields: { groupId: "string", regularExpression: "string" },
} as const;

/** What a regular expression matched. `version` is of the topics there were, and means something to its writer only. */
export const consumerGroupRegularExpressionValue = {
  name: "ConsumerGroupRegularExpressionValue",
  versions: [0, 0],
  flexible: 0,
  fields: { topics: { array: "string" }, version: "int64", timestamp: "int64" },
} as const;
