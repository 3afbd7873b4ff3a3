/** `npm run bench -- broker`: both brokers under the same load, and how far they are from what the machine allows. */
import { parseOptions, runComparison } from "./harness/session.ts";
import { consumeWorkloads } from "./workloads/consume.ts";
import { firstAckWorkloads } from "./workloads/first-ack.ts";
import { idleConnectionsWorkloads } from "./workloads/idle-connections.ts";
import { latencyWorkloads } from "./workloads/latency.ts";
import { manyPartitionsWorkloads } from "./workloads/many-partitions.ts";
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

export function benchBroker(args: readonly string[]): Promise<unknown> {
  return runComparison(parseOptions(args), workloads);
}
