/** Records into one topic: plain ones, or in transactions of which some are aborted. */
import type { ProduceTask } from "../tasks.ts";
import type { ProgramContext } from "./context.ts";
import { type Content, producerOptions, Session } from "./sending.ts";
import { TransactionalSession, withProducers } from "./transacting.ts";

const WORDS = ["exactly", "once", "is", "hard", "and", "then", "it", "works"] as const;

export function produce(context: ProgramContext, task: ProduceTask): Promise<void> {
  return task.inTransactions ? produceInTransactions(context, task) : producePlainly(context, task);
}

async function producePlainly(context: ProgramContext, task: ProduceTask): Promise<void> {
  const { dice, stop } = context;
  const client = context.connect();
  const producer = client.producer(producerOptions(context));
  const session = new Session(context);
  const maxOutstanding = dice.pick([1, 20, 200]);
  const outstanding = new Set<Promise<boolean>>();
  context.ready();
  while (!stop.aborted) {
    for (let left = dice.int(1, 20); left > 0; left--) {
      const sent = session.send(producer, drawContent(context, task));
      outstanding.add(sent);
      void sent.finally(() => outstanding.delete(sent));
      while (outstanding.size >= maxOutstanding) await Promise.race(outstanding);
    }
    await context.pause(5, 100);
  }
  await Promise.all(outstanding);
  await client.close();
}

async function produceInTransactions(context: ProgramContext, task: ProduceTask): Promise<void> {
  const { dice, stop, name } = context;
  const client = context.connect();
  context.ready();
  const open = (suffix: string) => new TransactionalSession(context, client, `${task.topic}-${name}`, suffix);
  await withProducers(context, open, async (session) => {
    while (!stop.aborted) {
      await session.transact(async (transaction) => {
        for (let left = dice.int(1, 20); left > 0; left--) {
          void session.send(session.producer, drawContent(context, task), transaction);
        }
        return dice.chance(0.2) ? "abort" : "commit";
      });
      await context.pause(5, 100);
    }
  });
  await client.close();
}

function drawContent({ dice }: ProgramContext, { topic, partitions, inWords }: ProduceTask): Content {
  const place = { topic, partition: dice.int(0, partitions - 1) };
  if (!inWords) return place;
  return { ...place, value: Array.from({ length: dice.int(1, 4) }, () => dice.pick(WORDS)).join(" ") };
}
