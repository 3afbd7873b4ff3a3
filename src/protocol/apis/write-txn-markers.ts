/**
 * WriteTxnMarkers (key 27), served 1-2: between brokers: the transaction coordinator ends transactions in partitions
 * (KIP-98). All versions are flexible.
 *
 * - v2: the transaction's version, so that the right epoch is expected of it (KIP-1228).
 */
export const writeTxnMarkers = {
  key: 27,
  name: "WriteTxnMarkers",
  versions: [1, 2],
  flexible: 1,
  request: {
    markers: {
      array: {
        producerId: "int64",
        producerEpoch: "int16",
        // True: commit.
        transactionResult: "bool",
        topics: { array: { name: "string", partitionIndexes: { array: "int32" } } },
        coordinatorEpoch: "int32",
        transactionVersion: { type: "int8", versions: "2+" },
      },
    },
  },
  response: {
    markers: {
      array: {
        producerId: "int64",
        topics: { array: { name: "string", partitions: { array: { partitionIndex: "int32", errorCode: "int16" } } } },
      },
    },
  },
} as const;
