/**
 * AlterUserScramCredentials (key 51), served 0: sets and deletes users' SCRAM credentials (KIP-554).
 */
export const alterUserScramCredentials = {
  key: 51,
  name: "AlterUserScramCredentials",
  versions: [0, 0],
  flexible: 0,
  request: {
    deletions: {
      array: {
        name: "string",
        // 1: SCRAM-SHA-256, 2: SCRAM-SHA-512.
        mechanism: "int8",
      },
    },
    upsertions: {
      array: { name: "string", mechanism: "int8", iterations: "int32", salt: "bytes", saltedPassword: "bytes" },
    },
  },
  response: {
    throttleTimeMs: "int32",
    results: { array: { user: "string", errorCode: "int16", errorMessage: { type: "string", nullable: "0+" } } },
  },
} as const;
