/**
 * DescribeTopicPartitions (key 75), served 0: topics' partitions, page by page (KIP-966).
 */
export const describeTopicPartitions = {
  key: 75,
  name: "DescribeTopicPartitions",
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: { array: { name: "string" } },
    responsePartitionLimit: { type: "int32", default: 2000 },
    cursor: { struct: { topicName: "string", partitionIndex: "int32" }, nullable: "0+", default: null },
  },
  response: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        errorCode: "int16",
        name: { type: "string", nullable: "0+" },
        topicId: "uuid",
        isInternal: "bool",
        partitions: {
          array: {
            errorCode: "int16",
            partitionIndex: "int32",
            leaderId: "int32",
            leaderEpoch: { type: "int32", default: -1 },
            replicaNodes: { array: "int32" },
            isrNodes: { array: "int32" },
            eligibleLeaderReplicas: { array: "int32", nullable: "0+", default: null },
            lastKnownElr: { array: "int32", nullable: "0+", default: null },
            offlineReplicas: { array: "int32" },
          },
        },
        topicAuthorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
    // Where the next page starts; null at the end.
    nextCursor: { struct: { topicName: "string", partitionIndex: "int32" }, nullable: "0+", default: null },
  },
} as const;
