import type { Mutation } from "./mutation.ts";

export const compactionMutations: readonly Mutation[] = [
  {
    name: "compact what an open transaction holds back",
    file: "log/compaction/log-compaction.ts",
    find: "limitOffset: Math.min(decidedOffset, recoveryOffset)",
    replace: "limitOffset: Math.max(Math.min(decidedOffset, recoveryOffset), recoveryOffset)",
  },
  {
    name: "take an aborted record for the latest of its key",
    file: "log/compaction/map-keys.ts",
    find: "else if (!transactions.isAborted(batch)) {",
    replace: "else {",
  },
  {
    name: "remove a marker before its transaction's records",
    file: "log/compaction/cleaned-transactions.ts",
    find: "return !this.#seen.delete(batch.producerId);",
    replace: "return true;",
  },
];
