/** A compacted topic: a few keys that are overwritten and deleted all the time, in transactions and without, and somebody who
 * reads all of it again and again. */
import type { Client, Producer } from "../../src/client/index.ts";
import { floorOf, type KeyStory, LatestSurvives, problemWith, type Write } from "../check/latest-survives.ts";
import type { Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { producerOptions } from "./idempotent.ts";
import { asOncillaError, connect, pause, type Workload, type WorkloadContext } from "./workload.ts";

const TOPIC = "table";

interface Task {
  readonly world: World;
  readonly partitions: number;
  readonly deleteRetentionMs: number;
  readonly stories: KeyStory[];
  readonly seen: string[];
  readonly goal: number;
  readonly progress: { written: number; read: number };
}

export function table({ world }: WorkloadContext): Workload {
  const dice = world.dice("workload table");
  const partitions = dice.int(1, 2);
  const deleteRetentionMs = dice.pick([0, 1_000, 20_000]);
  const configs = {
    "cleanup.policy": "compact",
    "segment.ms": String(dice.pick([50, 300, 2_000])),
    "delete.retention.ms": String(deleteRetentionMs),
    "min.cleanable.dirty.ratio": String(dice.pick([0, 0.3])),
  };
  const task: Task = {
    world,
    partitions,
    deleteRetentionMs,
    stories: [],
    seen: [],
    goal: dice.int(50, 300),
    progress: { written: 0, read: 0 },
  };
  const writers = Array.from({ length: dice.int(1, 3) }, (_, index) =>
    world.addMachine(`table-writer-${index + 1}`, (process) => writeForEver(process, task)),
  );
  return {
    name: "table",
    topics: [{ topic: TOPIC, partitions, configs, isCompacted: true }],
    machines: [...writers, world.addMachine("table-reader", (process) => readForEver(process, task))],
    groups: [],
    invariants: [new LatestSurvives(TOPIC, task.stories, task.seen)],
    isDone: () => isWritten(task) && task.progress.read > 0,
  };
}

function isWritten({ progress, goal }: Task): boolean {
  return progress.written >= goal;
}

async function writeForEver(process: Process, task: Task): Promise<void> {
  const client = connect(process);
  for (let number = 1; !isWritten(task) && !process.stop.aborted; number++) {
    const isTransactional = process.dice.chance(0.5);
    const producer = client.producer({
      ...producerOptions(process),
      ...(isTransactional ? { transactionalId: process.host, transactionTimeoutMs: 3_000 } : {}),
    });
    const writer = new Writer(process, task, producer, `${process.host}.${process.life.number}.${number}`);
    try {
      if (isTransactional) await producer.initTransactions();
      for (let left = process.dice.int(5, 60); left > 0 && !isWritten(task) && !process.stop.aborted; left--) {
        if (isTransactional) await writer.transact();
        else await writer.write();
        if (process.dice.chance(0.4)) await pause(process, 1, 400);
      }
    } catch (error) {
      task.world.coverage.hit(`table: writer began anew after ${asOncillaError(error).code}`);
    }
    await producer.close({ timeoutMs: 500 });
  }
  await client.close();
}

/** One producer, with keys of its own: what it sends to one of them is in the log in that order. */
class Writer {
  readonly #process: Process;
  readonly #task: Task;
  readonly #producer: Producer;
  readonly #keys: readonly KeyStory[];
  #count = 0;

  constructor(process: Process, task: Task, producer: Producer, name: string) {
    this.#process = process;
    this.#task = task;
    this.#producer = producer;
    this.#keys = Array.from({ length: process.dice.int(1, 6) }, (_, index) => ({
      key: `${name}/${index}`,
      writes: [],
    }));
    task.stories.push(...this.#keys);
  }

  /** A few records. What was not acknowledged may be there, or not. */
  async write(): Promise<void> {
    const sent = this.#send();
    await Promise.all(sent.map(({ write, sending }) => sending.then(() => this.#is(write, "written"))));
  }

  async transact(): Promise<void> {
    const { dice } = this.#process;
    this.#producer.beginTransaction();
    const sent = this.#send();
    try {
      await Promise.all(sent.map(({ sending }) => sending));
      // Long enough for what it wrote to come into a segment that could be compacted.
      if (dice.chance(0.3)) await pause(this.#process, 1, 1_500);
      if (dice.chance(0.3)) await this.#abort(sent);
      else {
        await this.#producer.commitTransaction();
        for (const { write } of sent) this.#is(write, "written");
      }
    } catch (error) {
      if (!asOncillaError(error).abortable) throw error;
      await this.#abort(sent);
    }
  }

  async #abort(sent: readonly { readonly write: Write }[]): Promise<void> {
    await this.#producer.abortTransaction();
    for (const { write } of sent) this.#is(write, "not written");
  }

  #is(write: Write, outcome: "written" | "not written"): void {
    write.outcome = outcome;
    if (outcome === "written") this.#task.progress.written++;
  }

  #send(): { readonly write: Write; readonly sending: Promise<unknown> }[] {
    const { dice } = this.#process;
    return Array.from({ length: dice.int(1, 5) }, () => {
      const index = dice.int(0, this.#keys.length - 1);
      const { key, writes } = this.#keys[index] as KeyStory;
      const value = dice.chance(0.2) ? undefined : `${++this.#count}`.padEnd(dice.int(1, 80), ".");
      const write: Write = { value, outcome: "open" };
      writes.push(write);
      const partition = index % this.#task.partitions;
      const sending = this.#producer.send({ topic: TOPIC, partition, key, value: value ?? null });
      // Whoever waits for it hears of it; nobody may.
      sending.catch(() => {});
      return { write, sending };
    });
  }
}

/** Reads the whole table, over and over. */
async function readForEver(process: Process, task: Task): Promise<void> {
  const client = connect(process);
  while (!process.stop.aborted) {
    try {
      await readOnce(process, client, task);
      task.progress.read++;
    } catch (error) {
      asOncillaError(error);
    }
    await pause(process, 10, 1_000);
  }
  await client.close();
}

async function readOnce(process: Process, client: Client, task: Task): Promise<void> {
  const { clock } = process.platform;
  const partitions = Array.from({ length: task.partitions }, (_, partition) => ({ topic: TOPIC, partition }));
  const consumer = client.consumer({
    isolationLevel: "read_committed",
    fetchMaxBytes: process.dice.pick([500, 5_000, 1_000_000]),
    fetchMaxWaitMs: 50,
  });
  consumer.assign(partitions);
  consumer.seekToBeginning(partitions);
  const startedMs = clock.monotonic();
  const floors = task.stories.map(floorOf);
  const found = new Map<string, string>();
  try {
    // Not up to the last stable offset: a commit is acknowledged before its markers are written.
    const latest = partitions.map((partition) => ({ ...partition, spec: "latest" as const }));
    const ends = await client.admin().listOffsets(latest, { isolationLevel: "read_uncommitted" });
    for (let open = ends; open.length > 0; ) {
      if (process.stop.aborted) return;
      for (const { key, value } of await consumer.poll({ timeoutMs: 100 })) {
        if (value === null) found.delete(String(key));
        else found.set(String(key), String(value));
      }
      const positions = await Promise.all(open.map((end) => consumer.position(end)));
      open = open.filter((end, index) => (positions[index] ?? 0) < end.offset);
    }
  } finally {
    await consumer.close();
  }
  // A reader that takes longer may miss a deletion: that is what delete.retention.ms says.
  const isSlow = clock.monotonic() - startedMs >= task.deleteRetentionMs;
  for (const floor of floors) {
    const { story, index } = floor;
    // A later record may stand behind the end that was read to, and what it replaces be gone.
    if (index < story.writes.length - 1 || (isSlow && story.writes[index]?.value === undefined)) continue;
    const problem = problemWith(floor, found.get(story.key));
    if (problem) task.seen.push(`${process.host} read to the end: ${problem}`);
  }
}
