/**
 * DeleteGroups (key 42), served 0-2: deletes empty groups with their offsets (KIP-229).
 *
 * - v1: the client does the throttling (KIP-219).
 * - v2: flexible.
 */
export const deleteGroups = {
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexible: 2,
  request: {
    groupsNames: { array: "string" },
  },
  response: {
    throttleTimeMs: "int32",
    results: { array: { groupId: "string", errorCode: "int16" } },
  },
} as const;
