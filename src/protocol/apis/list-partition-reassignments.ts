/** ListPartitionReassignments (key 46), served 0: which partitions are being moved (KIP-455). */
export const listPartitionReassignments = {
  key: 46,
  name: "ListPartitionReassignments",
  versions: [0, 0],
  flexible: 0,
  request: {
    timeoutMs: { type: "int32", default: 60000 },
    // Null for all.
    topics: { array: { name: "string", partitionIndexes: { array: "int32" } }, nullable: "0+", default: null },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            replicas: { array: "int32" },
            addingReplicas: { array: "int32" },
            removingReplicas: { array: "int32" },
          },
        },
      },
    },
  },
} as const;
