/**
 * DeleteRecords (key 21), served 0-2: moves the start of partitions' logs forward (KIP-107).
 *
 * - v1: the client does the throttling (KIP-219).
 * - v2: flexible.
 */
export const deleteRecords = {
  key: 21,
  name: "DeleteRecords",
  versions: [0, 2],
  flexible: 2,
  request: {
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            // The first offset to keep; -1 for the high watermark.
            offset: "int64",
          },
        },
      },
    },
    timeoutMs: "int32",
  },
  response: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        name: "string",
        partitions: { array: { partitionIndex: "int32", lowWatermark: "int64", errorCode: "int16" } },
      },
    },
  },
} as const;
