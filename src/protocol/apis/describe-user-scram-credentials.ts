/**
 * DescribeUserScramCredentials (key 50), served 0: users' SCRAM mechanisms and iterations, never their secrets
 * (KIP-554).
 */
export const describeUserScramCredentials = {
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: [0, 0],
  flexible: 0,
  request: {
    // Null for all.
    users: { array: { name: "string" }, nullable: "0+" },
  },
  response: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullable: "0+" },
    results: {
      array: {
        user: "string",
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
        credentialInfos: {
          array: {
            // 1: SCRAM-SHA-256, 2: SCRAM-SHA-512.
            mechanism: "int8",
            iterations: "int32",
          },
        },
      },
    },
  },
} as const;
