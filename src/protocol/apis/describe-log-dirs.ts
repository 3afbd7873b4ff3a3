/**
 * DescribeLogDirs (key 35), served 1-4: sizes of replicas in the broker's folders (KIP-113).
 *
 * - v2: flexible. v3: an error for the whole response. v4: the volumes' sizes (KIP-827).
 */
export const describeLogDirs = {
  key: 35,
  name: "DescribeLogDirs",
  versions: [1, 4],
  flexible: 2,
  request: {
    // Null for all.
    topics: { array: { topic: "string", partitions: { array: "int32" } }, nullable: "0+" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", versions: "3+" },
    results: {
      array: {
        errorCode: "int16",
        logDir: "string",
        topics: {
          array: {
            name: "string",
            partitions: {
              array: { partitionIndex: "int32", partitionSize: "int64", offsetLag: "int64", isFutureKey: "bool" },
            },
          },
        },
        totalBytes: { type: "int64", versions: "4+", default: -1 },
        usableBytes: { type: "int64", versions: "4+", default: -1 },
      },
    },
  },
} as const;
