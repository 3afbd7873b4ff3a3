/** From starting a broker on an empty folder to the first acknowledged record. */
import { Client } from "../../src/client/index.ts";
import type { Side } from "../harness/sides.ts";
import type { Workload } from "../harness/workload.ts";

export const firstAckWorkloads: readonly Workload[] = [
  {
    name: "start on an empty folder",
    durabilities: ["os"],
    metrics: [{ name: "first acknowledged", unit: "ms", target: { atMost: 0.15 } }],
    async run(tools, side, durability) {
      const started = await tools.startSide(side.label, durability);
      try {
        return { "first acknowledged": await firstAcknowledged(started) };
      } finally {
        await started.stop();
      }
    },
  },
];

/** Milliseconds since the broker's process was started. */
export async function firstAcknowledged(side: Side): Promise<number> {
  const client = new Client({ brokers: side.bootstrap, retryBackoffMs: 10 });
  try {
    await client.producer({ lingerMs: 0 }).send({ topic: "first", value: "record" });
    return performance.now() - side.spawnedAtMs;
  } finally {
    await client.close();
  }
}
