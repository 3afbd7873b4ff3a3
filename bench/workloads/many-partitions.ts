/** A producer over 1,000 partitions of one topic. */
import { cpuPerGib, peakMemory, type Workload } from "../harness/workload.ts";
import { produceOnce, produceThroughput } from "./produce.ts";
import { kibibyte } from "./records.ts";

const PARTITIONS = 1000;

export const manyPartitionsWorkloads: readonly Workload[] = [
  {
    name: "produce java 1KiB 1,000p",
    durabilities: ["os", "synced"],
    metrics: [produceThroughput, cpuPerGib, peakMemory],
    run: (tools, side, durability) =>
      produceOnce(tools, side, { client: "java", shape: kibibyte, partitions: PARTITIONS, durability }),
  },
];
