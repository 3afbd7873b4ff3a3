/** The broker under test, as its machine runs it. */
import { Broker, type BrokerOptions } from "../../src/broker/index.ts";
// What the broker loads when it needs it is loaded before: in simulated time nothing may take real time.
import "../../src/coordinator/group/group-coordinator.ts";
import "../../src/coordinator/transaction/filter.ts";
import "../../src/coordinator/transaction/transaction-coordinator.ts";
import type { Machine, Program } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { BROKER_HOST, BROKER_PORT } from "./workload.ts";

export const DATA_DIR = "data";

/** Draws the broker's settings: small segments, so that logs roll; few partitions of internal topics, so that they are shared. */
export function addBroker(world: World): Machine {
  const dice = world.dice("broker");
  const cleaner = world.dice("cleaner");
  const settings: BrokerOptions = {
    defaultPartitions: 2,
    // A topic that was deleted must not be made again by somebody who only asks for it.
    autoCreateTopics: false,
    offsetsTopicPartitions: dice.int(1, 3),
    transactionTopicPartitions: dice.int(1, 3),
    groupMinSessionTimeoutMs: 500,
    retentionCheckIntervalMs: dice.pick([500, 5_000, 30_000]),
    cleanerBackoffMs: dice.pick([50, 2_000, 15_000]),
    groupInitialRebalanceDelayMs: dice.pick([0, 0, 300]),
    groupConsumerSessionTimeoutMs: world.dice("broker groups").pick([1_000, 3_000, 8_000]),
    groupConsumerHeartbeatIntervalMs: 300,
    transactionMaxTimeoutMs: 60_000,
    cleanerDedupeBufferBytes: cleaner.pick([1_024, 128 * 1_024 * 1_024]),
    recoveryPointIntervalBytes: world.dice("recovery points").pick([500, 5_000, 64 * 1_024 * 1_024]),
    cleanerIoBytesPerSecond: cleaner.pick([20_000, Number.MAX_SAFE_INTEGER]),
    topicDefaults: {
      "segment.ms": dice.pick([1_000, 5_000, 3_600_000]),
      "segment.index.bytes": dice.pick([24, 80, 10_000]),
      "index.interval.bytes": dice.pick([0, 200, 4_096]),
      "min.cleanable.dirty.ratio": dice.pick([0.01, 0.5]),
      "delete.retention.ms": dice.pick([100, 86_400_000]),
    },
  };
  return world.addMachine(BROKER_HOST, program(settings));
}

function program(settings: BrokerOptions): Program {
  return async ({ platform, logger, stop, host }) => {
    const broker = await Broker.start({ ...settings, dataDir: DATA_DIR, host, port: BROKER_PORT, platform, logger });
    if (!stop.aborted) await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
    await broker.stop();
  };
}
