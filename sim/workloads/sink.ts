/** Records into a table, by workers that come and go. */

import { TableEqualsLog } from "../../src/cli/verify/check/sink-invariants.ts";
import { SinkRuntime } from "../../src/connect/index.ts";
import type { Machine, Process } from "../world/machine.ts";
import { SimulatedTable } from "../world/table.ts";
import { feeder } from "./feeder.ts";
import { BROKER_ADDRESS, type Workload, type WorkloadContext } from "./workload.ts";

const TOPIC = "payments";
const GROUP = "payments-to-table";

export function sink({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload sink");
  const partitions = dice.int(1, 3);
  const feed = feeder(world, history, { topic: TOPIC, partitions, goal: dice.int(20, 80) });
  const table = new SimulatedTable(world);
  const workers = Array.from({ length: dice.int(1, 3) }, (_, index) => {
    const machine: Machine = world.addMachine(`sink-${index + 1}`, (process) => write(process, table, machine));
    return machine;
  });
  return {
    name: "sink",
    topics: [{ topic: TOPIC, partitions }],
    machines: [...feed.machines, ...workers],
    groups: [],
    invariants: [new TableEqualsLog({ topic: TOPIC, rows: () => table.rows })],
    isDone() {
      if (!feed.isDone()) return false;
      return [...history.seenIn(TOPIC).values()].every(
        (record) => record.offset < (table.positions.get(`${TOPIC}-${record.partition}`) ?? 0),
      );
    },
  };
}

async function write(process: Process, table: SimulatedTable, machine: Machine): Promise<void> {
  const { dice, platform, logger, stop, life } = process;
  const runtime = new SinkRuntime(
    table.sinkFor(life, () => machine.countWrite()),
    {
      brokers: BROKER_ADDRESS,
      groupId: GROUP,
      topics: [TOPIC],
      maxBatchRecords: dice.pick([1, 7, 2_000]),
      sessionTimeoutMs: dice.pick([1_000, 3_000, 10_000]),
      platform,
      logger,
    },
  );
  const over = new Promise<void>((resolve, reject) => {
    runtime.onError = reject;
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
  await runtime.start();
  await over;
  await runtime.close();
}
