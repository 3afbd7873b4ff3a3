/**
 * AddOffsetsToTxn (key 25), served 0-4: adds a group's offsets to a producer's transaction: the offsets topic's
 * partition joins it (KIP-98).
 *
 * - v1: the client does the throttling (KIP-219). v2: PRODUCER_FENCED may come back.
 * - v3: flexible.
 * - v4: TRANSACTION_ABORTABLE may come back (KIP-890).
 */
export const addOffsetsToTxn = {
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexible: 3,
  request: {
    transactionalId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    groupId: "string",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
  },
} as const;
