/** The demo's processes: started, killed, restarted, and none left behind. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { CliError } from "../cli-error.ts";
import type { ProcessName } from "./crashes.ts";
import type { ChildConfig, ChildMessage, Counters } from "./messages.ts";

/** A process that dies this often without being killed by us will not get better. */
const MAX_UNEXPECTED_EXITS = 10;
const STOP_TIMEOUT_MS = 15_000;

export interface ProcessEvents {
  onRestart(name: ProcessName): void;
  /** A process ended that nobody had killed. */
  onUnexpectedExit(name: ProcessName, reason: string): void;
  /** The demo cannot go on. */
  onFatal(error: Error): void;
}

/** One process through all its lives. */
export class ManagedProcess {
  readonly name: ProcessName;
  readonly #start: (logFile: string) => ChildProcess;
  readonly #logFile: string;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  #killed = false;
  #unexpectedExits = 0;
  #past: Required<Counters> = { lines: 0, records: 0, rows: 0, commits: 0, aborts: 0 };
  #current: Counters = {};
  /** The last one reported by a producer. */
  position = 0;
  isDone = false;

  constructor(name: ProcessName, folder: string, start: (logFile: string) => ChildProcess, events: ProcessEvents) {
    this.name = name;
    this.#start = start;
    this.#logFile = join(folder, `${name}.log`);
    this.#events = events;
  }

  /** Over all lives. */
  get counters(): Required<Counters> {
    return add(this.#past, this.#current);
  }

  /** Resolves with the process's first words: its line on stdout (the broker) or "ready" (the others). */
  start(): Promise<string> {
    const child = this.#start(this.#logFile);
    this.#child = child;
    this.#killed = false;
    const log = createWriteStream(this.#logFile, { flags: "a" });
    child.stderr?.pipe(log);
    return new Promise((resolve, reject) => {
      child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString()));
      child.on("message", (message: ChildMessage) => {
        if (message.type === "ready") resolve("ready");
        this.#onMessage(message);
      });
      this.#exited = new Promise((gone) => {
        child.once("exit", (code, signal) => {
          gone();
          const reason = signal ?? `exit code ${code}`;
          reject(new CliError(`${this.name} did not start (${reason})${this.lastWords()}`));
          this.#onExit(code, reason);
        });
      });
    });
  }

  /** SIGKILL; it comes back by itself. False when there is nothing to kill. */
  kill(): boolean {
    if (!this.#child || this.isDone || this.#stopping || this.#killed) return false;
    this.#killed = true;
    return this.#child.kill("SIGKILL");
  }

  /** SIGTERM, then SIGKILL when that takes too long. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it now, for good. */
  async abandon(): Promise<void> {
    this.#stopping = true;
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  /** The end of its log, for an error message. */
  lastWords(): string {
    try {
      const lines = readFileSync(this.#logFile, "utf8").trimEnd().split("\n").slice(-12);
      return lines.length > 0 && lines[0] ? `:\n${lines.map((line) => `    ${line}`).join("\n")}` : "";
    } catch {
      return ""; // it never wrote one
    }
  }

  #onMessage(message: ChildMessage): void {
    if (message.type === "done") this.isDone = true;
    if (message.type !== "progress") return;
    this.#current = message.counters;
    if (message.position !== undefined) this.position = message.position;
  }

  #onExit(code: number | null, reason: string): void {
    this.#past = add(this.#past, this.#current);
    this.#current = {};
    if (this.#stopping || this.isDone) return;
    if (!this.#killed) {
      this.#unexpectedExits++;
      this.#events.onUnexpectedExit(this.name, reason);
      if (this.#unexpectedExits > MAX_UNEXPECTED_EXITS || code === 0) {
        this.#events.onFatal(new CliError(`${this.name} keeps ending by itself (${reason})${this.lastWords()}`));
        return;
      }
    }
    this.#events.onRestart(this.name);
    this.start().catch(() => {}); // its own exit handler has the say
  }
}

function add(a: Required<Counters>, b: Counters): Required<Counters> {
  return {
    lines: a.lines + (b.lines ?? 0),
    records: a.records + (b.records ?? 0),
    rows: a.rows + (b.rows ?? 0),
    commits: a.commits + (b.commits ?? 0),
    aborts: a.aborts + (b.aborts ?? 0),
  };
}

/** Source and build differ in their ending only. */
const extension = extname(import.meta.filename);

/** Children are process groups of their own (`detached`), so that Ctrl-C reaches them through us, in the right order; they end
 * when their channel to us does. */
export function startChild(config: ChildConfig): ChildProcess {
  return fork(join(import.meta.dirname, `child${extension}`), [JSON.stringify(config)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    detached: true,
  });
}

export function startBroker(dataDir: string, port: number): ChildProcess {
  const main = join(import.meta.dirname, "..", `main${extension}`);
  return spawn(process.execPath, [main, "broker", "--data-dir", dataDir, "--port", String(port)], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
}
