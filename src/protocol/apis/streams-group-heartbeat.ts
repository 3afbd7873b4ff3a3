/**
 * StreamsGroupHeartbeat (key 88), served 0: joins, stays in and leaves a group of Kafka Streams (KIP-1071).
 *
 * - Null, or -1 for a number, says that nothing changed since the last heartbeat.
 */
export const streamsGroupHeartbeat = {
  key: 88,
  name: "StreamsGroupHeartbeat",
  versions: [0, 0],
  flexible: 0,
  request: {
    groupId: "string",
    memberId: "string",
    // 0 to join, -1 to leave, -2 to leave for a while as a static member.
    memberEpoch: "int32",
    endpointInformationEpoch: "int32",
    instanceId: { type: "string", nullable: "0+", default: null },
    rackId: { type: "string", nullable: "0+", default: null },
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    topology: {
      struct: {
        epoch: "int32",
        subtopologies: {
          array: {
            subtopologyId: "string",
            sourceTopics: { array: "string" },
            sourceTopicRegex: { array: "string" },
            stateChangelogTopics: {
              array: {
                name: "string",
                partitions: "int32",
                replicationFactor: "int16",
                topicConfigs: { array: { key: "string", value: "string" } },
              },
            },
            repartitionSinkTopics: { array: "string" },
            repartitionSourceTopics: {
              array: {
                name: "string",
                partitions: "int32",
                replicationFactor: "int16",
                topicConfigs: { array: { key: "string", value: "string" } },
              },
            },
            copartitionGroups: {
              array: {
                sourceTopics: { array: "int16" },
                sourceTopicRegex: { array: "int16" },
                repartitionSourceTopics: { array: "int16" },
              },
            },
          },
        },
      },
      nullable: "0+",
      default: null,
    },
    activeTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } }, nullable: "0+", default: null },
    standbyTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } }, nullable: "0+", default: null },
    warmupTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } }, nullable: "0+", default: null },
    processId: { type: "string", nullable: "0+", default: null },
    userEndpoint: { struct: { host: "string", port: "uint16" }, nullable: "0+", default: null },
    clientTags: { array: { key: "string", value: "string" }, nullable: "0+", default: null },
    taskOffsets: {
      array: { subtopologyId: "string", partition: "int32", offset: "int64" },
      nullable: "0+",
      default: null,
    },
    taskEndOffsets: {
      array: { subtopologyId: "string", partition: "int32", offset: "int64" },
      nullable: "0+",
      default: null,
    },
    shutdownApplication: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+", default: null },
    memberId: "string",
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    acceptableRecoveryLag: "int32",
    taskOffsetIntervalMs: "int32",
    status: {
      array: {
        // 0: stale topology, 1: missing source topics, 2: wrongly partitioned topics, 3: missing internal
        // topics, 4: shutdown of the application, 5: assignment delayed.
        statusCode: "int8",
        statusDetail: "string",
      },
      nullable: "0+",
    },
    activeTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } }, nullable: "0+", default: null },
    standbyTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } }, nullable: "0+", default: null },
    warmupTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } }, nullable: "0+", default: null },
    endpointInformationEpoch: "int32",
    partitionsByUserEndpoint: {
      array: {
        userEndpoint: { struct: { host: "string", port: "uint16" } },
        activePartitions: { array: { topic: "string", partitions: { array: "int32" } } },
        standbyPartitions: { array: { topic: "string", partitions: { array: "int32" } } },
      },
      nullable: "0+",
      default: null,
    },
  },
} as const;
