/**
 * StreamsGroupDescribe (key 89), served 0: state, topology and members of groups of Kafka Streams (KIP-1071).
 */
export const streamsGroupDescribe = {
  key: 89,
  name: "StreamsGroupDescribe",
  versions: [0, 0],
  flexible: 0,
  request: {
    groupIds: { array: "string" },
    includeAuthorizedOperations: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    groups: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+", default: null },
        groupId: "string",
        groupState: "string",
        groupEpoch: "int32",
        assignmentEpoch: "int32",
        topology: {
          struct: {
            epoch: "int32",
            subtopologies: {
              array: {
                subtopologyId: "string",
                sourceTopics: { array: "string" },
                repartitionSinkTopics: { array: "string" },
                stateChangelogTopics: {
                  array: {
                    name: "string",
                    partitions: "int32",
                    replicationFactor: "int16",
                    topicConfigs: { array: { key: "string", value: "string" } },
                  },
                },
                repartitionSourceTopics: {
                  array: {
                    name: "string",
                    partitions: "int32",
                    replicationFactor: "int16",
                    topicConfigs: { array: { key: "string", value: "string" } },
                  },
                },
              },
              nullable: "0+",
              default: null,
            },
          },
          nullable: "0+",
          default: null,
        },
        members: {
          array: {
            memberId: "string",
            memberEpoch: "int32",
            instanceId: { type: "string", nullable: "0+", default: null },
            rackId: { type: "string", nullable: "0+", default: null },
            clientId: "string",
            clientHost: "string",
            topologyEpoch: "int32",
            processId: "string",
            userEndpoint: { struct: { host: "string", port: "uint16" }, nullable: "0+", default: null },
            clientTags: { array: { key: "string", value: "string" } },
            taskOffsets: { array: { subtopologyId: "string", partition: "int32", offset: "int64" } },
            taskEndOffsets: { array: { subtopologyId: "string", partition: "int32", offset: "int64" } },
            assignment: {
              struct: {
                activeTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
                standbyTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
                warmupTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
              },
            },
            targetAssignment: {
              struct: {
                activeTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
                standbyTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
                warmupTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
              },
            },
            isClassic: "bool",
          },
        },
        authorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
  },
} as const;
