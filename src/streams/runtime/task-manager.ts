/** A worker's tasks, from the group's assignment to the running of them. */
import type { ConsumerRecord, TopicPartition, TopicPartitionOffset } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import type { Clock } from "../../platform/clock.ts";
import { closeEach } from "../../platform/closing.ts";
import type { StoreDamagedError } from "../stores/engine.ts";
import type { Task } from "../tasks/task.ts";
import { type TaskId, taskName } from "../tasks/task-id.ts";
import type { OffsetReset } from "../topology/node.ts";
import { AssignedTask, type TaskEnvironment } from "./assigned-task.ts";
import type { WorkerShare } from "./assignor.ts";
import type { StreamsAdmin, StreamsConsumer } from "./ports.ts";
import { type ChangelogBounds, planRestore } from "./restore-plan.ts";
import type { Restorer } from "./restorer.ts";

/** A folder that another worker holds is asked for again after this long. */
const FOLDER_RETRY_MS = 100;

export interface TaskManagerOptions {
  readonly environment: TaskEnvironment;
  readonly consumer: StreamsConsumer;
  readonly restorer: Restorer;
  readonly admin: StreamsAdmin;
  readonly clock: Clock;
}

export class TaskManager {
  readonly #environment: TaskEnvironment;
  readonly #consumer: StreamsConsumer;
  readonly #restorer: Restorer;
  readonly #admin: StreamsAdmin;
  readonly #clock: Clock;
  /** The subtopology that reads a topic. */
  readonly #subtopologyOf = new Map<string, number>();
  readonly #offsetResets = new Map<string, OffsetReset>();
  readonly #tasks = new Map<string, AssignedTask>();
  /** By topic and partition. */
  readonly #running = new Map<string, Map<number, Task>>();
  #isAssigned = false;
  /** Of some tasks it has parts only, which it leaves alone. */
  #isDivided = false;
  #nextFolderTryAt = 0;

  constructor({ environment, consumer, restorer, admin, clock }: TaskManagerOptions) {
    this.#environment = environment;
    this.#consumer = consumer;
    this.#restorer = restorer;
    this.#admin = admin;
    this.#clock = clock;
    const { topology, applicationId } = environment;
    for (const { id, nodes } of topology.subtopologies) {
      for (const node of nodes) {
        if (node.kind !== "source") continue;
        for (const topic of node.topics) {
          const name = topology.topicName(applicationId, topic);
          this.#subtopologyOf.set(name, id);
          this.#offsetResets.set(name, node.offsetReset);
        }
      }
    }
  }

