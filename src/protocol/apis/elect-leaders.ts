/**
 * ElectLeaders (key 43), served 0-2: lets preferred replicas lead again (KIP-183), or unclean ones (KIP-460).
 *
 * - v1: unclean elections, and an error for the whole response. v2: flexible.
 */
export const electLeaders = {
  key: 43,
  name: "ElectLeaders",
  versions: [0, 2],
  flexible: 2,
  request: {
    // 0: preferred, 1: unclean.
    electionType: { type: "int8", versions: "1+" },
    // Null for all.
    topicPartitions: { array: { topic: "string", partitions: { array: "int32" } }, nullable: "0+" },
    timeoutMs: { type: "int32", default: 60000 },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", versions: "1+" },
    replicaElectionResults: {
      array: {
        topic: "string",
        partitionResult: {
          array: { partitionId: "int32", errorCode: "int16", errorMessage: { type: "string", nullable: "0+" } },
        },
      },
    },
  },
} as const;
