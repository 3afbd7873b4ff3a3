/**
 * DescribeGroups (key 15), served 0-6: state and members of groups of the classic protocol.
 *
 * - v1: throttle time. v2: the client does the throttling (KIP-219).
 * - v3: authorized operations, a bit set, when asked for (KIP-430).
 * - v4: static members' instance ids (KIP-345).
 * - v5: flexible.
 * - v6: GROUP_ID_NOT_FOUND for an unknown group instead of state Dead (KIP-1043).
 */
export const describeGroups = {
  key: 15,
  name: "DescribeGroups",
  versions: [0, 6],
  flexible: 5,
  request: {
    groups: { array: "string" },
    includeAuthorizedOperations: { type: "bool", versions: "3+" },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "1+" },
    groups: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", versions: "6+", nullable: "0+", default: null },
        groupId: "string",
        groupState: "string",
        protocolType: "string",
        protocolData: "string",
        members: {
          array: {
            memberId: "string",
            groupInstanceId: { type: "string", versions: "4+", nullable: "0+", default: null },
            clientId: "string",
            clientHost: "string",
            memberMetadata: "bytes",
            memberAssignment: "bytes",
          },
        },
        authorizedOperations: { type: "int32", versions: "3+", default: -2147483648 },
      },
    },
  },
} as const;
