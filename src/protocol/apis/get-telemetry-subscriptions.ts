/**
 * GetTelemetrySubscriptions (key 71), served 0: which metrics the broker wants of a client (KIP-714).
 */
export const getTelemetrySubscriptions = {
  key: 71,
  name: "GetTelemetrySubscriptions",
  versions: [0, 0],
  flexible: 0,
  request: {
    // The zero UUID asks for a new id.
    clientInstanceId: "uuid",
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    clientInstanceId: "uuid",
    subscriptionId: "int32",
    acceptedCompressionTypes: { array: "int8" },
    pushIntervalMs: "int32",
    telemetryMaxBytes: "int32",
    deltaTemporality: "bool",
    requestedMetrics: { array: "string" },
  },
} as const;
