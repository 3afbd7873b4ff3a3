/** One round: fresh topics, processes at work, faults, rest, and what is found then. */
import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Admin, type Client, OncillaError, type TopicPartition } from "../../client/index.ts";
import { Dice } from "../../platform/dice.ts";
import { ManagedProcess, type ProcessEvents } from "../processes/managed-process.ts";
import { invariants } from "./check/index.ts";
import { type Evidence, nameOf } from "./check/invariant.ts";
import { drawFaults, type Fault, type FaultKind } from "./faults.ts";
import { readJournals } from "./journal.ts";
import { readStoredPartitions } from "./remains.ts";
import type { Flaw, ProcessConfig, TopicPlan, WorkloadName } from "./tasks.ts";
import type { Verdict } from "./verdict.ts";
import { createWorkload, type ProcessPlan, type Workload } from "./workloads.ts";

export interface RoundOptions {
  readonly seed: number;
  /** In front of the names of topics, groups and transactional ids. */
  readonly prefix: string;
  readonly folder: string;
  readonly brokers: string;
  readonly client: Client;
  /** Our own, to be killed as well. */
  readonly broker: ManagedProcess | undefined;
  readonly workloads: readonly WorkloadName[];
  readonly flaw: Flaw | undefined;
  /** How long faults come. */
  readonly durationMs: number;
  /** Starts a process of the round. */
  readonly launch: (config: ProcessConfig) => ChildProcess;
  readonly note: (text: string) => void;
}

/** Each step to rest has to get on within this once the faults are over, and to come to its end within the other. */
const PATIENCE_MS = 90_000;
const LONG_PATIENCE_MS = 900_000;
/** For what a process has in its hands when it is told to stop. */
const STOP_PATIENCE_MS = 300_000;
const LOOK_MS = 200;
const START_TOGETHER = 4;

/** What keeps the round from coming to rest. */
class Stuck extends Error {}

/** The cluster may be away for a moment. */
function asNotYet(error: unknown): false {
  if (error instanceof OncillaError) return false;
  throw error;
}

