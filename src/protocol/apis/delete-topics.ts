/**
 * DeleteTopics (key 20), served 1-6: deletes topics.
 *
 * - v2: the client does the throttling (KIP-219). v3: TOPIC_DELETION_DISABLED may come back.
 * - v4: flexible.
 * - v5: error messages; THROTTLING_QUOTA_EXCEEDED may come back (KIP-599).
 * - v6: topics by name or by id (KIP-516).
 */
export const deleteTopics = {
  key: 20,
  name: "DeleteTopics",
  versions: [1, 6],
  flexible: 4,
  request: {
    topics: { array: { name: { type: "string", nullable: "0+", default: null }, topicId: "uuid" }, versions: "6+" },
    topicNames: { array: "string", versions: "1-5" },
    timeoutMs: "int32",
  },
  response: {
    throttleTimeMs: "int32",
    responses: {
      array: {
        name: { type: "string", nullable: "6+" },
        topicId: { type: "uuid", versions: "6+" },
        errorCode: "int16",
        errorMessage: { type: "string", versions: "5+", nullable: "0+", default: null },
      },
    },
  },
} as const;
