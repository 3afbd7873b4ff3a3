/**
 * Heartbeat (key 12), served 0-4: keeps a member in its group, and tells it of a rebalance.
 *
 * - v1: throttle time. v2: the client does the throttling (KIP-219).
 * - v3: static members (KIP-345).
 * - v4: flexible.
 */
export const heartbeat = {
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexible: 4,
  request: {
    groupId: "string",
    generationId: "int32",
    memberId: "string",
    groupInstanceId: { type: "string", versions: "3+", nullable: "0+", default: null },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "1+" },
    errorCode: "int16",
  },
} as const;
