/**
 * DescribeTransactions (key 65), served 0: the state of single transactional ids (KIP-664).
 */
export const describeTransactions = {
  key: 65,
  name: "DescribeTransactions",
  versions: [0, 0],
  flexible: 0,
  request: {
    transactionalIds: { array: "string" },
  },
  response: {
    throttleTimeMs: "int32",
    transactionStates: {
      array: {
        errorCode: "int16",
        transactionalId: "string",
        transactionState: "string",
        transactionTimeoutMs: "int32",
        transactionStartTimeMs: "int64",
        producerId: "int64",
        producerEpoch: "int16",
        topics: { array: { topic: "string", partitions: { array: "int32" } } },
      },
    },
  },
} as const;
