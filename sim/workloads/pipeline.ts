/** Consume, transform, produce: a group of workers turns each order into one invoice, in transactions with the offsets. Workers
 * speak the classic protocol, the consumer protocol, or each life of one draws which. */

import { ExactlyOncePipeline } from "../../src/cli/verify/check/pipeline-invariants.ts";
import { type History, placeOf, type TransactionEntry } from "../../src/cli/verify/history.ts";
import type {
  Client,
  Consumer,
  ConsumerGroupMetadata,
  ConsumerRecord,
  Producer,
  TopicPartitionOffset,
} from "../../src/client/index.ts";
import type { Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { feeder } from "./feeder.ts";
import { Session } from "./sending.ts";
import { type Ending, noteEnd, transact } from "./transacting.ts";
import { connect, pause, type Workload, type WorkloadContext } from "./workload.ts";

const INPUT = "orders";
const OUTPUT = "invoices";
const GROUP = "billing";

interface Task {
  readonly world: World;
  readonly history: History;
  readonly outputPartitions: number;
  readonly isStatic: boolean;
  readonly drawProtocol: () => "classic" | "consumer";
}

/** What was read, and in the name of which membership. */
interface Batch {
  readonly orders: readonly ConsumerRecord[];
  readonly group: ConsumerGroupMetadata;
}

export function pipeline({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload pipeline");
  const partitions = dice.int(1, 4);
  const outputPartitions = dice.int(1, 3);
  const feed = feeder(world, history, { topic: INPUT, partitions, goal: dice.int(20, 80) });
  const task: Task = { world, history, outputPartitions, isStatic: dice.chance(0.3), drawProtocol: protocols(world) };
  const workers = Array.from({ length: dice.int(1, 3) }, (_, index) =>
    world.addMachine(`billing-${index + 1}`, (process) => workForEver(process, task, process.host)),
  );
  // Somebody thought that the first one was dead.
  if (dice.chance(0.3)) {
    workers.push(world.addMachine("billing-1-twin", (process) => workForEver(process, task, "billing-1")));
  }
  return {
    name: "pipeline",
    topics: [
      { topic: INPUT, partitions },
      { topic: OUTPUT, partitions: outputPartitions },
    ],
    machines: [...feed.machines, ...workers],
    groups: [GROUP],
    invariants: [new ExactlyOncePipeline({ input: INPUT, output: OUTPUT, group: GROUP })],
    isDone() {
      if (!feed.isDone()) return false;
      const invoiced = new Set([...history.seenIn(OUTPUT).values()].map(({ key }) => key));
      return [...history.seenIn(INPUT).keys()].every((place) => invoiced.has(place));
    },
  };
}

function protocols(world: World): Task["drawProtocol"] {
  const dice = world.dice("pipeline protocols");
  const share = dice.pick([0, 0.5, 0.5, 1]);
  return () => (dice.chance(share) ? "consumer" : "classic");
}

/** Who does not bear its own name is a twin, and goes when the world is to come to rest. */
async function workForEver(process: Process, task: Task, name: string): Promise<void> {
  const isTwin = process.host !== name;
  const isOver = (): boolean => process.stop.aborted || (isTwin && task.world.isQuiet);
  for (let number = 1; !isOver(); number++) {
    const client = connect(process);
    const producer = client.producer({
      transactionalId: `${GROUP}-${name}`,
      transactionTimeoutMs: process.dice.pick([2_000, 5_000, 15_000]),
      maxBlockMs: process.dice.pick([2_000, 10_000]),
      lingerMs: process.dice.pick([0, 5]),
    });
    const consumer = createConsumer(process, client, task, name);
    try {
      await producer.initTransactions();
      await work(process, task, consumer, producer, new Session(process, task.history, `.${number}`), isOver);
    } catch (error) {
      task.world.coverage.hit(`pipeline: worker began anew after ${noteEnd(process, error).code}`);
    }
    await consumer.close({ timeoutMs: 500 });
    await producer.close({ timeoutMs: 500 });
    await client.close();
    await pause(process, 10, isTwin ? 4_000 : 1_000);
  }
}

function createConsumer(process: Process, client: Client, task: Task, name: string): Consumer {
  const { dice } = process;
  const groupProtocol = task.drawProtocol();
  task.world.coverage.hit(`pipeline: member of the ${groupProtocol} protocol`);
  const sessionTimeoutMs = dice.pick([1_000, 3_000, 8_000]);
  return client.consumer({
    groupId: GROUP,
    groupProtocol,
    ...(task.isStatic ? { groupInstanceId: name } : {}),
    ...(groupProtocol === "classic" ? { sessionTimeoutMs, heartbeatIntervalMs: 300 } : {}),
    rebalanceTimeoutMs: dice.pick([2_000, 6_000]),
    maxPollRecords: dice.pick([1, 5, 50]),
    fetchMaxWaitMs: 100,
    defaultTimeoutMs: 10_000,
  });
}

async function work(
  process: Process,
  task: Task,
  consumer: Consumer,
  producer: Producer,
  session: Session,
  isOver: () => boolean,
): Promise<void> {
  consumer.subscribe([INPUT]);
  // Who works behind its polls may have lost by then what it has read.
  const backlogMax = process.dice.pick([0, 0, 1, 4]);
  let backlog: Batch[] = [];
  while (!isOver()) {
    const orders = await consumer.poll({ timeoutMs: 200 });
    if (orders.length > 0) backlog.push({ orders, group: consumer.groupMetadata() });
    const batch = orders.length === 0 || backlog.length > backlogMax ? backlog.shift() : undefined;
    if (!batch) continue;
    if (process.dice.chance(0.1)) await pause(process, 1, 2_000);
    const isCommitted = await transact(session, producer, (transaction) =>
      invoice(process, task, batch, producer, session, transaction),
    );
    if (!isCommitted) {
      backlog = [];
      await rewind(consumer);
    }
    // Whoever takes over asks for offsets whose transaction may still be on its way to its end.
    if (isCommitted && process.dice.chance(0.05)) return;
  }
}

async function invoice(
  process: Process,
  { outputPartitions }: Task,
  { orders, group }: Batch,
  producer: Producer,
  session: Session,
  transaction: TransactionEntry,
): Promise<Ending> {
  const sends = orders.map((order) => {
    const partition = order.partition % outputPartitions;
    return session.send(producer, { topic: OUTPUT, partition, key: placeOf(order) }, transaction);
  });
  if (process.dice.chance(0.5)) await Promise.all(sends);
  if (process.dice.chance(0.05)) return "abort";
  await producer.sendOffsetsToTransaction(positionsBehind(orders), group);
  // So long that the group goes on without it, and its commit is good all the same: whoever takes over has to wait.
  if (process.dice.chance(0.05)) await pause(process, 1_000, 8_000);
  return process.dice.chance(0.02) ? "abort" : "commit";
}

function positionsBehind(records: readonly ConsumerRecord[]): TopicPartitionOffset[] {
  const ends = new Map<number, number>();
  for (const { partition, offset } of records) ends.set(partition, offset + 1);
  return [...ends].map(([partition, offset]) => ({ topic: INPUT, partition, offset }));
}

/** Back to what is committed. */
async function rewind(consumer: Consumer): Promise<void> {
  const assignment = consumer.assignment();
  const committed = new Map((await consumer.committed(assignment)).map(({ partition, offset }) => [partition, offset]));
  // The assignment may have changed meanwhile.
  const held = new Set(consumer.assignment().map(({ partition }) => partition));
  for (const each of assignment) {
    if (held.has(each.partition)) consumer.seek(each, committed.get(each.partition) ?? 0);
  }
}
