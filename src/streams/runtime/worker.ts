/** The loop of one worker: read, process, commit; and back to the last commit when something fails. */
import {
  CommitFailedError,
  type ConsumerGroupMetadata,
  type ConsumerRecord,
  type OncillaError,
} from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { asError, StreamsError } from "../errors.ts";
import { StoreDamagedError } from "../stores/engine.ts";
import type { Task } from "../tasks/task.ts";
import type { WorkerShare } from "./assignor.ts";
import { commitTasks, type Guarantee } from "./commit.ts";
import { isRecoverable, isReplaced, isTooLarge, originOf } from "./faults.ts";
import { MAX_RECORD_BYTES, type Output } from "./output.ts";
import { MAX_WORK_MS, Pace } from "./pace.ts";
import type { StreamsConsumer } from "./ports.ts";
import type { RepartitionPurger } from "./repartition-purger.ts";
import { Rollbacks } from "./rollbacks.ts";
import type { TaskManager } from "./task-manager.ts";

/** Uncommitted changes of all stores that bring the next commit forward. */
const MAX_UNCOMMITTED_BYTES = 32 * 1024 * 1024;
const IDLE_POLL_MS = 100;
const PREPARING_POLL_MS = 10;

export interface WorkerOptions {
  readonly guarantee: Guarantee;
  readonly commitIntervalMs: number;
  readonly consumer: StreamsConsumer;
  readonly tasks: TaskManager;
  readonly output: Output;
  readonly purger: RepartitionPurger;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After each turn: whether all tasks run. */
  readonly onTurn: (allRun: boolean) => void;
}

export interface WorkerCounters {
  recordsProcessed: number;
  recordsDropped: number;
  commits: number;
  aborts: number;
}

