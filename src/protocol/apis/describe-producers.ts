/**
 * DescribeProducers (key 61), served 0: the producers that are active in partitions: finds hanging transactions
 * (KIP-664).
 */
export const describeProducers = {
  key: 61,
  name: "DescribeProducers",
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: { array: { name: "string", partitionIndexes: { array: "int32" } } },
  },
  response: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullable: "0+", default: null },
            activeProducers: {
              array: {
                producerId: "int64",
                producerEpoch: "int32",
                lastSequence: { type: "int32", default: -1 },
                lastTimestamp: { type: "int64", default: -1 },
                coordinatorEpoch: "int32",
                // -1 without an open transaction.
                currentTxnStartOffset: { type: "int64", default: -1 },
              },
            },
          },
        },
      },
    },
  },
} as const;
