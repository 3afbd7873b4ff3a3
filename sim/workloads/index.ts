import { idempotentProducers } from "./idempotent.ts";
import { journal } from "./journal.ts";
import { pipeline } from "./pipeline.ts";
import { retries } from "./retries.ts";
import { seasons } from "./seasons.ts";
import { sink } from "./sink.ts";
import { table } from "./table.ts";
import { transactions } from "./transactions.ts";
import { wordCount } from "./word-count.ts";
import type { Workload, WorkloadContext, WorkloadFactory } from "./workload.ts";

const factories: readonly WorkloadFactory[] = [
  idempotentProducers,
  transactions,
  pipeline,
  wordCount,
  sink,
  seasons,
  journal,
  table,
  retries,
];

/** Each world does one or two things, not all: more worlds fit into the same time, and each is easier to follow. */
export function drawWorkloads(context: WorkloadContext): Workload[] {
  const dice = context.world.dice("workloads");
  const first = dice.int(0, factories.length - 1);
  const chosen = factories.filter((_, index) => index === first || dice.chance(0.2));
  return chosen.map((create) => create(context));
}
