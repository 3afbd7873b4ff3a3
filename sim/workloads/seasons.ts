/** A topic that is made, filled, read and deleted again and again under one name, at times in the middle of a transaction. */
import type { Admin, Client, Producer } from "../../src/client/index.ts";
import { DeletedStaysDeleted, type TopicStory } from "../check/deleted-stays-deleted.ts";
import type { Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { producerOptions } from "./idempotent.ts";
import { asOncillaError, connect, pause, type Workload, type WorkloadContext } from "./workload.ts";

const TOPIC = "seasonal";
const PARTITIONS = 2;

interface Task {
  readonly world: World;
  readonly story: TopicStory;
  readonly goal: number;
  /** From the making of the topic to its acknowledged deletion. */
  readonly progress: { seasons: number };
}

export function seasons({ world }: WorkloadContext): Workload {
  const dice = world.dice("workload seasons");
  const story: TopicStory = { topic: TOPIC, isDeleted: false, ghosts: [], deletions: 0 };
  const task: Task = { world, story, goal: dice.int(2, 6), progress: { seasons: 0 } };
  return {
    name: "seasons",
    topics: [],
    machines: [world.addMachine("gardener", (process) => garden(process, task))],
    groups: [],
    invariants: [new DeletedStaysDeleted(story)],
    isDone: () => isOver(task),
  };
}

function isOver({ progress, goal }: Task): boolean {
  return progress.seasons >= goal;
}

async function garden(process: Process, task: Task): Promise<void> {
  const client = connect(process);
  for (let number = 1; !isOver(task) && !process.stop.aborted; number++) {
    const isTransactional = process.dice.chance(0.5);
    const producer = client.producer({
      ...producerOptions(process),
      maxBlockMs: 5_000,
      deliveryTimeoutMs: 5_000,
      ...(isTransactional ? { transactionalId: process.host, transactionTimeoutMs: 3_000 } : {}),
    });
    try {
      if (isTransactional) await producer.initTransactions();
      // The producer goes on over several lives of the topic.
      while (!isOver(task) && !process.stop.aborted) {
        const name = `${process.life.number}.${number}.${task.progress.seasons + 1}`;
        await new Season(process, task, client, producer, name).live(isTransactional);
      }
    } catch (error) {
      task.world.coverage.hit(`seasons: began anew after ${asOncillaError(error).code}`);
    }
    await producer.close({ timeoutMs: 500 });
    await pause(process, 10, 1_000);
  }
  await client.close();
}

/** One life of the topic. */
class Season {
  readonly #process: Process;
  readonly #task: Task;
  readonly #client: Client;
  readonly #admin: Admin;
  readonly #producer: Producer;
  /** Begins every value. */
  readonly #name: string;

  constructor(process: Process, task: Task, client: Client, producer: Producer, name: string) {
    this.#process = process;
    this.#task = task;
    this.#client = client;
    this.#admin = client.admin();
    this.#producer = producer;
    this.#name = name;
  }

  async live(isTransactional: boolean): Promise<void> {
    const { dice } = this.#process;
    // What a life before has left.
    await this.#remove();
    this.#task.story.isDeleted = false;
    await this.#admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS }]);
    if (isTransactional && dice.chance(0.3)) await this.#endInTheMiddle();
    else {
      await this.#read(isTransactional ? await this.#produceInTransaction() : await this.#produce());
      await this.#remove();
    }
    this.#task.story.isDeleted = true;
    this.#task.story.deletions++;
    if ((await this.#admin.listTopics()).includes(TOPIC)) this.#saw(`${TOPIC} is listed after its deletion`);
    this.#task.progress.seasons++;
  }

  /** A transaction whose partitions are gone when it is to be committed. */
  async #endInTheMiddle(): Promise<void> {
    this.#producer.beginTransaction();
    // What becomes of the records is up to the end of the transaction.
    const sent = this.#produce().catch((error: unknown) => void asOncillaError(error));
    if (this.#process.dice.chance(0.5)) await sent;
    this.#task.world.coverage.hit("seasons: a topic was deleted in the middle of a transaction");
    await this.#remove();
    await sent;
    await this.#producer.commitTransaction().catch((error: unknown) => {
      if (!asOncillaError(error).abortable) throw error;
      return this.#producer.abortTransaction();
    });
  }

  async #produceInTransaction(): Promise<string[]> {
    this.#producer.beginTransaction();
    const values = await this.#produce();
    await this.#producer.commitTransaction();
    return values;
  }

  /** What was acknowledged. */
  async #produce(): Promise<string[]> {
    const { dice } = this.#process;
    const values = Array.from({ length: dice.int(1, 20) }, (_, index) => `${this.#name}/${index}`);
    const partition = (): number => dice.int(0, PARTITIONS - 1);
    await Promise.all(values.map((value) => this.#producer.send({ topic: TOPIC, partition: partition(), value })));
    return values;
  }

  /** Until all of them were read. */
  async #read(values: readonly string[]): Promise<void> {
    const consumer = this.#client.consumer({ fetchMaxWaitMs: 100 });
    const missing = new Set(values);
    consumer.assign(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition })));
    try {
      while (missing.size > 0 && !this.#process.stop.aborted) {
        for (const { value, partition, offset } of await consumer.poll({ timeoutMs: 200 })) {
          const text = String(value);
          if (!text.startsWith(`${this.#name}/`)) this.#saw(`${TOPIC}-${partition} offset ${offset} holds ${text}`);
          else if (!missing.delete(text)) this.#saw(`${text} was read twice`);
        }
      }
    } finally {
      await consumer.close();
    }
  }

  async #remove(): Promise<void> {
    try {
      await this.#admin.deleteTopics([TOPIC]);
    } catch (error) {
      if (asOncillaError(error).code !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
    }
  }

  #saw(ghost: string): void {
    this.#task.story.ghosts.push(`in season ${this.#name}: ${ghost}`);
  }
}
