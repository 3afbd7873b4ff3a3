/** Transactions of 100 ms against the same producer without them, and what a commit takes. */
import type { Side } from "../harness/sides.ts";
import type { Tools } from "../harness/tools.ts";
import { cpuPerGib, type Metric, peakMemory, type Sample, type Workload } from "../harness/workload.ts";
import { kibibyte } from "./records.ts";

const INTERVAL_MS = 100;
const DURATION_MS = 4000;
const TRANSACTIONS = 300;
const WARM_UP_TRANSACTIONS = 50;
const size = kibibyte.sizeBytes;
const faster: Metric["target"] = { os: { atLeast: 1 }, synced: { atLeast: 1.5 } };

export const transactionThroughputWorkload: Workload = {
  name: "transactions of 100 ms, java 1KiB 1p",
  durabilities: ["os", "synced"],
  metrics: [{ name: "transactional", unit: "MB/s", target: faster }, peakMemory],
  run: (tools, side) =>
    withTopic(tools, side, 1, async (topic) => ({
      transactional: await stream(tools, side, topic, true, DURATION_MS),
    })),
};

/** What transactions cost the same producer on the same broker. */
export const transactionOverheadWorkload: Workload = {
  name: "transactions of 100 ms or none, java 1KiB 1p",
  durabilities: ["os", "synced"],
  metrics: [
    { name: "transactional", unit: "MB/s", target: { atLeast: 1 } },
    { name: "idempotent", unit: "MB/s", target: { atLeast: 1 } },
    { name: "transactional / idempotent", unit: "", target: { atLeast: 1 }, ownTarget: { atLeast: 0.97 } },
  ],
  run: (tools, side) =>
    withTopic(tools, side, 1, async (topic) => {
      // Before and behind, so that neither is always the one that finds everything warm.
      const before = await stream(tools, side, topic, false, DURATION_MS / 2);
      const transactional = await stream(tools, side, topic, true, DURATION_MS);
      const behind = await stream(tools, side, topic, false, DURATION_MS / 2);
      const idempotent = (before + behind) / 2;
      return { idempotent, transactional, "transactional / idempotent": transactional / idempotent };
    }),
};

/** MB/s. */
async function stream(
  tools: Tools,
  side: Side,
  topic: string,
  isTransactional: boolean,
  durationMs: number,
): Promise<number> {
  await tools.pageCache.settle();
  const answer = await tools.java.ask("stream", {
    bootstrap: side.bootstrap,
    topic,
    size,
    "interval-ms": INTERVAL_MS,
    "duration-ms": Math.max(1000, tools.scaled(durationMs)),
    ...(isTransactional ? { "set.transactional.id": topic } : {}),
  });
  return (Number(answer.records) * size) / 1e6 / Number(answer.seconds);
}

/** "commit": of records that are acknowledged already. "transaction": from its beginning to its end. */
export const commitWorkloads: readonly Workload[] = [
  commitWorkload("1 partition", 1, 1),
  commitWorkload("10 partitions", 10, 1),
  commitWorkload("50 partitions", 50, 1),
  commitWorkload("1 partition, 1,000 records", 1, 1000),
];

function commitWorkload(name: string, partitions: number, records: number): Workload {
  const target = { atMost: 0.7 };
  return {
    name: `commit, ${name}`,
    durabilities: ["os", "synced"],
    metrics: [
      { name: "commit p50", unit: "ms", target },
      { name: "commit p99", unit: "ms", target },
      { name: "transaction p50", unit: "ms", target },
      { name: "transaction p99", unit: "ms", target },
    ],
    run: (tools, side) =>
      withTopic(tools, side, partitions, async (topic) => {
        const answer = await tools.java.ask("commits", {
          bootstrap: side.bootstrap,
          topic,
          partitions,
          records,
          size,
          "warm-up": WARM_UP_TRANSACTIONS,
          transactions: Math.max(100, tools.scaled(TRANSACTIONS)),
          "set.transactional.id": topic,
        });
        const commit = answer.commit as Quantiles;
        const transaction = answer.transaction as Quantiles;
        return {
          "commit p50": commit.p50,
          "commit p99": commit.p99,
          "transaction p50": transaction.p50,
          "transaction p99": transaction.p99,
        };
      }),
  };
}

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

async function withTopic(
  tools: Tools,
  side: Side,
  partitions: number,
  work: (topic: string) => Promise<Sample>,
): Promise<Sample> {
  const topic = await tools.createTopic(side, partitions);
  // No bytes to count the CPU by: how many there are is what is measured.
  const { [cpuPerGib.name]: _, ...sample } = await tools.observe(side, 1, () => work(topic));
  await tools.deleteTopic(side, topic);
  return sample;
}
