/** The life of a transactional producer, as a table. Pure. */
import { OncillaError } from "../errors.ts";

export type TransactionState =
  | "uninitialized"
  | "initializing"
  | "ready"
  | "in_transaction"
  | "committing"
  | "aborting"
  /** The transaction cannot be committed: it has to be aborted. */
  | "abortable_error"
  /** The producer has to be closed. */
  | "fatal_error";

export type TransactionEvent =
  | "initialize"
  | "initialized"
  | "begin"
  | "commit"
  | "abort"
  /** The commit or abort is done. */
  | "completed"
  | "abortable"
  | "fatal";

type Transitions = { readonly [E in TransactionEvent]?: TransactionState };

/** What is not listed is not allowed. `fatal` is, always. */
const transitions: { readonly [S in TransactionState]: Transitions } = {
  uninitialized: { initialize: "initializing", fatal: "fatal_error" },
  initializing: { initialized: "ready", fatal: "fatal_error" },
  // A batch of an aborted transaction may fail late: that concerns nobody.
  ready: { begin: "in_transaction", abortable: "ready", fatal: "fatal_error" },
  in_transaction: { commit: "committing", abort: "aborting", abortable: "abortable_error", fatal: "fatal_error" },
  // No abort: the commit may have happened already.
  committing: { completed: "ready", abortable: "abortable_error", fatal: "fatal_error" },
  aborting: { completed: "ready", abortable: "aborting", fatal: "fatal_error" },
  abortable_error: { abort: "aborting", abortable: "abortable_error", fatal: "fatal_error" },
  fatal_error: { abortable: "fatal_error", fatal: "fatal_error" },
};

const advice: { readonly [S in TransactionState]: string } = {
  uninitialized: "call initTransactions() first",
  initializing: "wait for initTransactions() to resolve",
  ready: "no transaction is open: call beginTransaction()",
  in_transaction: "a transaction is open: commit or abort it",
  committing: "a commit is under way: wait for it, or repeat commitTransaction() when it timed out",
  aborting: "an abort is under way: wait for it",
  abortable_error: "call abortTransaction()",
  fatal_error: "close the producer",
};

export class TransactionMachine {
  #state: TransactionState = "uninitialized";
  #error: OncillaError | undefined;

  get state(): TransactionState {
    return this.#state;
  }

  /** Why the state is an error. */
  get error(): OncillaError | undefined {
    return this.#error;
  }

  /** Moves on. Throws what made it an error state, or INVALID_STATE, when `event` is not allowed now. */
  apply(event: TransactionEvent, error?: OncillaError): void {
    const next = transitions[this.#state][event];
    if (!next) throw this.refusal(event);
    // The first error says what went wrong; later ones follow from it. A fatal one outranks an abortable one.
    if (next !== this.#state) this.#error = next.endsWith("_error") ? error : undefined;
    this.#state = next;
  }

  /** Throws unless a transaction is open and sound. */
  requireOpen(what: string): void {
    if (this.#state !== "in_transaction") throw this.refusal(what);
  }

  refusal(what: string): OncillaError {
    return this.#error ?? new OncillaError("INVALID_STATE", `${what} while ${this.#state}: ${advice[this.#state]}`);
  }
}
