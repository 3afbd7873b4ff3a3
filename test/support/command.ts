/** The command line as a process of its own. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const hangingSyncs = join(import.meta.dirname, "hanging-syncs.ts");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly pid: number;
  /** When it has ended. */
  readonly outcome: Promise<Outcome>;
  /** Of standard output. */
  firstLine(): Promise<string>;
  /** What it has written to standard error so far. */
  stderr(): string;
  /** Nobody reads its standard error any more. */
  closeStderr(): void;
  /** Nor its standard output. */
  closeStdout(): void;
  kill(signal: NodeJS.Signals): void;
}

export function oncilla(...args: string[]): RunningCommand {
  return run(process.execPath, main, ...args);
}

/** On a Node without SQLite, as those before 22 are. */
export function oncillaOnOldNode(...args: string[]): RunningCommand {
  return run(process.execPath, "--no-experimental-sqlite", main, ...args);
}

/** On a disk that ends no sync. */
export function oncillaWithHangingSyncs(...args: string[]): RunningCommand {
  return run(process.execPath, "--import", hangingSyncs, main, ...args);
}

/** With the file systems that another process sees. Linux only. */
export function oncillaBeside(pid: number, ...args: string[]): RunningCommand {
  const inNamespaces = ["--target", String(pid), "--user", "--mount", "--preserve-credentials", "--"];
  return run("nsenter", ...inNamespaces, process.execPath, main, ...args);
}

/** With no more than so many files open at a time. */
export function oncillaWithFiles(limit: number, ...args: string[]): RunningCommand {
  return oncillaWithin(`-n ${limit}`, ...args);
}

/** With files of no more than so many blocks of 512 bytes. */
export function oncillaWithFileSize(limitBlocks: number, ...args: string[]): RunningCommand {
  return oncillaWithin(`-f ${limitBlocks}`, ...args);
}

/** With its standard error in a file. */
export function oncillaLoggingTo(path: string, ...args: string[]): RunningCommand {
  return run("sh", "-c", `exec "$0" "$@" 2>${path}`, process.execPath, main, ...args);
}

function oncillaWithin(limit: string, ...args: string[]): RunningCommand {
  return run("sh", "-c", `ulimit ${limit} && exec "$0" "$@"`, process.execPath, main, ...args);
}

function run(command: string, ...args: string[]): RunningCommand {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  return {
    pid: child.pid ?? 0,
    outcome: new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr }))),
    firstLine: () =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes("\n")) resolve(stdout.slice(0, stdout.indexOf("\n")));
        };
        child.stdout.on("data", look);
        child.once("close", () => reject(new Error(`it ended: ${stderr}`)));
        look();
      }),
    stderr: () => stderr,
    closeStderr: () => void child.stderr.destroy(),
    closeStdout: () => void child.stdout.destroy(),
    kill: (signal) => child.kill(signal),
  };
}
