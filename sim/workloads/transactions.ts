/** Transactions over several partitions: committed, aborted, left open, and fought over by two who use one id. */

import type { History, TransactionEntry } from "../../src/cli/verify/history.ts";
import type { Client, Producer } from "../../src/client/index.ts";
import type { Machine, Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { administerTransactions } from "./administrator.ts";
import { producerOptions } from "./idempotent.ts";
import { Session } from "./sending.ts";
import { type Ending, noteEnd, transact } from "./transacting.ts";
import { connect, pause, type TopicPlan, type Workload, type WorkloadContext } from "./workload.ts";

interface Task {
  readonly world: World;
  readonly history: History;
  readonly transactionalId: string;
  readonly topics: readonly TopicPlan[];
  readonly goal: number;
  /** Over all lives of all who share the id. */
  readonly progress: { committed: number };
}

export function transactions({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload transactions");
  const topics: TopicPlan[] = [
    { topic: "ledger", partitions: dice.int(1, 3) },
    { topic: "audit", partitions: 1 },
  ];
  const machines: Machine[] = [];
  const tasks = Array.from({ length: dice.int(1, 3) }, (_, index): Task => {
    const transactionalId = `txn-${index + 1}`;
    const task = { world, history, transactionalId, topics, goal: dice.int(4, 16), progress: { committed: 0 } };
    machines.push(world.addMachine(transactionalId, (process) => transactForEver(process, task, false)));
    // Somebody thought that the first one was dead.
    if (dice.chance(0.4)) {
      machines.push(world.addMachine(`${transactionalId}-twin`, (process) => transactForEver(process, task, true)));
    }
    return task;
  });
  if (dice.chance(0.4)) {
    machines.push(world.addMachine("administrator", (process) => administerTransactions(process, world)));
  }
  return {
    name: "transactions",
    topics,
    machines,
    groups: [],
    invariants: [],
    isDone: () => tasks.every(isDone),
  };
}

function isDone({ progress, goal }: Task): boolean {
  return progress.committed >= goal;
}

async function transactForEver(process: Process, task: Task, isTwin: boolean): Promise<void> {
  const client = connect(process);
  for (let number = 1; !isDone(task) && !process.stop.aborted; number++) {
    if (isTwin && task.world.isQuiet) break;
    if (process.dice.chance(0.1)) await leaveOpen(process, client, task, number);
    const producer = createProducer(process, client, task.transactionalId);
    try {
      await producer.initTransactions();
      await transactWith(process, producer, new Session(process, task.history, `.${number}`), task);
    } catch (error) {
      const { code } = noteEnd(process, error);
      task.world.coverage.hit(`transactions: producer ended by ${code}`);
    }
    await producer.close({ timeoutMs: 500 });
    await pause(process, 10, isTwin ? 8_000 : 2_000);
  }
  await client.close();
}

function createProducer(process: Process, client: Client, transactionalId: string): Producer {
  const { dice } = process;
  return client.producer({
    ...producerOptions(process),
    transactionalId,
    transactionTimeoutMs: dice.pick([1_500, 5_000, 20_000]),
    maxBlockMs: dice.pick([2_000, 10_000, 30_000]),
  });
}

async function transactWith(process: Process, producer: Producer, session: Session, task: Task): Promise<void> {
  while (!isDone(task) && !process.stop.aborted) {
    const isCommitted = await transact(session, producer, (transaction) =>
      work(process, producer, session, task, transaction),
    );
    if (isCommitted) task.progress.committed++;
    if (process.dice.chance(0.5)) await pause(process, 1, 600);
    if (process.dice.chance(0.02)) return;
  }
}

async function work(
  process: Process,
  producer: Producer,
  session: Session,
  task: Task,
  transaction: TransactionEntry,
): Promise<Ending> {
  const { dice } = process;
  const sends: Promise<boolean>[] = [];
  for (let left = dice.int(1, 8); left > 0; left--) {
    const { topic, partitions } = dice.pick(task.topics);
    sends.push(session.send(producer, { topic, partition: dice.int(0, partitions - 1) }, transaction));
    if (dice.chance(0.2)) await pause(process, 1, 200);
  }
  // Longer than the transaction may take, at times.
  if (dice.chance(0.05)) await pause(process, 1_000, 6_000);
  const ending = dice.chance(0.25) ? "abort" : "commit";
  if (dice.chance(0.5)) await Promise.all(sends);
  return ending;
}

/** A transaction that nobody ends: its timeout has to. */
async function leaveOpen(process: Process, client: Client, task: Task, number: number): Promise<void> {
  const producer = createProducer(process, client, `${process.host}-left-${process.life.number}-${number}`);
  try {
    await producer.initTransactions();
    producer.beginTransaction();
    const session = new Session(process, task.history, `.${number}-left`);
    const transaction = session.begin();
    for (const { topic } of task.topics) await session.send(producer, { topic, partition: 0 }, transaction);
    task.world.coverage.hit("transactions: left open");
  } catch (error) {
    noteEnd(process, error);
  }
}
