/**
 * CreatePartitions (key 37), served 0-3: raises topics' numbers of partitions (KIP-195).
 *
 * - v1: the client does the throttling (KIP-219).
 * - v2: flexible.
 * - v3: THROTTLING_QUOTA_EXCEEDED may come back (KIP-599).
 */
export const createPartitions = {
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexible: 2,
  request: {
    topics: {
      array: {
        name: "string",
        // The new total.
        count: "int32",
        assignments: { array: { brokerIds: { array: "int32" } }, nullable: "0+" },
      },
    },
    timeoutMs: "int32",
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    results: {
      array: { name: "string", errorCode: "int16", errorMessage: { type: "string", nullable: "0+", default: null } },
    },
  },
} as const;
