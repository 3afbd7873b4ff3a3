/**
 * InitProducerId (key 22), served 0-5: gives a producer its id and epoch; with a transactional id, fences the one
 * before it and ends its transaction.
 *
 * - v1: the client does the throttling (KIP-219).
 * - v2: flexible.
 * - v3: the producer tells the id and epoch it had, to go on after an error (KIP-360).
 * - v4: PRODUCER_FENCED may come back.
 * - v5: TRANSACTION_ABORTABLE may come back (KIP-890).
 */
export const initProducerId = {
  key: 22,
  name: "InitProducerId",
  versions: [0, 5],
  flexible: 2,
  request: {
    transactionalId: { type: "string", nullable: "0+" },
    transactionTimeoutMs: "int32",
    producerId: { type: "int64", versions: "3+", default: -1 },
    producerEpoch: { type: "int16", versions: "3+", default: -1 },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    producerId: { type: "int64", default: -1 },
    producerEpoch: "int16",
  },
} as const;
