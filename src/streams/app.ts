import { type CloseOptions, type Serde, TimeoutError } from "../client/index.ts";
import { sleep } from "../platform/clock.ts";
import { silentLogger } from "../platform/logger.ts";
import { stderrLogger } from "../platform/node/logger.ts";
import { asError, StreamsError } from "./errors.ts";
import { resolveOptions, type StreamsAppOptions, type StreamsConfig } from "./options.ts";
import { assembleWorker, prepareTopics, type WorkerAssembly } from "./runtime/assembly.ts";
import type { TaskPhase } from "./runtime/assigned-task.ts";
import type { StreamsClient } from "./runtime/ports.ts";
import { CommittedView, type ReadonlyKeyValueStore } from "./stores/committed-view.ts";
import type { StoreEngine } from "./stores/engine.ts";
import type { Topology } from "./topology/topology.ts";

const CAUGHT_UP_MS = 50;
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * - "created": not started.
 * - "rebalancing": waiting for its tasks, or getting them ready.
 * - "running": all tasks run.
 * - "error": ended by itself; `error` says why. Nothing that was not committed is visible.
 * - "closed": ended by `close`.
 */
export type StreamsAppState = "created" | "rebalancing" | "running" | "error" | "closed";

/** Counted since the start. */
export interface StreamsMetrics {
  readonly recordsProcessed: number;
  /** Records that a handler decided to go on without. */
  readonly recordsDropped: number;
  readonly commits: number;
  /** Rollbacks to the last commit. */
  readonly aborts: number;
  /** Changelog records that were replayed into stores. */
  readonly restoredRecords: number;
  readonly tasks: readonly { readonly name: string; readonly phase: TaskPhase }[];
}

export interface StreamsCloseOptions {
  /** What cannot be committed within this time is left to the next worker. Default 30,000. */
  readonly timeoutMs?: number;
  /** Whether others get the tasks at once. If not, those of a worker with a stateDir or a groupInstanceId wait for it, for the
   * session timeout at most: the way to restart it without moving its tasks. Default true. */
  readonly leaveGroup?: boolean;
}

/**
 * Runs a topology. Each StreamsApp is one worker: start as many as there is work for, in one process or in many; those with one
 * application id share the tasks.
 *
 * ```ts
 * const app = new StreamsApp(topology, { applicationId: "word-count", brokers: "localhost:9092", stateDir: "./state" });
 * await app.start();
 * // …
 * await app.close();
 * ```
 */
export class StreamsApp implements AsyncDisposable {
  readonly #topology: Topology;
  readonly #config: StreamsConfig;
  #state: StreamsAppState = "created";
  #client: StreamsClient | undefined;
  #assembly: WorkerAssembly | undefined;
  /** Resolves when nothing runs any more, however it ended. */
  #finished: Promise<void> = Promise.resolve();
  #error: Error | undefined;
  #leavesGroup = true;
  /** By the monotonic clock, once it is to be closed. */
  #closeBy: number | undefined;
  #isClosing = false;
  #isAbandoned = false;
  /** Called after each change of `state`. Must not throw. */
  onStateChange: ((state: StreamsAppState, previous: StreamsAppState) => void) | undefined;
  /** Called when the app ends by itself, after the change to "error"; not for a `start` that throws. Must not throw. Without it, and
   * without a logger, a line on standard error tells. */
  onError: ((error: Error) => void) | undefined;

  /** Throws a StreamsError with code INVALID_ARGUMENT. */
  constructor(topology: Topology, options: StreamsAppOptions) {
    this.#topology = topology;
    this.#config = resolveOptions(options);
  }

  get state(): StreamsAppState {
    return this.#state;
  }

  /** Why the state is "error". */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Makes the internal topics and starts to work; resolves when the worker is about to join its group. Throws a StreamsError
   * with code MISSING_TOPIC, INTERNAL_TOPIC_MISMATCH, or INVALID_STATE when it is closed meanwhile; or the client's OncillaError. The
   * app cannot be started again then. */
  async start(): Promise<void> {
    if (this.#state !== "created") throw new StreamsError("INVALID_STATE", `the app is ${this.#state}: make a new one`);
    const assembled = this.#assemble();
    this.#finished = assembled.then(
      (assembly) => this.#run(assembly),
      () => {},
    );
    // Whoever hears of it may close the app at once.
    this.#setState("rebalancing");
    await assembled;
  }

