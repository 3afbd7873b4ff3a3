/** `npm run bench -- broker`: both brokers under the same load, and how far they are from what the machine allows. */
import { isChosen, parseOptions, runComparison, withTools } from "./harness/session.ts";
import { consumeWorkloads } from "./workloads/consume.ts";
import { firstAckWorkloads } from "./workloads/first-ack.ts";
import { idleConnectionsWorkloads } from "./workloads/idle-connections.ts";
import { latencyWorkloads } from "./workloads/latency.ts";
import { manyPartitionsWorkloads } from "./workloads/many-partitions.ts";
import { limitTable, measurePhysicalLimit } from "./workloads/physical-limit.ts";
import { produceWorkloads } from "./workloads/produce.ts";
import { produceConsumeWorkloads } from "./workloads/produce-consume.ts";
import { transactionThroughputWorkload } from "./workloads/transactions.ts";

const workloads = [
  ...produceWorkloads,
  ...manyPartitionsWorkloads,
  ...idleConnectionsWorkloads,
  ...consumeWorkloads,
  ...produceConsumeWorkloads,
  ...latencyWorkloads,
  transactionThroughputWorkload,
  ...firstAckWorkloads,
];

export async function benchBroker(args: readonly string[]): Promise<unknown> {
  const options = parseOptions(args);
  return withTools(options, async (tools) => {
    const comparison = await runComparison(tools, options, workloads);
    if (!isChosen("physical limit", options) || !options.durabilities.includes("os")) return comparison;
    const sides = [await tools.startSide(options.a, "os"), await tools.startSide(options.b, "os")];
    const physicalLimit = await measurePhysicalLimit(tools, sides, options.pairs);
    for (const side of sides) await side.stop();
    console.log(`\n${limitTable(physicalLimit)}`);
    return { ...comparison, physicalLimit };
  });
}
