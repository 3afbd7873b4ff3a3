/**
 * IncrementalAlterConfigs (key 44), served 0-1: changes single entries of a configuration (KIP-339).
 *
 * - v1: flexible.
 */
export const incrementalAlterConfigs = {
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexible: 1,
  request: {
    resources: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        configs: {
          array: {
            name: "string",
            // 0: set, 1: delete, 2: append, 3: subtract.
            configOperation: "int8",
            value: { type: "string", nullable: "0+" },
          },
        },
      },
    },
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    responses: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
        resourceType: "int8",
        resourceName: "string",
      },
    },
  },
} as const;
