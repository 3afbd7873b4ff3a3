/**
 * UpdateFeatures (key 57), served 0-2: finalizes feature levels of the cluster (KIP-584). All versions are flexible.
 *
 * - v1: `validateOnly`, and the kind of a change instead of `allowDowngrade`.
 * - v2: no results for single features: all or none.
 */
export const updateFeatures = {
  key: 57,
  name: "UpdateFeatures",
  versions: [0, 2],
  flexible: 0,
  request: {
    timeoutMs: { type: "int32", default: 60000 },
    featureUpdates: {
      array: {
        feature: "string",
        maxVersionLevel: "int16",
        allowDowngrade: { type: "bool", versions: "0" },
        // 1: upgrade, 2: downgrade without loss, 3: downgrade with loss.
        upgradeType: { type: "int8", versions: "1+", default: 1 },
      },
    },
    validateOnly: { type: "bool", versions: "1+" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    results: {
      array: { feature: "string", errorCode: "int16", errorMessage: { type: "string", nullable: "0+" } },
      versions: "0-1",
    },
  },
} as const;
