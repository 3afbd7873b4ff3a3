/** Input for those who read: plain records, or records in transactions of which some are aborted. */
import type { History } from "../../src/cli/verify/history.ts";
import type { Machine, Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { isProduced, type ProduceTask, produce } from "./idempotent.ts";
import { Session } from "./sending.ts";
import { noteEnd, transact } from "./transacting.ts";
import { connect, pause } from "./workload.ts";

export interface Feeder {
  readonly machines: readonly Machine[];
  /** Enough was acknowledged. */
  isThrough(): boolean;
  /** And the reader of committed records has seen all of that. */
  isDone(): boolean;
}

export function feeder(
  world: World,
  history: History,
  plan: Pick<ProduceTask, "topic" | "partitions" | "goal"> & { readonly makeValue?: (process: Process) => string },
): Feeder {
  const task: ProduceTask = { history, ...plan, progress: { acknowledged: 0 } };
  const inTransactions = world.dice(`feeder of ${plan.topic}`).chance(0.5);
  const program = inTransactions ? produceInTransactions : produce;
  const machine = world.addMachine(`${plan.topic}-feed`, (process) => program(process, task));
  const isThrough = (): boolean => isProduced(task) && !machine.isRunning;
  return { machines: [machine], isThrough, isDone: () => isThrough() && isSeen(history, plan.topic) };
}

/** Whether the reader of committed records has seen all that was acknowledged, and counts. */
function isSeen(history: History, topic: string): boolean {
  const seen = new Set([...history.seenIn(topic).values()].map(({ id }) => id));
  for (const { id, topic: sentTo, outcome, transaction } of history.sent.values()) {
    const counts = transaction === undefined || transaction.outcome === "committed";
    if (sentTo === topic && outcome === "acknowledged" && counts && !seen.has(id)) return false;
  }
  return true;
}

async function produceInTransactions(process: Process, task: ProduceTask): Promise<void> {
  const client = connect(process);
  for (let number = 1; !isProduced(task) && !process.stop.aborted; number++) {
    const producer = client.producer({
      transactionalId: process.host,
      transactionTimeoutMs: 3_000,
      maxBlockMs: 10_000,
    });
    const session = new Session(process, task.history, `.${number}`);
    try {
      await producer.initTransactions();
      while (!isProduced(task) && !process.stop.aborted) {
        const count = process.dice.int(1, 10);
        const isCommitted = await transact(session, producer, async (transaction) => {
          for (let left = count; left > 0; left--) {
            const place = { topic: task.topic, partition: process.dice.int(0, task.partitions - 1) };
            const content = task.makeValue ? { ...place, value: task.makeValue(process) } : place;
            void session.send(producer, content, transaction);
          }
          return process.dice.chance(0.2) ? "abort" : "commit";
        });
        if (isCommitted) task.progress.acknowledged += count;
        await pause(process, 1, 500);
      }
    } catch (error) {
      noteEnd(process, error);
    }
    await producer.close({ timeoutMs: 500 });
    await pause(process, 10, 500);
  }
  await client.close();
}