  get tasks(): readonly AssignedTask[] {
    return [...this.#tasks.values()];
  }

  get storeCount(): number {
    return this.tasks.reduce((sum, { stores }) => sum + stores.length, 0);
  }

  get running(): readonly Task[] {
    return this.tasks.map(({ running }) => running).filter((task) => task !== undefined);
  }

  /** Whether the group has given this worker its tasks, and all of them run. */
  get allRun(): boolean {
    return this.#isAssigned && !this.#isDivided && this.tasks.every(({ phase }) => phase === "running");
  }

  /** Whether there is a task on its way to running. During a rebalance there is none: its partitions are not ours to touch. */
  get isPreparing(): boolean {
    return (
      this.#isAssigned &&
      this.tasks.some(({ phase }) => phase === "closed" || phase === "open" || phase === "restoring")
    );
  }

  get sourceTopics(): readonly string[] {
    return [...this.#subtopologyOf.keys()];
  }

  /** The group's word: these are the worker's partitions now. Tasks that it keeps keep their stores; others are closed. */
  assign({ partitions, isDivided }: Pick<WorkerShare, "partitions" | "isDivided">): void {
    const assigned = Map.groupBy(partitions, (each) => taskName(this.#taskOf(each)));
    for (const task of this.tasks) {
      // A topic that grew gives a task that is there already one more input.
      if (assigned.get(task.name)?.length === task.partitions.length) task.resume();
      else this.#close(task);
    }
    for (const [name, ofTask] of assigned) {
      if (this.#tasks.has(name)) continue;
      const id = this.#taskOf(defined(ofTask[0]));
      this.#tasks.set(name, new AssignedTask(id, ofTask, this.#environment));
    }
    this.#isAssigned = true;
    this.#isDivided = isDivided;
  }

  /** The group is about to share the tasks out anew. What runs must be committed by now, or is dropped. */
  suspendAll(): void {
    this.#running.clear();
    for (const task of this.tasks) {
      this.#stopRestoring(task);
      task.suspend();
    }
    this.#isAssigned = false;
  }

  /** Drops what is not committed; the tasks go on from there. */
  rollback(): void {
    this.#running.clear();
    for (const task of this.tasks) {
      if (task.phase === "suspended") continue;
      this.#stopRestoring(task);
      task.rollback();
    }
    this.#pauseWaiting();
  }

  /** Removes a damaged store, after a rollback. */
  discardDamaged({ folder, store, message }: StoreDamagedError): void {
    for (const task of this.tasks) {
      if (task.folderPath !== folder) continue;
      const damaged = task.stores.find(({ definition }) => definition.name === store);
      if (damaged) task.rebuild(damaged, message);
    }
  }

  /** To be called once the consumer has its assignment: nothing is read of tasks that do not run. */
  holdWaiting(): void {
    this.#pauseWaiting();
    // Any position will do until the task has found its own: it keeps the consumer from looking for one, and from finding none.
    for (const each of this.#waitingPartitions()) this.#consumer.seek(each, 0);
  }

  /** Hands records to their tasks. Those of tasks that do not run are dropped: they are read again once it runs. */
  distribute(records: readonly ConsumerRecord[]): void {
    let topic: string | undefined;
    let partition = -1;
    let task: Task | undefined;
    for (const record of records) {
      if (record.partition !== partition || record.topic !== topic) {
        ({ topic, partition } = record);
        task = this.#running.get(topic)?.get(partition);
      }
      task?.push(record);
    }
  }

  /** Whether `prepare` would wait for the cluster, so that nothing may be left uncommitted before. */
  get hasTasksToLocate(): boolean {
    return this.tasks.some(({ phase }) => phase === "open" || phase === "closed");
  }

  /** Takes every task a step closer to running. */
  async prepare(): Promise<void> {
    this.#openFolders();
    const open = this.tasks.filter(({ phase }) => phase === "open");
    if (open.length > 0) await this.#locate(open);
    if (!this.#restorer.isIdle) await this.#restorer.step(10);
    for (const task of this.tasks) {
      const isRestored = task.stores.every(({ changelog }) => !this.#restorer.isRestoring(changelog));
      if (task.phase === "restoring" && isRestored) this.#run(task);
    }
  }

  closeAll(): void {
    closeEach(this.tasks.map((task) => () => this.#close(task)));
  }

  #openFolders(): void {
    if (this.#clock.monotonic() < this.#nextFolderTryAt) return;
    for (const task of this.tasks) {
      if (task.phase !== "closed" || task.tryOpen()) continue;
      this.#nextFolderTryAt = this.#clock.monotonic() + FOLDER_RETRY_MS;
    }
  }

  /**
   * Finds out where to go on: first the committed input positions, which wait for every transaction that holds some, then the
   * ends of the changelogs. In this order: what a transaction wrote to a changelog was there before its positions were decided.
   */
  async #locate(tasks: readonly AssignedTask[]): Promise<void> {
    const partitions = tasks.flatMap((task) => task.partitions);
    const committed = offsetsByPartition(await this.#consumer.committed(partitions));
    const starts = await this.#resetOffsets(partitions.filter((each) => !committed.has(keyOf(each))));
    const positions = partitions.map((each) => {
      const key = keyOf(each);
      return { ...each, offset: committed.get(key) ?? defined(starts.get(key)) };
    });
    // Should this worker die before it commits, the next one must not begin behind what is written from now on.
    const atEnd = positions.filter((each) => !committed.has(keyOf(each)) && this.#resetsTo(each) === "latest");
    if (atEnd.length > 0) await this.#consumer.commit(atEnd);
    const bounds = await this.#changelogBounds(tasks);
    for (const each of positions) this.#consumer.seek(each, each.offset);
    for (const task of tasks) this.#startRestoring(task, bounds);
  }

  #resetsTo({ topic }: TopicPartition): OffsetReset {
    return defined(this.#offsetResets.get(topic));
  }

  async #resetOffsets(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    const earliest = partitions.filter((each) => this.#resetsTo(each) === "earliest");
    const latest = partitions.filter((each) => this.#resetsTo(each) === "latest");
    return new Map([
      ...offsetsByPartition(earliest.length > 0 ? await this.#consumer.beginningOffsets(earliest) : []),
      ...offsetsByPartition(latest.length > 0 ? await this.#consumer.endOffsets(latest) : []),
    ]);
  }

  async #changelogBounds(tasks: readonly AssignedTask[]): Promise<Map<string, ChangelogBounds>> {
    const changelogs = tasks.flatMap(({ stores }) => stores.map(({ changelog }) => changelog));
    if (changelogs.length === 0) return new Map();
    const query = (spec: "earliest" | "latest") =>
      this.#admin.listOffsets(
        changelogs.map(({ topic, partition }) => ({ topic, partition, spec })),
        { isolationLevel: "read_uncommitted" },
      );
    const [starts, ends] = await Promise.all([query("earliest"), query("latest")]);
    const startOf = offsetsByPartition(starts);
    const endOf = offsetsByPartition(ends);
    return new Map(
      changelogs.map((changelog) => {
        const key = keyOf(changelog);
        const { topicId } = changelog;
        return [key, { topicId, start: defined(startOf.get(key)), end: defined(endOf.get(key)) }];
      }),
    );
  }

  #startRestoring(task: AssignedTask, bounds: ReadonlyMap<string, ChangelogBounds>): void {
    for (const store of task.stores) {
      const ofStore = defined(bounds.get(keyOf(store.changelog)));
      const { from, rebuildReason } = planRestore(store.engine.position(), ofStore, this.#clock.now());
      if (rebuildReason !== undefined) task.rebuild(store, rebuildReason);
      this.#restorer.add(store.changelog, store.engine, from, ofStore.end);
    }
    task.restoring();
  }

  #run(task: AssignedTask): void {
    task.run();
    const running = defined(task.running);
    for (const { topic, partition } of task.partitions) {
      const ofTopic = this.#running.get(topic) ?? new Map<number, Task>();
      this.#running.set(topic, ofTopic.set(partition, running));
    }
    this.#consumer.resume(task.partitions);
  }

  #close(task: AssignedTask): void {
    this.#stopRestoring(task);
    for (const { topic, partition } of task.partitions) this.#running.get(topic)?.delete(partition);
    this.#tasks.delete(task.name);
    task.close();
  }

  #stopRestoring({ stores }: AssignedTask): void {
    for (const { changelog } of stores) this.#restorer.remove(changelog);
  }

  #pauseWaiting(): void {
    this.#consumer.pause(this.#waitingPartitions());
  }

  #waitingPartitions(): TopicPartition[] {
    return this.#consumer.assignment().filter(({ topic, partition }) => !this.#running.get(topic)?.has(partition));
  }

  #taskOf({ topic, partition }: TopicPartition): TaskId {
    return { subtopology: defined(this.#subtopologyOf.get(topic), `${topic} is not read by the topology`), partition };
  }
}

function offsetsByPartition(offsets: readonly TopicPartitionOffset[]): Map<string, number> {
  return new Map(offsets.map((each) => [keyOf(each), each.offset]));
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
