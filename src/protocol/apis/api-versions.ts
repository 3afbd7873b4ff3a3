/**
 * ApiVersions (key 18), served 0-4: which APIs and versions the broker speaks. The first request on a connection.
 * An unknown version is answered with the v0 body, UNSUPPORTED_VERSION and the list (KIP-511).
 *
 * - v1: throttle time. v2: the client does the throttling (KIP-219).
 * - v3: flexible, but for the response's header; the client names itself (KIP-511); features (KIP-584).
 * - v4: features whose lowest version is 0 may be listed (KAFKA-17011).
 */
export const apiVersions = {
  key: 18,
  name: "ApiVersions",
  versions: [0, 4],
  flexible: 3,
  request: {
    clientSoftwareName: { type: "string", versions: "3+" },
    clientSoftwareVersion: { type: "string", versions: "3+" },
  },
  response: {
    errorCode: "int16",
    apiKeys: { array: { apiKey: "int16", minVersion: "int16", maxVersion: "int16" } },
    throttleTimeMs: { type: "int32", versions: "1+" },
    supportedFeatures: {
      array: { name: "string", minVersion: "int16", maxVersion: "int16" },
      tag: 0,
      tagged: "3+",
    },
    finalizedFeaturesEpoch: { type: "int64", tag: 1, tagged: "3+", default: -1 },
    finalizedFeatures: {
      array: { name: "string", maxVersionLevel: "int16", minVersionLevel: "int16" },
      tag: 2,
      tagged: "3+",
    },
    zkMigrationReady: { type: "bool", tag: 3, tagged: "3+" },
  },
} as const;
