/** A log that is cut at its start while it is written and read: records are deleted, segments go by their age or the log's size. */
import { OncillaError, type TopicPartition } from "../../src/client/index.ts";
import type { Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { feeder } from "./feeder.ts";
import { connect, pause, type Workload, type WorkloadContext } from "./workload.ts";

const TOPIC = "journal";

interface Task {
  readonly world: World;
  readonly partitions: readonly TopicPartition[];
  readonly goal: number;
  readonly progress: { deletions: number };
}

export function journal({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload journal");
  const count = dice.int(1, 2);
  const feed = feeder(world, history, { topic: TOPIC, partitions: count, goal: dice.int(30, 100) });
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic: TOPIC, partition }));
  const task: Task = { world, partitions, goal: dice.int(2, 8), progress: { deletions: 0 } };
  const configs = dice.pick([{}, { "retention.ms": "3000" }, { "retention.bytes": "2000" }]);
  return {
    name: "journal",
    topics: [{ topic: TOPIC, partitions: count, configs }],
    machines: [...feed.machines, world.addMachine("archivist", (process) => deleteForEver(process, task))],
    groups: [],
    invariants: [],
    isDone: () => feed.isThrough() && isOver(task),
  };
}

function isOver({ progress, goal }: Task): boolean {
  return progress.deletions >= goal;
}

async function deleteForEver(process: Process, task: Task): Promise<void> {
  const client = connect(process);
  const admin = client.admin();
  while (!isOver(task) && !process.stop.aborted) {
    await pause(process, 50, 2_000);
    try {
      const partition = process.dice.pick(task.partitions);
      const [end] = await admin.listOffsets([{ ...partition, spec: "latest" }]);
      // Up to the end of the log, open transactions or not.
      const offset = process.dice.chance(0.1) ? -1 : process.dice.int(0, end?.offset ?? 0);
      await admin.deleteRecords([{ ...partition, offset }]);
      task.progress.deletions++;
      if (offset !== 0) task.world.coverage.hit("journal: records were deleted");
    } catch (error) {
      if (!(error instanceof OncillaError)) throw error;
    }
  }
  await client.close();
}
