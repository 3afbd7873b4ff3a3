/** Idempotent producers with acks=all and their clients' defaults, as fast as they can. */
import type { Durability, Side } from "../harness/sides.ts";
import type { Tools } from "../harness/tools.ts";
import { cpuPerGib, type Metric, peakMemory, type Sample, type Workload } from "../harness/workload.ts";
import {
  bytesOf,
  type Client,
  clients,
  type RecordShape,
  rdkafkaOf,
  recordShapes,
  unavailableClient,
} from "./records.ts";

export const produceThroughput: Metric = {
  name: "produce",
  unit: "MB/s",
  target: { os: { atLeast: 1 }, synced: { atLeast: 1.5 } },
};

export const produceWorkloads: readonly Workload[] = clients.flatMap((client) =>
  recordShapes.flatMap((shape) => [1, 16].map((partitions) => produceWorkload(client, shape, partitions))),
);

function produceWorkload(client: Client, shape: RecordShape, partitions: number): Workload {
  return {
    name: `produce ${client} ${shape.name} ${partitions}p`,
    durabilities: ["os", "synced"],
    metrics: [produceThroughput, cpuPerGib, peakMemory],
    unavailable: (tools) => unavailableClient(client, tools),
    run: (tools, side, durability) => produceOnce(tools, side, { client, shape, partitions, durability }),
  };
}

interface ProduceOptions {
  readonly client: Client;
  readonly shape: RecordShape;
  readonly partitions: number;
  readonly durability: Durability;
}

/** Into a topic of its own. */
export async function produceOnce(tools: Tools, side: Side, options: ProduceOptions): Promise<Sample> {
  const { client, shape, partitions, durability } = options;
  // One sync for each of the Java client's small batches keeps Apache Kafka busy for long. librdkafka's are large: it would be done
  // before its connections are warm.
  const isSlow = durability === "synced" && client === "java";
  const records = tools.scaled(isSlow ? shape.records / 8 : shape.records);
  const topic = await tools.createTopic(side, partitions);
  await tools.pageCache.settle();
  const sample = await tools.observe(side, records * shape.sizeBytes, async () => {
    const seconds = await produce(tools, client, { bootstrap: side.bootstrap, topic, partitions, records, shape });
    return { [produceThroughput.name]: bytesOf(records, shape) / 1e6 / seconds };
  });
  await tools.deleteTopic(side, topic);
  return sample;
}

export interface ProduceArguments {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly shape: RecordShape;
}

/** Gives the seconds that it took. */
export async function produce(tools: Tools, client: Client, args: ProduceArguments): Promise<number> {
  const { bootstrap, topic, partitions, records, shape } = args;
  if (client === "librdkafka") {
    return rdkafkaOf(tools).run("produce", { bootstrap, topic, partitions, records, sizeBytes: shape.sizeBytes });
  }
  const answer = await tools.java.ask("produce", { bootstrap, topic, records, size: shape.sizeBytes });
  return Number(answer.seconds);
}
