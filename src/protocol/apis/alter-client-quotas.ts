/**
 * AlterClientQuotas (key 49), served 0-1: changes clients' quotas (KIP-546).
 *
 * - v1: flexible.
 */
export const alterClientQuotas = {
  key: 49,
  name: "AlterClientQuotas",
  versions: [0, 1],
  flexible: 1,
  request: {
    entries: {
      array: {
        entity: { array: { entityType: "string", entityName: { type: "string", nullable: "0+" } } },
        ops: { array: { key: "string", value: "float64", remove: "bool" } },
      },
    },
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    entries: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
        entity: { array: { entityType: "string", entityName: { type: "string", nullable: "0+" } } },
      },
    },
  },
} as const;
