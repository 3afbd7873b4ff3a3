/** Runs seeds in processes of their own: several at once, apart from each other, and able to be stopped when one hangs. */
import { type ChildProcess, fork } from "node:child_process";
import type { FaultKind } from "../faults/schedule.ts";
import type { RunSummary } from "./summary.ts";
import type { SeedRequest } from "./worker.ts";

/** Real time: a world that takes longer is caught in a loop. */
const HANG_MS = 300_000;

export interface PoolOptions {
  readonly jobs: number;
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Loaded by each process before anything else. */
  readonly preload?: { readonly module: string; readonly env: Readonly<Record<string, string>> } | undefined;
  /** The next seed to run; undefined when there are enough. */
  readonly next: () => number | undefined;
  readonly onSummary: (summary: RunSummary) => void;
}

/** Resolves when every seed that `next` gave is through. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.jobs }, () => work(options)));
}

async function work(options: PoolOptions): Promise<void> {
  let child: ChildProcess | undefined;
  for (let seed = options.next(); seed !== undefined; seed = options.next()) {
    child ??= start(options);
    const summary = await ask(child, { seed, kinds: options.kinds });
    if (summary.isLost) child = undefined;
    options.onSummary(summary);
  }
  child?.disconnect();
}

function start({ preload }: PoolOptions): ChildProcess {
  return fork(new URL("./worker.ts", import.meta.url), {
    execArgv: preload ? ["--import", preload.module] : [],
    env: { ...process.env, ...preload?.env },
    serialization: "advanced",
  });
}

function ask(child: ChildProcess, request: SeedRequest): Promise<RunSummary & { readonly isLost: boolean }> {
  return new Promise((resolve) => {
    const lost = (message: string): void => {
      finish({ ...nothing, seed: request.seed, violations: [{ invariant: "the simulator goes on", message }] }, true);
    };
    const timer = setTimeout(() => {
      lost(`no end within ${HANG_MS / 1000} s of real time`);
      child.kill("SIGKILL");
    }, HANG_MS);
    const onExit = (code: number | null): void => lost(`its process ended with code ${code}`);
    const onMessage = (summary: unknown): void => finish(summary as RunSummary, false);
    const finish = (summary: RunSummary, isLost: boolean): void => {
      clearTimeout(timer);
      child.off("exit", onExit).off("message", onMessage);
      resolve({ ...summary, isLost });
    };
    child.on("exit", onExit).on("message", onMessage);
    child.send(request);
  });
}

const nothing = { workloads: [], faults: [], coverage: [], simulatedMs: 0, events: 0 } as const;
