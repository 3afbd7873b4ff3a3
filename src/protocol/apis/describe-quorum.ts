/**
 * DescribeQuorum (key 55), served 0-2: who votes on the cluster's metadata (KIP-595). All versions are flexible.
 *
 * - v1: when each was last heard of (KIP-836). v2: messages, folders' ids and the voters' addresses (KIP-853).
 */
export const describeQuorum = {
  key: 55,
  name: "DescribeQuorum",
  versions: [0, 2],
  flexible: 0,
  request: {
    topics: { array: { topicName: "string", partitions: { array: { partitionIndex: "int32" } } } },
  },
  response: {
    errorCode: "int16",
    errorMessage: { type: "string", versions: "2+", nullable: "2+" },
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", versions: "2+", nullable: "2+" },
            leaderId: "int32",
            leaderEpoch: "int32",
            highWatermark: "int64",
            currentVoters: {
              array: {
                replicaId: "int32",
                replicaDirectoryId: { type: "uuid", versions: "2+" },
                logEndOffset: "int64",
                lastFetchTimestamp: { type: "int64", versions: "1+", default: -1 },
                lastCaughtUpTimestamp: { type: "int64", versions: "1+", default: -1 },
              },
            },
            observers: {
              array: {
                replicaId: "int32",
                replicaDirectoryId: { type: "uuid", versions: "2+" },
                logEndOffset: "int64",
                lastFetchTimestamp: { type: "int64", versions: "1+", default: -1 },
                lastCaughtUpTimestamp: { type: "int64", versions: "1+", default: -1 },
              },
            },
          },
        },
      },
    },
    nodes: {
      array: {
        nodeId: "int32",
        listeners: { array: { name: "string", host: "string", port: "uint16" } },
      },
      versions: "2+",
    },
  },
} as const;
