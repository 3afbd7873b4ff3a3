/**
 * JoinGroup (key 11), served 0-9: enters a group; answered when its generation is complete.
 *
 * - v1: a rebalance timeout of its own (before: the session timeout). v2: throttle time.
 * - v3: the client does the throttling (KIP-219).
 * - v4: a new member gets its id with MEMBER_ID_REQUIRED and joins again (KIP-394).
 * - v5: static members (KIP-345).
 * - v6: flexible.
 * - v7: the response names the protocol's type, and may have no protocol name (KIP-559).
 * - v8: the member says why it joins (KIP-800).
 * - v9: a static leader that returns may be told to leave the assignment as it is (KIP-814).
 */
export const joinGroup = {
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId: "string",
    sessionTimeoutMs: "int32",
    rebalanceTimeoutMs: { type: "int32", versions: "1+", default: -1 },
    memberId: "string",
    groupInstanceId: { type: "string", versions: "5+", nullable: "0+", default: null },
    protocolType: "string",
    // In the order of the member's preference.
    protocols: { array: { name: "string", metadata: "bytes" } },
    reason: { type: "string", versions: "8+", nullable: "0+", default: null },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "2+" },
    errorCode: "int16",
    generationId: { type: "int32", default: -1 },
    protocolType: { type: "string", versions: "7+", nullable: "0+", default: null },
    protocolName: { type: "string", nullable: "7+" },
    leader: "string",
    skipAssignment: { type: "bool", versions: "9+" },
    memberId: "string",
    // Only the leader gets the members.
    members: {
      array: {
        memberId: "string",
        groupInstanceId: { type: "string", versions: "5+", nullable: "0+", default: null },
        metadata: "bytes",
      },
    },
  },
} as const;
