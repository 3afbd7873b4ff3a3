/** How long from starting a broker's process on an empty folder to the first acknowledged record. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSide } from "./harness/sides.ts";
import { quantile } from "./harness/statistics.ts";
import { firstAcknowledged } from "./workloads/first-ack.ts";

const RUNS = 15;
const LIMIT_MS = 300;
const root = join(import.meta.dirname, "..");

export async function benchStart(): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-bench-"));
  const results = [];
  for (const built of existsSync(join(root, "dist/cli/main.js")) ? [false, true] : [false]) {
    const listeningMs: number[] = [];
    const firstAckMs: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const side = await startSide("oncilla", { durability: "synced", root: folder, built });
      listeningMs.push(performance.now() - side.spawnedAtMs);
      firstAckMs.push(await firstAcknowledged(side));
      await side.stop();
    }
    const entry = built ? "dist/cli/main.js" : "src/cli/main.ts";
    const listening = { median: rounded(listeningMs, 0.5), max: rounded(listeningMs, 1) };
    const firstAck = { median: rounded(firstAckMs, 0.5), max: rounded(firstAckMs, 1) };
    console.log(`${entry}, ${RUNS} runs`);
    console.log(`  listening            median ${listening.median} ms  max ${listening.max} ms`);
    console.log(`  first acknowledged   median ${firstAck.median} ms  max ${firstAck.max} ms  (limit ${LIMIT_MS} ms)`);
    results.push({ entry, listening, firstAck });
  }
  rmSync(folder, { recursive: true });
  return results;
}

function rounded(values: readonly number[], at: number): number {
  return Math.round(quantile(values, at) * 10) / 10;
}
