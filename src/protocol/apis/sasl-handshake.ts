/**
 * SaslHandshake (key 17), served 0-1: chooses a SASL mechanism.
 *
 * - v0: raw SASL bytes follow without frames of the protocol. v1: SaslAuthenticate follows (KIP-152).
 */
export const saslHandshake = {
  key: 17,
  name: "SaslHandshake",
  versions: [0, 1],
  flexible: null,
  request: {
    mechanism: "string",
  },
  response: {
    errorCode: "int16",
    mechanisms: { array: "string" },
  },
} as const;
