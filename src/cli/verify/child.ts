/** Entry point of the processes of a run: each carries out one task. */

import { runChild } from "../processes/child.ts";
import type { Reporter } from "../processes/reporter.ts";
import { ProgramContext } from "./programs/context.ts";
import { count } from "./programs/count.ts";
import { invoice } from "./programs/invoice.ts";
import { produce } from "./programs/produce.ts";
import { store } from "./programs/store.ts";
import { transact } from "./programs/transact.ts";
import { watch } from "./programs/watch.ts";
import type { ProcessConfig } from "./tasks.ts";

await runChild(run);

async function run(config: ProcessConfig, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const context = new ProgramContext(config, reporter, stop);
  await carryOut(context, config);
  context.report();
}

function carryOut(context: ProgramContext, { task }: ProcessConfig): Promise<void> {
  switch (task.program) {
    case "produce":
      return produce(context, task);
    case "transact":
      return transact(context, task);
    case "invoice":
      return invoice(context, task);
    case "count":
      return count(context, task);
    case "store":
      return store(context, task);
    case "watch":
      return watch(context, task);
  }
}
