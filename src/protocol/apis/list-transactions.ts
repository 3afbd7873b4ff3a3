/**
 * ListTransactions (key 66), served 0-2: the transactional ids that this broker coordinates (KIP-664). All versions
 * are flexible.
 *
 * - v1: a filter by duration (KIP-994).
 * - v2: a filter by a regular expression over the transactional id (KIP-1152).
 */
export const listTransactions = {
  key: 66,
  name: "ListTransactions",
  versions: [0, 2],
  flexible: 0,
  request: {
    stateFilters: { array: "string" },
    producerIdFilters: { array: "int64" },
    durationFilter: { type: "int64", versions: "1+", default: -1 },
    transactionalIdPattern: { type: "string", versions: "2+", nullable: "0+", default: null },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    unknownStateFilters: { array: "string" },
    transactionStates: { array: { transactionalId: "string", producerId: "int64", transactionState: "string" } },
  },
} as const;
