/** Transactions over several topics: committed, aborted, left open, and fought over by those who use one id. */
import type { Client } from "../../../client/index.ts";
import type { TransactTask } from "../tasks.ts";
import { asOncillaError, type ProgramContext } from "./context.ts";
import { type Ending, TransactionalSession, withProducers } from "./transacting.ts";

export async function transact(context: ProgramContext, task: TransactTask): Promise<void> {
  const { dice, stop } = context;
  const client = context.connect();
  context.ready();
  const open = (suffix: string) => new TransactionalSession(context, client, task.transactionalId, suffix);
  await withProducers(context, open, async (session) => {
    if (dice.chance(0.1)) await leaveOpen(context, client, task, session.name);
    while (!stop.aborted) {
      await session.transact((transaction) => work(context, session, task, transaction));
      if (dice.chance(0.5)) await context.pause(1, 200);
      if (dice.chance(0.02)) return;
    }
  });
  await client.close();
}

async function work(
  context: ProgramContext,
  session: TransactionalSession,
  task: TransactTask,
  transaction: string,
): Promise<Ending> {
  const { dice } = context;
  const sends: Promise<boolean>[] = [];
  for (let left = dice.int(1, 12); left > 0; left--) {
    const { topic, partitions } = dice.pick(task.topics);
    sends.push(session.send(session.producer, { topic, partition: dice.int(0, partitions - 1) }, transaction));
    if (dice.chance(0.1)) await context.pause(1, 50);
  }
  // Longer than the transaction may take, at times.
  if (dice.chance(0.01)) await context.pause(1_000, 8_000);
  const ending = dice.chance(0.25) ? "abort" : "commit";
  if (dice.chance(0.5)) await Promise.all(sends);
  return ending;
}

/** A transaction that nobody ends: its timeout has to. */
async function leaveOpen(context: ProgramContext, client: Client, { topics }: TransactTask, by: string): Promise<void> {
  const session = new TransactionalSession(context, client, `left-by-${by}`, `${by.slice(context.name.length)}-left`);
  try {
    await session.start();
    const transaction = session.begin();
    for (const { topic } of topics) await session.send(session.producer, { topic, partition: 0 }, transaction);
  } catch (error) {
    asOncillaError(error);
  }
}
