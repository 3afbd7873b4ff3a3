/** A worker of a word count in Streams, with its stores on disk. */
import { serdes } from "../../../client/index.ts";
import { StreamsApp, StreamsBuilder, StreamsError, type Topology } from "../../../streams/index.ts";
import { aborted } from "../../processes/aborted.ts";
import type { CountTask } from "../tasks.ts";
import type { ProgramContext } from "./context.ts";

export const STORE = "counts";

export async function count(context: ProgramContext, task: CountTask): Promise<void> {
  while (!context.stop.aborted) {
    try {
      await countOnce(context, task);
    } catch (error) {
      // A coordinator that dies within a rebalance forgets a static member's new id, and takes the member for its own predecessor.
      if (!(error instanceof StreamsError) || error.code !== "REPLACED") throw error;
    }
  }
}

async function countOnce(context: ProgramContext, task: CountTask): Promise<void> {
  const { dice, brokers, platform, stop, flaw, counters } = context;
  const app = new StreamsApp(topology(task), {
    applicationId: task.application,
    brokers,
    guarantee: flaw === "no-transactions" ? "at_least_once" : "exactly_once_v2",
    stateDir: task.stateDir,
    commitIntervalMs: dice.pick([30, 100, 500]),
    transactionTimeoutMs: 10_000,
    sessionTimeoutMs: 6_000,
    maxPollRecords: dice.pick([5, 100, 1_000]),
    platform,
  });
  const failed = new Promise<never>((_, reject) => {
    app.onError = reject;
  });
  await app.start();
  context.ready();
  const timer = setInterval(() => {
    const { commits, aborts, recordsProcessed } = app.metrics();
    Object.assign(counters, { committed: commits, aborted: aborts, read: recordsProcessed });
  }, 100);
  try {
    await Promise.race([aborted(stop), failed]);
  } finally {
    clearInterval(timer);
    await app.close();
  }
}

function topology({ lines, counts }: CountTask): Topology {
  const builder = new StreamsBuilder();
  builder
    .stream(lines, { key: serdes.string, value: serdes.string })
    .flatMapValues((line) => line.split(" "))
    .groupBy((word) => word, { key: serdes.string, value: serdes.string })
    .count({ store: STORE })
    .toStream()
    .to(counts, { key: serdes.string, value: serdes.int64 });
  return builder.build();
}
