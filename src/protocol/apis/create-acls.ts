/**
 * CreateAcls (key 30), served 1-3: adds access rules (KIP-140). Numbers as in DescribeAcls.
 *
 * - v2: flexible. v3: resources of type user (KIP-373).
 */
export const createAcls = {
  key: 30,
  name: "CreateAcls",
  versions: [1, 3],
  flexible: 2,
  request: {
    creations: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        resourcePatternType: { type: "int8", default: 3 },
        principal: "string",
        host: "string",
        operation: "int8",
        permissionType: "int8",
      },
    },
  },
  response: {
    throttleTimeMs: "int32",
    results: { array: { errorCode: "int16", errorMessage: { type: "string", nullable: "0+" } } },
  },
} as const;
