/**
 * Metadata (key 3), served 0-13: which brokers there are, and which of them leads which partition.
 *
 * - v0: an empty list of topics asks for all of them. v1 and later: null asks for all, an empty list for none.
 * - v1: racks, the controller, internal topics. v2: the cluster's id. v3: throttle time.
 * - v4: the client says whether missing topics may be created.
 * - v5: offline replicas. v6: the client does the throttling (KIP-219). v7: leader epochs (KIP-320).
 * - v8: authorized operations, a bit set, when asked for (KIP-430).
 * - v9: flexible. v10: topic ids in the response (KIP-516). v12: and in the request, with the name null (the fields
 *   are there from v10 on, but no broker took them).
 * - v11: the cluster's authorized operations move to DescribeCluster (KIP-700).
 * - v13: an error for the whole response (KIP-1102).
 */
export const metadata = {
  key: 3,
  name: "Metadata",
  versions: [0, 13],
  flexible: 9,
  request: {
    topics: {
      array: { topicId: { type: "uuid", versions: "10+" }, name: { type: "string", nullable: "10+" } },
      nullable: "1+",
    },
    allowAutoTopicCreation: { type: "bool", versions: "4+", default: true },
    includeClusterAuthorizedOperations: { type: "bool", versions: "8-10" },
    includeTopicAuthorizedOperations: { type: "bool", versions: "8+" },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "3+" },
    brokers: {
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", versions: "1+", nullable: "0+", default: null },
      },
    },
    clusterId: { type: "string", versions: "2+", nullable: "0+", default: null },
    controllerId: { type: "int32", versions: "1+", default: -1 },
    topics: {
      array: {
        errorCode: "int16",
        name: { type: "string", nullable: "12+" },
        topicId: { type: "uuid", versions: "10+" },
        isInternal: { type: "bool", versions: "1+" },
        partitions: {
          array: {
            errorCode: "int16",
            partitionIndex: "int32",
            leaderId: "int32",
            leaderEpoch: { type: "int32", versions: "7+", default: -1 },
            replicaNodes: { array: "int32" },
            isrNodes: { array: "int32" },
            offlineReplicas: { array: "int32", versions: "5+" },
          },
        },
        topicAuthorizedOperations: { type: "int32", versions: "8+", default: -2147483648 },
      },
    },
    clusterAuthorizedOperations: { type: "int32", versions: "8-10", default: -2147483648 },
    errorCode: { type: "int16", versions: "13+" },
  },
} as const;
