/**
 * LeaveGroup (key 13), served 0-5: takes members out of a group.
 *
 * - v1: throttle time. v2: the client does the throttling (KIP-219).
 * - v3: several members in one request, static ones by their instance id (KIP-345).
 * - v4: flexible.
 * - v5: a reason for each (KIP-800).
 */
export const leaveGroup = {
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: "string",
    memberId: { type: "string", versions: "0-2" },
    members: {
      array: {
        memberId: "string",
        groupInstanceId: { type: "string", nullable: "0+", default: null },
        reason: { type: "string", versions: "5+", nullable: "0+", default: null },
      },
      versions: "3+",
    },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "1+" },
    errorCode: "int16",
    members: {
      array: { memberId: "string", groupInstanceId: { type: "string", nullable: "0+" }, errorCode: "int16" },
      versions: "3+",
    },
  },
} as const;
