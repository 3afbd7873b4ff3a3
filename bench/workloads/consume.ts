/** One consumer of all partitions from their beginning: cold, from the disk, then hot, from the page cache. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Side } from "../harness/sides.ts";
import type { Tools } from "../harness/tools.ts";
import { cpuPerGib, peakMemory, type Workload } from "../harness/workload.ts";
import { produce } from "./produce.ts";
import {
  bytesOf,
  type Client,
  clients,
  type RecordShape,
  rdkafkaOf,
  recordShapes,
  unavailableClient,
} from "./records.ts";

export const consumeWorkloads: readonly Workload[] = clients.flatMap((client) =>
  recordShapes.flatMap((shape) => [1, 16].map((partitions) => consumeWorkload(client, shape, partitions))),
);

function consumeWorkload(client: Client, shape: RecordShape, partitions: number): Workload {
  const topics = new Map<Side, string>();
  const argumentsFor = (tools: Tools, side: Side): ConsumeArguments => ({
    bootstrap: side.bootstrap,
    topic: topics.get(side) ?? "",
    partitions,
    records: tools.scaled(shape.records),
  });
  return {
    name: `consume ${client} ${shape.name} ${partitions}p`,
    durabilities: ["os"],
    metrics: [
      { name: "cold", unit: "MB/s", target: { atLeast: 1 } },
      { name: "hot", unit: "MB/s", target: { atLeast: 1 } },
      cpuPerGib,
      peakMemory,
    ],
    unavailable: (tools) => unavailableClient(client, tools),
    async prepare(tools, side) {
      topics.set(side, await tools.createTopic(side, partitions));
      await produce(tools, client, { ...argumentsFor(tools, side), shape });
    },
    async run(tools, side) {
      const args = argumentsFor(tools, side);
      const bytes = bytesOf(args.records, shape);
      await tools.pageCache.evict(segmentsOf(side, args.topic));
      await tools.pageCache.settle();
      return tools.observe(side, 2 * bytes, async () => {
        const cold = await consume(tools, client, args, shape);
        const hot = await consume(tools, client, args, shape);
        return { cold: bytes / 1e6 / cold, hot: bytes / 1e6 / hot };
      });
    },
    async cleanUp(tools, side) {
      await tools.deleteTopic(side, topics.get(side) ?? "");
      topics.delete(side);
    },
  };
}

interface ConsumeArguments {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
}

async function consume(tools: Tools, client: Client, args: ConsumeArguments, shape: RecordShape): Promise<number> {
  if (client === "librdkafka") return rdkafkaOf(tools).run("consume", { ...args, sizeBytes: shape.sizeBytes });
  const answer = await tools.java.ask("consume", { ...args });
  return Number(answer.seconds);
}

function segmentsOf(side: Side, topic: string): string[] {
  return readdirSync(side.dataDir)
    .filter((folder) => folder.startsWith(`${topic}-`))
    .flatMap((folder) => readdirSync(join(side.dataDir, folder)).map((file) => join(side.dataDir, folder, file)))
    .filter((file) => file.endsWith(".log"));
}
