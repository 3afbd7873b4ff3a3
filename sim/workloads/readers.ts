/** Those who watch: readers of both isolations from the log's start on, and one who asks where the log ends. */

import { nameOf } from "../../src/cli/verify/check/invariant.ts";
import { idOf } from "../../src/cli/verify/check/stored-partition.ts";
import { checksumOf, type History, type PartitionReads } from "../../src/cli/verify/history.ts";
import { type Consumer, type IsolationLevel, OncillaError, type TopicPartition } from "../../src/client/index.ts";
import type { Logger } from "../../src/platform/logger.ts";
import { answerLate } from "../late-answers.ts";
import type { Machine, Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { asOncillaError, connect, pause, type TopicPlan } from "./workload.ts";

export function addReader(
  world: World,
  history: History,
  topics: readonly TopicPlan[],
  isolation: IsolationLevel,
): Machine {
  return world.addMachine(`reader-${isolation === "read_committed" ? "rc" : "ru"}`, (process) =>
    readForEver(process, { world, history, partitions: partitionsOf(topics), isolation }),
  );
}

export function addObserver(world: World, history: History, topics: readonly TopicPlan[]): Machine {
  return world.addMachine("observer", (process) => observeForEver(process, history, partitionsOf(topics)));
}

/** Reads everything that is visible now, once. */
export async function readAll(
  process: Process,
  history: History,
  topics: readonly TopicPlan[],
  isolation: IsolationLevel,
): Promise<void> {
  const partitions = partitionsOf(topics);
  const client = connect(process);
  const consumer = client.consumer({ isolationLevel: isolation });
  const read = new ReadLog(process, history, `${process.host} at the end`, isolation, partitions);
  consumer.assign(partitions);
  const ends = new Map((await consumer.endOffsets(partitions)).map((end) => [nameOf(end), end.offset]));
  while (partitions.some((each) => read.of(each).readTo < (ends.get(nameOf(each)) ?? 0))) {
    await read.poll(consumer);
    for (const each of partitions) read.of(each).readTo = await consumer.position(each);
  }
  await client.close();
}

interface ReadTask {
  readonly world: World;
  readonly history: History;
  readonly partitions: readonly TopicPartition[];
  readonly isolation: IsolationLevel;
}

/** Some begin anew at the log's start every now and then, with all that is under way. */
async function readForEver(process: Process, { world, history, partitions, isolation }: ReadTask): Promise<void> {
  const { dice } = process;
  const isLate = dice.chance(0.5);
  if (isLate) answerLate({ process, maxMs: dice.pick([1_000, 3_000]), isOver: () => world.isQuiet });
  // News of the cluster is to overtake what is late.
  const client = connect(process, isLate ? { metadataMaxAgeMs: 300 } : {});
  const consumer = client.consumer({
    isolationLevel: isolation,
    fetchMaxBytes: dice.pick([500, 5_000, 1_000_000]),
    maxPartitionFetchBytes: dice.pick([300, 3_000, 1_000_000]),
    maxPollRecords: dice.pick([1, 10, 500]),
    fetchMaxWaitMs: dice.pick([30, 200, 500]),
  });
  const restlessness = dice.pick([0, 0, 0.02, 0.1]);
  const begin = (number: number): ReadLog =>
    new ReadLog(process, history, `${process.host}.${process.life.number}.${number}`, isolation, partitions);
  let readings = 1;
  let read = begin(readings);
  consumer.assign(partitions);
  while (!process.stop.aborted) {
    try {
      await read.poll(consumer);
    } catch (error) {
      asOncillaError(error);
    }
    if (dice.chance(0.1)) await pause(process, 1, 300);
    if (world.isQuiet || !dice.chance(restlessness)) continue;
    consumer.seekToBeginning(partitions);
    read = begin(++readings);
  }
  await client.close();
}

/** Notes what a consumer hands out. */
class ReadLog {
  readonly #history: History;
  readonly #logger: Logger;
  readonly #reads: Map<string, PartitionReads>;

  constructor(
    { logger }: Process,
    history: History,
    reader: string,
    isolation: IsolationLevel,
    partitions: readonly TopicPartition[],
  ) {
    this.#history = history;
    this.#logger = logger;
    this.#reads = new Map(partitions.map((each) => [nameOf(each), history.reader(reader, isolation, each, true)]));
  }

  of(partition: TopicPartition): PartitionReads {
    return this.#reads.get(nameOf(partition)) as PartitionReads;
  }

  async poll(consumer: Consumer): Promise<void> {
    for (const { topic, partition, offset, key, value, headers } of await consumer.poll({ timeoutMs: 200 })) {
      const id = idOf({ headers });
      const reads = this.of({ topic, partition });
      this.#logger.log("debug", `read ${id} at ${topic}-${partition}`, { offset });
      reads.records.push({ offset, id, checksum: checksumOf(key, value), at: this.#history.moment() });
      if (reads.isolation !== "read_committed") continue;
      const copy = Buffer.from(value ?? "");
      this.#history.sees({ topic, partition, offset, id, key: key?.toString() ?? "", value: copy });
    }
  }
}

async function observeForEver(
  process: Process,
  history: History,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const client = connect(process);
  const admin = client.admin();
  while (!process.stop.aborted) {
    for (const [kind, spec, isolationLevel] of [
      ["earliest", "earliest", "read_uncommitted"],
      ["high watermark", "latest", "read_uncommitted"],
      ["last stable offset", "latest", "read_committed"],
    ] as const) {
      const askedAt = history.moment();
      try {
        const answers = await admin.listOffsets(
          partitions.map((each) => ({ ...each, spec })),
          { isolationLevel },
        );
        const answeredAt = history.moment();
        for (const { topic, partition, offset } of answers) {
          history.observations.push({ kind, topic, partition, offset, askedAt, answeredAt });
        }
      } catch (error) {
        if (!(error instanceof OncillaError)) throw error;
      }
    }
    await pause(process, 50, 1_000);
  }
  await client.close();
}

function partitionsOf(topics: readonly TopicPlan[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
}
