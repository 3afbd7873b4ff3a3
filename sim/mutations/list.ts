import { brokerMutations } from "./broker.ts";
import { clientMutations } from "./clients.ts";
import { compactionMutations } from "./compaction.ts";
import { logMutations } from "./log.ts";
import type { Mutation } from "./mutation.ts";

export const mutations: readonly Mutation[] = [
  ...logMutations,
  ...compactionMutations,
  ...brokerMutations,
  ...clientMutations,
];
