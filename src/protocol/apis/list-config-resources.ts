/**
 * ListConfigResources (key 74), served 0-1: the resources that have a configuration (KIP-1142). All versions are
 * flexible.
 *
 * - v0: client metrics' resources only (it was named ListClientMetricsResources). v1: of the types asked for.
 */
export const listConfigResources = {
  key: 74,
  name: "ListConfigResources",
  versions: [0, 1],
  flexible: 0,
  request: {
    resourceTypes: { array: "int8", versions: "1+" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    configResources: { array: { resourceName: "string", resourceType: { type: "int8", versions: "1+", default: 16 } } },
  },
} as const;
