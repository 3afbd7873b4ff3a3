/** From producer to consumer at 1,000 records a second, each sent at once (linger.ms=0). */
import { peakMemory, type Workload } from "../harness/workload.ts";
import { kibibyte } from "./records.ts";

const RATE = 1000;
const WARM_UP_SECONDS = 2;
const SECONDS = 10;

export const latencyWorkloads: readonly Workload[] = [
  {
    name: "end to end at 1,000/s",
    durabilities: ["os", "synced"],
    metrics: [
      { name: "p50", unit: "ms" },
      { name: "p99", unit: "ms", target: { atMost: 0.7 } },
      { name: "p99.9", unit: "ms" },
      peakMemory,
    ],
    async run(tools, side) {
      const topic = await tools.createTopic(side, 1);
      await tools.pageCache.settle();
      const records = RATE * Math.max(2, tools.scaled(SECONDS));
      const sample = await tools.observe(side, records * kibibyte.sizeBytes, async () => {
        const { p50, p99, p999 } = await tools.java.ask("latency", {
          bootstrap: side.bootstrap,
          topic,
          size: kibibyte.sizeBytes,
          rate: RATE,
          "warm-up": RATE * WARM_UP_SECONDS,
          records,
          "set.linger.ms": 0,
        });
        return { p50: Number(p50), p99: Number(p99), "p99.9": Number(p999) };
      });
      await tools.deleteTopic(side, topic);
      return sample;
    },
  },
];
