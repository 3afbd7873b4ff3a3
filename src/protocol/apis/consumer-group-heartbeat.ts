/**
 * ConsumerGroupHeartbeat (key 68), served 0-1: joins, stays in and leaves a group of the new protocol (KIP-848). All
 * versions are flexible.
 *
 * - v1: subscription by a regular expression; the member makes up its own id (KIP-1082).
 * - Null, or -1 for a number, says that nothing changed since the last heartbeat.
 */
export const consumerGroupHeartbeat = {
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: [0, 1],
  flexible: 0,
  request: {
    groupId: "string",
    memberId: "string",
    // 0 to join, -1 to leave, -2 to leave for a while as a static member.
    memberEpoch: "int32",
    instanceId: { type: "string", nullable: "0+", default: null },
    rackId: { type: "string", nullable: "0+", default: null },
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    subscribedTopicNames: { array: "string", nullable: "0+", default: null },
    subscribedTopicRegex: { type: "string", versions: "1+", nullable: "0+", default: null },
    serverAssignor: { type: "string", nullable: "0+", default: null },
    topicPartitions: { array: { topicId: "uuid", partitions: { array: "int32" } }, nullable: "0+", default: null },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+", default: null },
    memberId: { type: "string", nullable: "0+", default: null },
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    assignment: {
      struct: { topicPartitions: { array: { topicId: "uuid", partitions: { array: "int32" } } } },
      nullable: "0+",
      default: null,
    },
  },
} as const;
