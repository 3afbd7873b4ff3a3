/**
 * AlterReplicaLogDirs (key 34), served 1-2: moves replicas between the folders of a broker (KIP-113).
 *
 * - v2: flexible.
 */
export const alterReplicaLogDirs = {
  key: 34,
  name: "AlterReplicaLogDirs",
  versions: [1, 2],
  flexible: 2,
  request: {
    dirs: { array: { path: "string", topics: { array: { name: "string", partitions: { array: "int32" } } } } },
  },
  response: {
    throttleTimeMs: "int32",
    results: { array: { topicName: "string", partitions: { array: { partitionIndex: "int32", errorCode: "int16" } } } },
  },
} as const;
