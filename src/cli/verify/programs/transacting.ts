/** Transactions as a careful program runs them, noted in the journal. */
import {
  type Client,
  type ConsumerGroupMetadata,
  OncillaError,
  type Producer,
  TimeoutError,
  type TopicPartitionOffset,
} from "../../../client/index.ts";
import { asOncillaError, type ProgramContext } from "./context.ts";
import { producerOptions, Session } from "./sending.ts";

/** A commit whose outcome is unknown is asked for again so many times, then the producer is given up. */
const COMMIT_ATTEMPTS = 3;

export type Ending = "commit" | "abort";

/** One life of a transactional producer. With the flaw "no-transactions" it works without any: nothing is undone. */
export class TransactionalSession extends Session {
  readonly producer: Producer;
  readonly #isTransactional: boolean;

  constructor(context: ProgramContext, client: Client, transactionalId: string, suffix: string) {
    super(context, suffix);
    const { dice, flaw } = context;
    this.#isTransactional = flaw !== "no-transactions";
    this.producer = client.producer({
      ...producerOptions(context),
      maxBlockMs: dice.pick([5_000, 15_000, 30_000]),
      ...(this.#isTransactional ? { transactionalId, idempotent: true } : {}),
      transactionTimeoutMs: dice.pick([2_000, 6_000]),
    });
  }

  async start(): Promise<void> {
    if (this.#isTransactional) await this.producer.initTransactions();
  }

  /** Gives the transaction's name. */
  begin(): string {
    const id = this.nextId();
    if (this.#isTransactional) this.producer.beginTransaction();
    this.context.journal.begins(id, this.name);
    return id;
  }

  /**
   * Runs one transaction; resolves with whether it was committed. `work` says how it is to end. What costs only the transaction
   * is aborted; after what is thrown the producer must be closed.
   */
  async transact(work: (transaction: string) => Promise<Ending>): Promise<boolean> {
    const { journal, counters } = this.context;
    const id = this.begin();
    try {
      if ((await work(id)) === "commit") {
        journal.asksToCommit(id);
        await this.#commit();
        journal.ended(id, "committed");
        counters.committed++;
        return true;
      }
    } catch (error) {
      if (!asOncillaError(error).abortable) throw error;
    }
    // After it nothing of the transaction counts, even if a commit was asked for: its error said so.
    if (this.#isTransactional) await this.producer.abortTransaction();
    journal.ended(id, "aborted");
    counters.aborted++;
    return false;
  }

  async sendOffsets(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void> {
    if (this.#isTransactional) await this.producer.sendOffsetsToTransaction(offsets, group);
  }

  async close(): Promise<void> {
    await this.producer.close({ timeoutMs: 1_000 });
  }

  async #commit(): Promise<void> {
    if (!this.#isTransactional) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.producer.commitTransaction();
        return;
      } catch (error) {
        if (!(error instanceof TimeoutError) || attempt === COMMIT_ATTEMPTS) throw error;
      }
    }
  }
}

/** Runs `work` with one transactional producer after another, until the program is to stop: what would a program do with one that
 * was fenced but make a new one. */
export async function withProducers(
  context: ProgramContext,
  open: (suffix: string) => TransactionalSession,
  work: (session: TransactionalSession) => Promise<void>,
): Promise<void> {
  for (let number = 1; !context.stop.aborted; number++) {
    const session = open(`.${number}`);
    try {
      await session.start();
      await work(session);
    } catch (error) {
      if (!(error instanceof OncillaError)) throw error;
    }
    await session.close();
    await context.pause(10, 1_000);
  }
}
