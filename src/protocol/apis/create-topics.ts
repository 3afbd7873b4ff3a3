/**
 * CreateTopics (key 19), served 2-7: creates topics, or only checks whether it could.
 *
 * - v3: the client does the throttling (KIP-219).
 * - v4: -1 for the broker's default number of partitions and replicas (KIP-464).
 * - v5: flexible; the response tells the topic's configuration (KIP-525).
 * - v6: THROTTLING_QUOTA_EXCEEDED may come back (KIP-599).
 * - v7: the response tells the topic's id (KIP-516).
 */
export const createTopics = {
  key: 19,
  name: "CreateTopics",
  versions: [2, 7],
  flexible: 5,
  request: {
    topics: {
      array: {
        name: "string",
        // -1: the broker's default; also with `assignments` of its own.
        numPartitions: "int32",
        replicationFactor: "int16",
        assignments: { array: { partitionIndex: "int32", brokerIds: { array: "int32" } } },
        configs: { array: { name: "string", value: { type: "string", nullable: "0+" } } },
      },
    },
    timeoutMs: { type: "int32", default: 60000 },
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        name: "string",
        topicId: { type: "uuid", versions: "7+" },
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
        topicConfigErrorCode: { type: "int16", tag: 0, tagged: "5+" },
        numPartitions: { type: "int32", versions: "5+", default: -1 },
        replicationFactor: { type: "int16", versions: "5+", default: -1 },
        configs: {
          array: {
            name: "string",
            value: { type: "string", nullable: "0+" },
            readOnly: "bool",
            // As in DescribeConfigs.
            configSource: { type: "int8", default: -1 },
            isSensitive: "bool",
          },
          versions: "5+",
          nullable: "0+",
        },
      },
    },
  },
} as const;
