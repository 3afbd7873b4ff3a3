/**
 * AlterPartitionReassignments (key 45), served 0-1: moves partitions to other replicas (KIP-455). All versions are flexible.
 *
 * - v1: whether the number of replicas may change (KIP-860).
 */
export const alterPartitionReassignments = {
  key: 45,
  name: "AlterPartitionReassignments",
  versions: [0, 1],
  flexible: 0,
  request: {
    timeoutMs: { type: "int32", default: 60000 },
    allowReplicationFactorChange: { type: "bool", versions: "1+", default: true },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            // Null cancels what goes on.
            replicas: { array: "int32", nullable: "0+", default: null },
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: "int32",
    allowReplicationFactorChange: { type: "bool", versions: "1+", default: true },
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    responses: {
      array: {
        name: "string",
        partitions: {
          array: { partitionIndex: "int32", errorCode: "int16", errorMessage: { type: "string", nullable: "0+" } },
        },
      },
    },
  },
} as const;
