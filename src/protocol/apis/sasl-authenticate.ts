/**
 * SaslAuthenticate (key 36), served 0-2: carries the mechanism's bytes (KIP-152).
 *
 * - v1: how long the session lasts before it must authenticate again (KIP-368).
 * - v2: flexible.
 */
export const saslAuthenticate = {
  key: 36,
  name: "SaslAuthenticate",
  versions: [0, 2],
  flexible: 2,
  request: {
    authBytes: "bytes",
  },
  response: {
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    authBytes: "bytes",
    sessionLifetimeMs: { type: "int64", versions: "1+" },
  },
} as const;
