/**
 * Produce (key 0), served 3-13: appends record batches to partitions. Acknowledged by `acks`: 0 gets no response at
 * all.
 *
 * - Older versions are advertised from 0 on, since librdkafka looks for them, but only 3 and later are served
 *   (KAFKA-18659).
 * - v4: KAFKA_STORAGE_ERROR may come back.
 * - v5: the response tells where the log starts.
 * - v7: batches may be compressed with zstd (KIP-110).
 * - v8: the response says which record of a batch was refused, and why (KIP-467).
 * - v9: flexible.
 * - v10: an error may name the current leader and its address (KIP-951).
 * - v11: TRANSACTION_ABORTABLE may come back (KIP-890).
 * - v12: in a transaction, adds the partitions to it by itself (transactions v2, KIP-890).
 * - v13: topics by id instead of by name (KIP-516).
 */
export const produce = {
  key: 0,
  name: "Produce",
  versions: [3, 13],
  flexible: 9,
  request: {
    transactionalId: { type: "string", nullable: "0+", default: null },
    // 0: none; 1: once written; -1: once durable on all in-sync replicas.
    acks: "int16",
    timeoutMs: "int32",
    topicData: {
      array: {
        name: { type: "string", versions: "3-12" },
        topicId: { type: "uuid", versions: "13+" },
        partitionData: { array: { index: "int32", records: { type: "records", nullable: "0+" } } },
      },
    },
  },
  response: {
    responses: {
      array: {
        name: { type: "string", versions: "3-12" },
        topicId: { type: "uuid", versions: "13+" },
        partitionResponses: {
          array: {
            index: "int32",
            errorCode: "int16",
            baseOffset: "int64",
            logAppendTimeMs: { type: "int64", default: -1 },
            logStartOffset: { type: "int64", versions: "5+", default: -1 },
            recordErrors: {
              array: { batchIndex: "int32", batchIndexErrorMessage: { type: "string", nullable: "0+", default: null } },
              versions: "8+",
            },
            errorMessage: { type: "string", versions: "8+", nullable: "0+", default: null },
            currentLeader: {
              struct: { leaderId: { type: "int32", default: -1 }, leaderEpoch: { type: "int32", default: -1 } },
              tag: 0,
              tagged: "10+",
            },
          },
        },
      },
    },
    throttleTimeMs: "int32",
    nodeEndpoints: {
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullable: "0+", default: null },
      },
      tag: 0,
      tagged: "10+",
    },
  },
} as const;
