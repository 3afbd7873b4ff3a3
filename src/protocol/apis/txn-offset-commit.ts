/**
 * TxnOffsetCommit (key 28), served 0-5: stores a group's offsets as part of a transaction: visible once it commits
 * (KIP-98).
 *
 * - v1: the client does the throttling (KIP-219).
 * - v2: leader epochs (KIP-320).
 * - v3: flexible; member and generation, so that a member that lost its partitions is refused (KIP-447).
 * - v4: TRANSACTION_ABORTABLE may come back (KIP-890).
 * - v5: adds the group to the transaction by itself (transactions v2, KIP-890).
 */
export const txnOffsetCommit = {
  key: 28,
  name: "TxnOffsetCommit",
  versions: [0, 5],
  flexible: 3,
  request: {
    transactionalId: "string",
    groupId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    generationId: { type: "int32", versions: "3+", default: -1 },
    memberId: { type: "string", versions: "3+" },
    groupInstanceId: { type: "string", versions: "3+", nullable: "0+", default: null },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            committedOffset: "int64",
            committedLeaderEpoch: { type: "int32", versions: "2+", default: -1 },
            committedMetadata: { type: "string", nullable: "0+" },
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: "int32",
    topics: { array: { name: "string", partitions: { array: { partitionIndex: "int32", errorCode: "int16" } } } },
  },
} as const;
