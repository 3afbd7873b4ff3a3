/** Producers without transactions: what they are acknowledged is there once, in order, whatever was retried. */
import type { OncillaError, Producer, ProducerOptions, RecordMetadata } from "../../src/client/index.ts";
import { ID_HEADER, type SentRecord } from "../history.ts";
import type { Process } from "../world/machine.ts";
import { asOncillaError, connect, pause, payload, type Workload, type WorkloadContext } from "./workload.ts";

const TOPIC = "plain";
/** Records of one producer that wait for their acknowledgement. */
const MAX_OUTSTANDING = 40;

export function idempotentProducers({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload idempotent");
  const partitions = dice.int(1, 3);
  const goal = dice.int(50, 250);
  const producers = Array.from({ length: dice.int(1, 3) }, (_, index) => {
    const progress = { acknowledged: 0 };
    const machine = world.addMachine(`plain-${index + 1}`, (process) =>
      produce(process, { history, partitions, goal, progress }),
    );
    return { machine, progress };
  });
  return {
    name: "idempotent",
    topics: [{ topic: TOPIC, partitions }],
    machines: producers.map(({ machine }) => machine),
    invariants: [],
    isDone: () => producers.every(({ progress, machine }) => progress.acknowledged >= goal && !machine.isRunning),
  };
}

interface Task {
  readonly history: WorkloadContext["history"];
  readonly partitions: number;
  readonly goal: number;
  /** Over all lives. */
  readonly progress: { acknowledged: number };
}

async function produce(process: Process, task: Task): Promise<void> {
  const client = connect(process);
  const producer = client.producer(producerOptions(process));
  const session = `${process.host}.${process.life.number}`;
  const outstanding = new Set<Promise<void>>();
  for (let count = 1; task.progress.acknowledged < task.goal && !process.stop.aborted; count++) {
    const record = task.history.sends(`${session}/${count}`, session, {
      topic: TOPIC,
      partition: process.dice.int(0, task.partitions - 1),
    });
    const sent = send(process, producer, record, task).finally(() => outstanding.delete(sent));
    outstanding.add(sent);
    if (outstanding.size >= MAX_OUTSTANDING) await Promise.race(outstanding);
    if (process.dice.chance(0.2)) await pause(process, 1, 1_000);
  }
  await Promise.all(outstanding);
  await client.close();
}

async function send(process: Process, producer: Producer, record: SentRecord, { progress }: Task): Promise<void> {
  const { topic, partition, id } = record;
  const value = payload(process, id);
  try {
    settled(record, await producer.send({ topic, partition, key: id, value, headers: { [ID_HEADER]: id } }));
    progress.acknowledged++;
  } catch (error) {
    failed(record, asOncillaError(error));
    await pause(process, 100, 500);
  }
}

export function settled(record: SentRecord, { offset }: RecordMetadata): void {
  record.outcome = "acknowledged";
  record.offset = offset;
}

export function failed(record: SentRecord, _error: OncillaError): void {
  record.outcome = "failed";
}

function producerOptions({ dice }: Process): ProducerOptions {
  return {
    lingerMs: dice.pick([0, 1, 5, 20]),
    batchSizeBytes: dice.pick([200, 1_000, 16_384]),
    maxInFlight: dice.int(1, 5),
    deliveryTimeoutMs: dice.pick([3_000, 10_000, 30_000, 120_000]),
    compression: dice.pick(["none", "none", "none", "gzip", "lz4", "snappy", "zstd"]),
  };
}
