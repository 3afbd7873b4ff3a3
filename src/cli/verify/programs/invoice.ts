/** Consume, transform, produce: a worker of a group turns each order into one invoice, in transactions with the offsets. */
import type { Client, Consumer, ConsumerRecord, TopicPartitionOffset } from "../../../client/index.ts";
import { placeOf } from "../history.ts";
import type { InvoiceTask } from "../tasks.ts";
import { asOncillaError, type ProgramContext } from "./context.ts";
import { type Ending, TransactionalSession, withProducers } from "./transacting.ts";

export async function invoice(context: ProgramContext, task: InvoiceTask): Promise<void> {
  const client = context.connect();
  context.ready();
  const open = (suffix: string) => new TransactionalSession(context, client, task.transactionalId, suffix);
  await withProducers(context, open, async (session) => {
    const consumer = createConsumer(context, client, task);
    try {
      await work(context, task, consumer, session);
    } finally {
      await consumer.close({ timeoutMs: 2_000 });
    }
  });
  await client.close();
}

/** Of the classic group protocol or of the consumer protocol (KIP-848): a group may have members of both. */
function createConsumer({ dice }: ProgramContext, client: Client, { group }: InvoiceTask): Consumer {
  const groupProtocol = dice.pick(["classic", "consumer"] as const);
  return client.consumer({
    groupId: group,
    groupProtocol,
    ...(groupProtocol === "classic" ? { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500 } : {}),
    rebalanceTimeoutMs: dice.pick([3_000, 8_000]),
    maxPollRecords: dice.pick([5, 50, 200]),
    fetchMaxWaitMs: 200,
    defaultTimeoutMs: 15_000,
  });
}

async function work(
  context: ProgramContext,
  task: InvoiceTask,
  consumer: Consumer,
  session: TransactionalSession,
): Promise<void> {
  consumer.subscribe([task.input]);
  while (!context.stop.aborted) {
    const orders = await consumer.poll({ timeoutMs: 200 });
    if (orders.length === 0) continue;
    context.counters.read += orders.length;
    if (context.dice.chance(0.02)) await context.pause(1, 2_000);
    const isCommitted = await session.transact((transaction) =>
      invoiceAll(context, task, consumer, session, orders, transaction),
    );
    if (!isCommitted) consumer.seekToCommitted();
    // What a program does that has offsets in the group only: a crash before it repeats the work.
    else if (context.flaw === "no-transactions") await consumer.commit().catch(asOncillaError);
  }
}

async function invoiceAll(
  { dice }: ProgramContext,
  { output }: InvoiceTask,
  consumer: Consumer,
  session: TransactionalSession,
  orders: readonly ConsumerRecord[],
  transaction: string,
): Promise<Ending> {
  const sends = orders.map((order) => {
    const place = { topic: output.topic, partition: order.partition % output.partitions };
    return session.send(session.producer, { ...place, key: placeOf(order) }, transaction);
  });
  if (dice.chance(0.5)) await Promise.all(sends);
  if (dice.chance(0.03)) return "abort";
  await session.sendOffsets(positionsBehind(orders), consumer.groupMetadata());
  return dice.chance(0.02) ? "abort" : "commit";
}

function positionsBehind(records: readonly ConsumerRecord[]): TopicPartitionOffset[] {
  const ends = new Map<number, TopicPartitionOffset>();
  for (const { topic, partition, offset } of records) ends.set(partition, { topic, partition, offset: offset + 1 });
  return [...ends.values()];
}
