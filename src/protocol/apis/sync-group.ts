/**
 * SyncGroup (key 14), served 0-5: the leader hands in the assignment; every member gets its part.
 *
 * - v1: throttle time. v2: the client does the throttling (KIP-219).
 * - v3: static members (KIP-345).
 * - v4: flexible.
 * - v5: protocol type and name, which must be those of the generation (KIP-559).
 */
export const syncGroup = {
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: "string",
    generationId: "int32",
    memberId: "string",
    groupInstanceId: { type: "string", versions: "3+", nullable: "0+", default: null },
    protocolType: { type: "string", versions: "5+", nullable: "0+", default: null },
    protocolName: { type: "string", versions: "5+", nullable: "0+", default: null },
    // Empty from all members but the leader.
    assignments: { array: { memberId: "string", assignment: "bytes" } },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "1+" },
    errorCode: "int16",
    protocolType: { type: "string", versions: "5+", nullable: "0+", default: null },
    protocolName: { type: "string", versions: "5+", nullable: "0+", default: null },
    assignment: "bytes",
  },
} as const;
