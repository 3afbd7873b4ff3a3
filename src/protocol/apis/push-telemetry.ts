/**
 * PushTelemetry (key 72), served 0: a client's metrics, in OpenTelemetry's format (KIP-714).
 */
export const pushTelemetry = {
  key: 72,
  name: "PushTelemetry",
  versions: [0, 0],
  flexible: 0,
  request: {
    clientInstanceId: "uuid",
    subscriptionId: "int32",
    terminating: "bool",
    compressionType: "int8",
    metrics: "bytes",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
  },
} as const;
