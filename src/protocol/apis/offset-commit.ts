/**
 * OffsetCommit (key 8), served 2-10: stores how far a group has come in each partition.
 *
 * - v3: throttle time. v4: the client does the throttling (KIP-219).
 * - v5: no retention time any more: the broker's configuration decides (KIP-211).
 * - v6: leader epochs (KIP-320). v7: static members (KIP-345).
 * - v8: flexible.
 * - v9: also for members of the new group protocol; STALE_MEMBER_EPOCH and GROUP_ID_NOT_FOUND may come back
 *   (KIP-848).
 * - v10: topics by id instead of by name (KIP-848).
 */
export const offsetCommit = {
  key: 8,
  name: "OffsetCommit",
  versions: [2, 10],
  flexible: 8,
  request: {
    groupId: "string",
    // -1 with an empty member id: a commit from outside the group.
    generationIdOrMemberEpoch: { type: "int32", default: -1 },
    memberId: "string",
    groupInstanceId: { type: "string", versions: "7+", nullable: "0+", default: null },
    retentionTimeMs: { type: "int64", versions: "2-4", default: -1 },
    topics: {
      array: {
        name: { type: "string", versions: "2-9" },
        topicId: { type: "uuid", versions: "10+" },
        partitions: {
          array: {
            partitionIndex: "int32",
            committedOffset: "int64",
            committedLeaderEpoch: { type: "int32", versions: "6+", default: -1 },
            committedMetadata: { type: "string", nullable: "0+" },
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "3+" },
    topics: {
      array: {
        name: { type: "string", versions: "2-9" },
        topicId: { type: "uuid", versions: "10+" },
        partitions: { array: { partitionIndex: "int32", errorCode: "int16" } },
      },
    },
  },
} as const;
