/** Those who watch: readers of both isolations from the logs' start on, and one who asks where the logs end. */
import type { Client, Consumer, IsolationLevel, TopicPartition } from "../../../client/index.ts";
import { nameOf } from "../check/invariant.ts";
import { idOf } from "../check/stored-partition.ts";
import { checksumOf } from "../history.ts";
import { moment } from "../journal.ts";
import type { TopicPlan, WatchTask } from "../tasks.ts";
import { asOncillaError, type ProgramContext } from "./context.ts";

export async function watch(context: ProgramContext, { topics }: WatchTask): Promise<void> {
  const client = context.connect();
  const partitions = partitionsOf(topics);
  const readers = (["read_committed", "read_uncommitted"] as const).map((isolation) =>
    read(context, client, partitions, isolation),
  );
  context.ready();
  await Promise.all([...readers, observe(context, client, partitions)]);
  await client.close();
}

/** Until it is to stop, and then on to the ends. */
async function read(
  context: ProgramContext,
  client: Client,
  partitions: readonly TopicPartition[],
  isolation: IsolationLevel,
): Promise<void> {
  const { dice, journal, stop, flaw } = context;
  const name = `${context.name}.${context.life} ${isolation}`;
  const consumer = client.consumer({
    isolationLevel: flaw === "dirty-reads" ? "read_uncommitted" : isolation,
    fetchMaxBytes: dice.pick([5_000, 100_000, 1_000_000]),
    maxPartitionFetchBytes: dice.pick([2_000, 30_000, 1_000_000]),
    maxPollRecords: dice.pick([1, 50, 1_000]),
    fetchMaxWaitMs: dice.pick([30, 200, 500]),
  });
  for (const partition of partitions) journal.opens(name, isolation, partition);
  consumer.assign(partitions);
  while (!stop.aborted) {
    await pollOnce(context, consumer, name).catch(asOncillaError);
    if (dice.chance(0.05)) await context.pause(1, 300);
  }
  const ends = await consumer.endOffsets(partitions);
  for (const end of ends) {
    while ((await consumer.position(end)) < end.offset) await pollOnce(context, consumer, name);
    journal.reached(name, end, end.offset);
  }
}

async function pollOnce({ journal, counters }: ProgramContext, consumer: Consumer, name: string): Promise<void> {
  const records = await consumer.poll({ timeoutMs: 200 });
  counters.read += records.length;
  for (const ofPartition of Map.groupBy(records, nameOf).values()) {
    const [first] = ofPartition;
    if (!first) continue;
    const entries = ofPartition.map(
      ({ offset, key, value, headers }) => [offset, idOf({ headers }) ?? null, checksumOf(key, value)] as const,
    );
    journal.reads(name, first, entries);
  }
}

async function observe(context: ProgramContext, client: Client, partitions: readonly TopicPartition[]): Promise<void> {
  const { journal, stop } = context;
  const admin = client.admin();
  while (!stop.aborted) {
    for (const [kind, spec, isolationLevel] of [
      ["earliest", "earliest", "read_uncommitted"],
      ["high watermark", "latest", "read_uncommitted"],
      ["last stable offset", "latest", "read_committed"],
    ] as const) {
      const askedAt = moment();
      try {
        const answers = await admin.listOffsets(
          partitions.map((each) => ({ ...each, spec })),
          { isolationLevel },
        );
        const answeredAt = moment();
        for (const { topic, partition, offset } of answers) {
          journal.observes({ kind, topic, partition, offset, askedAt, answeredAt });
        }
      } catch (error) {
        asOncillaError(error);
      }
    }
    await context.pause(50, 500);
  }
}

function partitionsOf(topics: readonly TopicPlan[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
}
