/**
 * AlterConfigs (key 33), served 0-2: replaces the whole configuration of a topic or broker. IncrementalAlterConfigs
 * supersedes it.
 *
 * - v1: the client does the throttling (KIP-219).
 * - v2: flexible.
 */
export const alterConfigs = {
  key: 33,
  name: "AlterConfigs",
  versions: [0, 2],
  flexible: 2,
  request: {
    resources: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        configs: { array: { name: "string", value: { type: "string", nullable: "0+" } } },
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
