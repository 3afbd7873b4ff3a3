/**
 * EndTxn (key 26), served 0-5: commits or aborts a producer's transaction (KIP-98).
 *
 * - v1: the client does the throttling (KIP-219). v2: PRODUCER_FENCED may come back.
 * - v3: flexible.
 * - v4: TRANSACTION_ABORTABLE may come back (KIP-890).
 * - v5: transactions v2: each transaction has an epoch of its own, and the response tells the next (KIP-890).
 */
export const endTxn = {
  key: 26,
  name: "EndTxn",
  versions: [0, 5],
  flexible: 3,
  request: {
    transactionalId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    // False: abort.
    committed: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    producerId: { type: "int64", versions: "5+", default: -1 },
    producerEpoch: { type: "int16", versions: "5+", default: -1 },
  },
} as const;
