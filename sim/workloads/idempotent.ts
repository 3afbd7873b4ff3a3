/** Producers without transactions: what they are acknowledged is there once, in order, whatever was retried. */

import type { History } from "../../src/cli/verify/history.ts";
import type { ProducerOptions } from "../../src/client/index.ts";
import type { Process } from "../world/machine.ts";
import { Session } from "./sending.ts";
import { connect, pause, type Workload, type WorkloadContext } from "./workload.ts";

const TOPIC = "plain";

export function idempotentProducers({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload idempotent");
  const partitions = dice.int(1, 3);
  const producers = Array.from({ length: dice.int(1, 3) }, (_, index) => {
    const task: ProduceTask = {
      history,
      topic: TOPIC,
      partitions,
      goal: dice.int(20, 120),
      progress: { acknowledged: 0 },
    };
    return { task, machine: world.addMachine(`plain-${index + 1}`, (process) => produce(process, task)) };
  });
  return {
    name: "idempotent",
    topics: [{ topic: TOPIC, partitions }],
    machines: producers.map(({ machine }) => machine),
    groups: [],
    invariants: [],
    isDone: () => producers.every(({ task }) => isProduced(task)),
  };
}

export interface ProduceTask {
  readonly history: History;
  readonly topic: string;
  readonly partitions: number;
  readonly goal: number;
  /** Over all lives. */
  readonly progress: { acknowledged: number };
  /** What a record holds; default: its id and some filling. */
  readonly makeValue?: (process: Process) => string;
}

export function isProduced({ goal, progress }: ProduceTask): boolean {
  return progress.acknowledged >= goal;
}

/** Sends records until enough of them are acknowledged. */
export async function produce(process: Process, task: ProduceTask): Promise<void> {
  const { dice } = process;
  const client = connect(process);
  const producer = client.producer(producerOptions(process));
  const session = new Session(process, task.history);
  const maxOutstanding = dice.pick([1, 10, 60]);
  const outstanding = new Set<Promise<void>>();
  while (!isProduced(task) && !process.stop.aborted) {
    const place = { topic: task.topic, partition: dice.int(0, task.partitions - 1) };
    const content = task.makeValue ? { ...place, value: task.makeValue(process) } : place;
    const sent = session.send(producer, content).then((isAcknowledged) => {
      if (isAcknowledged) task.progress.acknowledged++;
      outstanding.delete(sent);
    });
    outstanding.add(sent);
    if (outstanding.size >= maxOutstanding) await Promise.race(outstanding);
    if (dice.chance(0.2)) await pause(process, 1, 1_000);
  }
  await Promise.all(outstanding);
  await client.close();
}

export function producerOptions({ dice }: Process): ProducerOptions {
  return {
    lingerMs: dice.pick([0, 1, 5, 20]),
    batchSizeBytes: dice.pick([200, 1_000, 16_384]),
    maxInFlight: dice.int(1, 5),
    deliveryTimeoutMs: dice.pick([3_000, 10_000, 30_000, 120_000]),
    compression: dice.pick(["none", "none", "none", "gzip", "lz4", "snappy", "zstd"]),
  };
}
