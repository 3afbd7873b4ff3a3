/**
 * DescribeAcls (key 29), served 1-3: the access rules that match a filter (KIP-140).
 *
 * - v2: flexible. v3: resources of type user (KIP-373).
 * - Resource types: 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
 * - Pattern types: 1 any, 2 match, 3 literal, 4 prefixed. Permissions: 1 any, 2 deny, 3 allow.
 */
export const describeAcls = {
  key: 29,
  name: "DescribeAcls",
  versions: [1, 3],
  flexible: 2,
  request: {
    resourceTypeFilter: "int8",
    resourceNameFilter: { type: "string", nullable: "0+" },
    patternTypeFilter: { type: "int8", default: 3 },
    principalFilter: { type: "string", nullable: "0+" },
    hostFilter: { type: "string", nullable: "0+" },
    operation: "int8",
    permissionType: "int8",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    resources: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        patternType: { type: "int8", default: 3 },
        acls: { array: { principal: "string", host: "string", operation: "int8", permissionType: "int8" } },
      },
    },
  },
} as const;
