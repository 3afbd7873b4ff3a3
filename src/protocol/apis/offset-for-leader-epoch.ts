/**
 * OffsetForLeaderEpoch (key 23), served 2-4: where a leader epoch ends in the log: how a client finds that the log
 * was truncated (KIP-320).
 *
 * - v3: the replica's id, -2 for a consumer that may see beyond the high watermark.
 * - v4: flexible.
 */
export const offsetForLeaderEpoch = {
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexible: 4,
  request: {
    replicaId: { type: "int32", versions: "3+", default: -2 },
    topics: {
      array: {
        topic: "string",
        partitions: {
          array: { partition: "int32", currentLeaderEpoch: { type: "int32", default: -1 }, leaderEpoch: "int32" },
        },
      },
    },
  },
  response: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        topic: "string",
        partitions: {
          array: {
            errorCode: "int16",
            partition: "int32",
            leaderEpoch: { type: "int32", default: -1 },
            endOffset: { type: "int64", default: -1 },
          },
        },
      },
    },
  },
} as const;
