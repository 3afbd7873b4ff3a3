/**
 * Fetch (key 1), served 4-18: reads record batches from partitions; waits for `minBytes` or `maxWaitMs`.
 *
 * - v5: the response (and a follower's request) tells where the log starts.
 * - v6: KAFKA_STORAGE_ERROR may come back.
 * - v7: fetch sessions: only what changed is asked and answered (KIP-227).
 * - v8: the client does the throttling (KIP-219).
 * - v9: the consumer states its leader epoch, to be fenced (KIP-320).
 * - v10: batches may be compressed with zstd (KIP-110).
 * - v11: consumers may be sent to a replica in their rack (KIP-392).
 * - v12: flexible; log truncation found by the last fetched epoch (KIP-595).
 * - v13: topics by id instead of by name (KIP-516).
 * - v14: OFFSET_MOVED_TO_TIERED_STORAGE may come back (KIP-405).
 * - v15: the replica id moves into a tagged `replicaState` (KIP-903).
 * - v16: an error may come with the current leaders' addresses (KIP-951).
 * - v17: a follower names its directory (KIP-853). v18: and the high watermark it knows (KIP-1166).
 */
export const fetch = {
  key: 1,
  name: "Fetch",
  versions: [4, 18],
  flexible: 12,
  request: {
    clusterId: { type: "string", nullable: "0+", tag: 0, tagged: "12+", default: null },
    // -1 for a consumer.
    replicaId: { type: "int32", versions: "4-14", default: -1 },
    replicaState: {
      struct: { replicaId: { type: "int32", default: -1 }, replicaEpoch: { type: "int64", default: -1 } },
      tag: 1,
      tagged: "15+",
    },
    maxWaitMs: "int32",
    minBytes: "int32",
    maxBytes: { type: "int32", default: 0x7fffffff },
    // 0: read_uncommitted, 1: read_committed.
    isolationLevel: "int8",
    sessionId: { type: "int32", versions: "7+" },
    sessionEpoch: { type: "int32", versions: "7+", default: -1 },
    topics: {
      array: {
        topic: { type: "string", versions: "4-12" },
        topicId: { type: "uuid", versions: "13+" },
        partitions: {
          array: {
            partition: "int32",
            currentLeaderEpoch: { type: "int32", versions: "9+", default: -1 },
            fetchOffset: "int64",
            lastFetchedEpoch: { type: "int32", versions: "12+", default: -1 },
            logStartOffset: { type: "int64", versions: "5+", default: -1 },
            partitionMaxBytes: "int32",
            replicaDirectoryId: { type: "uuid", tag: 0, tagged: "17+" },
            // 2^63 - 1 as it reads: not known.
            highWatermark: { type: "int64", tag: 1, tagged: "18+", default: 9.223372036854776e18 },
          },
        },
      },
    },
    // Partitions to drop from the session.
    forgottenTopicsData: {
      array: {
        topic: { type: "string", versions: "7-12" },
        topicId: { type: "uuid", versions: "13+" },
        partitions: { array: "int32" },
      },
      versions: "7+",
    },
    rackId: { type: "string", versions: "11+" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", versions: "7+" },
    sessionId: { type: "int32", versions: "7+" },
    responses: {
      array: {
        topic: { type: "string", versions: "4-12" },
        topicId: { type: "uuid", versions: "13+" },
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            highWatermark: "int64",
            lastStableOffset: { type: "int64", default: -1 },
            logStartOffset: { type: "int64", versions: "5+", default: -1 },
            // Set when the client's log went another way than the leader's.
            divergingEpoch: {
              struct: { epoch: { type: "int32", default: -1 }, endOffset: { type: "int64", default: -1 } },
              tag: 0,
              tagged: "12+",
            },
            currentLeader: {
              struct: { leaderId: { type: "int32", default: -1 }, leaderEpoch: { type: "int32", default: -1 } },
              tag: 1,
              tagged: "12+",
            },
            snapshotId: {
              struct: { endOffset: { type: "int64", default: -1 }, epoch: { type: "int32", default: -1 } },
              tag: 2,
              tagged: "12+",
            },
            // Null for read_uncommitted.
            abortedTransactions: { array: { producerId: "int64", firstOffset: "int64" }, nullable: "0+" },
            preferredReadReplica: { type: "int32", versions: "11+", default: -1 },
            records: { type: "records", nullable: "0+" },
          },
        },
      },
    },
    nodeEndpoints: {
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullable: "0+", default: null },
      },
      tag: 0,
      tagged: "16+",
    },
  },
} as const;
