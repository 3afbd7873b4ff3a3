/** The records of `__transaction_state`: the last state of each transactional id. A null value deletes. */

export const transactionLogKey = {
  name: "TransactionLogKey",
  versions: [0, 0],
  flexible: null,
  fields: { transactionalId: "string" },
} as const;

/**
 * - v1: flexible; what transactions v2 need to remember (KIP-890): the producer id before and after the switch to a new
 *   one, the next epoch, and the transaction's version.
 */
export const transactionLogValue = {
  name: "TransactionLogValue",
  versions: [0, 1],
  flexible: 1,
  fields: {
    producerId: "int64",
    previousProducerId: { type: "int64", tag: 0, tagged: "1+", default: -1 },
    nextProducerId: { type: "int64", tag: 1, tagged: "1+", default: -1 },
    producerEpoch: "int16",
    nextProducerEpoch: { type: "int16", tag: 3, tagged: "1+", default: -1 },
    transactionTimeoutMs: "int32",
    // 0: Empty, 1: Ongoing, 2: PrepareCommit, 3: PrepareAbort, 4: CompleteCommit, 5: CompleteAbort, 6: Dead,
    // 7: PrepareEpochFence.
    transactionStatus: "int8",
    // Null in state Empty.
    transactionPartitions: { array: { topic: "string", partitionIds: { array: "int32" } }, nullable: "0+" },
    transactionLastUpdateTimestampMs: "int64",
    transactionStartTimestampMs: "int64",
    clientTransactionVersion: { type: "int16", tag: 2, tagged: "1+" },
  },
} as const;
