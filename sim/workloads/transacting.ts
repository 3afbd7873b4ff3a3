/** Transactions as a careful program runs them, noted in the history. */

import type { TransactionEntry } from "../../src/cli/verify/history.ts";
import { type OncillaError, type Producer, TimeoutError } from "../../src/client/index.ts";
import type { Process } from "../world/machine.ts";
import type { Session } from "./sending.ts";
import { asOncillaError } from "./workload.ts";

/** A commit whose outcome is unknown is asked for again so many times, then the producer is given up. */
const COMMIT_ATTEMPTS = 3;

export type Ending = "commit" | "abort";

/**
 * Runs one transaction; resolves with whether it was committed. `work` says how it is to end. What costs only the
 * transaction is aborted; after what is thrown the producer must be closed.
 */
export async function transact(
  session: Session,
  producer: Producer,
  work: (transaction: TransactionEntry) => Promise<Ending>,
): Promise<boolean> {
  producer.beginTransaction();
  const transaction = session.begin();
  try {
    if ((await work(transaction)) === "abort") {
      await abort(producer, transaction);
      return false;
    }
    transaction.commitAskedAt = session.history.moment();
    transaction.outcome = "unknown";
    await commit(producer);
    transaction.outcome = "committed";
    return true;
  } catch (error) {
    if (!asOncillaError(error).abortable) throw error;
    await abort(producer, transaction);
    return false;
  }
}

/** Ended by an error: what would a program do but make a new producer. */
export function noteEnd(process: Process, error: unknown): OncillaError {
  const known = asOncillaError(error);
  process.logger.log("debug", "transactional producer given up", { code: known.code, error: known.message });
  return known;
}

async function commit(producer: Producer): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await producer.commitTransaction();
      return;
    } catch (error) {
      if (!(error instanceof TimeoutError) || attempt === COMMIT_ATTEMPTS) throw error;
    }
  }
}

/** After it nothing of the transaction counts, even if a commit was asked for: its error said so. */
async function abort(producer: Producer, transaction: TransactionEntry): Promise<void> {
  await producer.abortTransaction();
  transaction.outcome = "aborted";
}
