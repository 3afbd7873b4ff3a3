/**
 * DescribeCluster (key 60), served 0-2: the brokers and the controller (KIP-700). All versions are flexible.
 *
 * - v1: brokers or controllers, by `endpointType` (KIP-919).
 * - v2: fenced brokers, when asked for (KIP-1073).
 */
export const describeCluster = {
  key: 60,
  name: "DescribeCluster",
  versions: [0, 2],
  flexible: 0,
  request: {
    includeClusterAuthorizedOperations: "bool",
    // 1: brokers, 2: controllers.
    endpointType: { type: "int8", versions: "1+", default: 1 },
    includeFencedBrokers: { type: "bool", versions: "2+" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+", default: null },
    endpointType: { type: "int8", versions: "1+", default: 1 },
    clusterId: "string",
    controllerId: { type: "int32", default: -1 },
    brokers: {
      array: {
        brokerId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullable: "0+", default: null },
        isFenced: { type: "bool", versions: "2+" },
      },
    },
    clusterAuthorizedOperations: { type: "int32", default: -2147483648 },
  },
} as const;
