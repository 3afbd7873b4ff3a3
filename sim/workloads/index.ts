import { idempotentProducers } from "./idempotent.ts";
import type { Workload, WorkloadContext, WorkloadFactory } from "./workload.ts";

const factories: Readonly<Record<string, WorkloadFactory>> = { idempotent: idempotentProducers };

/** Each world does a few things, not all. */
export function drawWorkloads(context: WorkloadContext): Workload[] {
  return Object.values(factories).map((create) => create(context));
}
