/** A producer and a consumer at the same time, on one topic. */
import { cpuPerGib, type Metric, peakMemory, type Workload } from "../harness/workload.ts";
import { bytesOf, kibibyte } from "./records.ts";

const throughput: Metric = {
  name: "produced and consumed",
  unit: "MB/s",
  target: { os: { atLeast: 1 }, synced: { atLeast: 1.5 } },
};

export const produceConsumeWorkloads: readonly Workload[] = [1, 16].map((partitions) => ({
  name: `produce+consume java 1KiB ${partitions}p`,
  durabilities: ["os", "synced"],
  metrics: [throughput, cpuPerGib, peakMemory],
  async run(tools, side, durability) {
    const records = tools.scaled(durability === "os" ? kibibyte.records : kibibyte.records / 8);
    const topic = await tools.createTopic(side, partitions);
    await tools.pageCache.settle();
    const bytes = bytesOf(records, kibibyte);
    const sample = await tools.observe(side, bytes, async () => {
      const { bootstrap } = side;
      const size = kibibyte.sizeBytes;
      const { seconds } = await tools.java.ask("produce-consume", { bootstrap, topic, partitions, records, size });
      return { [throughput.name]: bytes / 1e6 / Number(seconds) };
    });
    await tools.deleteTopic(side, topic);
    return sample;
  },
}));