  /**
   * Resolves at a moment at which nothing is left to do in the input topics, for any worker of the application, and all of it is
   * committed: its results can then be read, and this worker, which runs then, has its share in its stores. While records keep
   * coming that moment may never be. Throws a TimeoutError after `timeoutMs` (default 60,000), and the app's own error when it
   * ends before.
   */
  async caughtUp({ timeoutMs = 60_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { clock } = this.#config.platform;
    const deadline = clock.monotonic() + timeoutMs;
    const { client, inputs, tasks, worker } = this.#running();
    const admin = client.admin();
    try {
      // The group may have done it all before this worker has joined, and restored its stores.
      while (
        !(await admin.isCaughtUp(this.#config.applicationId, inputs)) ||
        // `state` is the last turn's word: tasks may have been rolled back or revoked since.
        this.#state !== "running" ||
        !tasks.allRun ||
        worker.isCommitting
      ) {
        this.#running();
        if (clock.monotonic() >= deadline)
          throw new TimeoutError(`not caught up with ${inputs} within ${timeoutMs} ms`);
        await sleep(clock, CAUGHT_UP_MS);
      }
    } catch (error) {
      // Says why, should the app have ended meanwhile, and its client with it.
      this.#running();
      throw error;
    } finally {
      await admin.close();
    }
  }

  /** Commits, leaves the group and lets go of everything. A `start` that is under way ends. */
  async close({ timeoutMs = CLOSE_TIMEOUT_MS, leaveGroup = true }: StreamsCloseOptions = {}): Promise<void> {
    const { clock } = this.#config.platform;
    this.#leavesGroup = leaveGroup;
    this.#isClosing = true;
    this.#closeBy = clock.monotonic() + timeoutMs;
    if (this.#state === "created") this.#setState("closed");
    if (this.#assembly) this.#assembly.worker.stop();
    else void this.#closeClient();
    const timer = clock.setTimer(timeoutMs, () => this.#abandon());
    await this.#finished;
    timer.cancel();
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A store, as far as its keys are with this worker, and as of the last commit: nothing that may yet be rolled back. The types
   * are the caller's word for what the topology keeps in it. Throws a StreamsError with code INVALID_ARGUMENT. */
  store<K, V>(name: string): ReadonlyKeyValueStore<K, V> {
    const definition = this.#topology.stores.find((store) => store.name === name);
    if (!definition) throw new StreamsError("INVALID_ARGUMENT", `the topology has no store ${name}`);
    const { key, value } = definition;
    return new CommittedView(() => this.#localEngines(name), key as Serde<K>, value as Serde<V>);
  }

  metrics(): StreamsMetrics {
    const assembly = this.#assembly;
    const counters = assembly?.worker.counters ?? { recordsProcessed: 0, recordsDropped: 0, commits: 0, aborts: 0 };
    return {
      ...counters,
      restoredRecords: assembly?.restorer.restoredRecords ?? 0,
      tasks: (assembly?.tasks.tasks ?? []).map(({ name, phase }) => ({ name, phase })),
    };
  }

  #running(): WorkerAssembly {
    if (this.#error) throw this.#error;
    if (this.#assembly && this.#state !== "closed") return this.#assembly;
    throw new StreamsError("INVALID_STATE", `the app is ${this.#state}, and catches up with nothing`);
  }

  async #assemble(): Promise<WorkerAssembly> {
    try {
      this.#client = this.#config.connect(this.#config.client);
      const topics = await prepareTopics(this.#topology, this.#config, this.#client);
      // Nothing is waited for from here on: whoever closes the app finds the assembly, or its start ended.
      if (this.#isClosing) throw new StreamsError("INVALID_STATE", "the app is closing");
      this.#assembly = assembleWorker(this.#topology, this.#config, this.#client, topics, (allRun) =>
        this.#onTurn(allRun),
      );
      return this.#assembly;
    } catch (error) {
      await this.#closeClient();
      if (this.#isClosing) {
        this.#setState("closed");
        throw new StreamsError("INVALID_STATE", "the app was closed while it started", { cause: error });
      }
      this.#fail(asError(error));
      throw error;
    }
  }

  async #run(assembly: WorkerAssembly): Promise<void> {
    let failure: Error | undefined;
    try {
      await assembly.worker.run();
    } catch (error) {
      failure = asError(error);
    }
    try {
      await assembly.close({ leaveGroup: this.#leavesGroup, timeoutMs: this.#timeToCloseMs });
    } catch (error) {
      failure ??= asError(error);
    }
    if (failure && !this.#isAbandoned) this.#endByItself(failure);
    else this.#setState("closed");
  }

  #endByItself(error: Error): void {
    const { applicationId, logger } = this.#config;
    const isHeard = this.onError !== undefined || logger !== silentLogger;
    this.#fail(error);
    this.onError?.(error);
    if (!isHeard) stderrLogger("error").log("error", `the application ${applicationId} has ended`, { error });
  }

  #abandon(): void {
    this.#config.logger.log("warn", "the application was not closed in time: what is not committed is rolled back");
    this.#isAbandoned = true;
    void this.#closeClient({ timeoutMs: 0 });
  }

  get #timeToCloseMs(): number {
    if (this.#closeBy === undefined) return CLOSE_TIMEOUT_MS;
    return Math.max(0, this.#closeBy - this.#config.platform.clock.monotonic());
  }

  /** Makes whatever is waited for fail: it is the start's or the worker's error that is looked at. */
  async #closeClient(options: CloseOptions = {}): Promise<void> {
    await this.#client?.close(options).catch(() => {});
  }

  #onTurn(allRun: boolean): void {
    this.#setState(allRun ? "running" : "rebalancing");
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#config.logger.log("error", `the application ends: ${error.message}`);
    this.#setState("error");
  }

  #setState(state: StreamsAppState): void {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    this.onStateChange?.(state, previous);
  }

  #localEngines(name: string): StoreEngine[] {
    const running = (this.#assembly?.tasks.tasks ?? []).filter(({ phase }) => phase === "running");
    const stores = running.flatMap((task) => task.stores.filter(({ definition }) => definition.name === name));
    return stores.map(({ engine }) => engine);
  }
}
