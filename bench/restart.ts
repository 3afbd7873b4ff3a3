/** How long a worker that was killed takes until it commits again: from SIGKILL, the start of its process included. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "../src/client/index.ts";
import { type Side, startSide } from "./harness/sides.ts";
import { quantile } from "./harness/statistics.ts";
import type { StreamsWorkerConfig, StreamsWorkerProgress } from "./harness/streams-worker.ts";

const KILLS = 10;
const LIMIT_MS = 1_500;
const LINES_A_TURN = 20;
const topics = { lines: "lines", counts: "counts", changelog: "", repartition: "" };

export async function benchRestart(): Promise<unknown> {
  const results = [];
  for (const workers of [1, 2]) {
    const folder = mkdtempSync(join(tmpdir(), "oncilla-bench-"));
    const side = await startSide("oncilla", { durability: "synced", root: folder });
    const times = await measure(side, workers, folder);
    const [median, max] = [Math.round(quantile(times, 0.5)), Math.round(Math.max(...times))];
    console.log(`${workers} worker(s), ${KILLS} kills: median ${median} ms  max ${max} ms  (limit ${LIMIT_MS} ms)`);
    results.push({ workers, median, max });
    await side.stop();
    rmSync(folder, { recursive: true });
  }
  return results;
}

async function measure(side: Side, workerCount: number, folder: string): Promise<number[]> {
  const client = new Client({ brokers: side.bootstrap });
  await client.admin().createTopics(["lines", "counts"].map((topic) => ({ topic, partitions: 4 })));
  const stop = new AbortController();
  const producing = produce(client, stop.signal);
  const start = (number: number): ChildProcess =>
    startWorker({ brokers: side.bootstrap, applicationId: "bench", topics, stateDir: join(folder, `state-${number}`) });
  const workers = Array.from({ length: workerCount }, (_, number) => start(number));
  for (const worker of workers) await commits(worker, 3);
  const times: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const number = kill % workerCount;
    const victim = workers[number] as ChildProcess;
    await commits(victim, 3);
    const killedAt = performance.now();
    victim.kill("SIGKILL");
    await once(victim, "exit");
    const successor = start(number);
    workers[number] = successor;
    await commits(successor, 1);
    times.push(performance.now() - killedAt);
  }
  stop.abort();
  await producing;
  for (const worker of workers) worker.kill("SIGKILL");
  await client.close();
  return times;
}

function startWorker(config: StreamsWorkerConfig): ChildProcess {
  return fork(join(import.meta.dirname, "harness/streams-worker.ts"), [JSON.stringify(config)]);
}

/** Resolves once the worker has committed so often. */
async function commits(worker: ChildProcess, count: number): Promise<void> {
  for await (const [progress] of on(worker)) if (progress.commits >= count) return;
}

async function* on(worker: ChildProcess): AsyncGenerator<[StreamsWorkerProgress]> {
  for (;;) yield (await once(worker, "message")) as [StreamsWorkerProgress];
}

async function produce(client: Client, signal: AbortSignal): Promise<void> {
  const producer = client.producer();
  for (let turn = 0; !signal.aborted; turn++) {
    for (let line = 0; line < LINES_A_TURN; line++) {
      producer.enqueue({ topic: "lines", key: `${turn}/${line}`, value: `to be or not to be ${turn % 100}` });
    }
    await producer.flush();
    await delay(10);
  }
  await producer.close();
}
