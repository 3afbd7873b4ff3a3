/** A command's processes: started, killed, restarted, and none left behind. */
import type { ChildProcess } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../cli-error.ts";
import type { ChildMessage, Counters } from "./messages.ts";

/** A process that dies this often without being killed by us will not get better. */
const MAX_UNEXPECTED_EXITS = 10;
const STOP_TIMEOUT_MS = 15_000;
/** What has not said a word by then may start for long, as a broker does with much to scan. */
const FIRST_WORDS_TIMEOUT_MS = 5_000;

export interface ProcessEvents {
  /** It is gone, and about to come back. */
  onRestart(name: string): void;
  /** A process ended that nobody had told to. */
  onUnexpectedExit(name: string, reason: string): void;
  /** The command cannot go on. */
  onFatal(error: Error): void;
}

/** `failed`: with another exit code than 0, or by a signal. */
export type Ending = "done" | "failed" | "forced";

/** One process through all its lives. */
export class ManagedProcess {
  readonly name: string;
  readonly #launch: (life: number) => ChildProcess;
  readonly #logFile: string;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  /** Resolves with the child's first words, or its end. */
  #started: Promise<void> = Promise.resolve();
  #exited: Promise<void> = Promise.resolve();
  /** Resolves when its last words are in the file. */
  #logged: Promise<void> = Promise.resolve();
  #hasSpoken = false;
  #lives = 0;
  #isStopping = false;
  /** How long it stays away once it is gone; undefined while nobody has told it to go. */
  #downMs: number | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #unexpectedExits = 0;
  #past: Counters = {};
  #current: Counters = {};
  /** The last one that it reported. */
  position = 0;
  isDone = false;

  /** Its standard error goes into a file in `folder`. `launch` is given the number of the life, from 1 on. */
  constructor(name: string, folder: string, launch: (life: number) => ChildProcess, events: ProcessEvents) {
    this.name = name;
    this.#launch = launch;
    this.#logFile = join(folder, `${name}.log`);
    this.#events = events;
  }

  /** Over all lives. */
  get counters(): Counters {
    return add(this.#past, this.#current);
  }

  /** Resolves with the process's first words: its line on stdout (the broker) or "ready" (the others). */
  start(): Promise<string> {
    const child = this.#launch(++this.#lives);
    this.#child = child;
    this.#isStopping = false;
    this.#downMs = undefined;
    this.#hasSpoken = false;
    const { stderr } = child;
    const log = createWriteStream(this.#logFile, { flags: "a" });
    if (stderr) this.#logged = new Promise((resolve) => pipeline(stderr, log, () => resolve()));
    const started = new Promise<string>((resolve, reject) => {
      const speaks = (words: string): void => {
        this.#hasSpoken = true;
        resolve(words);
      };
      child.stdout?.once("data", (chunk: Buffer) => speaks(chunk.toString()));
      child.on("message", (message: ChildMessage) => {
        if (message.type === "ready") speaks("ready");
        this.#onMessage(message);
      });
      this.#exited = new Promise((gone) => {
        const ended = (code: number | null, reason: string): void => {
          gone();
          reject(new CliError(`${this.name} did not start (${reason})${this.lastWords()}`));
          this.#onExit(code, reason);
        };
        child.once("exit", (code, signal) => ended(code, signal ?? `exit code ${code}`));
        // Without a pid it never was there, and will not exit: the machine has no room for another process.
        child.on("error", (error) => {
          if (child.pid === undefined) ended(null, error.message);
        });
      });
    });
    this.#started = started.then(
      () => {},
      () => {},
    );
    return started;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** At work, and not told to go: a signal finds its handler. */
  get isReady(): boolean {
    return this.isRunning && this.#hasSpoken && this.#downMs === undefined;
  }

  /** It comes back by itself, `downMs` after it is gone. SIGTERM lets it end what it is at. False when there is nothing to kill. */
  kill({
    signal = "SIGKILL",
    downMs = 0,
  }: {
    readonly signal?: "SIGKILL" | "SIGTERM";
    readonly downMs?: number;
  } = {}): boolean {
    if (!this.#child || !this.isRunning || this.isDone || this.#isStopping || this.#downMs !== undefined) return false;
    this.#downMs = downMs;
    return this.#child.kill(signal);
  }

  /** Says something to the process, if it is there. */
  tell(message: object): void {
    // One that has just died is not there, and that is no error.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  /** SIGTERM once it has started, or after 5 seconds, and SIGKILL when it is still there after `timeoutMs`. Resolves with its ending when it
   * is gone. */
  async stop(timeoutMs: number = STOP_TIMEOUT_MS): Promise<Ending> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (!child) return "done";
    let isForced = false;
    const timer = setTimeout(() => {
      isForced = child.kill("SIGKILL");
    }, timeoutMs);
    // A child that has no handler yet would die of the signal.
    await Promise.race([this.#started, sleep(FIRST_WORDS_TIMEOUT_MS, undefined, { ref: false })]);
    child.kill("SIGTERM");
    await this.#exited;
    clearTimeout(timer);
    await this.#logged;
    if (isForced) return "forced";
    return child.exitCode === 0 ? "done" : "failed";
  }

  /** Ends it now, for good. */
  async abandon(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
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
    if (this.#isStopping) return;
    const isExpected = this.#downMs !== undefined;
    if (this.isDone && !isExpected) return;
    this.isDone = false;
    if (!isExpected) {
      this.#unexpectedExits++;
      this.#events.onUnexpectedExit(this.name, reason);
      if (this.#unexpectedExits > MAX_UNEXPECTED_EXITS || code === 0) {
        this.#events.onFatal(new CliError(`${this.name} keeps ending by itself (${reason})${this.lastWords()}`));
        return;
      }
    }
    this.#events.onRestart(this.name);
    const again = (): void => {
      this.start().catch(() => {}); // its own exit handler has the say
    };
    if (this.#downMs) this.#restartTimer = setTimeout(again, this.#downMs);
    else again();
  }
}

function add(a: Counters, b: Counters): Counters {
  const sum: Record<string, number> = { ...a };
  for (const [name, value] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
