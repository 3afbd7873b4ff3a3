/** The main job, from the first line to the verdict. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client, OncillaError } from "../../client/index.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { CliError } from "../cli-error.ts";
import { answering } from "../cluster/answering.ts";
import { LiveDisplay } from "../live-display.ts";
import { unlessAborted } from "../processes/aborted.ts";
import { launchChild } from "../processes/launch.ts";
import { ManagedProcess, type ProcessEvents } from "../processes/managed-process.ts";
import { startOwnBroker } from "../processes/own-broker.ts";
import { type Crash, crashSchedule, type ProcessName } from "./crashes.ts";
import { inputFiles, spoolStandardInput, totalBytes } from "./input.ts";
import type { ChildConfig, DemoTopics, Guarantee } from "./messages.ts";
import { progressOf } from "./progress.ts";
import { printResult } from "./report.ts";
import { COUNTS_STORE } from "./topology.ts";
import { countTruth, type Truth } from "./truth.ts";
import { isClean, judge, type Verdict } from "./verdict.ts";

export interface DemoOptions {
  readonly paths: readonly string[];
  readonly crashes: number;
  readonly seed: number;
  readonly guarantee: Guarantee;
  readonly expectDuplicates: boolean;
  /** An existing cluster; our own broker when absent. */
  readonly brokers: string | undefined;
  /** Leave the run's folder and topics behind. */
  readonly keep: boolean;
  /** For so long nothing may move. Default: two minutes. */
  readonly patienceMs?: number;
}

const PARTITIONS = 4;
const POLL_INTERVAL_MS = 20;
const CAUGHT_UP_INTERVAL_MS = 300;
const PATIENCE_MS = 120_000;

