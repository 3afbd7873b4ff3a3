/** From the start of a broker's process to the first acknowledged record: on an empty folder, and with data. */
import { Client } from "../../src/client/index.ts";
import { defined } from "../../src/platform/assert.ts";
import type { Side } from "../harness/sides.ts";
import type { Tools } from "../harness/tools.ts";
import type { Metric, Workload } from "../harness/workload.ts";
import { produce } from "./produce.ts";
import { kibibyte } from "./records.ts";

const DATA_GIB = 10;
const PARTITIONS = 16;

const firstAck: Metric = { name: "first acknowledged", unit: "ms", target: { atMost: 0.15 } };

export const firstAckWorkloads: readonly Workload[] = [
  {
    name: "start on an empty folder",
    durabilities: ["os"],
    metrics: [firstAck],
    async run(tools, side, durability) {
      const started = await tools.startSide(side.label, durability);
      try {
        return { [firstAck.name]: await firstAcknowledged(started) };
      } finally {
        await started.stop();
      }
    },
  },
  afterCleanStop(),
  {
    name: `start with ${DATA_GIB} GiB after kill -9`,
    durabilities: ["os"],
    metrics: [firstAck],
    // Each run writes the data anew: what a start has mended, the next one finds in order.
    async run(tools, side, durability) {
      let filled = await fill(tools, await tools.startSide(side.label, durability));
      try {
        filled = await restarted(filled, "SIGKILL");
        return { [firstAck.name]: await firstAcknowledged(filled.side, filled.topic, PARTITIONS) };
      } finally {
        await filled.side.stop();
      }
    },
  },
];

function afterCleanStop(): Workload {
  const filled = new Map<string, Filled>();
  return {
    name: `start with ${DATA_GIB} GiB after a clean stop`,
    durabilities: ["os"],
    metrics: [firstAck],
    async prepare(tools, { label }) {
      filled.set(label, await fill(tools, await tools.startSide(label, "os")));
    },
    async run(tools, { label }) {
      await tools.pageCache.settle();
      const { side, topic } = await restarted(defined(filled.get(label)), "SIGTERM");
      filled.set(label, { side, topic });
      return { [firstAck.name]: await firstAcknowledged(side, topic, PARTITIONS) };
    },
    async cleanUp(_, { label }) {
      await filled.get(label)?.side.stop();
    },
  };
}

/** A broker with data, and where that is. */
interface Filled {
  readonly side: Side;
  readonly topic: string;
}

async function restarted({ side, topic }: Filled, signal: "SIGTERM" | "SIGKILL"): Promise<Filled> {
  return { side: await side.restart(signal), topic };
}

async function fill(tools: Tools, side: Side): Promise<Filled> {
  const topic = await tools.createTopic(side, PARTITIONS);
  const records = tools.scaled((DATA_GIB * 2 ** 30) / kibibyte.sizeBytes);
  await produce(tools, "java", { bootstrap: side.bootstrap, topic, partitions: PARTITIONS, records, shape: kibibyte });
  // What the disk does meanwhile would be measured with the start.
  await tools.pageCache.settle();
  return { side, topic };
}

/** Milliseconds since the broker's process was started, until each of the partitions has taken a record. */
export async function firstAcknowledged(side: Side, topic = "first", partitions = 1): Promise<number> {
  const client = new Client({ brokers: side.bootstrap, retryBackoffMs: 10 });
  try {
    const records = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, value: "record" }));
    await client.producer({ lingerMs: 0 }).sendAll(records);
    return performance.now() - side.spawnedAtMs;
  } finally {
    await client.close();
  }
}
