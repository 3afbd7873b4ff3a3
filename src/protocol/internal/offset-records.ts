/**
 * The records of `__consumer_offsets`: committed offsets, and the classic groups themselves. A key's leading version
 * number tells its kind (`versionOf`); other kinds than these two belong to newer group protocols. A null value deletes.
 */

/** Kinds 0 and 1: an offset that a group committed. 0 is of old logs, and means the same. */
export const offsetCommitKey = {
  name: "OffsetCommitKey",
  versions: [0, 1],
  flexible: null,
  fields: { group: "string", topic: "string", partition: "int32" },
} as const;

/**
 * - v1 alone has an expiry of its own; written for clients that still set a retention time.
 * - v3: leader epoch (KIP-320).
 * - v4: flexible, so that later fields keep old readers working (KIP-915); the topic's id.
 */
export const offsetCommitValue = {
  name: "OffsetCommitValue",
  versions: [0, 4],
  flexible: 4,
  fields: {
    offset: "int64",
    leaderEpoch: { type: "int32", versions: "3+", default: -1 },
    metadata: "string",
    commitTimestamp: "int64",
    expireTimestamp: { type: "int64", versions: "1", default: -1 },
    topicId: { type: "uuid", tag: 0, tagged: "4+" },
  },
} as const;

/** Kind 2: a group's state at the end of a rebalance. */
export const groupMetadataKey = {
  name: "GroupMetadataKey",
  versions: [2, 2],
  flexible: null,
  fields: { group: "string" },
} as const;

/**
 * - v1: a rebalance timeout beside the session timeout. v2: when the state last changed.
 * - v3: static members (KIP-345).
 * - v4: flexible, so that later fields keep old readers working (KIP-915).
 */
export const groupMetadataValue = {
  name: "GroupMetadataValue",
  versions: [0, 4],
  flexible: 4,
  fields: {
    protocolType: "string",
    generation: "int32",
    protocol: { type: "string", nullable: "0+" },
    leader: { type: "string", nullable: "0+" },
    currentStateTimestamp: { type: "int64", versions: "2+", default: -1 },
    members: {
      array: {
        memberId: "string",
        groupInstanceId: { type: "string", versions: "3+", nullable: "0+", default: null },
        clientId: "string",
        clientHost: "string",
        rebalanceTimeout: { type: "int32", versions: "1+", default: -1 },
        sessionTimeout: "int32",
        subscription: "bytes",
        assignment: "bytes",
      },
    },
  },
} as const;
