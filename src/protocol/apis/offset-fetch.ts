/**
 * OffsetFetch (key 9), served 1-10: reads the offsets that a group has committed.
 *
 * - v2: null asks for all topics; an error for the whole group. v3: throttle time.
 * - v4: the client does the throttling (KIP-219). v5: leader epochs (KIP-320).
 * - v6: flexible.
 * - v7: `requireStable`: UNSTABLE_OFFSET_COMMIT while a transaction's offsets are pending (KIP-447).
 * - v8: several groups in one request (KIP-709).
 * - v9: members of the new group protocol name themselves (KIP-848).
 * - v10: topics by id instead of by name (KIP-848).
 */
export const offsetFetch = {
  key: 9,
  name: "OffsetFetch",
  versions: [1, 10],
  flexible: 6,
  request: {
    groupId: { type: "string", versions: "1-7" },
    topics: { array: { name: "string", partitionIndexes: { array: "int32" } }, versions: "1-7", nullable: "2-7" },
    groups: {
      array: {
        groupId: "string",
        memberId: { type: "string", versions: "9+", nullable: "0+", default: null },
        memberEpoch: { type: "int32", versions: "9+", default: -1 },
        topics: {
          array: {
            name: { type: "string", versions: "8-9" },
            topicId: { type: "uuid", versions: "10+" },
            partitionIndexes: { array: "int32" },
          },
          nullable: "0+",
        },
      },
      versions: "8+",
    },
    requireStable: { type: "bool", versions: "7+" },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "3+" },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            committedOffset: "int64",
            committedLeaderEpoch: { type: "int32", versions: "5-7", default: -1 },
            metadata: { type: "string", nullable: "0+" },
            errorCode: "int16",
          },
        },
      },
      versions: "1-7",
    },
    errorCode: { type: "int16", versions: "2-7" },
    groups: {
      array: {
        groupId: "string",
        topics: {
          array: {
            name: { type: "string", versions: "8-9" },
            topicId: { type: "uuid", versions: "10+" },
            partitions: {
              array: {
                partitionIndex: "int32",
                committedOffset: "int64",
                committedLeaderEpoch: { type: "int32", default: -1 },
                metadata: { type: "string", nullable: "0+" },
                errorCode: "int16",
              },
            },
          },
        },
        errorCode: "int16",
      },
      versions: "8+",
    },
  },
} as const;
