/**
 * ConsumerGroupDescribe (key 69), served 0-1: state and members of groups of the new protocol (KIP-848). All versions
 * are flexible.
 *
 * - v1: whether a member speaks the new protocol or the classic one (KIP-1099).
 */
export const consumerGroupDescribe = {
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: [0, 1],
  flexible: 0,
  request: {
    groupIds: { array: "string" },
    includeAuthorizedOperations: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    groups: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+", default: null },
        groupId: "string",
        groupState: "string",
        groupEpoch: "int32",
        assignmentEpoch: "int32",
        assignorName: "string",
        members: {
          array: {
            memberId: "string",
            instanceId: { type: "string", nullable: "0+", default: null },
            rackId: { type: "string", nullable: "0+", default: null },
            memberEpoch: "int32",
            clientId: "string",
            clientHost: "string",
            subscribedTopicNames: { array: "string" },
            subscribedTopicRegex: { type: "string", nullable: "0+", default: null },
            assignment: {
              struct: {
                topicPartitions: { array: { topicId: "uuid", topicName: "string", partitions: { array: "int32" } } },
              },
            },
            targetAssignment: {
              struct: {
                topicPartitions: { array: { topicId: "uuid", topicName: "string", partitions: { array: "int32" } } },
              },
            },
            // -1: unknown, 0: classic, 1: consumer.
            memberType: { type: "int8", versions: "1+", default: -1 },
          },
        },
        authorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
  },
} as const;
