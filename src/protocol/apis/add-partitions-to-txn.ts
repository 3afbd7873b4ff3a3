/**
 * AddPartitionsToTxn (key 24), served 0-5: adds partitions to a producer's transaction before it writes to them
 * (KIP-98).
 *
 * - v1: the client does the throttling (KIP-219). v2: PRODUCER_FENCED may come back.
 * - v3: flexible.
 * - v4: between brokers: several transactions in one request, and `verifyOnly` (KIP-890). Clients stay at v3.
 * - v5: TRANSACTION_ABORTABLE may come back (KIP-890).
 */
export const addPartitionsToTxn = {
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [0, 5],
  flexible: 3,
  request: {
    transactions: {
      array: {
        transactionalId: "string",
        producerId: "int64",
        producerEpoch: "int16",
        verifyOnly: "bool",
        topics: { array: { name: "string", partitions: { array: "int32" } } },
      },
      versions: "4+",
    },
    v3AndBelowTransactionalId: { type: "string", versions: "0-3" },
    v3AndBelowProducerId: { type: "int64", versions: "0-3" },
    v3AndBelowProducerEpoch: { type: "int16", versions: "0-3" },
    v3AndBelowTopics: { array: { name: "string", partitions: { array: "int32" } }, versions: "0-3" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", versions: "4+" },
    resultsByTransaction: {
      array: {
        transactionalId: "string",
        topicResults: {
          array: {
            name: "string",
            resultsByPartition: { array: { partitionIndex: "int32", partitionErrorCode: "int16" } },
          },
        },
      },
      versions: "4+",
    },
    resultsByTopicV3AndBelow: {
      array: {
        name: "string",
        resultsByPartition: { array: { partitionIndex: "int32", partitionErrorCode: "int16" } },
      },
      versions: "0-3",
    },
  },
} as const;
