/** The broker under fire, as a process of its own that tells about itself. Started by `run.ts`, with a channel. */
import { readdirSync, readlinkSync } from "node:fs";
import { Broker, type BrokerOptions } from "../src/broker/index.ts";
import type { Logger } from "../src/platform/logger.ts";
import { idleMemoryBytes } from "../src/platform/memory.ts";
import { nodePlatform } from "../src/platform/node/index.ts";
import { seededRandom } from "../src/platform/seeded-random.ts";

/** What a run measures when nothing is under way. */
export interface Measure {
  /** What the process has open: paths, "socket" … */
  readonly openFiles: readonly string[];
  readonly heapBytes: number;
  /** Buffers, without the memory that is kept to be used again, which is bounded. */
  readonly externalBytes: number;
}

export type FromTarget =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "measure"; readonly measure: Measure }
  /** A line of level error: nothing that a client sends may cause one. */
  | { readonly kind: "error"; readonly line: string };

/** State that outlives its connection goes within seconds, so that what is left at the end is a leak. */
export const targetOptions: BrokerOptions = {
  durability: "os",
  transactionMaxTimeoutMs: 1_000,
  transactionalIdExpirationMs: 1_000,
  producerIdExpirationMs: 1_000,
  groupMinSessionTimeoutMs: 10,
  groupMaxSessionTimeoutMs: 1_000,
  offsetsRetentionMs: 1_000,
};

/** Whether this file was started, and not imported. */
if (process.argv[1] === import.meta.filename) await main();

async function main(): Promise<void> {
  const [, , dataDir = "", seed = "0"] = process.argv;
  const logger: Logger = {
    log(level, message, fields = {}) {
      if (level !== "error") return;
      const { error, ...others } = fields;
      const detail = error instanceof Error ? error.stack : String(error);
      send({ kind: "error", line: `${message} ${JSON.stringify(others)} ${detail}` });
    },
  };
  // Ids that follow from the seed, too.
  const platform = { ...nodePlatform, random: seededRandom(Number(seed)) };
  const broker = await Broker.start({ ...targetOptions, dataDir, platform, logger });
  process.on("message", (request) => {
    if (request === "measure") send({ kind: "measure", measure: measure() });
    else void broker.stop().then(() => process.exit());
  });
  // Also when the one who fires is gone.
  process.once("disconnect", () => process.exit());
  send({ kind: "ready", address: broker.address });
}

function send(message: FromTarget): void {
  process.send?.(message);
}

function measure(): Measure {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return {
    openFiles: readdirSync("/proc/self/fd").flatMap(target).sort(),
    heapBytes: heapUsed,
    externalBytes: external - idleMemoryBytes(),
  };
}

function target(descriptor: string): string[] {
  try {
    return [readlinkSync(`/proc/self/fd/${descriptor}`).replace(/:\[\d+\]$/, "")];
  } catch {
    // It was the folder's own.
    return [];
  }
}
