/** How long from starting a broker's process on an empty folder to the first acknowledged record. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../src/client/index.ts";

const RUNS = 15;
const LIMIT_MS = 300;
const root = join(import.meta.dirname, "..");

interface Sample {
  readonly listeningMs: number;
  readonly firstAckMs: number;
}

export async function benchStart(): Promise<unknown> {
  const built = join(root, "dist/cli/main.js");
  const entries = [join(root, "src/cli/main.ts"), ...(existsSync(built) ? [built] : [])];
  const results = [];
  for (const entry of entries) {
    const samples: Sample[] = [];
    for (let run = 0; run < RUNS; run++) samples.push(await measure(entry));
    const listening = quantiles(samples.map(({ listeningMs }) => listeningMs));
    const firstAck = quantiles(samples.map(({ firstAckMs }) => firstAckMs));
    console.log(`${entry.slice(root.length + 1)}, ${RUNS} runs`);
    console.log(`  listening            median ${listening.median} ms  max ${listening.max} ms`);
    console.log(`  first acknowledged   median ${firstAck.median} ms  max ${firstAck.max} ms  (limit ${LIMIT_MS} ms)`);
    results.push({ entry: entry.slice(root.length + 1), listening, firstAck });
  }
  return results;
}

async function measure(entry: string): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-bench-"));
  const startedAt = performance.now();
  const broker = spawn(process.execPath, [entry, "broker", "--data-dir", folder, "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const line = await new Promise<string>((resolve, reject) => {
      broker.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString()));
      broker.once("exit", (code) => reject(new Error(`the broker ended with ${code}`)));
    });
    const listeningMs = performance.now() - startedAt;
    const client = new Client({ brokers: line.trim().split(" ").at(-1) ?? "" });
    const producer = client.producer({ lingerMs: 0 });
    await producer.send({ topic: "first", value: "record" });
    const firstAckMs = performance.now() - startedAt;
    await client.close();
    return { listeningMs, firstAckMs };
  } finally {
    broker.kill("SIGKILL");
    await new Promise((resolve) => broker.once("close", resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

function quantiles(values: readonly number[]): { readonly median: number; readonly max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const round = (value: number | undefined): number => Math.round((value ?? 0) * 10) / 10;
  return { median: round(sorted[Math.floor(sorted.length / 2)]), max: round(sorted.at(-1)) };
}
