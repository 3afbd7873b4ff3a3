/**
 * ListOffsets (key 2), served 1-11: finds the offset for a timestamp, or for one of the marks: -1 latest, -2
 * earliest.
 *
 * - v2: isolation level: read_committed gets the last stable offset as the latest.
 * - v3: the client does the throttling (KIP-219).
 * - v4: leader epochs, to fence (KIP-320).
 * - v5: OFFSET_NOT_AVAILABLE may come back.
 * - v6: flexible.
 * - v7: timestamp -3 asks for the record with the highest timestamp (KIP-734).
 * - v8: -4 for the earliest local offset (KIP-405). v9: -5 for the latest tiered one (KIP-1005).
 * - v10: a timeout for answers from remote storage (KIP-1075).
 * - v11: -6 for the earliest offset that is not uploaded yet (KIP-1023).
 */
export const listOffsets = {
  key: 2,
  name: "ListOffsets",
  versions: [1, 11],
  flexible: 6,
  request: {
    // -1 for a consumer.
    replicaId: "int32",
    // 0: read_uncommitted, 1: read_committed.
    isolationLevel: { type: "int8", versions: "2+" },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            currentLeaderEpoch: { type: "int32", versions: "4+", default: -1 },
            timestamp: "int64",
          },
        },
      },
    },
    timeoutMs: { type: "int32", versions: "10+" },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "2+" },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            timestamp: { type: "int64", default: -1 },
            offset: { type: "int64", default: -1 },
            leaderEpoch: { type: "int32", versions: "4+", default: -1 },
          },
        },
      },
    },
  },
} as const;