export class Worker {
  readonly #options: WorkerOptions;
  readonly #consumer: StreamsConsumer;
  readonly #tasks: TaskManager;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly counters: WorkerCounters = { recordsProcessed: 0, recordsDropped: 0, commits: 0, aborts: 0 };
  #rejoins = 0;
  #isShareOutdated = false;
  /** The membership in which the tasks were given. Not the consumer's word at the time of a commit: it may have lost that
   * membership meanwhile, and offsets without one are taken unchecked. */
  #group: ConsumerGroupMetadata | undefined;
  #lastCommitAt: number;
  readonly #rollbacks = new Rollbacks();
  readonly #pace = new Pace();
  #lastYieldAt: number;
  #isStopping = false;
  /** Part of what it does may be visible already, and part not: of a commit, the stores come last. */
  isCommitting: boolean = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#consumer = options.consumer;
    this.#tasks = options.tasks;
    this.#output = options.output;
    this.#clock = options.clock;
    this.#lastCommitAt = options.clock.monotonic();
    this.#lastYieldAt = this.#lastCommitAt;
  }

  /** Runs until `stop`, or until an error that no rollback helps against, which it throws. */
  async run(): Promise<void> {
    this.#subscribe();
    while (!this.#isStopping) {
      await this.#guarded(() => this.#turn());
      this.#options.onTurn(this.#tasks.allRun);
    }
    await this.#guarded(() => this.#commit());
  }

  /** How often it has asked for a rebalance. */
  get rejoins(): number {
    return this.#rejoins;
  }

  /** The group's word: what this worker has to do from now on. */
  onShare(share: WorkerShare): void {
    this.#tasks.assign(share);
    this.#isShareOutdated = share.isOutdated;
  }

  /** `run` returns soon, and commits before. */
  stop(): void {
    this.#isStopping = true;
    this.#consumer.wakeup();
  }

  #subscribe(): void {
    this.#consumer.subscribe(this.#tasks.sourceTopics, {
      onRevoked: () => this.#onRevoked(),
      onAssigned: () => this.#onAssigned(),
      onLost: () => this.#onLost(),
    });
  }

  async #turn(): Promise<void> {
    await this.#output.repair();
    const records = await this.#consumer.poll({ timeoutMs: this.#pollTimeoutMs() });
    await this.#process(records);
    if (this.#commitIsDue()) await this.#commit();
    await this.#prepareTasks();
    await this.#yieldTurn();
  }

  /** Answers from the network and timers get their turn, however much is there to be polled. */
  async #yieldTurn(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setImmediate(resolve));
    this.#lastYieldAt = this.#clock.monotonic();
  }

  async #process(records: readonly ConsumerRecord[]): Promise<void> {
    this.#tasks.distribute(records);
    for (const task of this.#tasks.running) {
      // What is left when it is to stop is read again by the next one: it may take long.
      while (task.pendingRecords > 0 && !this.#isStopping) {
        this.#processSlice(task);
        await this.#output.ready();
        if (this.#commitIsDue()) await this.#commit();
        if (this.#clock.monotonic() - this.#lastYieldAt > MAX_WORK_MS) await this.#yieldTurn();
      }
    }
  }

  #processSlice(task: Task): void {
    const droppedBefore = task.recordsDropped;
    const startedAt = this.#clock.monotonic();
    const records = task.process(this.#pace.sliceRecords);
    this.#pace.note(records, this.#clock.monotonic() - startedAt);
    this.counters.recordsProcessed += records;
    this.counters.recordsDropped += task.recordsDropped - droppedBefore;
  }

  async #prepareTasks(): Promise<void> {
    // A transaction that was given up while the tasks moved may hold the very offsets that are asked for: the next turn settles it first.
    if (!this.#tasks.isPreparing || this.#output.needsRepair) return;
    // Finding out where to go on can wait for others' transactions. Ours must not stay open as long.
    if (this.#tasks.hasTasksToLocate) await this.#commit();
    await this.#tasks.prepare();
  }

  #pollTimeoutMs(): number {
    if (this.#tasks.isPreparing) return PREPARING_POLL_MS;
    const hasProgress = this.#tasks.running.some((task) => task.hasProgress);
    return hasProgress ? Math.max(0, this.#nextCommitAt - this.#clock.monotonic()) : IDLE_POLL_MS;
  }

  get #nextCommitAt(): number {
    return this.#lastCommitAt + this.#options.commitIntervalMs;
  }

  #commitIsDue(): boolean {
    if (this.#clock.monotonic() >= this.#nextCommitAt) return true;
    const uncommitted = this.#tasks.running.reduce((sum, task) => sum + task.uncommittedBytes, 0);
    return uncommitted > MAX_UNCOMMITTED_BYTES;
  }

  async #commit(): Promise<void> {
    const tasks = this.#tasks.running.filter((task) => task.hasProgress);
    if (tasks.length > 0) await this.#commitTasks(tasks);
    // Counted from the end, so that slow commits leave time to work.
    this.#lastCommitAt = this.#clock.monotonic();
  }

  async #commitTasks(tasks: readonly Task[]): Promise<void> {
    const offsets = tasks.flatMap((task) => task.offsetsToCommit());
    this.isCommitting = true;
    try {
      await commitTasks(tasks, {
        guarantee: this.#options.guarantee,
        flush: () => this.#output.flush(),
        commitTransaction: (positions, group) => this.#output.commitTransaction(positions, group),
        commitOffsets: (positions) => this.#consumer.commit(positions),
        group: defined(this.#group),
        now: () => this.#clock.now(),
      });
    } finally {
      this.isCommitting = false;
    }
    this.counters.commits++;
    this.#rollbacks.onCommit();
    this.#options.purger.onCommitted(offsets);
  }

  #onAssigned(): void {
    this.#group = this.#consumer.groupMetadata();
    this.#tasks.holdWaiting();
    // The poll that is under way may wait for the next commit: the tasks are to be made ready first.
    this.#consumer.wakeup();
    if (this.#isShareOutdated) this.#refuseInheritedShare();
  }

  /** A worker that comes back gets what its last life had, and the group does not look at what has changed since: the topology,
   * or the topics. What a rebalance then gives is the group's answer. */
  #refuseInheritedShare(): void {
    if (this.#rejoins > 0) {
      this.#options.logger.log(
        "warn",
        "the group's leader knows other inputs: all workers must run the same topology. Tasks that this one gets parts of wait for that",
      );
      return;
    }
    this.#rejoins++;
    this.#subscribe();
  }

  /** Every task is given up for the time of a rebalance; what they have done is committed before, or dropped. */
  async #onRevoked(): Promise<void> {
    try {
      await this.#commit();
    } catch (error) {
      if (!isRecoverable(error)) throw error;
      this.#rollBack(error);
    }
    this.#tasks.suspendAll();
  }

  /** The group has gone on without this member. */
  #onLost(): void {
    if (this.#tasks.running.some((task) => task.hasProgress)) {
      this.#rollBack(
        new CommitFailedError("COMMIT_FAILED", "the group went on without this worker", { abortable: true }),
      );
    }
    this.#tasks.suspendAll();
  }

  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (isReplaced(error)) throw replaced(error);
      if (isTooLarge(error)) throw tooLarge(error);
      if (!isRecoverable(error)) throw error;
      this.#rollBack(error);
      this.#rollbacks.check(error);
      await sleep(this.#clock, this.#rollbacks.backoffMs);
    }
  }

  #rollBack(error: unknown): void {
    const { message } = asError(error);
    this.#options.logger.log("warn", `back to the last commit: ${message}`);
    this.counters.aborts++;
    this.#rollbacks.note(error);
    this.#output.markFailed(error);
    this.#tasks.rollback();
    if (error instanceof StoreDamagedError) this.#tasks.discardDamaged(error);
  }
}

function replaced(cause: unknown): StreamsError {
  const message =
    "another worker has joined under this one's group instance id, and goes on with its tasks. Should both have run at the " +
    "same time, give each a groupInstanceId or a stateDir of its own";
  return new StreamsError("REPLACED", message, { cause });
}

/** A topic takes less than what the handler is asked about, so that it was not. */
function tooLarge(cause: OncillaError): StreamsError {
  const message =
    `the cluster refused what was written: ${originOf(cause).message}. Topics that the application writes, its own among them, must ` +
    `take batches of ${MAX_RECORD_BYTES} bytes: raise the topic's max.message.bytes`;
  return new StreamsError("PRODUCTION_FAILED", message, { cause });
}
