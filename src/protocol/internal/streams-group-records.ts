/**
 * The records of `__consumer_offsets` that hold streams groups (KIP-1071): the topology that members run, who they are,
 * which tasks each should have, and which it has. A key's leading number tells its kind. A null value deletes.
 */

export const streamsGroupMetadataKey = {
  name: "StreamsGroupMetadataKey",
  versions: [17, 17],
  flexible: null,
  fields: { groupId: "string" },
} as const;

export const streamsGroupMetadataValue = {
  name: "StreamsGroupMetadataValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    epoch: "int32",
    metadataHash: "int64",
    // The topology whose topics are all there, and partitioned as they should be; -1 for none.
    validatedTopologyEpoch: { type: "int32", tag: 0, tagged: "0+", default: -1 },
    lastAssignmentConfigs: {
      array: { key: "string", value: "string" },
      nullable: "0+",
      tag: 1,
      tagged: "0+",
      default: null,
    },
  },
} as const;

export const streamsGroupMemberMetadataKey = {
  name: "StreamsGroupMemberMetadataKey",
  versions: [19, 19],
  flexible: null,
  fields: { groupId: "string", memberId: "string" },
} as const;

export const streamsGroupMemberMetadataValue = {
  name: "StreamsGroupMemberMetadataValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    instanceId: { type: "string", nullable: "0+" },
    rackId: { type: "string", nullable: "0+" },
    clientId: "string",
    clientHost: "string",
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    topologyEpoch: "int32",
    processId: "string",
    userEndpoint: { struct: { host: "string", port: "uint16" }, nullable: "0+", default: null },
    clientTags: { array: { key: "string", value: "string" } },
  },
} as const;

export const streamsGroupTargetAssignmentMetadataKey = {
  name: "StreamsGroupTargetAssignmentMetadataKey",
  versions: [20, 20],
  flexible: null,
  fields: { groupId: "string" },
} as const;

export const streamsGroupTargetAssignmentMetadataValue = {
  name: "StreamsGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexible: 0,
  fields: { assignmentEpoch: "int32", assignmentTimestamp: { type: "int64", tag: 0, tagged: "0+" } },
} as const;

export const streamsGroupTargetAssignmentMemberKey = {
  name: "StreamsGroupTargetAssignmentMemberKey",
  versions: [21, 21],
  flexible: null,
  fields: { groupId: "string", memberId: "string" },
} as const;

export const streamsGroupTargetAssignmentMemberValue = {
  name: "StreamsGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    activeTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
    standbyTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
    warmupTasks: { array: { subtopologyId: "string", partitions: { array: "int32" } } },
  },
} as const;

export const streamsGroupCurrentMemberAssignmentKey = {
  name: "StreamsGroupCurrentMemberAssignmentKey",
  versions: [22, 22],
  flexible: null,
  fields: { groupId: "string", memberId: "string" },
} as const;

/** The epochs are those at which the member got its active tasks; standby and warm-up tasks have none. */
export const streamsGroupCurrentMemberAssignmentValue = {
  name: "StreamsGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
    memberEpoch: "int32",
    previousMemberEpoch: "int32",
    // 0: stable, 1: has tasks to revoke, 2: waits for tasks that others have yet to revoke.
    state: "int8",
    activeTasks: {
      array: {
        subtopologyId: "string",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
    standbyTasks: {
      array: {
        subtopologyId: "string",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
    warmupTasks: {
      array: {
        subtopologyId: "string",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
    activeTasksPendingRevocation: {
      array: {
        subtopologyId: "string",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
    standbyTasksPendingRevocation: {
      array: {
        subtopologyId: "string",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
    warmupTasksPendingRevocation: {
      array: {
        subtopologyId: "string",
        partitions: { array: "int32" },
        assignmentEpochs: { array: "int32", nullable: "0+", tag: 0, tagged: "0+", default: null },
      },
    },
  },
} as const;

export const streamsGroupTopologyKey = {
  name: "StreamsGroupTopologyKey",
  versions: [23, 23],
  flexible: null,
  fields: { groupId: "string" },
} as const;

/** As in StreamsGroupHeartbeat: what each part of the program reads, writes and stores. */
export const streamsGroupTopologyValue = {
  name: "StreamsGroupTopologyValue",
  versions: [0, 0],
  flexible: 0,
  fields: {
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
        // Topics that must have the same number of partitions, by their places in the arrays above.
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
} as const;
