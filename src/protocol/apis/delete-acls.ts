/**
 * DeleteAcls (key 31), served 1-3: deletes the access rules that match a filter (KIP-140). Numbers as in
 * DescribeAcls.
 *
 * - v2: flexible. v3: resources of type user (KIP-373).
 */
export const deleteAcls = {
  key: 31,
  name: "DeleteAcls",
  versions: [1, 3],
  flexible: 2,
  request: {
    filters: {
      array: {
        resourceTypeFilter: "int8",
        resourceNameFilter: { type: "string", nullable: "0+" },
        patternTypeFilter: { type: "int8", default: 3 },
        principalFilter: { type: "string", nullable: "0+" },
        hostFilter: { type: "string", nullable: "0+" },
        operation: "int8",
        permissionType: "int8",
      },
    },
  },
  response: {
    throttleTimeMs: "int32",
    filterResults: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
        matchingAcls: {
          array: {
            errorCode: "int16",
            errorMessage: { type: "string", nullable: "0+" },
            resourceType: "int8",
            resourceName: "string",
            patternType: { type: "int8", default: 3 },
            principal: "string",
            host: "string",
            operation: "int8",
            permissionType: "int8",
          },
        },
      },
    },
  },
} as const;
