/** How long a worker that was killed takes until it commits again: from SIGKILL, the start of its process included. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Side, startSide } from "./harness/sides.ts";
import { quantile } from "./harness/statistics.ts";
import { StreamsJob, type StreamsWorker } from "./harness/streams-job.ts";

const KILLS = 10;
const LIMIT_MS = 1_500;
const LINES_A_TURN = 20;

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
  const job = await StreamsJob.create(side, "restart", folder);
  const stop = new AbortController();
  const producing = produce(job, stop.signal);
  const workers = Array.from({ length: workerCount }, (_, number) => job.start(number));
  await Promise.all(workers.map((worker) => worker.committed(5)));
  const times: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const number = kill % workerCount;
    const victim = workers[number] as StreamsWorker;
    await victim.committed(5);
    const killedAt = performance.now();
    await victim.kill();
    const successor = job.start(number);
    workers[number] = successor;
    await successor.committed(1);
    times.push(performance.now() - killedAt);
  }
  stop.abort();
  await producing;
  for (const worker of workers) await worker.kill();
  await job.client.close();
  return times;
}

async function produce({ client, lines }: StreamsJob, signal: AbortSignal): Promise<void> {
  const producer = client.producer();
  for (let turn = 0; !signal.aborted; turn++) {
    for (let line = 0; line < LINES_A_TURN; line++) {
      producer.enqueue({ topic: lines, key: `${turn}/${line}`, value: `to be or not to be ${turn % 100}` });
    }
    await producer.flush();
    await delay(10);
  }
  await producer.close();
}
