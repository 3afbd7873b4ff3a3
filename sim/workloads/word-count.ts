/** Word count with Streams: stores, changelogs, a repartition topic, and workers that come and go. */

import { StoreEqualsChangelog, WordCounts } from "../../src/cli/verify/check/streams-invariants.ts";
import type { History } from "../../src/cli/verify/history.ts";
import { serdes } from "../../src/client/index.ts";
import { StreamsApp, StreamsBuilder, type Topology } from "../../src/streams/index.ts";
import type { Machine, Process } from "../world/machine.ts";
import { StoreDisk } from "../world/stores.ts";
import { feeder } from "./feeder.ts";
import { BROKER_ADDRESS, type Workload, type WorkloadContext } from "./workload.ts";

const APPLICATION = "word-count";
const STORE = "counts";
const LINES = "lines";
const COUNTS = "word-counts";
const WORDS = ["exactly", "once", "is", "hard", "and", "then", "it", "works"] as const;

export function wordCount({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload word count");
  const partitions = dice.int(1, 3);
  const feed = feeder(world, history, {
    topic: LINES,
    partitions,
    goal: dice.int(15, 60),
    makeValue: (process) => Array.from({ length: process.dice.int(1, 4) }, () => process.dice.pick(WORDS)).join(" "),
  });
  const isPersistent = dice.chance(0.7);
  const disks: StoreDisk[] = [];
  const workers = Array.from({ length: dice.int(1, 3) }, (_, index) => {
    const disk = new StoreDisk();
    disks.push(disk);
    const machine: Machine = world.addMachine(`counter-${index + 1}`, (process) =>
      count(process, isPersistent ? disk.enginesFor(process, () => machine.countWrite()) : undefined),
    );
    machine.onPowerLoss.push((chosen) => disk.losePower((limit) => chosen.int(0, limit - 1)));
    return machine;
  });
  return {
    name: isPersistent ? "word count on disk" : "word count in memory",
    topics: [
      { topic: LINES, partitions },
      { topic: COUNTS, partitions: dice.int(1, 2) },
    ],
    machines: [...feed.machines, ...workers],
    groups: [APPLICATION],
    invariants: [
      new WordCounts({ lines: LINES, counts: COUNTS, application: APPLICATION }),
      new StoreEqualsChangelog({
        changelog: `${APPLICATION}-${STORE}-changelog`,
        commits: () => disks.flatMap((disk) => disk.commits),
      }),
    ],
    isDone: () => feed.isDone() && isCounted(history),
  };
}

async function count(process: Process, stores: ReturnType<StoreDisk["enginesFor"]> | undefined): Promise<void> {
  const { dice, platform, logger, stop } = process;
  const app = new StreamsApp(topology(), {
    applicationId: APPLICATION,
    brokers: BROKER_ADDRESS,
    commitIntervalMs: dice.pick([20, 100, 700]),
    transactionTimeoutMs: dice.pick([2_000, 5_000, 10_000]),
    sessionTimeoutMs: dice.pick([1_500, 5_000, 10_000]),
    maxPollRecords: dice.pick([1, 20, 1_000]),
    ...(stores ? { stores, stateDir: "state" } : {}),
    platform,
    logger,
  });
  const over = new Promise<void>((resolve, reject) => {
    app.onError = reject;
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
  await app.start();
  await over;
  await app.close();
}

function topology(): Topology {
  const builder = new StreamsBuilder();
  builder
    .stream(LINES, { key: serdes.string, value: serdes.string })
    .flatMapValues((line) => line.split(" "))
    .groupBy((word) => word, { key: serdes.string, value: serdes.string })
    .count({ store: STORE })
    .toStream()
    .to(COUNTS, { key: serdes.string, value: serdes.int64 });
  return builder.build();
}

/** Whether what was seen of the counts is what was seen of the lines. */
function isCounted(history: History): boolean {
  const expected = new Map<string, number>();
  for (const { value } of history.seenIn(LINES).values()) {
    for (const word of value.toString().split(" ")) expected.set(word, (expected.get(word) ?? 0) + 1);
  }
  const counted = new Map<string, number>();
  for (const { key, value } of history.seenIn(COUNTS).values()) {
    counted.set(key, Math.max(counted.get(key) ?? 0, serdes.int64.deserialize(value)));
  }
  return [...expected].every(([word, times]) => (counted.get(word) ?? 0) >= times);
}
