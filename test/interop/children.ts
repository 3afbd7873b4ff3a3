// Programs that end when this process does, with whatever they started themselves.

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

const running = new Set<ChildProcess>();

/** Starts a program as the leader of a process group of its own, so that `killGroup` reaches its children too. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, { ...options, detached: true });
  running.add(child);
  child.once("close", () => running.delete(child));
  child.once("error", () => running.delete(child));
  return child;
}

/** SIGKILL for a program and whatever it started. One that has ended already is no error. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

process.once("exit", () => {
  for (const child of running) killGroup(child);
});

/** Ctrl-C, SIGTERM and a closed terminal end this process and its children. Without this, the children would live on in their groups. */
export function endOnSignals(): void {
  process.once("SIGHUP", () => process.exit(129));
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
}
