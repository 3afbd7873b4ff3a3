/**
 * What the members of a classic consumer group tell each other: bytes to the broker, carried by JoinGroup (a member's
 * subscription) and SyncGroup (its assignment). A newer version than ours is read as ours: fields are only ever added
 * at the end.
 */

/**
 * What a member wants.
 *
 * - v1: the partitions it owns, for cooperative rebalancing (KIP-429).
 * - v2: the generation in which it got them (KIP-792).
 * - v3: its rack (KIP-881).
 */
export const consumerProtocolSubscription = {
  name: "ConsumerProtocolSubscription",
  versions: [0, 3],
  flexible: null,
  fields: {
    topics: { array: "string" },
    userData: { type: "bytes", nullable: "0+", default: null },
    ownedPartitions: { array: { topic: "string", partitions: { array: "int32" } }, versions: "1+" },
    generationId: { type: "int32", versions: "2+", default: -1 },
    rackId: { type: "string", versions: "3+", nullable: "0+", default: null },
  },
} as const;

/** What a member gets. The same in all versions, which follow the subscription's. */
export const consumerProtocolAssignment = {
  name: "ConsumerProtocolAssignment",
  versions: [0, 3],
  flexible: null,
  fields: {
    assignedPartitions: { array: { topic: "string", partitions: { array: "int32" } } },
    userData: { type: "bytes", nullable: "0+", default: null },
  },
} as const;
