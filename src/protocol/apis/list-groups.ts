/**
 * ListGroups (key 16), served 0-5: the groups that this broker coordinates.
 *
 * - v1: throttle time. v2: the client does the throttling (KIP-219).
 * - v3: flexible.
 * - v4: states, and a filter by them (KIP-518).
 * - v5: types, and a filter by them (KIP-848).
 */
export const listGroups = {
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexible: 3,
  request: {
    statesFilter: { array: "string", versions: "4+" },
    typesFilter: { array: "string", versions: "5+" },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "1+" },
    errorCode: "int16",
    groups: {
      array: {
        groupId: "string",
        protocolType: "string",
        groupState: { type: "string", versions: "4+" },
        groupType: { type: "string", versions: "5+" },
      },
    },
  },
} as const;
