/** A task that a worker was given: from taking its folder to letting go of it. The running `Task` inside comes and goes. */
import type { TopicDescription, TopicPartition } from "../../client/index.ts";
import { assert, defined } from "../../platform/assert.ts";
import { closeEach } from "../../platform/closing.ts";
import type { Logger } from "../../platform/logger.ts";
import { StreamsError } from "../errors.ts";
import { StoreDamagedError, type StoreEngine, type StoreEngines } from "../stores/engine.ts";
import type { ErrorHandlers } from "../tasks/error-handlers.ts";
import { Task, type TaskOutput } from "../tasks/task.ts";
import { type TaskId, taskName } from "../tasks/task-id.ts";
import { type Changelog, TaskStore } from "../tasks/task-store.ts";
import type { StoreDefinition } from "../topology/node.ts";
import { changelogTopic, type Subtopology, type Topology } from "../topology/topology.ts";
import type { StateDirectory, TaskFolder } from "./state-directory.ts";

/** What all tasks of a worker have in common. */
export interface TaskEnvironment {
  readonly topology: Topology;
  readonly applicationId: string;
  readonly internalTopics: ReadonlyMap<string, TopicDescription>;
  readonly engines: StoreEngines;
  /** Undefined when the engines keep nothing on disk. */
  readonly stateDirectory: StateDirectory | undefined;
  /** What entries of one store may take that stay cached from commit to commit. */
  readonly readCacheBytes: () => number;
  readonly output: TaskOutput;
  readonly handlers: ErrorHandlers;
  readonly logger: Logger;
}

export interface OpenStore {
  readonly definition: StoreDefinition;
  readonly changelog: Changelog;
  engine: StoreEngine;
}

/**
 * - "closed": given, and without its folder and stores yet.
 * - "open": its stores are there; where to go on from is to be found out.
 * - "restoring": its stores are replaying their changelogs.
 * - "running".
 * - "suspended": the group is sharing the tasks out anew; it is committed, and others may get it.
 */
export type TaskPhase = "closed" | "open" | "restoring" | "running" | "suspended";

export class AssignedTask {
  readonly id: TaskId;
  readonly name: string;
  readonly partitions: readonly TopicPartition[];
  readonly #environment: TaskEnvironment;
  readonly #subtopology: Subtopology;
  #phase: TaskPhase = "closed";
  #folder: TaskFolder | undefined;
  #stores: OpenStore[] = [];
  #task: Task | undefined;

  /** `partitions`: those of its inputs that exist. */
  constructor(id: TaskId, partitions: readonly TopicPartition[], environment: TaskEnvironment) {
    this.id = id;
    this.name = taskName(id);
    this.partitions = partitions;
    this.#environment = environment;
    this.#subtopology = defined(environment.topology.subtopologies[id.subtopology]);
  }

  get phase(): TaskPhase {
    return this.#phase;
  }
  get stores(): readonly OpenStore[] {
    return this.#stores;
  }
  /** Undefined unless it runs. */
  get running(): Task | undefined {
    return this.#task;
  }
  /** "" without a folder. */
  get folderPath(): string {
    return this.#folder?.path ?? "";
  }

  /** Takes the folder and opens the stores; false while another worker of this machine still has them. */
  tryOpen(): boolean {
    assert(this.#phase === "closed");
    if (!this.#takeFolder()) return false;
    // What an earlier try got before it failed is still there.
    for (const definition of this.#subtopology.stores.slice(this.#stores.length)) {
      const changelog = this.#changelogOf(definition.name);
      this.#stores.push({ definition, changelog, engine: this.#openEngine(definition.name) });
    }
    this.#phase = "open";
    return true;
  }

  /** Empties a store whose contents are of no use, to be restored from the start. */
  rebuild(store: OpenStore, reason: string): void {
    const { engines, logger } = this.#environment;
    const name = store.definition.name;
    logger.log("warn", `store ${name} is rebuilt from its changelog: ${reason}`, { task: this.name });
    store.engine.close();
    engines.remove(this.folderPath, name);
    store.engine = engines.open(this.folderPath, name);
  }

  restoring(): void {
    assert(this.#phase === "open");
    this.#phase = "restoring";
  }

  run(): void {
    assert(this.#phase === "restoring");
    const { topology, applicationId, readCacheBytes, output, handlers, logger } = this.#environment;
    this.#task = new Task({
      id: this.id,
      subtopology: this.#subtopology,
      topicName: (topic) => topology.topicName(applicationId, topic),
      stores: this.#stores.map(
        ({ definition, engine, changelog }) => new TaskStore(definition, engine, changelog, readCacheBytes),
      ),
      output,
      handlers,
      logger,
    });
    this.#phase = "running";
  }

  /** Forgets all that is not committed. The stores hold nothing else. */
  rollback(): void {
    this.#task = undefined;
    if (this.#phase !== "closed") this.#phase = "open";
  }

  suspend(): void {
    this.rollback();
    if (this.#phase === "open") this.#phase = "suspended";
  }

  resume(): void {
    if (this.#phase === "suspended") this.#phase = "open";
  }

  /** Lets go of stores and folder. What is not committed is gone. */
  close(): void {
    const engines = this.#stores.map(({ engine }) => engine);
    const folder = this.#folder;
    this.#task = undefined;
    this.#stores = [];
    this.#folder = undefined;
    this.#phase = "closed";
    // The folder last: whoever takes it next opens the same files.
    closeEach([...engines.map((engine) => () => engine.close()), () => folder?.release()]);
  }

  #takeFolder(): boolean {
    const directory = this.#environment.stateDirectory;
    if (!directory || this.#subtopology.stores.length === 0) return true;
    this.#folder ??= directory.takeTask(this.id);
    return this.#folder !== undefined;
  }

  #changelogOf(store: string): Changelog {
    const topic = changelogTopic(this.#environment.applicationId, store);
    const { topicId, partitions } = defined(this.#environment.internalTopics.get(topic));
    const { partition } = this.id;
    if (partition < partitions.length) return { topic, partition, topicId };
    throw new StreamsError(
      "INTERNAL_TOPIC_MISMATCH",
      `${topic} has ${partitions.length} partitions, and an input of task ${this.name} has more by now: use another ` +
        "application id, or delete the application's internal topics and offsets and begin anew",
    );
  }

  #openEngine(store: string): StoreEngine {
    const { engines, logger } = this.#environment;
    try {
      return engines.open(this.folderPath, store);
    } catch (error) {
      if (!(error instanceof StoreDamagedError)) throw error;
      logger.log("warn", `store ${store} is rebuilt from its changelog: ${error.message}`, { task: this.name });
      engines.remove(this.folderPath, store);
      return engines.open(this.folderPath, store);
    }
  }
}
