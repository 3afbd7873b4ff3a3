/**
 * FindCoordinator (key 10), served 0-6: which broker coordinates a group (key type 0) or a transactional id (1).
 *
 * - v1: key type, throttle time, error message. v2: the client does the throttling (KIP-219).
 * - v3: flexible.
 * - v4: several keys in one request (KIP-699).
 * - v5: TRANSACTION_ABORTABLE may come back (KIP-890).
 * - v6: share groups (key type 2, KIP-932).
 */
export const findCoordinator = {
  key: 10,
  name: "FindCoordinator",
  versions: [0, 6],
  flexible: 3,
  request: {
    key: { type: "string", versions: "0-3" },
    // 0: group, 1: transactional id, 2: share group.
    keyType: { type: "int8", versions: "1+" },
    coordinatorKeys: { array: "string", versions: "4+" },
  },
  response: {
    throttleTimeMs: { type: "int32", versions: "1+" },
    errorCode: { type: "int16", versions: "0-3" },
    errorMessage: { type: "string", versions: "1-3", nullable: "0+" },
    nodeId: { type: "int32", versions: "0-3" },
    host: { type: "string", versions: "0-3" },
    port: { type: "int32", versions: "0-3" },
    coordinators: {
      array: {
        key: "string",
        nodeId: "int32",
        host: "string",
        port: "int32",
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
      },
      versions: "4+",
    },
  },
} as const;
