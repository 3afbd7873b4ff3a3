/** From the first round to the verdict. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, OncillaError } from "../../client/index.ts";
import { CliError } from "../cli-error.ts";
import { answering } from "../cluster/answering.ts";
import { grouped, LiveDisplay } from "../live-display.ts";
import { launchChild } from "../processes/launch.ts";
import type { ManagedProcess, ProcessEvents } from "../processes/managed-process.ts";
import { startOwnBroker } from "../processes/own-broker.ts";
import { printVerdict } from "./report.ts";
import { Round } from "./round.ts";
import type { Flaw, WorkloadName } from "./tasks.ts";
import { Verdict } from "./verdict.ts";

export interface VerifyOptions {
  /** An existing cluster; our own broker when absent. */
  readonly brokers: string | undefined;
  readonly minutes: number;
  readonly seed: number;
  readonly workloads: readonly WorkloadName[];
  readonly flaw: Flaw | undefined;
  /** Leave the folder and the topics behind. */
  readonly keep: boolean;
}

/** So that what there is to check fits into memory, and is checked soon. */
const ROUND_MS = 60_000;
const DISPLAY_INTERVAL_MS = 100;
/** Members that die are noticed as soon as those of the classic protocol. */
const BROKER_FLAGS = ["--group-consumer-session-timeout-ms", "6000", "--group-consumer-heartbeat-interval-ms", "500"];

/** True when everything holds. */
export async function runVerify(options: VerifyOptions, signal: AbortSignal): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-verify-"));
  const run = new Verification(options, folder);
  try {
    await run.start();
    await run.rounds(signal);
    return run.isClean;
  } catch (error) {
    throw error instanceof OncillaError ? new CliError(error.message) : error;
  } finally {
    await run.cleanUp();
    if (options.keep || !run.isClean) console.log(`Everything is left in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #folder: string;
  readonly #display = new LiveDisplay(process.stdout);
  readonly #verdict = new Verdict();
  /** Its own names on a shared cluster, so that runs do not meet. */
  readonly #name = `oncilla-verify-${Date.now().toString(36)}`;
  #brokers = "";
  #broker: ManagedProcess | undefined;
  #client: Client | undefined;
  #round: Round | undefined;
  #number = 0;

  constructor(options: VerifyOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  get isClean(): boolean {
    return this.#verdict.isClean;
  }

  async start(): Promise<void> {
    const { seed, workloads, minutes, brokers } = this.#options;
    this.#display.note(`oncilla verify: ${workloads.join(", ")}; ${minutes} min of faults, seed ${seed}`);
    this.#brokers = brokers ?? (await this.#startBroker());
    this.#client = new Client({ brokers: this.#brokers, clientId: "verify" });
    await answering(this.#client, this.#brokers);
  }

  /** One behind the other until the time is up or something is broken. */
  async rounds(signal: AbortSignal): Promise<void> {
    const { minutes, seed, workloads, flaw, brokers } = this.#options;
    for (let leftMs = minutes * 60_000; leftMs > 0 && this.#verdict.isClean; leftMs -= ROUND_MS) {
      await this.#runRound(Math.min(ROUND_MS, leftMs), signal);
    }
    this.#display.clear();
    const flags = [`--seed ${seed}`, `--minutes ${minutes}`, `--workloads ${workloads.join()}`];
    if (flaw) flags.push(`--flaw ${flaw}`);
    if (brokers) flags.push(`--brokers ${brokers}`);
    printVerdict(this.#verdict, `oncilla verify ${flags.join(" ")}`);
  }

  async cleanUp(): Promise<void> {
    await this.#round?.cleanUp({ keepTopics: true });
    await this.#client?.close();
    await this.#broker?.stop();
  }

  async #runRound(durationMs: number, signal: AbortSignal): Promise<void> {
    const number = ++this.#number;
    const folder = join(this.#folder, `round-${number}`);
    mkdirSync(folder);
    const { seed, workloads, flaw, keep } = this.#options;
    const round = new Round({
      // Far from the seeds that people choose for other runs.
      seed: seed + (number - 1) * 1_000_003,
      prefix: `${this.#name}-${number}-`,
      folder,
      brokers: this.#brokers,
      client: this.#connected(),
      broker: this.#broker,
      workloads,
      flaw,
      durationMs,
      launch: (config) => launchChild("verify/child", config),
      note: (text) => this.#display.note(`round ${number} ${text}`),
    });
    this.#round = round;
    const timer = setInterval(() => this.#display.update(progressOf(number, round)), DISPLAY_INTERVAL_MS);
    try {
      await round.run(this.#verdict, signal);
    } finally {
      clearInterval(timer);
      await round.cleanUp({ keepTopics: keep || !this.#verdict.isClean });
    }
  }

  async #startBroker(): Promise<string> {
    const events: ProcessEvents = {
      onRestart: (name) => this.#round?.events.onRestart(name),
      onUnexpectedExit: (name, reason) => this.#round?.events.onUnexpectedExit(name, reason),
      onFatal: (error) => this.#round?.events.onFatal(error),
    };
    const { broker, address } = await startOwnBroker(this.#folder, join(this.#folder, "broker"), events, BROKER_FLAGS);
    this.#broker = broker;
    return address;
  }

  #connected(): Client {
    if (!this.#client) throw new Error("the run has not started");
    return this.#client;
  }
}

function progressOf(number: number, round: Round): { readonly rows: readonly string[]; readonly plain: string } {
  const totals = { acknowledged: 0, committed: 0, aborted: 0, read: 0, written: 0, cuts: 0 };
  for (const { counters } of round.processes.values()) {
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += counters[name] ?? 0;
  }
  const { acknowledged, committed, aborted, read, written, cuts } = totals;
  const { kill, leave, stall } = round.struck;
  const work = `acknowledged ${grouped(acknowledged)}  committed ${grouped(committed)}  aborted ${grouped(aborted)}  read ${grouped(read)}  rows ${grouped(written)}`;
  const faults = `kills ${kill}  leaves ${leave}  stalls ${stall}  cut connections ${grouped(cuts)}`;
  return {
    rows: [`  round ${number}, ${round.phase}`, `  ${work}`, `  ${faults}`],
    plain: `round ${number}, ${round.phase}: ${work}  ${faults}`,
  };
}
