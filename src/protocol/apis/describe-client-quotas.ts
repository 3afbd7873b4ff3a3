/**
 * DescribeClientQuotas (key 48), served 0-1: clients' quotas (KIP-546).
 *
 * - v1: flexible.
 */
export const describeClientQuotas = {
  key: 48,
  name: "DescribeClientQuotas",
  versions: [0, 1],
  flexible: 1,
  request: {
    components: {
      array: {
        entityType: "string",
        // 0: exactly `match`, 1: the default entity, 2: any.
        matchType: "int8",
        match: { type: "string", nullable: "0+" },
      },
    },
    strict: "bool",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    entries: {
      array: {
        entity: { array: { entityType: "string", entityName: { type: "string", nullable: "0+" } } },
        values: { array: { key: "string", value: "float64" } },
      },
      nullable: "0+",
    },
  },
} as const;