export class Round {
  readonly processes: Map<string, ManagedProcess> = new Map();
  /** What was done to processes, by kind. */
  readonly struck: Record<FaultKind, number> = { kill: 0, leave: 0, stall: 0 };
  readonly #options: RoundOptions;
  readonly #workloads: readonly Workload[];
  readonly #topics: readonly TopicPlan[];
  readonly #plans: readonly ProcessPlan[];
  readonly #journals: string;
  readonly #startedAt = performance.now();
  readonly #unexpected: string[] = [];
  readonly events: ProcessEvents = {
    onRestart: () => {},
    onUnexpectedExit: (name, reason) => {
      const words = (name === "broker" ? this.#options.broker : this.processes.get(name))?.lastWords() ?? "";
      this.#unexpected.push(`${name} ended by itself (${reason})${words}`);
      this.#options.note(`${this.#elapsed()} ${name} ended by itself (${reason})`);
    },
    onFatal: (error) => {
      this.#fatal = error;
    },
  };
  #isCalm = false;
  #phase = "starting";
  #fatal: Error | undefined;

  constructor(options: RoundOptions) {
    const { seed, prefix, folder, workloads } = options;
    this.#options = options;
    this.#journals = join(folder, "journals");
    mkdirSync(this.#journals, { recursive: true });
    this.#workloads = workloads.map((name) =>
      createWorkload(name, { prefix, folder, dice: Dice.of(seed, `workload ${name}`) }),
    );
    this.#topics = this.#workloads.flatMap(({ topics }) => topics);
    this.#plans = this.#workloads.flatMap(({ processes }) => processes);
  }

  get phase(): string {
    return this.#phase;
  }

  /** Runs the round and adds what it finds to `verdict`. */
  async run(verdict: Verdict, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    await client.admin().createTopics(this.#topics);
    await this.#startAll(signal);
    await this.#underFaults(signal);
    try {
      await this.#comeToRest(signal);
      this.#phase = "checking";
      verdict.add(await this.#evidence(), [...invariants, ...this.#workloads.flatMap((each) => each.invariants)]);
      verdict.addRest([...this.#unexpected, ...this.#idle()]);
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      verdict.addRest([error.message, ...this.#unexpected]);
    }
  }

  async cleanUp({ keepTopics }: { readonly keepTopics: boolean }): Promise<void> {
    await Promise.all([...this.processes.values()].map((process) => process.abandon()));
    if (!keepTopics) await this.#deleteTopics();
  }

  async #startAll(signal: AbortSignal): Promise<void> {
    const watcher: ProcessPlan = { name: "watcher", task: { program: "watch", topics: this.#topics }, role: "work" };
    const plans = [watcher, ...this.#plans];
    for (let at = 0; at < plans.length; at += START_TOGETHER) {
      signal.throwIfAborted();
      await Promise.all(plans.slice(at, at + START_TOGETHER).map((plan) => this.#start(plan)));
    }
  }

  async #start({ name, task, beforeStart }: ProcessPlan): Promise<void> {
    const { seed, folder, brokers, flaw } = this.#options;
    const launch = (life: number): ChildProcess => {
      beforeStart?.();
      const config: ProcessConfig = {
        name,
        life,
        seed,
        brokers,
        task,
        journals: this.#journals,
        flaw,
        isCalm: this.#isCalm,
      };
      return this.#options.launch(config);
    };
    const process = new ManagedProcess(name, folder, launch, this.events);
    this.processes.set(name, process);
    await process.start();
  }

  async #underFaults(signal: AbortSignal): Promise<void> {
    const { seed, broker, durationMs } = this.#options;
    this.#phase = "under faults";
    const dice = Dice.of(seed, "faults");
    const faults = drawFaults(dice, [...this.processes.keys()], { hasBroker: broker !== undefined, durationMs });
    const startedAt = performance.now();
    for (const fault of faults) {
      await this.#wait(startedAt + fault.atMs, signal);
      this.#strike(fault);
    }
    await this.#wait(startedAt + durationMs, signal);
  }

  async #wait(untilMs: number, signal: AbortSignal): Promise<void> {
    this.#throwFatal();
    const leftMs = untilMs - performance.now();
    if (leftMs > 0) await delay(leftMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  #strike({ kind, target, forMs }: Fault): void {
    const process = target === "broker" ? this.#options.broker : this.processes.get(target);
    if (!process?.isRunning) return;
    if (kind === "stall") process.tell({ type: "stall", forMs });
    else if (!process.kill({ signal: kind === "kill" ? "SIGKILL" : "SIGTERM", downMs: forMs })) return;
    this.struck[kind]++;
    const deed = { kill: "SIGKILL", leave: "SIGTERM", stall: "stalls" }[kind];
    this.#options.note(`${this.#elapsed()} ${deed} ${target}, for ${(forMs / 1000).toFixed(1)} s`);
  }

  async #comeToRest(signal: AbortSignal): Promise<void> {
    const { client, broker } = this.#options;
    this.#phase = "coming to rest";
    this.#isCalm = true;
    for (const process of this.processes.values()) process.tell({ type: "calm" });
    await this.#await("some processes do not come back", signal, async () =>
      [...this.processes.values(), ...(broker ? [broker] : [])].every(({ isReady }) => isReady),
    );
    await this.#stop(this.#plans.filter(({ role }) => role === "feed"));
    const admin = client.admin();
    for (const { readings, processes } of this.#workloads) {
      for (const { group, topics } of readings) {
        const what = `group ${group} does not get to the end of ${topics.join(" and ")}`;
        await this.#await(
          what,
          signal,
          () => admin.isCaughtUp(group, topics),
          () => this.#done(processes),
        );
      }
    }
    await admin.close();
    await this.#stop(this.#plans.filter(({ role }) => role === "work"));
    await this.#await("transactions stay open", signal, () => this.#isDecided());
    // What was acknowledged until now must survive this too.
    if (broker) {
      broker.kill();
      await this.#await("the broker does not come back", signal, async () => broker.isReady);
    }
    await this.#stop([{ name: "watcher" }]);
    this.#throwFatal();
  }

  async #stop(plans: readonly Pick<ProcessPlan, "name">[]): Promise<void> {
    const stopped = await Promise.all(
      plans.map(async ({ name }) => ({ name, ending: await this.#process(name).stop(STOP_PATIENCE_MS) })),
    );
    for (const { name, ending } of stopped) {
      if (ending === "failed")
        this.#unexpected.push(`${name} failed when told to stop${this.#process(name).lastWords()}`);
    }
    const stuck = stopped.filter(({ ending }) => ending === "forced");
    if (stuck.length > 0) throw new Stuck(`${stuck.map(({ name }) => name).join(", ")} did not stop when told to`);
  }

  /** `progress` grows while something gets done. */
  async #await(
    what: string,
    signal: AbortSignal,
    isOver: () => Promise<boolean>,
    progress: () => number = () => 0,
  ): Promise<void> {
    const startedAt = performance.now();
    let last = { done: progress(), at: startedAt };
    while (!(await isOver().catch(asNotYet))) {
      this.#throwFatal();
      const now = performance.now();
      const done = progress();
      if (done > last.done) last = { done, at: now };
      if (now - last.at > PATIENCE_MS || now - startedAt > LONG_PATIENCE_MS) {
        throw new Stuck(`${what}, ${Math.round((now - startedAt) / 1000)} s after it could`);
      }
      await delay(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** What these processes have finished, in all their lives. */
  #done(plans: readonly ProcessPlan[]): number {
    return plans.reduce((sum, { name }) => {
      const { acknowledged = 0, committed = 0, written = 0 } = this.processes.get(name)?.counters ?? {};
      return sum + acknowledged + committed + written;
    }, 0);
  }

  /** A process that keeps ending ends the round. */
  #throwFatal(): void {
    if (this.#fatal) throw new Stuck(this.#fatal.message);
  }

  /** Whether no partition has an open transaction. */
  async #isDecided(): Promise<boolean> {
    const admin = this.#options.client.admin();
    try {
      const topics = await admin.describeTopics(await this.#ownTopics(admin));
      const partitions: TopicPartition[] = topics.flatMap((topic) => topic.partitions);
      const queries = partitions.map((each) => ({ ...each, spec: "latest" as const }));
      const ends = await admin.listOffsets(queries, { isolationLevel: "read_uncommitted" });
      const stableEnds = await admin.listOffsets(queries, { isolationLevel: "read_committed" });
      const stable = new Map(stableEnds.map((end) => [nameOf(end), end.offset]));
      return ends.every((end) => (stable.get(nameOf(end)) ?? 0) >= end.offset);
    } finally {
      await admin.close();
    }
  }

  async #evidence(): Promise<Evidence> {
    const admin = this.#options.client.admin();
    const stored = await readStoredPartitions(admin, await this.#ownTopics(admin));
    const committed = new Map<string, ReadonlyMap<string, number>>();
    for (const { group } of this.#workloads.flatMap(({ readings }) => readings)) {
      const offsets = await admin.listConsumerGroupOffsets(group, { requireStable: true });
      committed.set(group, new Map(offsets.map((each) => [nameOf(each), each.offset])));
    }
    await admin.close();
    return {
      history: readJournals(this.#journals),
      stored: new Map(stored.map((each) => [nameOf(each), each])),
      committed,
    };
  }

  /** Who got nothing done proves nothing. */
  #idle(): string[] {
    return this.#workloads
      .filter(({ processes }) => this.#done(processes) === 0)
      .map(({ name }) => `${name}: nothing got done`);
  }

  #process(name: string): ManagedProcess {
    const process = this.processes.get(name);
    if (!process) throw new Error(`${name} was never started`);
    return process;
  }

  async #ownTopics(admin: Admin): Promise<string[]> {
    return (await admin.listTopics()).filter((topic) => topic.startsWith(this.#options.prefix));
  }

  async #deleteTopics(): Promise<void> {
    const admin = this.#options.client.admin();
    const topics = await this.#ownTopics(admin);
    if (topics.length > 0) await admin.deleteTopics(topics);
    await admin.close();
  }

  #elapsed(): string {
    return `[${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s]`;
  }
}