/** Runs the demo; true when the outcome is what was asked for. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-demo-"));
  let run: DemoRun | undefined;
  try {
    const files = await findInput(options.paths, folder, signal);
    const truth = await countTruth(files, signal);
    if (truth.words === 0) throw new CliError("there are no words in the input");
    run = new DemoRun(options, files, truth, folder);
    const startedAt = performance.now();
    await run.start(signal);
    await unlessAborted(run.untilCaughtUp(signal), signal);
    const seconds = (performance.now() - startedAt) / 1000;
    const verdict = await unlessAborted(run.finish(), signal);
    printResult(
      { verdict, truth, counters: run.counters, crashes: run.crashesDone, seconds, bytes: totalBytes(files) },
      options,
    );
    return isAsAsked(verdict, options);
  } catch (error) {
    throw error instanceof OncillaError ? new CliError(error.message) : error;
  } finally {
    await run?.cleanUp();
    if (options.keep) console.log(`Everything is left in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

async function findInput(paths: readonly string[], folder: string, signal: AbortSignal): Promise<string[]> {
  if (!paths.includes("-")) return inputFiles(paths);
  const spooled = join(folder, "standard-input.txt");
  await spoolStandardInput(spooled, signal);
  return inputFiles(paths.map((path) => (path === "-" ? spooled : path)));
}

function isAsAsked(verdict: Verdict, options: DemoOptions): boolean {
  if (!options.expectDuplicates) return isClean(verdict);
  return verdict.table.duplicated > 0 && verdict.table.lost === 0 && verdict.lines.lost === 0;
}

class DemoRun {
  readonly #options: DemoOptions;
  readonly #files: readonly string[];
  readonly #truth: Truth;
  readonly #folder: string;
  readonly #applicationId: string;
  readonly #topics: DemoTopics;
  readonly #display = new LiveDisplay(process.stdout);
  readonly #processes = new Map<ProcessName, ManagedProcess>();
  readonly #pending: Crash[];
  readonly #startedAt = performance.now();
  readonly #events: ProcessEvents = {
    onRestart: () => {
      this.#restarts++;
    },
    onUnexpectedExit: (name, reason) => this.#display.note(`${this.#elapsed()} ${name} ended by itself (${reason})`),
    onFatal: (error) => {
      this.#fatal = error;
    },
  };
  #client: Client | undefined;
  #hasTopics = false;
  #restarts = 0;
  #fatal: Error | undefined;
  crashesDone = 0;

  constructor(options: DemoOptions, files: readonly string[], truth: Truth, folder: string) {
    this.#options = options;
    this.#files = files;
    this.#truth = truth;
    this.#folder = folder;
    // Its own names on a shared cluster, so that runs do not meet.
    const prefix = options.brokers ? `oncilla-demo-${Date.now().toString(36)}-` : "";
    this.#applicationId = `${prefix}word-count`;
    this.#topics = {
      lines: `${prefix}lines`,
      counts: `${prefix}word-counts`,
      changelog: `${this.#applicationId}-${COUNTS_STORE}-changelog`,
      repartition: `${this.#applicationId}-${COUNTS_STORE}-repartition`,
    };
    const targets: ProcessName[] = ["worker-1", "broker", "sink", "worker-2", "producer"];
    this.#pending = crashSchedule(
      options.crashes,
      options.brokers ? targets.filter((target) => target !== "broker") : targets,
      seededRandom(options.seed),
    );
  }

  get counters(): { commits: number; aborts: number; rows: number; records: number } {
    const totals = { commits: 0, aborts: 0, rows: 0, records: 0 };
    for (const { counters } of this.#processes.values()) {
      totals.commits += counters.commits ?? 0;
      totals.aborts += counters.aborts ?? 0;
      totals.rows += counters.rows ?? 0;
      totals.records += counters.records ?? 0;
    }
    return totals;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { seed, crashes, guarantee } = this.#options;
    this.#display.note(
      `oncilla demo: ${this.#files.length} files, ${this.#truth.lines} lines, ${guarantee}, ${crashes} crashes, seed ${seed}`,
    );
    const brokers = this.#options.brokers ?? (await this.#startBroker());
    this.#client = new Client({ brokers, clientId: "demo" });
    await unlessAborted(answering(this.#client, brokers), signal);
    this.#hasTopics = true;
    await this.#client.admin().createTopics([
      { topic: this.#topics.lines, partitions: PARTITIONS },
      { topic: this.#topics.counts, partitions: PARTITIONS },
    ]);
    signal.throwIfAborted();
    const children = [
      this.#startChild("worker", "worker-1", brokers),
      this.#startChild("worker", "worker-2", brokers),
      this.#startChild("sink", "sink", brokers),
      this.#startChild("producer", "producer", brokers),
    ];
    await unlessAborted(Promise.all(children), signal);
  }

  /** Kills by the schedule until every record has gone all the way. */
  async untilCaughtUp(signal: AbortSignal): Promise<void> {
    const { patienceMs = PATIENCE_MS } = this.#options;
    let nextCheckAt = 0;
    let last = { done: this.#done, at: performance.now() };
    while (true) {
      signal.throwIfAborted();
      if (this.#fatal) throw this.#fatal;
      if (this.#done > last.done) last = { done: this.#done, at: performance.now() };
      if (performance.now() - last.at > patienceMs) throw this.#stuck(patienceMs);
      this.#crashDue();
      this.#display.update(progressOf(this.#snapshot()));
      const mayBeDone = this.#process("producer").isDone && this.#pending.length === 0;
      if (mayBeDone && performance.now() >= nextCheckAt) {
        if (await this.#isCaughtUp()) return;
        nextCheckAt = performance.now() + CAUGHT_UP_INTERVAL_MS;
      }
      await delay(POLL_INTERVAL_MS);
    }
  }

  /** Grows while something gets done. */
  get #done(): number {
    const { commits, rows, records } = this.counters;
    return commits + rows + records + this.#process("producer").position + this.crashesDone;
  }

  #stuck(patienceMs: number): CliError {
    const { lines, totalLines, rows } = this.#snapshot();
    return new CliError(
      `nothing has moved for ${Math.round(patienceMs / 1000)} s, with ${lines} of ${totalLines} lines written and ${rows} rows sunk`,
    );
  }

  /** Stops the job's processes in order and compares what they left behind. */
  async finish(): Promise<Verdict> {
    this.#display.update(progressOf(this.#snapshot()));
    for (const name of ["worker-1", "worker-2", "sink"] as const) await this.#process(name).stop();
    return judge(this.#connected(), this.#topics, this.#database, this.#truth);
  }

  async cleanUp(): Promise<void> {
    const children = [...this.#processes.values()].filter(({ name }) => name !== "broker");
    await Promise.all(children.map((child) => child.abandon()));
    if (this.#client && this.#hasTopics && this.#options.brokers && !this.#options.keep)
      await this.#deleteTopics(this.#client).catch((error: unknown) => this.#leaveTopics(error));
    await this.#client?.close();
    await this.#processes.get("broker")?.stop();
  }

  async #startBroker(): Promise<string> {
    const { broker, address } = await startOwnBroker(this.#folder, join(this.#folder, "broker"), this.#events);
    this.#processes.set("broker", broker);
    return address;
  }

  async #startChild(role: ChildConfig["role"], name: ProcessName, brokers: string): Promise<void> {
    const config: ChildConfig = {
      role,
      name,
      brokers,
      guarantee: this.#options.guarantee,
      applicationId: this.#applicationId,
      topics: this.#topics,
      files: role === "producer" ? this.#files : [],
      stateDir: join(this.#folder, name),
      database: this.#database,
    };
    const managed = new ManagedProcess(name, this.#folder, () => launchChild("demo/child", config), this.#events);
    this.#processes.set(name, managed);
    await managed.start();
  }

  #crashDue(): void {
    for (const crash of this.#pending.filter(({ target, atProgress }) => this.#progressOf(target) >= atProgress)) {
      this.#pending.splice(this.#pending.indexOf(crash), 1);
      setTimeout(() => this.#crash(crash.target), crash.delayMs);
    }
  }

  /** A target that is gone or done is replaced by one that is not: the number of crashes is a promise. */
  #crash(target: ProcessName): void {
    const order = [target, "worker-1", "worker-2", "sink"] as const;
    const victim = order.find((name) => this.#processes.get(name)?.kill());
    if (!victim) return;
    this.crashesDone++;
    this.#display.note(`${this.#elapsed()} SIGKILL ${victim}`);
  }

  /** Of the target's own work; the sink and the broker go along with the workers. */
  #progressOf(target: ProcessName): number {
    const { lines, words } = this.#truth;
    if (target === "producer") return this.#process("producer").position / lines;
    return this.counters.records / (lines + words);
  }

  async #isCaughtUp(): Promise<boolean> {
    const admin = this.#connected().admin();
    try {
      // In the order of the pipeline: a stage that is done stays done once those before it are.
      return (
        (await admin.isCaughtUp(this.#applicationId, [this.#topics.lines, this.#topics.repartition])) &&
        (await admin.isCaughtUp(`${this.#applicationId}-sink`, [this.#topics.counts]))
      );
    } finally {
      await admin.close();
    }
  }

  async #deleteTopics(client: Client): Promise<void> {
    const admin = client.admin();
    const topics = await admin.listTopics();
    const ours = topics.filter(
      (topic) =>
        [this.#topics.lines, this.#topics.counts].includes(topic) || topic.startsWith(`${this.#applicationId}-`),
    );
    await admin.deleteTopics(ours);
  }

  /** A cluster that is gone must not hide why the demo ends, nor keep it from its other steps. */
  #leaveTopics(error: unknown): void {
    if (!(error instanceof OncillaError)) throw error;
    this.#display.note(`The topics of ${this.#applicationId} are left behind: ${error.message}`);
  }

  #snapshot() {
    const { records, rows, commits, aborts } = this.counters;
    const { lines, words } = this.#truth;
    return {
      lines: this.#process("producer").position,
      totalLines: lines,
      // Some are counted again after a crash; the transaction they were in before never happened.
      words: Math.min(words, Math.max(0, records - lines)),
      totalWords: words,
      rows,
      commits,
      aborts,
      crashes: this.crashesDone,
      totalCrashes: this.#options.crashes,
      restarts: this.#restarts,
    };
  }

  #process(name: ProcessName): ManagedProcess {
    const managed = this.#processes.get(name);
    if (!managed) throw new Error(`${name} was never started`);
    return managed;
  }

  #connected(): Client {
    if (!this.#client) throw new Error("the demo has not started");
    return this.#client;
  }

  get #database(): string {
    return join(this.#folder, "word-counts.db");
  }

  #elapsed(): string {
    return `[${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s]`;
  }
}
